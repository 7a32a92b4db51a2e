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
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.evaluating.chances import Chain, Expected, Seen, by_day
from aircue_cloud.recommender.evaluating.choosing import choose, expectations, naive
from aircue_cloud.recommender.evaluating.context_log import Context
from aircue_cloud.recommender.evaluating.occasions import EventDays, Period, uncovered
from aircue_cloud.recommender.evaluating.placebos import kinds
from aircue_cloud.recommender.interactions import Interactions

STAGES = ("popularity", "recent", "CF", "+ season", "+ environment")
PLACEBOS = 19  # of a kind; none of them above the real one is 5 % by rank

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
    whole = EventDays.of(log)
    validate, test = (Period.of(whole, begin, end) for begin, end in ((validate_from, test_from), (test_from, test_to)))
    without = uncovered(context, test)
    chain = choose(whole, validate, context)
    progress(f"chosen on validation: {chain.chosen()}")
    seen = Seen(whole, test, chain, expectations(whole, test, chain.half_life_d))
    stages = _stages(seen, whole, context, chain)
    progress("; ".join(f"{stage.name} {stage.loss:.4f}" for stage in stages))
    season, ours = seen.season, seen.with_context(context.deviations(test.begin), chain)
    raw = naive(seen, context, chain)
    gains = {}
    for name, draw in kinds(context).items():
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


def _stages(seen: Seen, days: EventDays, context: Context, chain: Chain) -> tuple[Stage, ...]:
    period = seen.period
    popular, recent = (
        Expected(period, days.popular(half_life_d)[period.day - days.first])
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
