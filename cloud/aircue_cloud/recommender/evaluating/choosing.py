"""What of an ablation is chosen on its validation period: half-life, mixture, penalties."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from aircue_cloud.recommender.evaluating.chances import EASE_HALF_LIFE_D, OWN_HALF_LIFE_D, Chain, Seen
from aircue_cloud.recommender.evaluating.context_log import Context
from aircue_cloud.recommender.evaluating.occasions import EventDays, Numbers, Period
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.own_frequency import OwnFrequency

HALF_LIVES = (7.0, 14.0, 30.0, 60.0)
PENALTIES = (3.0, 30.0, 300.0, 3000.0, 30000.0)  # 1 / variance of an item's log lift a unit of h or z


def choose(days: EventDays, period: Period, context: Context) -> Chain:
    recent = min(HALF_LIVES, key=lambda one: _loss_of(days.popular(one), days, period))
    parts = expectations(days, period, recent)
    most = PENALTIES[-1]
    mixture = likeliest(np.stack([part[period.occasion, period.item] for part in parts]))
    chain = Chain(half_life_d=recent, mixture=mixture, season=most, environment=most, naive=most)
    seen, deviations = Seen(days, period, chain, parts), context.deviations(period.begin)
    chain = replace(chain, season=_least(lambda one: seen.losses(seen.fit(None, replace(chain, season=one)))))
    return replace(
        chain,
        environment=_least(lambda one: seen.with_context(deviations, replace(chain, environment=one))),
        naive=_least(lambda one: naive(seen, context, replace(chain, naive=one))),
    )


def naive(seen: "Seen", context: Context, chain: Chain) -> Numbers:
    """Losses of the context as it is, in a model that knows no season."""
    raw = context.standardised(seen.period.begin)
    return seen.losses(seen.fit(raw, replace(chain, environment=chain.naive), season=False))


def _least(losses: Callable[[float], Numbers]) -> float:
    return min(PENALTIES, key=lambda one: float(losses(one).mean()))


def _loss_of(popular: Numbers, days: EventDays, period: Period) -> float:
    return float(-np.log(popular[period.day[period.occasion] - days.first, period.item]).mean())


def expectations(days: EventDays, period: Period, half_life_d: float) -> list[Numbers]:
    """Each shape (occasions, items), rows sum to 1."""
    recent = days.popular(half_life_d)[period.day - days.first]
    now = period.begin * DAY_S
    known = days.log.between(-np.inf, now)
    models: list[Model] = [
        Ease(l2=50.0, weighting=Weighting(half_life_d=EASE_HALF_LIFE_D, shape="sqrt")),
        OwnFrequency(Weighting(half_life_d=OWN_HALF_LIFE_D)),
    ]
    return [recent, *(_personal(model, known, now, period, recent) for model in models)]


def _personal(model: Model, known: Interactions, now: float, period: Period, recent: Numbers) -> Numbers:
    model.fit(known, now)
    users, place = np.unique(period.user, return_inverse=True)
    scores = np.maximum(model.scores(users).astype(np.float64), 0)
    sums = scores.sum(axis=1, keepdims=True)
    shares = np.divide(scores, sums, out=np.zeros_like(scores), where=sums > 0)
    return np.where((sums > 0)[place], shares[place], recent)


def likeliest(chances: Numbers, rounds: int = 60) -> Numbers:
    """Weights of the parts that make the events likeliest. chances: shape (parts, events)."""
    weights = np.full(len(chances), 1 / len(chances))
    for _ in range(rounds):
        shares = weights[:, None] * chances
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return np.asarray(weights)
