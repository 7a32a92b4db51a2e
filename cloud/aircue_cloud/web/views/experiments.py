"""An experiment as a page shows it: the split first, and no effect where the split is broken; then never a bare number:
each estimate with its interval, and what the experiment could have seen. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from aircue_cloud.outcomes import analysis, sequential
from aircue_cloud.outcomes.analysis import Analysis, Effect
from aircue_cloud.outcomes.assignment import GLOBAL
from aircue_cloud.outcomes.report import Reported
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.rights.small_groups import K
from aircue_cloud.shop import money
from aircue_cloud.web import intervals, wording
from aircue_cloud.web.intervals import Estimate

MINUS = "\u2212"
_NEED = "need:"


@dataclass(frozen=True, kw_only=True)
class Split:
    """verdict: in words; broken: no effect is told."""

    treatment: str
    holdout: str
    share: str
    expected: str
    p: str
    broken: bool
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A row of the table: low and high are empty where the figure is none that could be wrong by chance, such as a
    count; note then says what it is."""

    label: str
    value: str
    low: str = ""
    high: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """hidden: why nothing is told. blocked: why no effect is. verdict: what may be said of the effect."""

    key: str
    title: str
    about: str
    hidden: str | None = None
    split: Split | None = None
    blocked: str | None = None
    verdict: str = ""
    chart: Markup | None = None
    figures: tuple[Figure, ...] = ()
    beside: tuple[Figure, ...] = ()

    @property
    def tone(self) -> str:
        if self.hidden is not None:
            return "waiting"
        return "broken" if self.blocked is not None else "reported"


@dataclass(frozen=True, kw_only=True)
class _Money:
    currency: str

    def of(self, minor: float) -> str:
        return wording.price(minor, self.currency)

    def signed(self, minor: float) -> str:
        return f"{'+' if minor >= 0 else MINUS}{self.of(abs(minor))}"

    def row(self, label: str, found: Interval, note: str = "") -> Figure:
        value, low, high = (self.signed(one) for one in (found.value, found.low, found.high))
        return Figure(label=label, value=value, low=low, high=high, note=note)


def shown(found: Sequence[Reported], titles: Mapping[str, str], currency: str) -> tuple[Shown, ...]:
    """titles: of needs."""
    return tuple(_shown(one, titles, _Money(currency=currency)) for one in found)


def _shown(one: Reported, titles: Mapping[str, str], money: _Money) -> Shown:
    title, about = _named(one.experiment, titles)
    known: dict[str, Any] = {"key": one.experiment.replace(":", "-"), "title": title, "about": about}
    if one.analysis is None:
        return Shown(**known, hidden=one.hidden or "nothing to tell yet")
    beside = tuple(_beside(one, money))
    split = _split(one.analysis)
    effect = one.analysis.effect
    if effect is None:
        return Shown(**known, split=split, blocked=_blocked(one.analysis), beside=beside)
    return Shown(
        **known,
        split=split,
        verdict=wording.sentence(analysis.verdict(effect)) + ".",
        chart=_chart(title, effect, money),
        figures=tuple(_figures(effect, money)),
        beside=beside,
    )


def _named(experiment: str, titles: Mapping[str, str]) -> tuple[str, str]:
    if experiment == GLOBAL:
        return "All pushes", "households that get the programme, against those held out of everything"
    need = experiment.removeprefix(_NEED)
    return titles.get(need, need), "households that get this need's pushes, against those that get all but these"


def _split(found: Analysis) -> Split:
    one = found.split
    verdict = "as it was drawn" if not one.broken else "not the one that was drawn: sample ratio mismatch"
    return Split(
        treatment=wording.count(one.treatment),
        holdout=wording.count(one.holdout),
        share=f"{one.share:.2%}",
        expected=f"{one.expected:.2%}",
        p=_p(one.p),
        broken=one.broken,
        verdict=verdict,
    )


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def _blocked(found: Analysis) -> str:
    one = found.split
    return (
        f"The split is broken: {one.share:.2%} of the households are in treatment where {one.expected:.2%} were drawn "
        f"({_p(one.p)}). The arms differ by more than the pushes, so no effect is told. Find out which households are "
        "missing, and why."
    )


def _chart(title: str, effect: Effect, money: _Money) -> Markup:
    difference = effect.uplift.difference
    rows = [_estimate("One look, planned (95 %)", difference, money)]
    if effect.always is not None:
        rows.append(_estimate("However often one looks (95 %)", effect.always, money))
    scaled = [_major(one, money.currency) for one in rows]
    label = f"{title}: difference in spending a household, {money.currency}, with its intervals; 0 is no difference"
    return intervals.svg(label, scaled, 0.0)


