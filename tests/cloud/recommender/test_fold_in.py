"""Factors for newcomers, against implicit's own and against plain least squares."""

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from tests.cloud.recommender.test_models import NOW, random_log
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.als import Als, confidence
from aircue_cloud.recommender.models.fold_in import ItemFoldIn, UserFoldIn


def test_a_user_folded_in_is_where_implicit_puts_them() -> None:
    log = random_log(3)
    r = log.matrix(Weighting(), NOW)
    model = Als(factors=4, l2=0.7, alpha=2.0, weighting=Weighting())
    model.fit(log, NOW)
    with threadpool_limits(limits=1, user_api="blas"):
        peer = AlternatingLeastSquares(factors=4, regularization=0.7, use_cg=False)
    peer.item_factors = model.y
    fold = UserFoldIn(model.y, alpha=2.0, l2=0.7)
    for user in range(5):
        row = r[[user]]
        expected = peer.recalculate_user(0, csr_matrix(confidence(row, 2.0)))
        assert fold.of(row.indices, row.data) == pytest.approx(expected.ravel(), abs=1e-4)


@pytest.mark.parametrize("count", [1, 5, 15, 16, 40])
def test_few_and_many_items_are_the_same_least_squares(count: int) -> None:
    """Formula 4 written out in float64; dislikes and weights of 0 among them."""
    random = np.random.default_rng(count)
    y = random.normal(size=(60, 16)).astype(np.float32)
    items = random.choice(60, count, replace=False)
    weights = random.integers(-2, 4, count).astype(np.float32)
    c, p = np.ones(60), np.zeros(60)
    c[items] += 3.0 * np.abs(weights)
    p[items] = weights > 0
    wide = y.astype(np.float64)
    expected = np.linalg.solve(wide.T @ (c[:, None] * wide) + 0.2 * np.eye(16), wide.T @ (c * p))
    assert UserFoldIn(y, alpha=3.0, l2=0.2).of(items, weights) == pytest.approx(expected, abs=1e-5)


def test_factors_that_cannot_be_solved_for_are_an_error() -> None:
    with pytest.raises((ValueError, np.linalg.LinAlgError)):
        UserFoldIn(np.zeros((4, 2), dtype=np.float32), alpha=1.0, l2=0.0).of(np.array([0, 1, 2]), np.ones(3))


def test_a_dislike_pushes_a_user_away() -> None:
    y = np.eye(2, dtype=np.float32)
    fold = UserFoldIn(y, alpha=4.0, l2=0.1)
    liked = fold.of(np.array([0]), np.array([1.0]))
    both = fold.of(np.array([0, 1]), np.array([1.0, -1.0]))
    assert liked[0] > 0
    assert (both[0], both[1]) == (pytest.approx(liked[0]), 0)


def test_who_did_nothing_has_no_taste() -> None:
    assert UserFoldIn(np.eye(3, dtype=np.float32), 1.0, 1.0).of(np.zeros(0, dtype=int), np.zeros(0)).tolist() == [
        0,
        0,
        0,
    ]


def test_an_item_is_put_beside_those_it_is_like() -> None:
    random = np.random.default_rng(1)
    attributes = random.integers(0, 2, (200, 6)).astype(float)
    y = (attributes @ random.normal(size=(6, 3)) + 5 + random.normal(0, 0.01, (200, 3))).astype(np.float32)
    fold = ItemFoldIn(attributes[:150], y[:150], l2=0.01)
    assert fold.of(attributes[150:]) == pytest.approx(y[150:], abs=0.1)


def test_without_trust_in_attributes_a_new_item_is_the_mean_of_all() -> None:
    attributes, y = np.eye(3), np.array([[1.0], [2.0], [6.0]], dtype=np.float32)
    assert ItemFoldIn(attributes, y, l2=1e9).of(np.eye(3)) == pytest.approx(3.0, abs=1e-3)
