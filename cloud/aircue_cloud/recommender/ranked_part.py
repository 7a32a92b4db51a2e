"""Trees over other parts, as a part: a model of aircue_cloud.recommender.models.ranker, stored and served.

It looks at its panel's scores and at what is known of items, users and pairs as at the end of the training. Of a person
who did something since, the latter two are brought up to it; of somebody the training never saw, they are made of what
they did. `rerank` is its second half alone, for whoever has the panel's scores and the candidates already.

Why: a score is the panel's sum, as far as it is trusted, and the trees' log odds, which fall into one amount a feature
(aircue_cloud.recommender.models.trees). What a feature says of a model's score or rank is shared out between the pieces
of that score, in proportion to their sizes; items' features are everybody's; those of user and item together are the
item's own, where the person had to do with it; the rest is taste. What all candidates have alike is the average.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models import features
from aircue_cloud.recommender.models import ranker as rankers
from aircue_cloud.recommender.models.blend import standardised
from aircue_cloud.recommender.models.contract import Scores
from aircue_cloud.recommender.models.features import Table
from aircue_cloud.recommender.models.ranker import Asked, Items
from aircue_cloud.recommender.models.trees import Trees
from aircue_cloud.recommender.parts import (
    Amounts,
    Arrays,
    Part,
    People,
    Pieces,
    Rows,
    csr_of,
    csr_to_arrays,
    shaped,
)

MET = Weighting(shape="binary")


@dataclass(frozen=True, kw_only=True, eq=False)
class RankedPart(Part):
    """panel: (weight among those who name the candidates, part). new: what a person had to do with is no candidate.
    of_items: shape (items, features); of_each: shape (users, features); pairs: as features.Pairs.tables, each of shape
    (users, items), none where new."""

    kind: ClassVar[str] = "trees"
    panel: tuple[tuple[float, Part], ...] = field(repr=False)
    grown: Trees
    new: bool
    candidates: int
    trust: float
    of_items: Table = field(repr=False)
    of_each: Table = field(repr=False)
    pairs: tuple[csr_array, ...] = field(default=(), repr=False)

    @property
    def weightings(self) -> frozenset[Weighting]:
        return frozenset({self.weighting, *(() if self.new else features.PAIR_WEIGHTS)})

    @property
    def over(self) -> tuple[Part, ...]:
        return tuple(part for _, part in self.panel)

    def of_users(self, rows: Sequence[int], over: Sequence[Part] = ()) -> Part:
        kept = list(rows)
        return replace(
            self,
            panel=tuple((weight, part) for (weight, _), part in zip(self.panel, over, strict=True)),
            of_each=self.of_each[kept],
            pairs=tuple(table[kept] for table in self.pairs),
        )

    # Scores.

    def scores(self, people: People) -> Scores:
        return self.rerank(self.ask(people))

    def ask(self, people: People) -> Asked:
        """The candidates of each person and what is said of them."""
        return self._ask(people, [standardised(part.scores(people)) for part in self.over])

    def rerank(self, asked: Asked) -> Scores:
        """Shape (people, items)."""
        return rankers.ranked(asked, self.grown, self.trust)

    def _ask(self, people: People, said: Sequence[Scores]) -> Asked:
        hidden = people.profiles[MET].toarray() != 0 if self.new else None
        beside = rankers.beside(self.of_items, self._of_each(people), self._of_pairs(people))
        return rankers.ask(said, [weight for weight, _ in self.panel], hidden, self.candidates, beside)

    def _of_each(self, people: People) -> Table:
        if people.rows is None:
            return features.of_users(*_told(people))
        known = self.of_each[people.rows]
        if not people.later:
            return known
        items = people.profiles[MET].nnz
        return features.user_since(known, items, _told(people)[0], people.trained_at, people.now)

    def _of_pairs(self, people: People) -> Callable[[Items], Table] | None:
        if self.new:
            return None
        tables = self._pairs_of(people)
        weights = [people.profiles[weighting] for weighting in features.PAIR_WEIGHTS]
        return lambda items: features.of_pairs(tables, weights, items)

    def _pairs_of(self, people: People) -> Sequence[csr_array]:
        if people.rows is None:
            return features.Pairs(*_told(people)).tables
        known = [table[people.rows] for table in self.pairs]
        if not people.later:
            return known
        return features.pairs_since(known, _told(people)[0], people.trained_at, people.now)

    # Reasons.

    def pieces(self, people: People, items: Rows) -> Pieces:
        raw = [part.scores(people) for part in self.over]
        asked = self._ask(people, [standardised(one) for one in raw])
        found = _Pile(people.profiles[MET].indices, len(items))
        panel = [part.pieces(people, items) for part in self.over]
        believed = self.trust if len(self.grown) else 1.0
        for (weight, _), one, scores in zip(self.panel, panel, raw, strict=True):
            spread = float(scores.std())
            found.take(one, np.full(len(items), believed * weight / spread if spread > 0 else 0.0))
        if len(self.grown):
            self._learnt(found, panel, asked, items)
        return found.pieces()

    def _learnt(self, found: "_Pile", panel: Sequence[Pieces], asked: Asked, items: Rows) -> None:
        """Adds what the trees say of those that are candidates, and what sets all of them beside the others."""
        place = np.full(asked.whole.shape[1], -1)
        place[asked.items[0]] = np.arange(asked.items.shape[1])
        among = place[items] >= 0
        x = asked.x[0]
        odds = self.grown.log_odds(x) + self.trust * asked.whole[0][asked.items[0]]
        least, most = rankers.edges(asked, odds[None])
        found.average += np.where(among, self.grown.base - least[0, 0], -self.trust * float(most[0, 0]))
        amounts = np.zeros((len(items), x.shape[1]))
        amounts[among] = self.grown.contributions(x[place[items[among]]])
        self._by_feature(found, panel, amounts, items)

    def _by_feature(self, found: "_Pile", panel: Sequence[Pieces], amounts: Amounts, items: Rows) -> None:
        """amounts: shape (items, features), in the order of aircue_cloud.recommender.models.ranker.ask."""
        models, of_items, of_each = len(panel), self.of_items.shape[1], self.of_each.shape[1]
        borders = np.cumsum([models, models, of_items, of_each])
        score, rank, item, person, pair = np.split(amounts, borders, axis=1)
        for place, one in enumerate(panel):
            found.share_out(one, score[:, place] + rank[:, place])
        found.everybody += item.sum(axis=1)
        found.taste += person.sum(axis=1)
        found.of_itself(items, pair.sum(axis=1))

    # Files.

    def arrays(self) -> Arrays:
        found = {f"trees.{name}": array for name, array in self.grown.arrays().items()}
        for number, table in enumerate(self.pairs):
            found |= csr_to_arrays(f"pairs{number}", table)
        return {**found, "of_items": self.of_items, "of_each": self.of_each}

    def header(self) -> dict[str, Any]:
        said = {"new": self.new, "candidates": self.candidates, "trust": self.trust, "start": self.grown.start}
        return {**super().header(), **said, "weights": [weight for weight, _ in self.panel]}

    @classmethod
    def of_arrays(
        cls,
        header: Mapping[str, Any],
        arrays: Arrays,
        shape: tuple[int, int],
        over: Sequence[Part],
        said: Mapping[str, Any],
    ) -> "RankedPart":
        """said: family, params and weighting. KeyError or ValueError where these are not those of such a part."""
        new, of_items, of_each = bool(header["new"]), arrays["of_items"], arrays["of_each"]
        asked = 2 * len(over) + of_items.shape[1] + of_each.shape[1] + (0 if new else features.OF_PAIRS)
        trees = {name.removeprefix("trees."): array for name, array in arrays.items() if name.startswith("trees.")}
        return cls(
            panel=tuple(zip(map(float, header["weights"]), over, strict=True)),
            grown=Trees.of_arrays(trees, header["start"], asked),
            new=new,
            candidates=int(header["candidates"]),
            trust=float(header["trust"]),
            of_items=shaped(of_items, (shape[1], features.OF_ITEMS)),
            of_each=shaped(of_each, (shape[0], features.OF_USERS)),
            pairs=() if new else tuple(csr_of(f"pairs{n}", arrays, shape) for n in range(len(features.EMPTY))),
            **said,
        )


def _told(people: People) -> tuple[Any, float]:
    if people.log is None:
        raise ValueError("people the training never saw, and nothing of what they did")
    return people.log, people.now


class _Pile:
    """Pieces of several parts, added up. own: the items the person had to do with."""

    def __init__(self, own: npt.NDArray[np.integer], items: int) -> None:
        self.own = own
        self.by_own = np.zeros((len(own), items))
        self.everybody, self.taste, self.average = np.zeros(items), np.zeros(items), np.zeros(items)

    def take(self, one: Pieces, scale: Amounts) -> None:
        """scale: shape (items,)."""
        places = self._places(one)
        self.by_own[places] += one.by_own * scale
        for pile, amounts in self._beside(one):
            pile += scale * amounts

    def share_out(self, one: Pieces, amounts: Amounts) -> None:
        """An amount an item, in proportion to the sizes of its pieces; taste where there is none."""
        sizes = np.abs(one.by_own).sum(axis=0) + sum(np.abs(amounts) for _, amounts in self._beside(one))
        share = np.divide(amounts, sizes, out=np.zeros_like(amounts), where=sizes > 0)
        self.take(one.sizes(), share)
        self.taste += np.where(sizes > 0, 0.0, amounts)

    def of_itself(self, items: Rows, amounts: Amounts) -> None:
        itself = self.own[:, None] == items
        self.by_own += itself * amounts
        self.taste += np.where(itself.any(axis=0), 0.0, amounts)

    def pieces(self) -> Pieces:
        beside = {name: getattr(self, name) for name in _BESIDE}
        return Pieces(own=self.own, by_own=self.by_own, **beside)

    def _places(self, one: Pieces) -> npt.NDArray[np.intp]:
        """Where their own items are among ours; those that cancel out under MET are none of ours yet."""
        missing = np.setdiff1d(one.own, self.own)
        if len(missing):
            self.own, before = np.union1d(self.own, missing), self.own
            wider = np.zeros((len(self.own), self.by_own.shape[1]))
            wider[np.searchsorted(self.own, before)] = self.by_own
            self.by_own = wider
        return np.searchsorted(self.own, one.own)

    def _beside(self, one: Pieces) -> list[tuple[Amounts, Amounts]]:
        """(our sum, their amounts) of what is not by own items."""
        pairs = [(getattr(self, name), getattr(one, name)) for name in _BESIDE]
        return [(pile, amounts) for pile, amounts in pairs if amounts is not None]


_BESIDE = ("everybody", "taste", "average")
