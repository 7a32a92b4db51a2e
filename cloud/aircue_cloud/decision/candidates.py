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
from math import log
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.needs.needs import Need

NO_PUSH_SCORE = log(0.1)
COST = log(1.25)
DUE = 0.8  # the share of its life after which a consumable may be offered again
_NONE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Product:
    id: str
    name: str
    category: str
    stock: int


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """hindrance: why the household cannot be offered it; None where it can. why: reasons whose amounts sum to log
    affinity, as JSON; empty where nobody asked. due: the share of its life that one the household has has passed; None
    where nothing is known of that."""

    product: Product
    affinity: float
    lift: float
    cost: float
    hindrance: str | None = None
    why: Mapping[str, Any] = field(default_factory=dict, compare=False)
    due: float | None = None

    @property
    def score(self) -> float:
        return log(self.affinity) + log(self.lift) - self.cost


def household_affinity(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Shape (products,), mean 1, from shares of interest of shape (people, products of the whole catalogue)."""
    mean = shares.mean(axis=0)
    return np.asarray(mean / mean.mean())


def candidates(
    need: Need,
    products: Sequence[Product],
    affinity: Mapping[str, float],
    owned: Set[str],
    cost: float = COST,
    lifts: Mapping[str, float] = _NONE,
    due: Mapping[str, float] = _NONE,
) -> list[Candidate]:
    """All products that remedy the need, best first. owned: ids of products the household has. By product: affinity;
    lifts, the rule's where there is none; due, of consumables, the share of their life that has passed."""
    found = [
        Candidate(
            product=product,
            affinity=affinity[product.id],
            lift=lifts.get(product.id, need.remedies[product.category]),
            cost=cost,
            hindrance=_hindrance(product, owned, due.get(product.id)),
            due=due.get(product.id),
        )
        for product in products
        if product.category in need.remedies
    ]
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.product.id))


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
