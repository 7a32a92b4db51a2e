"""How well a ranking finds what people turn to next: temporal split, all products ranked, known ones left out.

Products a person already had to do with before the split are neither recommended nor counted (the NEW protocol), so
that remembering is not mistaken for recommending.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aircue_cloud.recommender.dataset import Dataset

Rank = Callable[[int, int, Sequence[int]], list[tuple[int, float]]]


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Means over `people`, the number of those with something new behind the split. All lie between 0 and 1."""

    ndcg: float
    recall: float
    people: int


def evaluate(rank: Rank, known: Dataset, later: Dataset, n: int = 10) -> Quality:
    """rank(row, n, without), of a model fitted on `known`, held against what was liked in `later`."""
    wanted = new_likes(known, later)
    if not wanted:
        return Quality(ndcg=0.0, recall=0.0, people=0)
    lists = {row: [column for column, _ in rank(row, n, touched(known, row))] for row in wanted}
    return Quality(
        ndcg=float(np.mean([ndcg(lists[row], wanted[row], n) for row in wanted])),
        recall=float(np.mean([recall(lists[row], wanted[row]) for row in wanted])),
        people=len(wanted),
    )


def touched(dataset: Dataset, row: int) -> Sequence[int]:
    """The columns a person had anything to do with."""
    matrix = dataset.matrix
    return [int(column) for column in matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]]


def new_likes(known: Dataset, later: Dataset) -> Mapping[int, set[int]]:
    """Rows and columns of `known`: what each person liked in `later` and had not touched before."""
    likes: dict[int, set[int]] = {}
    pairs = later.matrix.tocoo()
    for row, column, weight in zip(pairs.coords[0], pairs.coords[1], pairs.data, strict=True):
        person, product = later.people[row], later.products[column]
        if weight > 0 and person in known.rows and product in known.columns:
            likes.setdefault(known.rows[person], set()).add(known.columns[product])
    new = {row: columns - set(touched(known, row)) for row, columns in sorted(likes.items())}
    return {row: columns for row, columns in new.items() if columns}


def ndcg(ranked: Sequence[int], wanted: Collection[int], n: int) -> float:
    """Discounted gain log2(place + 1) of the hits, over that of the best possible list (Järvelin, Kekäläinen 2002)."""
    gain = sum(1 / np.log2(place + 2) for place, column in enumerate(ranked[:n]) if column in wanted)
    best = sum(1 / np.log2(place + 2) for place in range(min(n, len(wanted))))
    return float(gain / best)


def recall(ranked: Sequence[int], wanted: Collection[int]) -> float:
    return len(set(ranked) & set(wanted)) / len(wanted)
