"""What is expected of an occasion, and how a season and a context lift it: penalised Poisson regression by item, in the
symbols of aircue_cloud.recommender.evaluating.ablation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.evaluating import bootstrap, metrics
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.evaluating.context_log import Context, waves
from aircue_cloud.recommender.evaluating.occasions import EventDays, Numbers, Period, Places
from aircue_cloud.recommender.evaluating.protocol import top

EASE_HALF_LIFE_D, OWN_HALF_LIFE_D = 30.0, 60.0
_STEPS = 12
_AT_ONCE = 256
_PLACES = 10


@dataclass(frozen=True, kw_only=True)
class Chain:
    half_life_d: float
    mixture: Numbers  # of recent popularity, EASE, own frequency
    season: float  # penalties
    environment: float
    naive: float  # of the environment in a model without a season

    def chosen(self) -> dict[str, float]:
        shares = dict(zip(("recent", "ease", "own"), self.mixture.round(3).tolist(), strict=True))
        return {
            "half_life_d": self.half_life_d,
            **{f"share_{name}": share for name, share in shares.items()},
            "penalty_season": self.season,
            "penalty_environment": self.environment,
            "penalty_naive": self.naive,
        }


@dataclass(frozen=True, kw_only=True)
class Fit:
    """theta: shape (items, features); x: shape (occasions, features)."""

    theta: Numbers
    x: Numbers


class Expected:
    """A period's occasions and what is expected of each, b, shape (occasions, items)."""

    def __init__(self, period: Period, b: Numbers) -> None:
        self.period, self.b = period, b

    def losses(self, fit: Fit) -> Numbers:
        """Of each event."""
        found = np.empty(len(self.period.item))
        for part, chances in self._chances(fit):
            events = np.flatnonzero((self.period.occasion >= part.start) & (self.period.occasion < part.stop))
            found[events] = -np.log(chances[self.period.occasion[events] - part.start, self.period.item[events]])
        return found

    def ndcg(self, fit: Fit) -> float:
        wanted = np.zeros(self.b.shape, dtype=np.bool_)
        wanted[self.period.occasion, self.period.item] = True
        found = []
        for part, chances in self._chances(fit):
            hit = np.take_along_axis(wanted[part], top(chances, _PLACES), axis=1)
            found.append(metrics.ndcg(hit, wanted[part].sum(axis=1), _PLACES))
        return float(np.concatenate(found).mean())

    def nothing(self) -> Fit:
        """A fit that lifts no item."""
        return Fit(theta=np.zeros((self.b.shape[1], 0)), x=np.zeros((len(self.b), 0)))

    def _chances(self, fit: Fit) -> Iterator[tuple[slice, Numbers]]:
        """Blocks of occasions, shape (some, items)."""
        for begin in range(0, len(self.b), _AT_ONCE):
            part = slice(begin, min(begin + _AT_ONCE, len(self.b)))
            chances = self.b[part] * np.exp(fit.x[part] @ fit.theta.T)
            yield part, chances / chances.sum(axis=1, keepdims=True)


class Seen(Expected):
    """A period as a chain sees it, and what the days before it say about lifts."""

    def __init__(self, days: EventDays, period: Period, chain: Chain, parts: Sequence[Numbers]) -> None:
        weighed = [weight * part for weight, part in zip(chain.mixture, parts, strict=True)]
        super().__init__(period, np.asarray(sum(weighed)))
        self._days, self._chain = days, chain
        halves = (chain.half_life_d, EASE_HALF_LIFE_D, OWN_HALF_LIFE_D)
        shares = zip(chain.mixture, halves, strict=True)
        self._expected = np.asarray(sum(weight * days.popular(half_life_d) for weight, half_life_d in shares))
        self._past = Period.of_days(days, days.first, period.begin)

    @cached_property
    def base(self) -> Numbers:
        return self.losses(self.nothing())

    @cached_property
    def season(self) -> Numbers:
        return self.losses(self.fit(None, self._chain))

    def with_context(self, z: Context, chain: Chain) -> Numbers:
        return self.losses(self.fit(z, chain))

    def fit(self, z: Context | None, chain: Chain, *, season: bool = True) -> Fit:
        x_past, x = (features(self._days.log.users, one, z, season=season) for one in (self._past, self.period))
        waves_count = 2 if season else 0
        penalties = np.array([chain.season] * waves_count + [chain.environment] * (x.shape[1] - waves_count))
        return Fit(theta=poisson(*self._cells(x_past), penalties), x=x)

    def _cells(self, x: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Days, or a day's steps of half a standard deviation: their mean features, counts and expected counts."""
        past = self._past
        cell = numbered([past.day, *np.round(2 * x).T])
        size = np.bincount(cell)
        features = np.stack([np.bincount(cell, column) / size for column in x.T], axis=1)
        n = np.zeros((len(size), self._days.log.shape[1]))
        np.add.at(n, (cell[past.occasion], past.item), 1.0)
        day = np.zeros(len(size), dtype=np.int64)
        day[cell] = past.day
        return features, n, n.sum(axis=1, keepdims=True) * self._expected[day - self._days.first]


def numbered(columns: Sequence[npt.NDArray[np.generic]]) -> Places:
    """The same number for rows that are the same in every column."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, place = np.unique(column, return_inverse=True)
        _, found = np.unique(found * (place.max() + 1) + place, return_inverse=True)
    return found


def by_day(period: Period, gains: Numbers) -> Interval:
    """Mean gain an event, its interval by drawing days."""
    _, day = np.unique(period.day[period.occasion], return_inverse=True)
    drawn = bootstrap.drawn_means(np.stack([np.bincount(day, gains), np.bincount(day)], axis=1).astype(np.float64))
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5]).tolist()
    return Interval(value=float(gains.mean()), low=low, high=high)


def features(users: Sequence[str], period: Period, z: Context | None, *, season: bool) -> Numbers:
    """Shape (occasions, features); where the context says nothing it is as usual."""
    own = waves(period.day)[:, 1:] if season else np.zeros((len(period.day), 0))
    if z is None:
        return own
    found = z.at([users[user] for user in period.user], period.day)
    return np.hstack([own, np.nan_to_num(found, nan=0.0)])


def poisson(x: Numbers, n: Numbers, e: Numbers, penalties: Numbers) -> Numbers:
    """theta, shape (items, features), that maximises for each item i

        sum over c of n_ci x_c . theta_i - e_ci exp(x_c . theta_i)  -  1/2 sum over f of penalty_f theta_if^2

    by Newton's steps, halved in length where they would be over 1. x: shape (cells, features); n, e: (cells, items)."""
    features = x.shape[1]
    theta = np.zeros((n.shape[1], features))
    squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    for _ in range(_STEPS if features else 0):
        mu = e * np.exp(np.clip(x @ theta.T, -20, 20))
        gradient = (x.T @ (n - mu)).T - penalties * theta
        hessian = (squares.T @ mu).T.reshape(-1, features, features) + np.diag(penalties)
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        length = np.abs(step).max(axis=1, keepdims=True)
        theta += step / np.maximum(1, length)
        if length.max() < 1e-6:
            break
    return theta
