"""Baskets: what one person bought in one go. Pure; a matrix of baskets by products holds 1 where it was in it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]
GAP_MS = 30 * 60_000  # what a person buys without so long a pause is one basket
CAP = 100  # different products; fuller baskets are a reseller's, and go with everything


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """matrix: baskets by items, of 0 and 1, in columns (CSC). items: what the columns are. owner: whose basket a row
    is, as a number. left_out: baskets over the cap."""

    matrix: Any = field(repr=False)
    items: tuple[str, ...] = field(repr=False)
    owner: Ints = field(repr=False)
    left_out: int = 0

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


def numbered(names: Sequence[Hashable]) -> tuple[Ints, list[Any]]:
    """Each name's place in the sorted list of them, and the list."""
    known = sorted(set(names))  # type: ignore[type-var]  # names of one kind
    places = {name: place for place, name in enumerate(known)}
    return np.fromiter((places[name] for name in names), dtype=np.int64, count=len(names)), known


def of_lines(basket: Sequence[str], item: Sequence[str], cap: int = CAP) -> Baskets:
    """Of a file: the basket of each line, and what was in it."""
    rows, known = numbered(basket)
    columns, items = numbered(item)
    return _capped(rows, columns, items, np.arange(len(known), dtype=np.int64), cap)


def of_purchases(
    person: Sequence[str], item: Sequence[str], at_ms: Sequence[int], cap: int = CAP, gap_ms: int = GAP_MS
) -> Baskets:
    """owner: the person's place among all of them by name."""
    who, _ = numbered(person)
    columns, items = numbered(item)
    when = np.asarray(at_ms, dtype=np.int64)
    order = np.lexsort((when, who))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(who[order]) != 0) | (np.diff(when[order]) > gap_ms)
    rows = np.empty(len(order), dtype=np.int64)
    rows[order] = np.cumsum(begins) - 1
    return _capped(rows, columns, items, who[order][begins], cap)


def _capped(rows: Ints, columns: Ints, items: Sequence[str], owner: Ints, cap: int) -> Baskets:
    if cap < 2:
        raise ValueError(f"cap is {cap!r}, expected 2 products or more")
    ones = np.ones(len(rows), dtype=np.int32)
    found = sparse.csr_matrix((ones, (rows, columns)), shape=(len(owner), len(items)))
    found.sum_duplicates()
    found.data[:] = 1
    fits = np.diff(found.indptr) <= cap
    kept = sparse.csc_matrix(found[np.flatnonzero(fits)])
    return Baskets(matrix=kept, items=tuple(items), owner=owner[fits], left_out=int((~fits).sum()))


def shuffled(matrix: Any, rng: np.random.Generator) -> Any:
    """As many baskets hold each product as before, drawn anew: whatever is found in them is chance."""
    baskets, items = matrix.shape
    sizes = np.diff(sparse.csc_matrix(matrix).indptr)
    rows = [np.sort(rng.choice(baskets, size=int(size), replace=False)) for size in sizes]
    indices = np.concatenate([*rows, np.zeros(0, dtype=np.int64)]).astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    return sparse.csc_matrix((np.ones(len(indices), dtype=np.int32), indices, indptr), shape=(baskets, items))
