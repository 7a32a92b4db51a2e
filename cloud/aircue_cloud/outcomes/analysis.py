"""An experiment in one go: the split first, then the effect, what it could have seen, and what it returned. Pure."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from aircue_cloud.outcomes import iroi, power, sample_ratio, sequential
from aircue_cloud.outcomes.iroi import Iroi
from aircue_cloud.outcomes.sample_ratio import SampleRatio
from aircue_cloud.outcomes.units import Units
from aircue_cloud.outcomes.uplift import CUT, Uplift, uplift
from aircue_cloud.recommender.evaluating.bootstrap import Interval


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is fixed before anybody looks. share: of the units, in treatment; planned: units in all; fixed_cost: see
    iroi; cut: percentile at which spending is cut off."""

    share: float = 0.5
    planned: int = sequential.PLANNED
    fixed_cost: float = 0.0
    cut: float = CUT


@dataclass(frozen=True, kw_only=True)
class Effect:
    """always: the interval for whoever looks early; None while there are too few units. detectable: the smallest
    effect, a unit, that such an experiment finds four times in five."""

    uplift: Uplift
    always: Interval | None
    detectable: float
    planned: int
    iroi: Iroi | None


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """effect: None where the split is broken, since the arms cannot be compared then."""

    split: SampleRatio
    effect: Effect | None


def analyse(units: Units, plan: Plan) -> Analysis:
    split = sample_ratio.check(units.count("treatment"), units.count("holdout"), plan.share)
    return Analysis(split=split, effect=None if split.broken else _effect(units, plan))


def _effect(units: Units, plan: Plan) -> Effect:
    found = uplift(units, plan.cut)
    arms = (units.count("treatment"), units.count("holdout"))
    return Effect(
        uplift=found,
        always=sequential.interval(found.difference.value, found.standard_error, arms, plan.planned),
        detectable=power.detectable(found.standard_error),
        planned=plan.planned,
        iroi=iroi.iroi(units, plan.fixed_cost, plan.cut),
    )


def document(analysis: Analysis) -> dict[str, Any]:
    """Ready for JSON."""
    verdict_told = BROKEN if analysis.effect is None else verdict(analysis.effect)
    return {**asdict(analysis), "broken": analysis.split.broken, "verdict": verdict_told}


# In words.

BROKEN = "none is told: the split is not the one asked for (sample ratio mismatch)"


def told(analysis: Analysis) -> Iterator[str]:
    """Lines for a terminal."""
    split = analysis.split
    units = f"{split.treatment:,} units in treatment, {split.holdout:,} in holdout"
    yield f"split      {units}: {split.share:.2%} in treatment, {split.expected:.2%} expected (p = {split.p:.4f})"
    if analysis.effect is None:
        yield f"effect     {BROKEN},"
        yield "           so the arms differ by more than the treatment; find out which units are missing, and why"
        return
    yield from _effect_told(analysis.effect)


def _effect_told(effect: Effect) -> Iterator[str]:
    found = effect.uplift
    means = found.means
    yield f"means      {means['treatment']:.4f} in treatment, {means['holdout']:.4f} in holdout, a unit"
    yield f"effect     {_shown(found.difference)} a unit (p = {found.p:.4f})"
    relative = "the holdout's mean is too near 0 to divide by" if found.relative is None else _percent(found.relative)
    yield f"relative   {relative}"
    yield f"looking    {_always(effect)}"
    yield f"power      {_power(effect)}"
    explained = f"earlier values explain {found.explained:.1%} of the variance (CUPED)"
    yield f"how        outcomes cut off at {found.cap:.4g}; {explained}; as measured: {found.raw:+.4f}"
    if effect.iroi is not None:
        yield f"iROI       {_percent(effect.iroi.iroi)}: margin {_shown(effect.iroi.margin)} for {effect.iroi.cost:.2f}"
    yield f"verdict    {verdict(effect)}"


def _always(effect: Effect) -> str:
    if effect.always is None:
        return f"too few units to look early: at least {sequential.LEAST} in the smaller arm"
    return f"{_shown(effect.always)} however often one looks (narrowest at {effect.planned:,} units)"


def _power(effect: Effect) -> str:
    base = effect.uplift.means["holdout"]
    share = f" ({effect.detectable / base:.1%} of the holdout's mean)" if effect.uplift.relative is not None else ""
    return f"an effect of {effect.detectable:.4f} a unit{share} would be found four times in five"


def verdict(effect: Effect) -> str:
    """What may be said, and by whom."""
    always = effect.always
    if always is not None and (always.low > 0 or always.high < 0):
        return "an effect, whenever this was looked at"
    if effect.uplift.significant:
        return "an effect, if this is the one look that was planned; none yet for who looks early"
    return "no effect can be told from chance"


def _shown(interval: Interval) -> str:
    return f"{interval.value:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _percent(interval: Interval) -> str:
    return f"{interval.value:+.1%} [{interval.low:+.1%}, {interval.high:+.1%}]"
