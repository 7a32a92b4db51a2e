"""Ranking metrics, a value for each user. hits: bool, shape (users, places): whether the item at a place was wanted.
wanted: int, shape (users,): how many were, at least 1.

Gains are binary, discounts log2(place + 1) with places from 1 (Jarvelin, Kekalainen 2002).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.intp]
PerUser = npt.NDArray[np.float64]


def precision(hits: Hits, wanted: Counts, k: int) -> PerUser:
    return np.asarray(hits[:, :k].sum(axis=1) / k)


def recall(hits: Hits, wanted: Counts, k: int) -> PerUser:
    return np.asarray(hits[:, :k].sum(axis=1) / wanted)


def ndcg(hits: Hits, wanted: Counts, k: int) -> PerUser:
    """Over the gain of the best list there could be."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discounts)[np.minimum(wanted, k) - 1]
    return np.asarray(hits[:, :k] @ discounts[: hits.shape[1]] / best)


def average_precision(hits: Hits, wanted: Counts, k: int) -> PerUser:
    """Mean precision at the places of the hits, over as many as could have been hit."""
    found = hits[:, :k]
    at_hits = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1) * found
    return np.asarray(at_hits.sum(axis=1) / np.minimum(wanted, k))


def reciprocal_rank(hits: Hits, wanted: Counts, k: int) -> PerUser:
    """Of the first hit, 0 without one."""
    found = hits[:, :k]
    return np.where(found.any(axis=1), 1 / (1 + found.argmax(axis=1)), 0.0)


PER_USER: dict[str, Callable[[Hits, Counts, int], PerUser]] = {
    "precision": precision,
    "recall": recall,
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
}


def coverage(ranked: npt.NDArray[np.intp], items: int) -> float:
    """The share of items that anybody was recommended. ranked: shape (users, places)."""
    return len(np.unique(ranked)) / items


def gini(ranked: npt.NDArray[np.intp], items: int) -> float:
    """How unequally recommendations fall on items: 0 all alike, towards 1 all on one."""
    counts = np.sort(np.bincount(ranked.ravel(), minlength=items)).astype(np.float64)
    places = np.arange(1, items + 1)
    return float((2 * places - items - 1) @ counts / (items * counts.sum()))


def novelty(ranked: npt.NDArray[np.intp], popularity: npt.NDArray[np.floating], users: int) -> float:
    """Mean of -log2 of the share of users who had a recommended item before; one nobody had counts as half a user."""
    shares = np.maximum(popularity, 0.5) / users
    return float(-np.log2(shares[ranked]).mean())
