"""The graph finds nearly all of the best, scores them exactly, and keeps what was seen out."""

import builtins
from typing import Any

import numpy as np
import pytest

from aircue_cloud.recommender.errors import RecommenderError
from aircue_cloud.recommender.hnsw import Hnsw
from aircue_cloud.recommender.retrieval import Retrieval

RANDOM = np.random.default_rng(2)
Y = (RANDOM.standard_normal((4000, 16)) * RANDOM.lognormal(0, 0.5, (4000, 1))).astype(np.float32)
X = RANDOM.standard_normal((100, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def graph() -> Hnsw:
    return Hnsw(Y)


def test_recall_against_the_exact_ranking_is_high(graph: Hnsw) -> None:
    exact = Retrieval(Y)
    found = [len(np.intersect1d(graph.one(x, 10)[0], exact.one(x, 10)[0])) for x in X]
    assert sum(found) >= 0.95 * 10 * len(X)


def test_scores_are_exact_and_best_first(graph: Hnsw) -> None:
    items, scores = graph.one(X[0], 20)
    assert scores == pytest.approx(Y[items] @ X[0], rel=1e-5)
    assert (np.diff(scores) <= 0).all()


def test_equal_scores_come_in_order_of_items() -> None:
    assert Hnsw(np.ones((50, 3), dtype=np.float32)).one(np.ones(3, dtype=np.float32), 50)[0].tolist() == list(range(50))


def test_what_was_seen_stays_out_and_others_come_in_its_place(graph: Hnsw) -> None:
    first = np.sort(graph.one(X[1], 10)[0])
    items, _ = graph.one(X[1], 10, first)
    assert len(items) == 10
    assert not np.isin(items, first).any()


def test_who_has_seen_nearly_everything_gets_what_is_left(graph: Hnsw) -> None:
    seen = np.delete(np.arange(len(Y), dtype=np.int32), [7, 2000])
    assert sorted(graph.one(X[2], 10, seen)[0].tolist()) == [7, 2000]


def test_an_empty_catalogue_gives_nothing() -> None:
    assert len(Hnsw(np.zeros((0, 3), dtype=np.float32)).one(np.ones(3, dtype=np.float32), 5)[0]) == 0


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    known = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("usearch"):
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RecommenderError, match="pip install usearch"):
        Hnsw(Y)
