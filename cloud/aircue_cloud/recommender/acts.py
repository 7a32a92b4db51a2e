"""What people did in the shop, as the weights that models learn from.

An act says more the more it costs (aircue_cloud.recommender.weights). Stars speak after the fact and can take back what
the purchase said: a product that was bought and found bad is a known dislike, not an unknown (STARS). Each event keeps
its own weight and time, so what was learnt later never colours what was known before.

What followed from a push of ours says less, for we had put the product before the person's eyes. With theta_i the
chance that somebody comes upon product i by themselves, an interaction is worth 1 / theta where theta is its chance of
having been seen (inverse propensity, Schnabel, Swaminathan, Singh, Chandak, Joachims: Recommendations as treatments,
ICML 2016); a pushed one was seen for certain, so beside the others it is worth theta_i, with theta_i = (n_i / max_j
n_j)^(1/2) for n_i people who came upon i unpushed (Saito, Yaginuma, Nishino, Sakata, Nakata: Unbiased recommender
learning from missing-not-at-random implicit feedback, WSDM 2020), and THETA_LEAST at least. The dearer an act, the less
of it being shown explains: SHOWN has the power of theta_i by kind of act. The period that models are chosen and checked
on counts no pushed interaction at all, so that no model is praised for repeating our pushes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.weights import WEIGHTS

STARS: Mapping[int, float] = MappingProxyType({0: -16.0, 1: -16.0, 2: -14.0, 3: -3.0, 4: 2.0, 5: 4.0})
SHOWN: Mapping[str, float] = MappingProxyType(
    {"impression": 1.0, "view": 1.0, "click": 1.0, "favourite": 0.5, "cart": 0.5, "purchase": 0.5}
)
THETA_LEAST = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One act of a person towards a product. stars: 0..5, of a rating. weight: in place of the kind's, if given, and of
    its sign. pushed: it followed from a push of ours. text: what somebody wrote with a rating."""

    person: str
    product: str
    kind: str
    at: datetime
    stars: int | None = None
    weight: float | None = None
    pushed: bool = False
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Learnable:
    """pushed: shape (events,), of the log's events."""

    log: Interactions
    pushed: npt.NDArray[np.bool_]

    def unpushed(self, begin: float, end: float) -> Interactions:
        return self.log.where((self.log.at >= begin) & (self.log.at < end) & ~self.pushed)


def learnable(events: Iterable[Event]) -> Learnable:
    """DatasetError names the first event that cannot be counted, or says that there is none. The same event twice is
    one."""
    distinct = list(dict.fromkeys(events))
    theta = thetas(distinct)
    rows = sorted(
        (one.at.timestamp(), one.person, one.product, _debiased(one, theta), one.pushed)
        for one in distinct
        if signed(one) != 0
    )
    if not rows:
        raise DatasetError("no interactions to learn from: record some, or ask people for their consent")
    # In the very order that Interactions.of keeps.
    log = Interactions.of((person, product, at, weight) for at, person, product, weight, _ in rows)
    return Learnable(log=log, pushed=np.array([pushed for *_, pushed in rows], dtype=np.bool_))


def signed(event: Event) -> float:
    """How much an event says for the product, below 0 against it."""
    place = f"{event.kind} of product {event.product!r} by person {event.person!r}"
    if event.kind not in WEIGHTS:
        raise DatasetError(f"{place}: unknown kind {event.kind!r}, known are {', '.join(sorted(WEIGHTS))}")
    if event.stars is not None and event.stars not in STARS:
        raise DatasetError(f"{place}: {event.stars!r} stars, expected a whole number from 0 to 5")
    usual = WEIGHTS[event.kind]
    weight = usual if event.weight is None else event.weight
    if not math.isfinite(weight) or weight * usual < 0:
        raise DatasetError(f"{place}: weight {weight}, expected a number {'from 0 up' if usual > 0 else 'up to 0'}")
    return weight if event.stars is None else weight * STARS[event.stars]


def _debiased(event: Event, theta: Mapping[str, float]) -> float:
    if not event.pushed:
        return signed(event)
    return float(signed(event) * theta.get(event.product, THETA_LEAST) ** SHOWN.get(event.kind, 0.0))


def thetas(events: Sequence[Event]) -> Mapping[str, float]:
    """theta_i of every product that anybody came upon by themselves, THETA_LEAST to 1."""
    people: dict[str, set[str]] = {}
    for one in events:
        if not one.pushed:
            people.setdefault(one.product, set()).add(one.person)
    most = max((len(them) for them in people.values()), default=1)
    return {product: max(THETA_LEAST, math.sqrt(len(them) / most)) for product, them in people.items()}
