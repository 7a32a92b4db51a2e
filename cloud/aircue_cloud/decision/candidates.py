"""Candidates: the remedies of a need, scored for one household. Pure.

    score(household, product, need) = log affinity + log lift - cost

affinity is the household's interest in the product over its mean interest in the catalogue's products (1: as
interesting as any), averaged over its people. lift is how many times likelier the remedy is wanted while the need
holds: the rule's prior, corrected by what was bought while it held. cost is what an interruption costs, on the same
scale. "No push" is an alternative with a fixed score: with it at log 0.1, an offer goes out when lift and cost make it
at least a tenth as attractive as an average product is.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import log, sqrt
from operator import itemgetter
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from aircue_cloud.decision import exploration
from aircue_cloud.decision.exploration import INTEREST_NOISE, MOST_ARMS, Chances
from aircue_cloud.needs.needs import Need
from aircue_cloud.recommender.lift import Posterior

NO_PUSH_SCORE = log(0.1)
COST = log(1.25)
DUE = 0.8  # the share of its life after which a consumable may be offered again
MARGIN = 0.3  # of a price, where a product does not say what is earned with it
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Product(Struct, frozen=True, kw_only=True, gc=False):
    """margin_minor: what one sale earns, in minor units."""

    id: str
    name: str
    category: str
    stock: int
    margin_minor: float = 0.0


class Lifted(Struct, frozen=True, kw_only=True, gc=False):
    """A lift. log: mean and standard deviation of its logarithm."""

    mean: float
    log: tuple[float, float]


class Candidate(Struct, frozen=True, kw_only=True, gc=False):
    """hindrance: why the household cannot be offered it; None where it can. due: the share of its life that one the
    household has has passed; None where nothing is known of that. log_lift: mean and standard deviation of the lift's
    logarithm."""

    product: Product
    affinity: float
    lift: float
    cost: float
    hindrance: str | None = None
    due: float | None = None
    log_lift: tuple[float, float] = (0.0, 0.0)

    @property
    def score(self) -> float:
        return score_of(self.affinity, self.lift, self.cost)

    @property
    def drawn_mean(self) -> float:
        """Of the score's distribution: a little below the score, since a Gamma's mean lies above its median."""
        return log(self.affinity) + self.log_lift[0] - self.cost

    @property
    def deviation(self) -> float:
        return sqrt(INTEREST_NOISE**2 + self.log_lift[1] ** 2)

    @property
    def incremental_margin(self) -> float:
        """Minor units that an offer adds, up to the chance of a sale of an average product at any other time, which is
        the same for everything that is compared."""
        return self.affinity * max(self.lift - 1.0, 0.0) * self.product.margin_minor


def score_of(affinity: float, lift: float, cost: float) -> float:
    return log(affinity) + log(lift) - cost


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to offer, None for no push; the chance of that, and those of all arms by product."""

    chosen: Candidate | None
    propensity: float
    propensities: Mapping[str, float] = field(default_factory=dict)
    none: float = 1.0


def household_affinities(shares: npt.NDArray[np.float64], people: Sequence[int]) -> npt.NDArray[np.float64]:
    """Shape (households, products), of each household with the mean 1, from shares of interest of shape (people,
    products of the whole catalogue). people: how many each household has, one after the other; none has none."""
    counts = np.array(people)
    means = np.add.reduceat(shares, np.cumsum(counts) - counts, axis=0) / counts[:, None]
    return np.asarray(means / means.mean(axis=1, keepdims=True))


def candidates(
    need: Need,
    products: Sequence[Product],
    affinity: Mapping[str, float],
    owned: Set[str],
    cost: float = COST,
    lifts: Mapping[str, Lifted] = _NOTHING,
    due: Mapping[str, float] = _NOTHING,
    barred: Mapping[str, str] = _NOTHING,
) -> list[Candidate]:
    """All products that remedy the need, best first. owned: ids of products the household has. By product: affinity;
    lifts, the rule's where there is none; due, of consumables, the share of their life that has passed; barred, why it
    may not be offered beyond that."""
    ranked = []
    special = {*owned, *due, *barred}
    for product in products:
        if product.category not in need.remedies:
            continue
        id_, liking = product.id, affinity[product.id]
        lift = lifts.get(id_) or by_rule(need.remedies[product.category])
        hindrance = "out of stock" if product.stock <= 0 else None
        if id_ in special:
            hindrance = _hindrance(product, owned, due.get(id_)) or barred.get(id_)
        candidate = Candidate(
            product=product,
            affinity=liking,
            lift=lift.mean,
            cost=cost,
            hindrance=hindrance,
            due=due.get(id_),
            log_lift=lift.log,
        )
        ranked.append((-score_of(liking, lift.mean, cost), id_, candidate))
    ranked.sort(key=_RANK)
    return [candidate for _, _, candidate in ranked]


_RANK = itemgetter(0, 1)


def by_rule(rule: float) -> Lifted:
    """As a need's file says, without any doubt."""
    return Lifted(mean=rule, log=(log(rule), 0.0))


def lifted(found: Posterior) -> Lifted:
    return Lifted(mean=found.mean, log=exploration.log_lift(found.shape, found.rate))


def _hindrance(product: Product, owned: Set[str], due: float | None) -> str | None:
    """What is nearly used up may be offered again."""
    if product.id in owned and due is None:
        return "the household has it already"
    if product.id in owned and due is not None and due < DUE:
        return f"the household has it already, and {due * 100:.0f} % of its life has passed"
    return "out of stock" if product.stock <= 0 else None


def best(found: Sequence[Candidate]) -> Candidate | None:
    """The best one the household can be offered, whether or not it beats no push."""
    return next((candidate for candidate in found if candidate.hindrance is None), None)


def arms(found: Sequence[Candidate]) -> list[Candidate]:
    """Those that may be offered and are worth more than no push, best first."""
    worth = (one for one in found if one.hindrance is None and one.score > NO_PUSH_SCORE)
    return [one for one, _ in zip(worth, range(MOST_ARMS), strict=False)]


def choose(found: Sequence[Candidate], seed: str, *, explore: bool) -> Choice:
    """One of the arms or no push. seed: the push key."""
    return choose_all([(found, seed)], explore=explore)[0]


def choose_all(asked: Sequence[tuple[Sequence[Candidate], str]], *, explore: bool) -> list[Choice]:
    """For many at once: candidates, best first, and seed of each."""
    among = [arms(found) for found, _ in asked]
    drawn = zip(among, _chances(among, explore), asked, strict=True)
    return [_drawn(some, chances, seed) for some, chances, (_, seed) in drawn]


def _drawn(among: Sequence[Candidate], chances: Chances, seed: str) -> Choice:
    place = exploration.draw(chances, seed)
    by_product = {one.product.id: chance for one, chance in zip(among, chances.arms, strict=True)}
    if place is None:
        return Choice(chosen=None, propensity=chances.none, propensities=by_product, none=chances.none)
    chosen = among[place]
    return Choice(chosen=chosen, propensity=chances.arms[place], propensities=by_product, none=chances.none)


def _chances(among: Sequence[Sequence[Candidate]], explore: bool) -> list[Chances]:
    if not explore:
        return [exploration.greedy([one.score for one in some]) for some in among]
    known = [([one.drawn_mean for one in some], [one.deviation for one in some]) for some in among]
    return exploration.chances_of_many(known, NO_PUSH_SCORE)
