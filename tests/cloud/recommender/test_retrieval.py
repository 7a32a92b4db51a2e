"""The fast ways to the best items give the naive ranking: with ties, seen items, few items, lengths of any spread."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from aircue_cloud.recommender.kernels import NOBODY
from aircue_cloud.recommender.retrieval import Retrieval

Factors = npt.NDArray[np.float32]


def naive(x: Factors, y: Factors, k: int, seen: npt.NDArray[np.bool_]) -> list[list[tuple[int, float]]]:
    """Sorted whole."""
    found = []
    for scores, own in zip(x @ y.T, seen, strict=True):
        order = sorted((item for item in range(len(y)) if not own[item]), key=lambda item: (-scores[item], item))
        found.append([(item, float(scores[item])) for item in order[:k]])
    return found


def many(
    x: Factors, y: Factors, k: int, seen: npt.NDArray[np.bool_], threads: int = 1
) -> list[list[tuple[int, float]]]:
    items, scores = Retrieval(y).many(x, k, csr_array(seen), threads)
    rows = (zip(ids.tolist(), values.tolist(), strict=True) for ids, values in zip(items, scores, strict=True))
    return [[(item, score) for item, score in row if item != NOBODY] for row in rows]


def one_by_one(x: Factors, y: Factors, k: int, seen: npt.NDArray[np.bool_]) -> list[list[tuple[int, float]]]:
    retrieval = Retrieval(y)
    answers = [retrieval.one(row, k, np.flatnonzero(own)) for row, own in zip(x, seen, strict=True)]
    return [list(zip(items.tolist(), scores.tolist(), strict=True)) for items, scores in answers]


@given(
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1.0, 3.0]),
)
def test_the_fast_ways_are_the_naive_one(users: int, items: int, k: int, seed: int, spread: float) -> None:
    """Small whole numbers: their products are exact in any order, and ties are many."""
    random = np.random.default_rng(seed)
    scale = np.exp2(np.round(random.normal(0, spread, items)).clip(-3, 3)).astype(np.float32)
    y = random.integers(-3, 4, (items, 5)).astype(np.float32) * scale[:, None]
    x = random.integers(-3, 4, (users, 5)).astype(np.float32)
    seen = random.random((users, items)) < 0.3
    expected = naive(x, y, k, seen)
    assert many(x, y, k, seen) == expected
    assert one_by_one(x, y, k, seen) == expected


@pytest.mark.parametrize("threads", [1, 2])
def test_many_users_and_items_are_more_than_one_tile(threads: int) -> None:
    random = np.random.default_rng(1)
    y = random.integers(-4, 5, (2500, 6)).astype(np.float32)
    x = random.integers(-4, 5, (300, 6)).astype(np.float32)
    seen = random.random((300, 2500)) < 0.01
    assert many(x, y, 10, seen, threads) == naive(x, y, 10, seen)


def test_real_numbers_rank_as_their_rounded_products_do() -> None:
    random = np.random.default_rng(2)
    y = (random.standard_normal((3000, 64)) * random.lognormal(0, 1, (3000, 1))).astype(np.float32)
    x = random.standard_normal((50, 64)).astype(np.float32)
    seen = np.zeros((50, 3000), dtype=bool)
    expected = naive(x, y, 10, seen)
    for found in (many(x, y, 10, seen), one_by_one(x, y, 10, seen)):
        assert [[item for item, _ in row] for row in found] == [[item for item, _ in row] for row in expected]


def test_who_has_seen_everything_gets_nothing() -> None:
    y, x = np.ones((4, 2), dtype=np.float32), np.ones((1, 2), dtype=np.float32)
    seen = np.ones((1, 4), dtype=bool)
    assert many(x, y, 3, seen) == one_by_one(x, y, 3, seen) == [[]]


def test_an_empty_catalogue_gives_nothing() -> None:
    y, x = np.zeros((0, 2), dtype=np.float32), np.ones((1, 2), dtype=np.float32)
    seen = np.zeros((1, 0), dtype=bool)
    assert many(x, y, 3, seen) == one_by_one(x, y, 3, seen) == [[]]


def test_one_user_is_not_compared_with_every_item() -> None:
    """What the order by length is for: a few long items settle it."""
    from aircue_cloud.recommender import kernels

    y = np.ones((1000, 2), dtype=np.float32)
    y[7] = y[9] = 100
    retrieval = Retrieval(y)
    scores, items = np.full(2, -np.inf, dtype=np.float32), np.full(2, NOBODY, dtype=np.int32)
    looked_at = kernels.best_of_one(
        np.ones(2, dtype=np.float32), retrieval._sorted, retrieval._codes, retrieval._bounds,
        retrieval._order, np.zeros(0, dtype=np.int32), scores, items,
    )  # fmt: skip
    assert (looked_at, items.tolist()) == (2, [7, 9])
