"""Interactions as a matrix of people x products. Ids become row and column numbers here and nowhere else.

r_ui, the weight of what person u did with product i, is the sum of the events' weights (WEIGHTS: the more an act costs
the person, the more it says), times what the person's latest stars leave of it (STARS). Stars below 3 turn the sign: a
product that was bought and found bad is a known dislike, not an unknown.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

import numpy as np
from scipy.sparse import csr_array

from aircue_cloud.recommender import weights as kinds
from aircue_cloud.recommender.errors import DatasetError

# This matrix knows no dislike but that of stars.
WEIGHTS: Mapping[str, float] = MappingProxyType({kind: weight for kind, weight in kinds.WEIGHTS.items() if weight >= 0})
STARS: Mapping[int, float] = MappingProxyType({0: -0.5, 1: -0.5, 2: -0.2, 3: 0.6, 4: 1.0, 5: 1.3})


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One act of a person towards a product. stars: 0..5, of a rating. weight: in place of the kind's, if given."""

    person: str
    product: str
    kind: str
    at: datetime
    stars: int | None = None
    weight: float | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """matrix: r_ui as float32, shape (people, products), columns sorted within a row, no explicit zeros."""

    people: tuple[str, ...]
    products: tuple[str, ...]
    matrix: csr_array = field(repr=False)

    @cached_property
    def rows(self) -> Mapping[str, int]:
        return {person: row for row, person in enumerate(self.people)}

    @cached_property
    def columns(self) -> Mapping[str, int]:
        return {product: column for column, product in enumerate(self.products)}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids and weights: the same events in any order have the same one."""
        digest = hashlib.sha256("\0".join([*self.people, "", *self.products]).encode())
        for part in (self.matrix.indptr, self.matrix.indices, self.matrix.data):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def build(events: Iterable[Event], weights: Mapping[str, float] = WEIGHTS) -> Dataset:
    """The matrix of events; DatasetError names the first event that cannot be counted, or says that there is none."""
    _check_weights(weights)
    totals, stars = _totals(events, weights)
    kept = {pair: total * STARS[stars[pair][1]] if pair in stars else total for pair, total in totals.items()}
    if not kept:
        raise DatasetError("no interactions to learn from: record some, or ask people for their consent")
    people = tuple(sorted({person for person, _ in kept}))
    products = tuple(sorted({product for _, product in kept}))
    return Dataset(people=people, products=products, matrix=_matrix(kept, people, products))


def _check_weights(weights: Mapping[str, float]) -> None:
    for kind, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise DatasetError(f"weight of {kind!r} is {weight}: it must be a number from 0 up")


_Pair = tuple[str, str]


def _totals(
    events: Iterable[Event], weights: Mapping[str, float]
) -> tuple[dict[_Pair, float], dict[_Pair, tuple[datetime, int]]]:
    """Summed weights, and time and number of the latest stars, of each (person, product)."""
    parts: dict[_Pair, list[float]] = {}
    stars: dict[_Pair, tuple[datetime, int]] = {}
    for event in events:
        pair = (event.person, event.product)
        parts.setdefault(pair, []).append(_weight(event, weights))
        if event.stars is not None:
            stars[pair] = max(stars.get(pair, (event.at, event.stars)), (event.at, event.stars))
    # fsum is exact, so the order in which rows arrive leaves no trace in a weight.
    return {pair: total for pair, values in parts.items() if (total := math.fsum(values)) > 0}, stars


def _weight(event: Event, weights: Mapping[str, float]) -> float:
    place = f"{event.kind} of product {event.product!r} by person {event.person!r}"
    if event.kind not in weights:
        raise DatasetError(f"{place}: unknown kind {event.kind!r}, known are {', '.join(sorted(weights))}")
    if event.stars is not None and event.stars not in STARS:
        raise DatasetError(f"{place}: {event.stars!r} stars, expected a whole number from 0 to 5")
    weight = weights[event.kind] if event.weight is None else event.weight
    if not (math.isfinite(weight) and weight >= 0):
        raise DatasetError(f"{place}: weight {weight}, expected a number from 0 up")
    return weight


def _matrix(kept: Mapping[_Pair, float], people: tuple[str, ...], products: tuple[str, ...]) -> csr_array:
    rows = {person: row for row, person in enumerate(people)}
    columns = {product: column for column, product in enumerate(products)}
    pairs = sorted(kept)
    index = np.array([(rows[person], columns[product]) for person, product in pairs], dtype=np.intp)
    data = np.array([kept[pair] for pair in pairs], dtype=np.float32)
    return csr_array((data, (index[:, 0], index[:, 1])), shape=(len(people), len(products)))
