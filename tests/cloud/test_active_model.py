"""The active model of a running server: loaded once, again when another becomes active, never a broken one."""

from pathlib import Path

import pytest
from tests.cloud.test_recommender_store import artefact, saved

from aircue_cloud.decision.active_model import ActiveModel
from aircue_cloud.recommender import store


def version(active: ActiveModel) -> str | None:
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


def test_a_model_that_becomes_active_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    first = saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert version(active) == first
    second = store.save(tmp_path, artefact("e" * 64))
    store.activate(tmp_path, second)
    assert version(active) == second


def test_a_broken_model_is_logged_once_and_the_one_before_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = saved(tmp_path)
    active = ActiveModel(tmp_path)
    assert version(active) == first
    second = store.save(tmp_path, artefact("e" * 64))
    store.activate(tmp_path, second)
    (tmp_path / second / "factors.npz").write_bytes(b"broken")
    assert [version(active), version(active)] == [first, first]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the active model cannot be used"
    ]
