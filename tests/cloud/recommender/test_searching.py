"""A graph is made once for a model and kept beside it, made again where it is broken, and asked only where wanted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cloud.recommender.trained import of_recipes, start

from aircue_cloud.recommender import store
from aircue_cloud.recommender.hnsw import Hnsw
from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.retrieval import Retrieval
from aircue_cloud.recommender.searching import ByGraph, Exactly
from aircue_cloud.recommender.serving import Recommender

RANDOM = np.random.default_rng(3)
Y = RANDOM.standard_normal((500, 8)).astype(np.float32)
X = RANDOM.standard_normal((20, 8)).astype(np.float32)


def answers(search: Any) -> list[list[int]]:
    return [search.one(x, 5, [1, 2])[0].tolist() for x in X]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the graphs that were made."""
    sizes: list[int] = []
    make = ByGraph._made

    def counted(self: ByGraph, file: Path, y: Floats) -> Hnsw:
        sizes.append(len(y))
        return make(self, file, y)

    monkeypatch.setattr(ByGraph, "_made", counted)
    return sizes


def test_few_items_are_searched_exactly(tmp_path: Path, made: list[int]) -> None:
    assert isinstance(ByGraph(folder=tmp_path, from_items=501).search(0, Y), Retrieval)
    assert isinstance(Exactly().search(0, Y), Retrieval)
    assert made == []


def test_a_graph_is_made_once_and_answers_the_same_when_it_is_read_again(tmp_path: Path, made: list[int]) -> None:
    by = ByGraph(folder=tmp_path / "graph", from_items=500)
    first, second = by.search(0, Y), by.search(0, Y)
    assert isinstance(first, Hnsw)
    assert answers(first) == answers(second)
    assert made == [500]
    assert [path.name for path in (tmp_path / "graph").iterdir()] == ["0"]


@pytest.mark.parametrize("damage", ["broken", "of other items"])
def test_a_graph_that_cannot_be_used_is_made_again(tmp_path: Path, made: list[int], damage: str) -> None:
    by = ByGraph(folder=tmp_path / "graph", from_items=100)
    expected = answers(by.search(0, Y))
    if damage == "broken":
        (tmp_path / "graph" / "0").write_bytes(b"no graph at all")
    else:
        Hnsw(Y[:400]).save(tmp_path / "graph" / "0")
    assert answers(by.search(0, Y)) == expected
    assert made == [500, 500]


def test_a_model_is_served_by_its_graph_where_that_is_wanted(tmp_path: Path, made: list[int]) -> None:
    artefact = of_recipes((1.0, start("als", factors=3)))
    version = store.save(tmp_path, artefact)
    store.activate(tmp_path, version)
    exact, near = Recommender.load(tmp_path), Recommender.load(tmp_path, graph_from_items=10)
    assert made == [len(artefact.items)]
    assert (tmp_path / f"{version}.graph" / "0").exists()
    for person in artefact.users:
        found = near.recommend(person, 5)
        assert [one.product for one in found] == [one.product for one in exact.recommend(person, 5)]
        [why] = near.explain(person, [found[0].product]) if found else [None]
        assert why is None or why.score == pytest.approx(found[0].score, abs=1e-4)
    for ours, theirs in zip(near.recommend_all(5), exact.recommend_all(5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert store.versions(tmp_path) == [version]
    assert store.save(tmp_path, replace(artefact)).startswith("0002-")
