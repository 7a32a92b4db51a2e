"""When something used up is due again: the time between two purchases of a product by a user.

The mean interval of a user and product is pooled with the product's, and that with the whole shop's:

    m_ui = (sum of the user's gaps + s m_i) / (number of gaps + s)

so that one purchase is enough for an expectation and many make it the user's own. Where the maker says how long a
product lasts, that stands in the place of the shop's mean. What wears with use instead of time (a filter with the dust
it has seen) is measured in its own unit: the clock of an interval is whatever grows, see aircue_cloud.recommender.wear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

_TRUST = 3.0  # gaps that the pool counts for
_NOTHING_SAID: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """at: on the clock of the product, days or whatever wears it; it never falls for a user and product."""

    user: str
    product: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Due:
    """interval: expected between purchases; last: the last one; gaps: how many of the user's own it rests on."""

    interval: float
    last: float
    gaps: int

    def progress(self, now: float) -> float:
        """The share of the interval that has passed: 0 just bought, 1 due."""
        return max(0.0, now - self.last) / self.interval


def learn(
    purchases: Iterable[Purchase], trust: float = _TRUST, lasts: Mapping[str, float] = _NOTHING_SAID
) -> Mapping[tuple[str, str], Due]:
    """By (user, product), of all that anybody bought twice, or whose maker says how long it lasts: what never came back
    is no consumable. lasts: by product, on its clock, over 0."""
    times = _times(purchases)
    gaps = {pair: [later - one for one, later in pairwise(at)] for pair, at in times.items()}
    by_product: dict[str, list[float]] = {}
    for (_, product), own in gaps.items():
        by_product.setdefault(product, []).extend(own)
    everything = [gap for product_gaps in by_product.values() for gap in product_gaps]
    overall = sum(everything) / len(everything) if everything else 0.0
    pooled = {
        product: _pool(own, lasts.get(product, overall), trust)
        for product, own in by_product.items()
        if own or product in lasts
    }
    return {
        (user, product): Due(interval=_pool(gaps[user, product], pooled[product], trust), last=at[-1], gaps=len(at) - 1)
        for (user, product), at in times.items()
        if product in pooled
    }


def _times(purchases: Iterable[Purchase]) -> dict[tuple[str, str], list[float]]:
    """Ascending; what was bought at the same time is one purchase."""
    times: dict[tuple[str, str], set[float]] = {}
    for one in purchases:
        times.setdefault((one.user, one.product), set()).add(one.at)
    return {pair: sorted(at) for pair, at in times.items()}


def _pool(gaps: list[float], expected: float, trust: float) -> float:
    return (sum(gaps) + trust * expected) / (len(gaps) + trust)