def _estimate(name: str, found: Interval, money: _Money) -> Estimate:
    told = f"{money.signed(found.value)} [{money.signed(found.low)}, {money.signed(found.high)}]"
    return Estimate(name=name, value=found.value, low=found.low, high=found.high, told=told)


def _major(one: Estimate, currency: str) -> Estimate:
    """On the axis stand whole units of the currency."""
    size = 10 ** money.exponent(currency)
    low, value, high = one.low / size, one.value / size, one.high / size
    return Estimate(name=one.name, value=value, low=low, high=high, told=one.told)


def _figures(effect: Effect, money: _Money) -> Iterator[Figure]:
    found = effect.uplift
    yield money.row("Effect a household", found.difference, f"{_p(found.p)}; for the one look that was planned")
    yield _always(effect, money)
    yield _relative(found.relative)
    yield _detectable(effect, money)
    yield _iroi(effect)
    raw = f"neither cut off nor adjusted; the effect above is cut off at {money.of(found.cap)}"
    explained = f"earlier spending explains {found.explained:.1%} of the variance (CUPED)"
    yield Figure(label="Difference as measured", value=money.signed(found.raw), note=f"{raw}; {explained}")


def _always(effect: Effect, money: _Money) -> Figure:
    label = "Effect, looked at any time"
    if effect.always is None:
        least = f"at least {sequential.LEAST} households in the smaller arm are needed to look early"
        return Figure(label=label, value="none yet", note=least)
    note = f"holds however often one looks; narrowest at {wording.count(effect.planned)} households"
    return money.row(label, effect.always, note)


def _relative(found: Interval | None) -> Figure:
    label = "Effect, of the holdout's mean"
    if found is None:
        return Figure(label=label, value="none", note="the holdout's mean is too near 0 to divide by")
    value, low, high = (_percent(one, 1) for one in (found.value, found.low, found.high))
    return Figure(label=label, value=value, low=low, high=high, note="by the delta method")


def _percent(share: float, digits: int) -> str:
    return f"{share:+.{digits}%}".replace("-", MINUS)


def _detectable(effect: Effect, money: _Money) -> Figure:
    base = effect.uplift.means["holdout"]
    share = f", {effect.detectable / base:.1%} of the holdout's mean" if effect.uplift.relative is not None else ""
    note = f"found four times in five (power 80 %){share}; smaller ones cannot be told from chance here"
    return Figure(label="Smallest effect this could see", value=money.of(effect.detectable), note=note)


def _iroi(effect: Effect) -> Figure:
    label = "iROI (randomised)"
    if effect.iroi is None:
        note = "say the margin and what a push costs: nothing is known to have been earned, or spent, yet"
        return Figure(label=label, value="not known", note=note)
    found = effect.iroi.iroi
    note = "margin over what would have come anyway, less the cost, over the cost"
    return Figure(
        label=label, value=f"{found.value:+.0%}", low=f"{found.low:+.0%}", high=f"{found.high:+.0%}", note=note
    )


# What is counted beside it.


def _beside(one: Reported, money: _Money) -> Iterator[Figure]:
    if one.ledger is not None:
        ledger = one.ledger
        note = f"{wording.count(ledger.sends)} sends at {money.of(ledger.per_send)}, fixed {money.of(ledger.fixed)}"
        yield Figure(label="Cost", value=money.of(ledger.total), note=note)
    if one.associated is not None:
        yield _associated(one, money)
    if one.level is not None:
        note = f"spending a day after entering, over before: {one.level_label}"
        yield Figure(label="Level of treated households", value=f"{one.level:.2f} times", note=note)
    yield _counted("Waiting", one.waiting, "their span of 28 days is not over")
    yield _counted("Left out", one.left_out, "came in under another share of the holdout than most")
    yield _counted("Crossed", one.crossed, "got what the other arm gets; they count in their own all the same")


def _associated(one: Reported, money: _Money) -> Figure:
    assert one.associated is not None
    label = f"Orders after a push ({one.associated.label})"
    if one.associated.orders is None or one.associated.revenue is None:
        return Figure(label=label, value="not told", note=f"fewer than {K} households ordered after a push")
    note = f"worth {money.of(one.associated.revenue)}; many would have come anyway"
    return Figure(label=label, value=wording.count(one.associated.orders), note=note)


def _counted(label: str, count: int | None, note: str) -> Figure:
    return Figure(label=label, value=f"fewer than {K}" if count is None else wording.count(count), note=note)
