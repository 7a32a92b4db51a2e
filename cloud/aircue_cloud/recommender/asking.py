"""One person's question to a trained model: what is known of them is looked up and weighed once.

An item's utility is on the scale of log odds (aircue_cloud.recommender.temperature), so that

    score = utility + log lift(item, context)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from aircue_cloud.recommender import asker as askers
from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import NEW, Artefact, Head
from aircue_cloud.recommender.asked import AllBut, Eligible, Surroundings, Told
from aircue_cloud.recommender.asker import Asker
from aircue_cloud.recommender.context_lifts import ContextLifts
from aircue_cloud.recommender.contract import Ranked
from aircue_cloud.recommender.explanations import Explanation, Reason
from aircue_cloud.recommender.kernels import NOBODY, Floats, best_of_scores
from aircue_cloud.recommender.models.blend import spreads
from aircue_cloud.recommender.newcomers import Newcomers
from aircue_cloud.recommender.reasons import reasons
from aircue_cloud.recommender.shortest_way import ShortestWay

Utilities = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_LEAST = np.finfo(np.float64).tiny  # what a share so small that it underflows is kept at, so that its logarithm exists


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """What every question to one model works with. columns: of its products. log_popularity: of the items, 0 for the
    average one. ways: by head, where there is a shortest way."""

    artefact: Artefact = field(repr=False)
    columns: Mapping[str, int] = field(repr=False)
    log_popularity: Utilities = field(repr=False)
    newcomers: Newcomers
    lifts: ContextLifts
    ways: Mapping[str, ShortestWay]


def barred(count: int, eligible: Eligible | None, columns: Callable[[Collection[str]], list[int]]) -> Mask:
    """Shape (count,): what may not be recommended. columns: of those products that there are."""
    if eligible is None:
        return np.zeros(count, dtype=np.bool_)
    all_but = isinstance(eligible, AllBut)
    found = np.full(count, not all_but)
    found[columns(eligible.products if isinstance(eligible, AllBut) else eligible)] = all_but
    return found


class QuestionOf:
    """person: as in told, by whose acts newcomers were met too. head: its name."""

    def __init__(self, held: Held, who: Asker, person: str, told: Told, head: str) -> None:
        self._held = held
        self._who = who
        self._head: Head = held.artefact.heads[head]
        self._way = held.ways.get(head) if who.people.profiles else None
        self._described = told.newcomers
        self._fresh = held.newcomers.among(told.newcomers)
        self._met = self._met_columns(person, told) if head == NEW else np.zeros(0, dtype=np.intp)

    @property
    def basis(self) -> str:
        return self._who.basis if self._tells_apart else askers.POPULARITY

    # Rankings.

    def recommend(self, n: int, context: Surroundings | None = None, eligible: Eligible | None = None) -> list[Ranked]:
        if n <= 0:
            return []
        shortest = context is None and not self._fresh and (eligible is None or isinstance(eligible, AllBut))
        if shortest and self._way is not None and self._tells_apart:
            return self._by_way(self._way, n, eligible)
        hidden = self._barred(eligible)
        hidden[self._met] = True
        return self._ranked(self._scores(context), hidden, n)

    def _by_way(self, way: ShortestWay, n: int, eligible: Eligible | None) -> list[Ranked]:
        barred = self._columns_of(eligible.products) if isinstance(eligible, AllBut) else []
        hidden = np.union1d(self._met, barred).astype(np.int32)
        items, scores = way.search.one(self._x, n, hidden)
        pairs = zip(items.tolist(), (scores * way.scale(self._x)).tolist(), strict=True)
        return [Ranked(product=self._held.artefact.items[item], score=score) for item, score in pairs]

    def _scores(self, context: Surroundings | None) -> Utilities:
        """Of items and newcomers."""
        scores = self._held.newcomers.extended(self.utility, self._described)
        return scores if context is None else scores + self._held.lifts.logs(context, self._fresh)

    def _ranked(self, scores: Utilities, hidden: Mask, n: int) -> list[Ranked]:
        count = min(n, len(scores))
        best, items = np.full(count, -np.inf), np.full(count, NOBODY, dtype=np.int32)
        if count:
            best_of_scores(scores, hidden, best, items)
        pairs = zip(items.tolist(), best.tolist(), strict=True)
        return [Ranked(product=self._name(item), score=score) for item, score in pairs if item != NOBODY]

    def _name(self, at: int) -> str:
        items = self._held.artefact.items
        return items[at] if at < len(items) else self._fresh[at - len(items)].id

    # Which products.

    @cached_property
    def _places(self) -> Mapping[str, int]:
        """Of newcomers, behind the items."""
        return {product.id: len(self._held.artefact.items) + at for at, product in enumerate(self._fresh)}

    def _columns_of(self, products: Collection[str]) -> list[int]:
        known = self._held.columns
        found = (known.get(product, self._places.get(product)) for product in products)
        return [column for column in found if column is not None]

    def _met_columns(self, person: str, told: Told) -> Columns:
        """The profiles know items alone; of newcomers, what the person did is told."""
        acts = () if person in told.withheld else told.did.get(person, ())
        new = {self._places[act.product] for act in acts if act.product in self._places and act.at <= told.now}
        return np.append(self._who.met, sorted(new)).astype(np.intp)

    def _barred(self, eligible: Eligible | None) -> Mask:
        """Shape (items and newcomers,): what may not be recommended."""
        return barred(len(self._held.columns) + len(self._fresh), eligible, self._columns_of)

    # Utilities.

    @cached_property
    def utility(self) -> Utilities:
        """Of the items; where nothing tells them apart, recent popularity does. Not to be written to."""
        if not self._tells_apart:
            return self._held.log_popularity
        return np.asarray(self._head.temperature * self._blended.astype(np.float64))

    @cached_property
    def _tells_apart(self) -> bool:
        if not self._who.people.profiles or not self._held.columns:
            return False
        if self._way is not None:
            return self._way.spread(self._x) > 0
        return bool(askers.tells_apart(self._blended[None])[0])

    @cached_property
    def _blended(self) -> Floats:
        return np.asarray(askers.blended(self._head, self._raw, self._raw_spreads)[0])

    @cached_property
    def _raw(self) -> list[Floats]:
        return askers.raw_scores(self._held.artefact, self._head, self._who.people)

    @cached_property
    def _raw_spreads(self) -> list[Floats]:
        return [spreads(scores) for scores in self._raw]

    @cached_property
    def _x(self) -> Floats:
        """The person's factors, where there is a shortest way."""
        assert self._way is not None
        return np.asarray(self._way.factors.users(self._who.people)[0])

    @cached_property
    def _spreads(self) -> list[float]:
        """The standard deviation of each part's scores."""
        if self._way is not None:
            return [self._way.spread(self._x)]
        return [float(spread[0, 0]) for spread in self._raw_spreads]

    # Explanations.

    def explain(self, products: Sequence[str], context: Surroundings | None = None) -> list[Explanation]:
        found = self._explained(products)
        return [one if context is None else self._with_lift(one, context) for one in found]

    def _with_lift(self, found: Explanation, context: Surroundings) -> Explanation:
        reason = self._held.lifts.reason(found.product, self._fresh, context)
        return found if reason is None else found.with_reason(reason)

    def explain_share(self, product: str) -> Explanation:
        """Of the logarithm of the product's share over the average one's."""
        average = log(len(self.utility)) - float(logsumexp(self.utility))
        [found] = self._explained([product])
        return found.with_reason(Reason(kind=explanations.AVERAGE, amount=average))

    def _explained(self, products: Sequence[str]) -> list[Explanation]:
        known = [one for one in products if one in self._held.columns]
        found = dict(zip(known, self._reasons(known), strict=True))
        found |= {one: self._reasons_of_newcomer(one) for one in products if one not in found}
        return [explanations.explanation(one, self.basis, found[one]) for one in products]

    def _reasons(self, products: Sequence[str]) -> list[list[Reason]]:
        places = np.array([self._held.columns[one] for one in products], dtype=np.intp)
        if self._tells_apart:
            return reasons(self._held.artefact, self._who.people, self._head, self._spreads, places)
        amounts = self.utility[places].tolist()
        return [[Reason(kind=explanations.EVERYBODY, amount=amount)] for amount in amounts]

    def _reasons_of_newcomer(self, product: str) -> list[Reason]:
        place = self._places.get(product)
        if place is None:
            return [Reason(kind=explanations.UNKNOWN, amount=self.unheard_of)]
        return self._held.newcomers.reasons(self.utility, self._fresh[place - len(self._held.columns)])

    # Shares of interest.

    def shares(self, products: Sequence[str]) -> Utilities:
        """Of the model's products they sum to 1, newcomers and what nobody heard of stand beside them."""
        beside = np.append(self._held.newcomers.extended(self.utility, self._described), self.unheard_of)
        columns = [self._held.columns.get(one, self._places.get(one, len(beside) - 1)) for one in products]
        found = np.exp(beside[np.array(columns, dtype=np.intp)] - logsumexp(self.utility))
        return np.maximum(found, _LEAST)

    @property
    def unheard_of(self) -> float:
        """The utility of what nobody turned to and nobody described: no better than the least of the others'."""
        below = log(self._held.artefact.floor * len(self.utility)) - float(self._held.log_popularity.min())
        return float(self.utility.min()) + min(below, 0.0)
