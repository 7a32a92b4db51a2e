"""What a context adds to knowing the season: models of who turns to what on a day, each on top of the one before.

An occasion o is a user's day. The chance that what they turn to is item i of the whole catalogue is

    p(i | o)  proportional to  b_oi exp(alpha_i . h_o + beta_i . z_o)

popularity:  b counts what everybody turned to before that day
recent:      the same with a half-life
CF:          b is a mixture of recent popularity, EASE and the user's own frequency (weights by EM on the validation
             period: Dempster, Laird, Rubin 1977); a user nobody knows has recent popularity
season:      h_o, one wave a year, each item with its own alpha_i
environment: z_o, the context's deviation from its own season, each item with its own beta_i

alpha and beta maximise the penalised likelihood of Poisson counts n_ci with mean E_ci exp(...), c a day (and, where
users have their own context, a step of half a standard deviation) and E_ci what the mixture expected, its personal
parts standing there as popularity with their half-lives; the penalties are chosen on the validation period. The measure
is the log loss -log p over all items, in nats an event, and NDCG@10 an occasion. Intervals draw days with replacement,
for a day's context is one observation however many bought.

Placebos run through all of this again: days that trade their context with any other day; with a day of the same month,
which keeps the season and loses the weather; users that trade theirs; and items that trade their beta after the fit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import bootstrap, metrics
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.evaluating.context_log import EVERYBODY, Context, day_text, waves
from aircue_cloud.recommender.evaluating.protocol import top
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.own_frequency import OwnFrequency

HALF_LIVES = (7.0, 14.0, 30.0, 60.0)
PENALTIES = (3.0, 30.0, 300.0, 3000.0, 30000.0)  # 1 / variance of an item's log lift a unit of h or z
STAGES = ("popularity", "recent", "CF", "+ season", "+ environment")
PLACEBOS = 19  # of a kind; none of them above the real one is 5 % by rank
_EASE_HALF_LIFE_D, _OWN_HALF_LIFE_D = 30.0, 60.0
_UNSEEN = 0.1  # events that an item counts for before it has any
_STEPS = 12
_AT_ONCE = 256
_PLACES = 10

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Days = npt.NDArray[np.int64]
Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """loss: nats an event. gain: of loss on the stage before. ndcg: NDCG@10, occasions' mean."""

    name: str
    loss: float
    gain: Interval | None
    ndcg: float


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """gain: of the environment on the season model. naive_gain: of the raw context on CF without a season, which is not
    evidence. placebos: such gains by kind. without_context: share of test occasions that had none."""

    stages: tuple[Stage, ...]
    gain: Interval
    naive_gain: Interval
    placebos: Mapping[str, tuple[float, ...]]
    events: int
    occasions: int
    days: int
    without_context: float
    chosen: Mapping[str, float]

    @property
    def claimed(self) -> bool:
        """Better than the season for sure, and no placebo as good."""
        return self.gain.low > 0 and all(max(found) < self.gain.value for found in self.placebos.values())


def ablate(
    log: Interactions,
    context: Context,
    validate_from: float,
    test_from: float,
    test_to: float,
    progress: Progress = lambda _: None,
    placebos: int = PLACEBOS,
    seed: int = 7,
) -> Ablation:
    """Times in epoch seconds, at midnight. DatasetError where a period is empty or the context covers less than half of
    the test's occasions."""
    whole = _Days.of(log)
    validate, test = (
        _Period.of(whole, begin, end) for begin, end in ((validate_from, test_from), (test_from, test_to))
    )
    without = _without(context, test)
    chain = _choose(whole, validate, context)
    progress(f"chosen on validation: {chain.chosen()}")
    seen = _Seen(whole, test, chain, _parts(whole, test, chain.half_life_d))
    stages = _stages(seen, whole, context, chain)
    progress("; ".join(f"{stage.name} {stage.loss:.4f}" for stage in stages))
    season, ours = seen.season, seen.with_context(context.deviations(test.begin), chain)
    raw = _naive(seen, context, chain)
    gains = {}
    for name, draw in _kinds(context).items():
        random = np.random.default_rng(seed)
        gains[name] = tuple(float((season - one).mean()) for one in draw(seen, context, chain, random, placebos))
        progress(f"placebo, {name}: best of {placebos} gains {max(gains[name]):+.5f}")
    return Ablation(
        stages=stages,
        gain=by_day(test, season - ours),
        naive_gain=by_day(test, seen.base - raw),
        placebos=gains,
        events=len(test.item),
        occasions=len(test.user),
        days=len(np.unique(test.day)),
        without_context=without,
        chosen=chain.chosen(),
    )


