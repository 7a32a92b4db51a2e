"""Whether a need will begin within its lead time: a calibrated probability from a home's own course. Pure.

At a time when the need does not hold, y = 1 if an episode of it begins within the lead time. The log odds are

    logit p = b0 + b1 d + b2 logit h(hour) + c . z,    from minimising  log loss + k |c|^2 / 2

with d how far the last value is from the threshold, h the share of beginnings at that hour of the day, and z what the
recent course, the home's own norm and the weather add, all standardised. The ridge k draws towards a forecast by the
last value and the hour alone; it is chosen on the last third of what is known. The loss is a proper
one, which keeps p calibrated.
(Hoerl, Kennard 1970; Gneiting, Raftery: Strictly proper scoring rules, JASA 102, 2007.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from aircue_gateway.episodes import Change, Phase, Rule, State, step

Numbers = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

LEAD_S = 3600.0
RIDGES = (10.0, 30.0, 100.0, 1000.0, 100_000.0)
_HOURS = 24
_PSEUDO = 48.0  # how many readings the overall share weighs beside an hour's own
_DAY_S = 86_400.0
_STEPS = 40
_WEEK_H = 168.0
_NEARLY_FREE = 1e-3  # what separates perfectly would have no end otherwise


@dataclass(frozen=True, kw_only=True)
class Course:
    """Readings of one quantity of one room at even intervals, all arrays of shape (readings,). at: epoch seconds;
    offset_s: local time less UTC; weather: by name, on the same instants, as they were known then."""

    at: Numbers = field(repr=False)
    value: Numbers = field(repr=False)
    weather: Mapping[str, Numbers] = field(default_factory=dict, repr=False)
    offset_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.at) < 2 or not np.allclose(np.diff(self.at), self.every_s):
            raise ValueError("readings have to be at even intervals, at least two of them")

    @property
    def every_s(self) -> float:
        return float(self.at[1] - self.at[0])

    @property
    def hour(self) -> npt.NDArray[np.intp]:
        return ((self.at + self.offset_s) % _DAY_S // 3600).astype(np.intp)


@dataclass(frozen=True, kw_only=True)
class Labels:
    """idle: where the need does not hold, so that it can begin; begins: an episode begins within the lead time.
    starts: instants at which episodes began."""

    idle: Mask = field(repr=False)
    begins: Mask = field(repr=False)
    starts: Numbers = field(repr=False)


def labels(course: Course, rule: Rule, lead_s: float = LEAD_S) -> Labels:
    """By the episode engine: an episode begins with the first reading past the threshold, if it is confirmed later."""
    state, idle, starts = State(), np.zeros(len(course.at), dtype=bool), []
    for place, (at, value) in enumerate(zip(course.at.tolist(), course.value.tolist(), strict=True)):
        state, change = step(rule, state, at, value)
        idle[place] = state.phase is Phase.IDLE
        if change is Change.STARTED:
            starts.append(at if state.since is None else state.since)
    begun = np.array(starts)
    first, last = np.searchsorted(begun, course.at, "right"), np.searchsorted(begun, course.at + lead_s, "right")
    return Labels(idle=idle, begins=(last > first) & idle, starts=begun)


def features(course: Course, rule: Rule, found: Labels, norm: Numbers, share: Numbers) -> Numbers:
    """z before it is standardised, shape (readings, features); of a reading nothing later is used. norm, share: mean
    value, and share of beginnings, by hour, of what is known."""
    sign = 1.0 if rule.direction == "above" else -1.0
    left = sign * (rule.enter - course.value)  # how far it still has to go
    columns = [
        left,
        _odds(share, course),
        np.minimum(left, 5.0),
        sign * (norm[(course.hour + 1) % _HOURS] - course.value),
    ]
    columns += [sign * _change(course.value, _readings(course, minutes)) for minutes in (10, 30, 60)]
    columns += [_least(left, _readings(course, 24 * 60)), _since(course, found)]
    return np.stack([*columns, *course.weather.values()], axis=1)


def _since(course: Course, found: Labels) -> Numbers:
    """Logarithm of the hours since the need began last, a week at most. An episode is known once its dwell is over; it
    counts here only where the need does not hold, which is later."""
    begun = np.concatenate([[-np.inf], found.starts])
    last = begun[np.searchsorted(begun, course.at, "right") - 1]
    return np.asarray(np.log1p(np.minimum((course.at - last) / 3600, _WEEK_H)))


def _readings(course: Course, minutes: float) -> int:
    return max(1, round(minutes * 60 / course.every_s))


def _change(values: Numbers, back: int) -> Numbers:
    found = np.zeros_like(values)
    found[back:] = values[back:] - values[:-back]
    return found


def _least(values: Numbers, back: int) -> Numbers:
    """The least of the last `back` readings."""
    padded = np.concatenate([np.full(back - 1, values[0]), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, back).min(axis=1))


def hourly(course: Course, what: Numbers, among: Mask) -> Numbers:
    """The mean by local hour, drawn towards the mean of all; shape (24,)."""
    hour, overall = course.hour[among], float(what[among].mean()) if among.any() else 0.0
    sums = np.bincount(hour, what[among], minlength=_HOURS)
    return np.asarray((sums + _PSEUDO * overall) / (np.bincount(hour, minlength=_HOURS) + _PSEUDO))


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """norm, share: by hour, of the value and of beginnings; ridge: as chosen."""

    rule: Rule
    norm: Numbers = field(repr=False)
    share: Numbers = field(repr=False)
    centre: Numbers = field(repr=False)
    scale: Numbers = field(repr=False)
    weights: Numbers = field(repr=False)
    ridge: float

    def probability(self, course: Course, found: Labels) -> Numbers:
        """That the need begins within the lead time, at every reading at which it does not hold."""
        z = (features(course, self.rule, found, self.norm, self.share) - self.centre) / self.scale
        return np.asarray(expit(_with_one(z) @ self.weights))


def fit(course: Course, rule: Rule, found: Labels, known: Mask, ridges: Sequence[float] = RIDGES) -> Forecast:
    """known: the readings whose labels may be used. ValueError where the need never began or always did."""
    used = known & found.idle
    y = found.begins.astype(np.float64)
    if not 0 < y[used].sum() < used.sum():
        before, seen = int(y[used].sum()), int(used.sum())
        raise ValueError(f"need {rule.need}: of {seen} readings to learn from {before} stand before a beginning")
    places = np.flatnonzero(used)
    early = np.zeros_like(used)
    early[places[: len(places) * 2 // 3]] = True
    late = used & ~early
    ridge = ridges[-1]
    if y[early].sum() > 0 and late.any():
        tried = {one: _brier(_fitted(course, rule, found, early, one), course, found, late) for one in ridges}
        ridge = min(tried, key=tried.__getitem__)
    return _fitted(course, rule, found, used, ridge)


def _brier(model: Forecast, course: Course, found: Labels, among: Mask) -> float:
    return float(((model.probability(course, found) - found.begins)[among] ** 2).mean())


def _fitted(course: Course, rule: Rule, found: Labels, used: Mask, ridge: float) -> Forecast:
    y = found.begins.astype(np.float64)
    norm, share = hourly(course, course.value, used), hourly(course, y, used)
    z = features(course, rule, found, norm, share)[used]
    centre, scale = z.mean(axis=0), z.std(axis=0)
    scale[scale == 0] = 1.0
    weights = logistic((z - centre) / scale, y[used], ridge, free=2)
    return Forecast(rule=rule, norm=norm, share=share, centre=centre, scale=scale, weights=weights, ridge=ridge)


def _odds(share: Numbers, course: Course) -> Numbers:
    return np.asarray(logit(np.clip(share, 1e-4, 1 - 1e-4))[course.hour])


def _with_one(z: Numbers) -> Numbers:
    return np.concatenate([np.ones((len(z), 1)), z], axis=1)


def logistic(z: Numbers, y: Numbers, ridge: float, free: int = 0) -> Numbers:
    """b0 and b by Newton's method, shape (1 + features,). b0 and the first `free` of b are not drawn towards 0."""
    x = _with_one(z)
    penalty = np.full(x.shape[1], ridge)
    penalty[: 1 + free] = _NEARLY_FREE
    weights = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        p = expit(x @ weights)
        gradient = x.T @ (y - p) - penalty * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        change = np.linalg.solve(curvature, gradient)
        weights = weights + change / max(1.0, float(np.abs(change).max()) / 2)
        if np.abs(change).max() < 1e-6:
            break
    return weights
