"""What a forecast of a need is worth: by rolling origin, against three that anybody could make. Pure.

From FIRST_DAYS on, every STEP_DAYS, each forecast is fitted on what was known then and asked about the days that
follow. A label is known once its lead time and the need's dwell are over. The others:

persistence   the next hour is like the last one: it begins if it began within the last lead time
hour          the share of beginnings at this local hour
last value    a logistic regression on how far the last value is from the threshold

The Brier score is the mean of (p - y)^2; the ratio is to the best of the three, as it turned out. Its interval draws
days with replacement, because readings of one day hang together. A forecast triggers nothing where the upper bound is
not under 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from aircue_cloud.needs import forecast
from aircue_cloud.needs.forecast import LEAD_S, Course, Labels, Mask, Numbers
from aircue_cloud.recommender.evaluating import bootstrap
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_gateway.episodes import Rule

FIRST_DAYS = 21.0
STEP_DAYS = 2.0
LEAST_STARTS = 10
RECALL = 0.8
OURS, PERSISTENCE, HOUR, LAST_VALUE = "forecast", "persistence", "hour", "last value"
_DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """brier: by forecast. ratio: ours to `best`, the best of the others. precision: share of warnings that were right,
    warning of 80 % of the readings before a beginning. lead_min: mean minutes from the first warning to the beginning,
    of beginnings that were warned of; warned: their share."""

    need: str
    readings: int
    starts: int
    brier: Mapping[str, float]
    best: str
    ratio: Interval
    precision: float
    precision_best: float
    lead_min: float
    warned: float

    @property
    def on(self) -> bool:
        """Whether it may trigger anything."""
        return self.ratio.high < 1


def evaluate(course: Course, rule: Rule, lead_s: float = LEAD_S) -> Evaluated | None:
    """None where too few episodes begin to say anything."""
    found = forecast.labels(course, rule, lead_s)
    asked, forecasts = _rolled(course, rule, found, lead_s)
    starts = found.starts[found.starts > course.at[0] + FIRST_DAYS * _DAY_S]
    if len(starts) < LEAST_STARTS or not asked.any():
        return None
    y = found.begins[asked].astype(np.float64)
    errors = {name: (p[asked] - y) ** 2 for name, p in forecasts.items()}
    brier = {name: float(one.mean()) for name, one in errors.items()}
    best = min((name for name in brier if name != OURS), key=brier.__getitem__)
    threshold = _threshold(forecasts[OURS][asked], y)
    lead, warned = _lead(course, forecasts[OURS] >= threshold, asked, starts, lead_s)
    return Evaluated(
        need=rule.need,
        readings=int(asked.sum()),
        starts=len(starts),
        brier=brier,
        best=best,
        ratio=_ratio(errors[OURS], errors[best], course.at[asked]),
        precision=_precision(forecasts[OURS][asked], y, threshold),
        precision_best=_precision(forecasts[best][asked], y, _threshold(forecasts[best][asked], y)),
        lead_min=lead,
        warned=warned,
    )


def _rolled(course: Course, rule: Rule, found: Labels, lead_s: float) -> tuple[Mask, dict[str, Numbers]]:
    """Which readings were asked about, and every forecast's probabilities."""
    asked = np.zeros(len(course.at), dtype=bool)
    forecasts = {name: np.zeros(len(course.at)) for name in (OURS, PERSISTENCE, HOUR, LAST_VALUE)}
    origin = course.at[0] + FIRST_DAYS * _DAY_S
    while origin < course.at[-1]:
        known = course.at + lead_s + rule.dwell_s <= origin
        then = (course.at >= origin) & (course.at < origin + STEP_DAYS * _DAY_S) & found.idle
        origin += STEP_DAYS * _DAY_S
        if not found.begins[known].any():
            continue
        asked |= then
        for name, p in _forecasts(course, rule, found, known, lead_s).items():
            forecasts[name][then] = p[then]
    whole = course.at + lead_s + rule.dwell_s <= course.at[-1]  # later labels are not known
    return asked & whole, forecasts


def _forecasts(course: Course, rule: Rule, found: Labels, known: Mask, lead_s: float) -> dict[str, Numbers]:
    return {
        OURS: forecast.fit(course, rule, found, known).probability(course, found),
        PERSISTENCE: _began(course, found, lead_s),
        HOUR: forecast.hourly(course, found.begins.astype(np.float64), known & found.idle)[course.hour],
        LAST_VALUE: _last_value(course, found, known),
    }


def _began(course: Course, found: Labels, lead_s: float) -> Numbers:
    first, last = (np.searchsorted(found.starts, at, "right") for at in (course.at - lead_s, course.at))
    return (last > first).astype(np.float64)


def _last_value(course: Course, found: Labels, known: Mask) -> Numbers:
    used = known & found.idle
    z = (course.value - course.value[used].mean()) / course.value[used].std()
    weights = forecast.logistic(z[used, None], found.begins[used].astype(np.float64), 0.0, free=1)
    return np.asarray(expit(weights[0] + weights[1] * z))


def _ratio(ours: Numbers, theirs: Numbers, at: Numbers) -> Interval:
    day = (at // _DAY_S).astype(np.intp)
    day -= day.min()
    sums = np.stack([np.bincount(day, ours), np.bincount(day, theirs)], axis=1).astype(np.float64)
    drawn = bootstrap.drawn_means(sums[sums.any(axis=1)])
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], np.finfo(float).tiny), [2.5, 97.5])
    return Interval(value=float(ours.sum() / theirs.sum()), low=float(low), high=float(high))


def _threshold(p: Numbers, y: Numbers) -> float:
    """The highest one at which 80 % of the readings before a beginning are warned of."""
    return float(np.quantile(p[y == 1], 1 - RECALL, method="lower"))


def _precision(p: Numbers, y: Numbers, threshold: float) -> float:
    return float(y[p >= threshold].mean())


def _lead(course: Course, warns: Mask, asked: Mask, starts: Numbers, lead_s: float) -> tuple[float, float]:
    """Mean minutes from the first warning within the lead time, and the share of beginnings that had one."""
    minutes = []
    for start in starts:
        inside = asked & warns & (course.at < start) & (course.at >= start - lead_s)
        if inside.any():
            minutes.append(float(start - course.at[inside][0]) / 60)
    return (float(np.mean(minutes)) if minutes else 0.0), len(minutes) / len(starts)


# In words.


def told(where: str, found: Evaluated) -> Iterator[str]:
    """Lines for a terminal."""
    yield f"{found.need} in {where}: {found.starts} beginnings, {found.readings:,} readings at which it might begin"
    yield "  Brier " + ", ".join(f"{name} {value:.5f}" for name, value in found.brier.items())
    interval = f"{found.ratio.value:.3f} [{found.ratio.low:.3f}, {found.ratio.high:.3f}]"
    yield f"  ratio to {found.best} {interval}, 95 % by days: {'may trigger' if found.on else 'stays switched off'}"
    shown = f"{found.precision:.1%} right ({found.best}: {found.precision_best:.1%})"
    yield f"  warning of 80 %: {shown}, {found.lead_min:.0f} min ahead, {found.warned:.0%} of beginnings warned of"
