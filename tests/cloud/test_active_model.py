"""The active model of a running server: loaded once, again when another becomes active, never a broken one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from tests.cloud.recommender.test_store import saved

from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.recommender import store
from aircue_cloud.recommender.serving import Recommender


def version(active: ActiveModel) -> str | None:
    """Once what is being loaded is there."""
    active.current()
    active.settle()
    model = active.current()
    return None if model is None else model.version


def test_a_folder_without_a_model_has_none_until_one_is_trained(tmp_path: Path) -> None:
    active = ActiveModel(tmp_path / "models")
    assert version(active) is None
    first = saved(tmp_path / "models")
    assert version(active) == first


def test_the_same_model_is_loaded_once(tmp_path: Path) -> None:
    saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert active.current() is active.current()


def test_a_model_that_becomes_active_takes_the_place_of_the_one_before_and_a_rollback_takes_it_back(
    tmp_path: Path,
) -> None:
    first = saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert version(active) == first
    second = saved(tmp_path, "e" * 64)
    assert version(active) == second
    store.rollback(tmp_path)
    assert version(active) == first


def cut(folder: Path, version: str) -> None:
    (folder / version / "popularity.npy").write_bytes(b"broken")


def remove(folder: Path, version: str) -> None:
    (folder / version / "popularity.npy").unlink()


def point_nowhere(folder: Path, version: str) -> None:
    (folder / "active").write_text("../elsewhere\n")


@pytest.mark.parametrize("damage", [cut, remove, point_nowhere])
def test_a_broken_model_is_logged_once_and_the_one_before_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path, str], None]
) -> None:
    first = saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert version(active) == first
    damage(tmp_path, saved(tmp_path, "e" * 64))
    assert [version(active), version(active)] == [first, first]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the active model cannot be used"
    ]


def test_models_change_under_requests_and_no_request_fails_or_mixes_two_of_them(tmp_path: Path) -> None:
    """Four threads ask while the active version goes back and forth: each answer is wholly one version's."""
    versions = [saved(tmp_path), store.save(tmp_path, _other())]
    alone = {one: Recommender(store.load(tmp_path, one)).recommend("u04", 5) for one in versions}
    assert alone[versions[0]] != alone[versions[1]]
    active, over, seen = ActiveModel(tmp_path), Event(), set()
    active.current()

    def ask() -> int:
        asked = 0
        while not over.is_set():
            model = active.current()
            assert model is not None
            assert model.recommend("u04", 5) == alone[model.version]
            seen.add(model.version)
            asked += 1
        return asked

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for turn in range(20):
                store.activate(tmp_path, versions[turn % 2])
                assert version(active) in versions
        finally:
            over.set()
        assert all(one.result() > 0 for one in asking)
    assert seen == set(versions)


def _other() -> store.Artefact:
    from tests.cloud.recommender.trained import of_recipes, start

    return of_recipes((1.0, start("item-knn")), fingerprint="a" * 64)


def test_while_a_model_is_being_loaded_requests_go_on_with_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert version(active) == first
    second = saved(tmp_path, "e" * 64)
    loading, may_go_on = Event(), Event()
    load = Recommender.load

    def slowly(model_dir: Path, graph_from_items: int) -> Recommender:
        loading.set()
        assert may_go_on.wait(30)
        return load(model_dir)

    monkeypatch.setattr(Recommender, "load", slowly)
    for _ in range(3):  # the one that asks first waits no more than the others
        assert active.current().version == first  # type: ignore[union-attr]
    assert loading.wait(30)
    assert active.current().version == first  # type: ignore[union-attr]
    may_go_on.set()
    assert version(active) == second


def test_a_model_is_rehearsed_before_it_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = saved(tmp_path)
    serving: list[tuple[str, str | None]] = []
    active = ActiveModel(tmp_path, lambda model: serving.append((model.version, _serving(active))))
    assert version(active) == first
    second = saved(tmp_path, "e" * 64)
    assert version(active) == second
    assert serving == [(first, None), (second, first)]


def _serving(active: ActiveModel) -> str | None:
    return None if active._model is None else active._model.version


def test_a_model_that_cannot_be_rehearsed_serves_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(model: Affinity) -> None:
        raise OSError("the database is away")

    first = saved(tmp_path)
    assert version(ActiveModel(tmp_path, fail)) == first
    assert "could not be rehearsed" in caplog.text


def test_a_loaded_model_has_one_blas_thread_and_is_warm(tmp_path: Path) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    saved(tmp_path)
    with threadpool_limits(limits=2, user_api="blas"):
        model = ActiveModel(tmp_path).current()
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert model is not None
