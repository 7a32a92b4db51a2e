"""Simulated experiments with a known true lift, by which the estimators are measured.

A home h orders at a rate l_h a period, drawn from a gamma distribution; orders before and after are Poisson at that
rate, after it times 1 + lift in treatment; what an order is worth is lognormal. Arms are given by the product's own
hash. Everything is drawn from a seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt

import numpy as np
from scipy.stats import norm

from aircue_cloud.outcomes import sequential
from aircue_cloud.outcomes.analysis import Plan, analyse
from aircue_cloud.outcomes.assignment import TREATMENT, arm
from aircue_cloud.outcomes.units import Mask, Numbers, Units
from aircue_cloud.outcomes.uplift import cap

MARGIN = 0.3  # of what is spent
PER_SEND = 0.05
_TRUTH_HOMES = 200_000
_TRUTH_LIFTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)

Random = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class World:
    """homes: of one experiment. orders: mean of a home in a period; shape: of the gamma (small: homes differ much).
    basket: median worth of an order; spread: sigma of its logarithm. sends: mean of a treated home."""

    homes: int = 5000
    holdout: float = 0.1
    orders: float = 1.2
    shape: float = 1.5
    basket: float = 30.0
    spread: float = 0.6
    sends: float = 2.0


def draw(world: World, lift: float, random: Random, name: str) -> Units:
    """One simulated experiment. name: by which its homes are assigned."""
    treated = assigned(world, name)
    rate = random.gamma(world.shape, world.orders / world.shape, world.homes)
    outcome = spend(world, rate * np.where(treated, 1 + lift, 1.0), random)
    cost = random.poisson(world.sends * treated).astype(np.float64) * PER_SEND
    return Units(treated=treated, outcome=outcome, pre=spend(world, rate, random), cost=cost, margin=MARGIN * outcome)


def assigned(world: World, name: str) -> Mask:
    return np.array([arm(f"home-{number}", name, world.holdout) == TREATMENT for number in range(world.homes)])


def spend(world: World, rate: Numbers, random: Random) -> Numbers:
    """Of each home in a period."""
    orders = random.poisson(rate)
    worth = world.basket * np.exp(random.normal(0, world.spread, int(orders.sum())))
    return np.bincount(np.repeat(np.arange(len(rate)), orders), worth, minlength=len(rate)).astype(np.float64)


def true_difference(world: World, lift: float) -> float:
    """What a lift makes in spending cut off as the estimator cuts it, a home: from many homes, interpolated."""
    return float(np.interp(lift, _TRUTH_LIFTS, _truths(world)))


@cache
def _truths(world: World) -> tuple[float, ...]:
    """Each home with and without the lift, so that homes that differ do not blur it."""
    random = np.random.default_rng(0)
    rate = random.gamma(world.shape, world.orders / world.shape, _TRUTH_HOMES)
    without = spend(world, rate, random)
    return tuple(_truth(world, lift, rate, without, random) for lift in _TRUTH_LIFTS)


def _truth(world: World, lift: float, rate: Numbers, without: Numbers, random: Random) -> float:
    treated = without + spend(world, rate * lift, random)
    held = random.random(len(rate)) < world.holdout
    limit = cap(np.where(held, without, treated))
    return float((np.minimum(treated, limit) - np.minimum(without, limit)).mean())


# What the estimators say of many such experiments.


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One experiment: the true difference, and what was told. broken: the split was called broken."""

    truth: float
    value: float
    low: float
    high: float
    significant: bool
    broken: bool

    @property
    def covers(self) -> bool:
        return self.low <= self.truth <= self.high


def trials(world: World, lifts: Sequence[float], seed: int) -> Iterator[Trial]:
    for number, lift in enumerate(lifts):
        random = np.random.default_rng([seed, number])
        found = analyse(draw(world, lift, random, f"simulated:{seed}:{number}"), Plan(share=1 - world.holdout))
        truth = true_difference(world, lift)
        if found.effect is None:
            yield Trial(truth=truth, value=0.0, low=-np.inf, high=np.inf, significant=False, broken=True)
            continue
        difference, told = found.effect.uplift.difference, found.effect.uplift.significant
        yield Trial(truth=truth, value=difference.value, low=difference.low, high=difference.high, significant=told,
                    broken=False)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Peeked:
    """Whether an effect was ever told, looking again and again: by the interval for one look, and by the sequence."""

    once: bool
    always: bool


def peeking(world: World, lift: float, looks: int, seed: int, number: int) -> Peeked:
    """Homes come in one after the other; the experiment is looked at `looks` times and stopped at the first effect."""
    random = np.random.default_rng([seed, number])
    units = draw(world, lift, random, f"peeked:{seed}:{number}")
    once = always = False
    for homes in np.linspace(world.homes / looks, world.homes, looks).astype(int):
        found = analyse(_first(units, int(homes)), Plan(share=1 - world.holdout, planned=world.homes)).effect
        if found is not None:
            once |= found.uplift.significant
            always |= found.always is not None and not found.always.low <= 0 <= found.always.high
    return Peeked(once=once, always=always)


def peeking_by_month(world: World, lift: float, months: int, seed: int, number: int) -> Peeked:
    """The same homes are looked at after every month, on what they have spent since the beginning."""
    random = np.random.default_rng([seed, number])
    treated = assigned(world, f"months:{seed}:{number}")
    rate = random.gamma(world.shape, world.orders / world.shape, world.homes)
    pre, outcome = spend(world, rate, random), np.zeros(world.homes)
    once = always = False
    for _ in range(months):
        outcome = outcome + spend(world, rate * np.where(treated, 1 + lift, 1.0) / months, random)
        found = analyse(Units(treated=treated, outcome=outcome, pre=pre), Plan(share=1 - world.holdout)).effect
        if found is not None:
            once |= found.uplift.significant
            always |= found.always is not None and not found.always.low <= 0 <= found.always.high
    return Peeked(once=once, always=always)


def _first(units: Units, homes: int) -> Units:
    assert units.pre is not None
    return Units(treated=units.treated[:homes], outcome=units.outcome[:homes], pre=units.pre[:homes])


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of simulated experiments, with its 95 % interval (Wilson)."""

    hits: int
    experiments: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.experiments


def rate(hits: Sequence[bool]) -> Rate:
    """ValueError where there is no experiment.

    >>> round(rate([True] * 5 + [False] * 95).low, 3), round(rate([True] * 5 + [False] * 95).high, 3)
    (0.022, 0.112)
    """
    n, z = len(hits), float(norm.ppf(0.975))
    if not n:
        raise ValueError("no experiment, so no share of them")
    share = sum(hits) / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Rate(hits=sum(hits), experiments=n, low=max(0.0, middle - half), high=min(1.0, middle + half))


def smallest_world(looks: int, holdout: float = 0.5) -> World:
    """So many homes that the sequence may speak at the first of the looks."""
    return World(homes=int(looks * sequential.LEAST / min(holdout, 1 - holdout) * 1.3), holdout=holdout)
