"""Pairs and triples of products that are bought together more often than chance explains. Pure.

Counts are sparse matrix products: of the baskets' matrix with itself for pairs, and of the baskets that hold a pair
with all others for triples. A pair is tested by Fisher's exact test. A triple has to say more than its pairs do: in the
baskets that hold one of the three, the other two have to go together, whichever the one is (Webb: Discovering
significant patterns, Machine Learning 68, 2007); the least sure of the three tests counts.

What is tested is settled before it is looked at: every two products that are bought often enough by themselves, and
every such pair that was found with every third product. So a low count of a pair does not make the rest look surer.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from aircue_cloud.associations.significance import Method, false_share, fisher

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_PAIRS_AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True)
class Terms:
    """least: baskets that have to hold all of a set. fdr: the share of false findings that is borne."""

    least: int = 20
    fdr: float = 0.05
    method: Method = "by"
    triples: bool = True

    def __post_init__(self) -> None:
        if self.least < 1:
            raise ValueError(f"least is {self.least!r}, expected baskets, 1 or more")
        if not 0 < self.fdr < 1:
            raise ValueError(f"fdr is {self.fdr!r}, expected a share over 0 and under 1")


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Sets of items, of shape (sets, 2 or 3), ascending in each row and by rows; and in how many baskets all are."""

    items: Ints = field(repr=False)
    count: Ints = field(repr=False)

    def __len__(self) -> int:
        return len(self.count)


@dataclass(frozen=True, kw_only=True)
class Tested:
    """p, q: by set; tests: how many there were, of sets too rare to be listed as well."""

    sets: Sets
    p: Floats = field(repr=False)
    q: Floats = field(repr=False)
    tests: int

    def sure(self, fdr: float) -> Ints:
        """Places of what is found at this share of false findings."""
        return np.flatnonzero(self.q <= fdr)


@dataclass(frozen=True, kw_only=True)
class Mined:
    """baskets: how many there are; single: of which each item is in."""

    baskets: int
    single: Ints = field(repr=False)
    pairs: Tested
    triples: Tested


def mine(matrix: Any, terms: Terms) -> Mined:
    """matrix: baskets by items, of 0 and 1."""
    held = sparse.csc_matrix(matrix, dtype=np.int32)
    single = np.diff(held.indptr).astype(np.int64)
    often = np.flatnonzero(single >= terms.least)
    pairs = frequent_pairs(held, often, terms.least)
    triples = frequent_triples(held, pairs, terms.least) if terms.triples else _none(3)
    total = int(held.shape[0])
    tests = len(often) * (len(often) - 1) // 2
    return Mined(
        baskets=total,
        single=single,
        pairs=_tested(pairs, _of_pairs(pairs, single, total), tests, terms.method),
        triples=_tested(
            triples, _of_triples(triples, pairs, single), len(pairs) * max(len(often) - 2, 0), terms.method
        ),
    )


def _none(size: int) -> Sets:
    return Sets(items=np.zeros((0, size), dtype=np.int64), count=np.zeros(0, dtype=np.int64))


def frequent_pairs(held: Any, often: Ints, least: int) -> Sets:
    """often: the items that are worth looking at, ascending."""
    some = held[:, often]
    upper: Any = sparse.triu(some.T @ some, k=1)
    both = upper.tocoo()
    enough = both.data >= least
    items = np.column_stack([often[both.row[enough]], often[both.col[enough]]]).astype(np.int64)
    return _sorted(items, both.data[enough].astype(np.int64))


def _sorted(items: Ints, count: Ints) -> Sets:
    order = np.lexsort(tuple(items[:, column] for column in reversed(range(items.shape[1]))))
    return Sets(items=items[order], count=count[order])


def frequent_triples(held: Any, pairs: Sets, least: int) -> Sets:
    """Of all of whose pairs are frequent, which is so wherever a triple is."""
    if not len(pairs):
        return _none(3)
    known = np.unique(pairs.items)
    narrow = held[:, known]
    places = np.searchsorted(known, pairs.items)
    found, counts = [], []
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        some = places[start : start + _PAIRS_AT_ONCE]
        thirds = (narrow[:, some[:, 0]].multiply(narrow[:, some[:, 1]]).T @ narrow).tocoo()
        first, second = some[thirds.row, 0], some[thirds.row, 1]
        fits = (thirds.col > second) & (thirds.data >= least)
        found.append(known[np.column_stack([first[fits], second[fits], thirds.col[fits]])])
        counts.append(thirds.data[fits].astype(np.int64))
    return _sorted(np.concatenate(found).astype(np.int64), np.concatenate(counts))


def _tested(sets: Sets, p: Floats, tests: int, method: Method) -> Tested:
    return Tested(sets=sets, p=p, q=false_share(p, tests, method), tests=tests)


def _of_pairs(pairs: Sets, single: Ints, total: int) -> Floats:
    first, second = single[pairs.items[:, 0]], single[pairs.items[:, 1]]
    return fisher(pairs.count, first, second, np.full(len(pairs), total))


def _of_triples(triples: Sets, pairs: Sets, single: Ints) -> Floats:
    columns = triples.items.T
    together = {(a, b): counted(pairs, columns[a], columns[b], len(single)) for a, b in ((0, 1), (0, 2), (1, 2))}
    least_sure = np.zeros(len(triples))
    for one in range(3):
        others = [place for place in range(3) if place != one]
        first, second = (together[min(one, other), max(one, other)] for other in others)
        given = single[triples.items[:, one]]
        least_sure = np.maximum(least_sure, fisher(triples.count, first, second, given))
    return least_sure


def counted(pairs: Sets, first: Ints, second: Ints, items: int) -> Ints:
    """In how many baskets these are together, the lower item first; each is one of the pairs."""
    keys = pairs.items[:, 0] * items + pairs.items[:, 1]
    return pairs.count[np.searchsorted(keys, first * items + second)]


def across(first: Any, second: Any, apart: npt.NDArray[np.bool_], terms: Terms) -> Tested:
    """Pairs of one item of each matrix, over the same rows. apart: of shape (items of the first, of the second), which
    of them may be a pair. The sets' columns are the item of the first and that of the second."""
    one, other = sparse.csc_matrix(first, dtype=np.int32), sparse.csc_matrix(second, dtype=np.int32)
    sizes = np.diff(one.indptr).astype(np.int64), np.diff(other.indptr).astype(np.int64)
    looked = apart & (sizes[0] >= terms.least)[:, None] & (sizes[1] >= terms.least)[None, :]
    together: Any = one.T @ other
    both = together.tocoo()
    fits = (both.data >= terms.least) & looked[both.row, both.col]
    pairs = np.column_stack([both.row[fits], both.col[fits]]).astype(np.int64)
    sets = _sorted(pairs, both.data[fits].astype(np.int64))
    totals = np.full(len(sets), one.shape[0])
    p = fisher(sets.count, sizes[0][sets.items[:, 0]], sizes[1][sets.items[:, 1]], totals)
    return _tested(sets, p, int(looked.sum()), terms.method)