# The log by days.


@dataclass(frozen=True, kw_only=True)
class _Days:
    """Each user's day and item once. day: since 1970-01-01; first: the log's."""

    log: Interactions
    user: Places
    day: Days
    item: Places
    first: int

    @classmethod
    def of(cls, log: Interactions) -> "_Days":
        kept = log.weight > 0
        triples = np.stack([log.user[kept], (log.at[kept] // DAY_S), log.item[kept]]).astype(np.int64)
        user, day, item = np.unique(triples, axis=1)
        return cls(log=log, user=user, day=day, item=item, first=int(day.min()))

    @cached_property
    def counts(self) -> Numbers:
        """Shape (days, items)."""
        found = np.zeros((int(self.day.max()) - self.first + 1, self.log.shape[1]))
        np.add.at(found, (self.day - self.first, self.item), 1.0)
        return found

    def popular(self, half_life_d: float) -> Numbers:
        """Shape (days, items), rows sum to 1: what counts before each day say."""
        kept = 2.0 ** (-1 / half_life_d)
        found, state = np.empty_like(self.counts), np.zeros(self.log.shape[1])
        for day, today in enumerate(self.counts):
            found[day] = state
            state = kept * (state + today)
        found += _UNSEEN
        return np.asarray(found / found.sum(axis=1, keepdims=True))


@dataclass(frozen=True, kw_only=True)
class _Period:
    """Occasions, and the events in them: occasion: an event's. begin: the first day, before which all is known."""

    begin: int
    user: Places
    day: Days
    occasion: Places
    item: Places

    @classmethod
    def of_days(cls, days: _Days, begin: int, end: float) -> "_Period":
        inside = (days.day >= begin) & (days.day < end)
        pairs, occasion = np.unique(np.stack([days.user, days.day])[:, inside], axis=1, return_inverse=True)
        return cls(begin=begin, user=pairs[0], day=pairs[1], occasion=occasion.ravel(), item=days.item[inside])

    @classmethod
    def of(cls, days: _Days, begin: float, end: float) -> "_Period":
        found = cls.of_days(days, int(begin // DAY_S), end / DAY_S)
        if not len(found.item) or found.begin <= days.first:
            raise DatasetError(
                f"from {day_text(found.begin)}: nothing before it or nothing in the period; move the dates into the log"
            )
        return found


def _without(context: Context, period: _Period) -> float:
    """The share of occasions the context says nothing about."""
    missing = float(np.mean(~np.isin(period.day, context.day)))
    if missing > 0.5:
        span = f"from {day_text(int(context.day.min()))} to {day_text(int(context.day.max()))}"
        raise DatasetError(
            f"the context knows {1 - missing:.0%} of the period's occasions: it runs {span}; add the rest"
        )
    return missing


# What is chosen on validation.


@dataclass(frozen=True, kw_only=True)
class _Chain:
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


def _choose(days: _Days, period: _Period, context: Context) -> _Chain:
    recent = min(HALF_LIVES, key=lambda one: _loss_of(days.popular(one), days, period))
    parts = _parts(days, period, recent)
    most = PENALTIES[-1]
    mixture = _mixture(np.stack([part[period.occasion, period.item] for part in parts]))
    chain = _Chain(half_life_d=recent, mixture=mixture, season=most, environment=most, naive=most)
    seen, deviations = _Seen(days, period, chain, parts), context.deviations(period.begin)
    chain = replace(chain, season=_least(lambda one: seen.losses(seen.fit(None, replace(chain, season=one)))))
    return replace(
        chain,
        environment=_least(lambda one: seen.with_context(deviations, replace(chain, environment=one))),
        naive=_least(lambda one: _naive(seen, context, replace(chain, naive=one))),
    )


def _naive(seen: "_Seen", context: Context, chain: _Chain) -> Numbers:
    """Losses of the context as it is, in a model that knows no season."""
    raw = context.standardised(seen.period.begin)
    return seen.losses(seen.fit(raw, replace(chain, environment=chain.naive), season=False))


def _least(losses: Callable[[float], Numbers]) -> float:
    return min(PENALTIES, key=lambda one: float(losses(one).mean()))


def _loss_of(popular: Numbers, days: _Days, period: _Period) -> float:
    return float(-np.log(popular[period.day[period.occasion] - days.first, period.item]).mean())


def _parts(days: _Days, period: _Period, half_life_d: float) -> list[Numbers]:
    """Each shape (occasions, items), rows sum to 1."""
    recent = days.popular(half_life_d)[period.day - days.first]
    now = period.begin * DAY_S
    known = days.log.between(-np.inf, now)
    models: list[Model] = [
        Ease(l2=50.0, weighting=Weighting(half_life_d=_EASE_HALF_LIFE_D, shape="sqrt")),
        OwnFrequency(Weighting(half_life_d=_OWN_HALF_LIFE_D)),
    ]
    return [recent, *(_personal(model, known, now, period, recent) for model in models)]


def _personal(model: Model, known: Interactions, now: float, period: _Period, recent: Numbers) -> Numbers:
    model.fit(known, now)
    users, place = np.unique(period.user, return_inverse=True)
    scores = np.maximum(model.scores(users).astype(np.float64), 0)
    sums = scores.sum(axis=1, keepdims=True)
    shares = np.divide(scores, sums, out=np.zeros_like(scores), where=sums > 0)
    return np.where((sums > 0)[place], shares[place], recent)


def _mixture(chances: Numbers, rounds: int = 60) -> Numbers:
    """Weights of the parts that make the events likeliest. chances: shape (parts, events)."""
    weights = np.full(len(chances), 1 / len(chances))
    for _ in range(rounds):
        shares = weights[:, None] * chances
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return np.asarray(weights)


# The lifts.


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """theta: shape (items, features); x: shape (occasions, features)."""

    theta: Numbers
    x: Numbers


class _Ranked:
    """A period's occasions and what is expected of each, b, shape (occasions, items)."""

    def __init__(self, period: _Period, b: Numbers) -> None:
        self.period, self.b = period, b

    def losses(self, fit: _Fit) -> Numbers:
        """Of each event."""
        found = np.empty(len(self.period.item))
        for part, chances in self._chances(fit):
            events = np.flatnonzero((self.period.occasion >= part.start) & (self.period.occasion < part.stop))
            found[events] = -np.log(chances[self.period.occasion[events] - part.start, self.period.item[events]])
        return found

    def ndcg(self, fit: _Fit) -> float:
        wanted = np.zeros(self.b.shape, dtype=np.bool_)
        wanted[self.period.occasion, self.period.item] = True
        found = []
        for part, chances in self._chances(fit):
            hit = np.take_along_axis(wanted[part], top(chances, _PLACES), axis=1)
            found.append(metrics.ndcg(hit, wanted[part].sum(axis=1), _PLACES))
        return float(np.concatenate(found).mean())

    def nothing(self) -> _Fit:
        """A fit that lifts no item."""
        return _Fit(theta=np.zeros((self.b.shape[1], 0)), x=np.zeros((len(self.b), 0)))

    def _chances(self, fit: _Fit) -> Iterator[tuple[slice, Numbers]]:
        """Blocks of occasions, shape (some, items)."""
        for begin in range(0, len(self.b), _AT_ONCE):
            part = slice(begin, min(begin + _AT_ONCE, len(self.b)))
            chances = self.b[part] * np.exp(fit.x[part] @ fit.theta.T)
            yield part, chances / chances.sum(axis=1, keepdims=True)


class _Seen(_Ranked):
    """A period as a chain sees it, and what the days before it say about lifts."""

    def __init__(self, days: _Days, period: _Period, chain: _Chain, parts: Sequence[Numbers]) -> None:
        weighed = [weight * part for weight, part in zip(chain.mixture, parts, strict=True)]
        super().__init__(period, np.asarray(sum(weighed)))
        self._days, self._chain = days, chain
        halves = (chain.half_life_d, _EASE_HALF_LIFE_D, _OWN_HALF_LIFE_D)
        shares = zip(chain.mixture, halves, strict=True)
        self._expected = np.asarray(sum(weight * days.popular(half_life_d) for weight, half_life_d in shares))
        self._past = _Period.of_days(days, days.first, period.begin)

    @cached_property
    def base(self) -> Numbers:
        return self.losses(self.nothing())

    @cached_property
    def season(self) -> Numbers:
        return self.losses(self.fit(None, self._chain))

    def with_context(self, z: Context, chain: _Chain) -> Numbers:
        return self.losses(self.fit(z, chain))

    def fit(self, z: Context | None, chain: _Chain, *, season: bool = True) -> _Fit:
        x_past, x = (_features(self._days.log.users, one, z, season=season) for one in (self._past, self.period))
        waves_count = 2 if season else 0
        penalties = np.array([chain.season] * waves_count + [chain.environment] * (x.shape[1] - waves_count))
        return _Fit(theta=poisson(*self._cells(x_past), penalties), x=x)

    def _cells(self, x: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Days, or a day's steps of half a standard deviation: their mean features, counts and expected counts."""
        past = self._past
        cell = _numbered([past.day, *np.round(2 * x).T])
        size = np.bincount(cell)
        features = np.stack([np.bincount(cell, column) / size for column in x.T], axis=1)
        n = np.zeros((len(size), self._days.log.shape[1]))
        np.add.at(n, (cell[past.occasion], past.item), 1.0)
        day = np.zeros(len(size), dtype=np.int64)
        day[cell] = past.day
        return features, n, n.sum(axis=1, keepdims=True) * self._expected[day - self._days.first]


def _numbered(columns: Sequence[npt.NDArray[np.generic]]) -> Places:
    """The same number for rows that are the same in every column."""
    found = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, place = np.unique(column, return_inverse=True)
        _, found = np.unique(found * (place.max() + 1) + place, return_inverse=True)
    return found


def by_day(period: _Period, gains: Numbers) -> Interval:
    """Mean gain an event, its interval by drawing days."""
    _, day = np.unique(period.day[period.occasion], return_inverse=True)
    drawn = bootstrap.drawn_means(np.stack([np.bincount(day, gains), np.bincount(day)], axis=1).astype(np.float64))
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5]).tolist()
    return Interval(value=float(gains.mean()), low=low, high=high)


def _features(users: Sequence[str], period: _Period, z: Context | None, *, season: bool) -> Numbers:
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


def _stages(seen: _Seen, days: _Days, context: Context, chain: _Chain) -> tuple[Stage, ...]:
    period = seen.period
    popular, recent = (
        _Ranked(period, days.popular(half_life_d)[period.day - days.first])
        for half_life_d in (np.inf, chain.half_life_d)
    )
    plain, season = seen.nothing(), seen.fit(None, chain)
    ours = seen.fit(context.deviations(period.begin), chain)
    steps = ((popular, plain), (recent, plain), (seen, plain), (seen, season), (seen, ours))
    losses = [one.losses(fit) for one, fit in steps]
    gains = [None, *(by_day(period, before - after) for before, after in pairwise(losses))]
    return tuple(
        Stage(name=name, loss=float(loss.mean()), gain=gain, ndcg=one.ndcg(fit))
        for name, loss, gain, (one, fit) in zip(STAGES, losses, gains, steps, strict=True)
    )


# Placebos.

Draws = Callable[[_Seen, Context, _Chain, np.random.Generator, int], Iterator[Numbers]]


def _kinds(context: Context) -> dict[str, Draws]:
    kinds: dict[str, Draws] = {
        "shuffled dates": _shuffled(lambda day: 0),
        "dates shuffled within a month": _shuffled(_month),
        "unrelated products": _unrelated,
    }
    if any(user != EVERYBODY for user in context.user):
        kinds["another user's context"] = _exchanged
    return kinds


def _month(day: int) -> int:
    at = datetime.fromtimestamp(day * DAY_S, UTC)
    return at.year * 12 + at.month


def _shuffled(group: Callable[[int], int]) -> Draws:
    """Deviations are taken first, and then trade days."""

    def draws(
        seen: _Seen, context: Context, chain: _Chain, random: np.random.Generator, count: int
    ) -> Iterator[Numbers]:
        z = context.deviations(seen.period.begin)
        days = sorted({int(day) for day in z.day})
        for _ in range(count):
            moved: dict[int, int] = {}
            for _, some in groupby(days, group):
                own = list(some)
                moved |= dict(zip(own, random.permutation(own).tolist(), strict=True))
            yield seen.with_context(z.moved(moved), chain)

    return draws


def _unrelated(
    seen: _Seen, context: Context, chain: _Chain, random: np.random.Generator, count: int
) -> Iterator[Numbers]:
    fit = seen.fit(context.deviations(seen.period.begin), chain)
    for _ in range(count):
        theta = fit.theta.copy()
        theta[:, 2:] = theta[random.permutation(len(theta)), 2:]
        yield seen.losses(_Fit(theta=theta, x=fit.x))


def _exchanged(
    seen: _Seen, context: Context, chain: _Chain, random: np.random.Generator, count: int
) -> Iterator[Numbers]:
    z = context.deviations(seen.period.begin)
    names = sorted(set(z.user) - {EVERYBODY})
    for _ in range(count):
        users = dict(zip(names, random.permutation(names).tolist(), strict=True)) | {EVERYBODY: EVERYBODY}
        yield seen.with_context(z.renamed(users), chain)


def told(found: Ablation, columns: Sequence[str]) -> Iterator[str]:
    """Sentences and a table for a terminal."""
    yield f"{found.events:,} events on {found.occasions:,} occasions of {found.days} days; log loss in nats an event"
    yield f"{'model':<16}{'log loss':>10}{'ndcg@10':>10}   gain on the line above, 95 % by days"
    for stage in found.stages:
        gain = "" if stage.gain is None else f"   {_gain(stage.gain)}"
        yield f"{stage.name:<16}{stage.loss:>10.4f}{stage.ndcg:>10.4f}{gain}"
    for name, gains in found.placebos.items():
        above = sum(gain >= found.gain.value for gain in gains)
        yield f"placebo, {name}: {above} of {len(gains)} gain as much; the best {max(gains):+.5f}"
    yield f"in a model without a season the raw context gains {_gain(found.naive_gain)}: that may be season"
    yield verdict(found, columns)


def verdict(found: Ablation, columns: Sequence[str]) -> str:
    what = ", ".join(columns)
    if found.claimed:
        return (
            f"{what}: predicts what is turned to beyond the season, by {_gain(found.gain)} nats an event, and every"
            " placebo gains less"
        )
    low = "the interval holds 0" if found.gain.low <= 0 <= found.gain.high else "it loses"
    why = low if found.gain.low <= 0 else "a placebo gains as much"
    return f"{what}: no effect beyond the season is shown ({_gain(found.gain)} nats an event; {why})"


def _gain(one: Interval) -> str:
    return f"{one.value:+.5f} ({one.low:+.5f} to {one.high:+.5f})"
