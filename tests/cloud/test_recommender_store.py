"""Training from the database, the artefacts it leaves, and what is served from them."""

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert

from aircue_cloud import db, tables
from aircue_cloud.recommender import store
from aircue_cloud.recommender.affinity import Logit
from aircue_cloud.recommender.errors import DatasetError, ModelCorrupt, ModelMissing
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.recommender.store import Artefact, ModelInfo
from aircue_cloud.recommender.training import train

AT = datetime(2026, 3, 1, tzinfo=UTC)


def artefact(fingerprint: str = "f" * 64) -> Artefact:
    info = ModelInfo(people=2, products=3, interactions=9, fingerprint=fingerprint, config={"factors": 2}, metrics={})
    return Artefact(
        info=info,
        people=("ann", "böb"),
        products=("kite", "lamp", "mug"),
        x=np.array([[1, 0], [0, 1]], dtype=np.float32),
        y=np.array([[0.9, 0], [0.1, 0.2], [0, 0.8]], dtype=np.float32),
        shares=np.array([0.2, 0.5, 0.3]),
        floor=0.05,
        logit=Logit(a=0.5, b=3.0),
    )


def saved(model_dir: Path) -> str:
    version = store.save(model_dir, artefact())
    store.activate(model_dir, version)
    return version


# The store.


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    version = saved(tmp_path)
    loaded = store.load_active(tmp_path)
    assert loaded.info.version == version == "0001-ffffffffffff"
    assert (loaded.people, loaded.products, loaded.logit, loaded.floor) == (
        ("ann", "böb"),
        ("kite", "lamp", "mug"),
        Logit(a=0.5, b=3.0),
        0.05,
    )
    for name in ("x", "y", "shares"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(artefact(), name))


def test_versions_count_up_and_an_older_one_can_be_activated_again(tmp_path: Path) -> None:
    first, second = saved(tmp_path), saved(tmp_path)
    assert store.versions(tmp_path) == [first, second]
    assert store.active_version(tmp_path) == second
    store.activate(tmp_path, first)
    assert store.load_active(tmp_path).info.version == first


def test_nothing_trained_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="train one"):
        store.load_active(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["cut", "flip", "json", "format", "empty"])
def test_a_damaged_artefact_is_never_served(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / saved(tmp_path)
    factors, model = folder / "factors.npz", folder / "model.json"
    whole, head = factors.read_bytes(), json.loads(model.read_text())
    damaged = {
        "cut": (factors, whole[:-20]),
        "flip": (factors, whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]),
        "json": (model, b"{"),
        "format": (model, json.dumps({**head, "format": 99}).encode()),
        "empty": (factors, b""),
    }
    path, content = damaged[damage]
    path.write_bytes(content)
    with pytest.raises(ModelCorrupt, match="activate another version, or train again"):
        store.load_active(tmp_path)


def test_a_missing_part_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / saved(tmp_path) / "factors.npz").unlink()
    with pytest.raises(ModelMissing, match=r"factors\.npz"):
        store.load_active(tmp_path)


def test_a_damaged_or_unknown_version_does_not_take_the_active_ones_place(tmp_path: Path) -> None:
    good, bad = saved(tmp_path), store.save(tmp_path, artefact())
    (tmp_path / bad / "factors.npz").write_bytes(b"x")
    with pytest.raises(ModelCorrupt):
        store.activate(tmp_path, bad)
    with pytest.raises(ModelMissing):
        store.activate(tmp_path, "0099-000000000000")
    assert store.load_active(tmp_path).info.version == good


def test_a_pointer_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "active").write_text("../elsewhere\n")
    with pytest.raises(ModelCorrupt, match="names no version"):
        store.load_active(tmp_path)


def test_a_write_that_breaks_off_leaves_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = saved(tmp_path)
    monkeypatch.setattr(store, "_hash", _break_off)
    with pytest.raises(OSError, match="disk full"):
        store.save(tmp_path, artefact())
    monkeypatch.undo()
    assert store.versions(tmp_path) == [good]
    assert not list(tmp_path.glob(".draft-*"))
    assert store.load_active(tmp_path).info.version == good


def _break_off(path: Path) -> str:
    raise OSError(f"disk full while reading {path.name}")


def test_everything_is_synced_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after a rename must find the content on the disk: files, then their folder, then the name."""
    steps: list[str] = []
    fsync, rename, replace = os.fsync, Path.rename, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def named(act: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def both(path: Path, target: Path) -> Path:
            steps.append("name")
            return act(path, target)

        return both

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", named(rename))
    monkeypatch.setattr(Path, "replace", named(replace))
    saved(tmp_path)
    assert steps == ["file", "file", "folder", "name", "folder", "file", "name", "folder"]


# Serving.


def served(tmp_path: Path) -> Recommender:
    saved(tmp_path)
    return Recommender.load(tmp_path)


def test_affinity_is_the_logit_written_out(tmp_path: Path) -> None:
    parts = artefact()
    shares = served(tmp_path).affinity(["böb", "ann"], ["mug", "kite"])
    raw = np.exp(0.5 * np.log(parts.shares) + 3.0 * (parts.x @ parts.y.T))
    expected = raw / raw.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected[[1, 0]][:, [2, 0]], rtol=1e-6)


def test_affinities_of_a_person_sum_to_one_over_the_catalogue(tmp_path: Path) -> None:
    shares = served(tmp_path).affinity(["ann", "böb", "stranger"], artefact().products)
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_stranger_has_popularity_and_an_unknown_product_the_floor(tmp_path: Path) -> None:
    shares = served(tmp_path).affinity(["stranger", "ann"], ["lamp", "unheard-of", "mug"])
    np.testing.assert_allclose(shares[0], [0.5, 0.05, 0.3])
    assert (shares > 0).all()
    assert shares[1, 1] < shares[1, 0]


def test_affinity_of_nobody_or_nothing_is_empty(tmp_path: Path) -> None:
    recommender = served(tmp_path)
    assert recommender.affinity([], ["lamp"]).shape == (0, 1)
    assert recommender.affinity(["ann"], []).shape == (1, 0)


def test_recommend_ranks_by_affinity_and_leaves_out_what_it_is_told(tmp_path: Path) -> None:
    recommender = served(tmp_path)
    assert [product for product, _ in recommender.recommend("ann", 2)] == ["kite", "lamp"]
    assert [product for product, _ in recommender.recommend("ann", 9, without=["kite", "unheard-of"])] == [
        "lamp",
        "mug",
    ]
    [(favourite, share)] = recommender.recommend("stranger", 1)
    assert favourite == "lamp"
    assert share == pytest.approx(0.5)
    assert recommender.version == "0001-ffffffffffff"


# Training.


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = db.open_database(db.sqlite_url(str(tmp_path / "test.db")))
    with db.writing(engine) as connection:
        _fill(connection)
    return engine


def _fill(connection: Connection) -> None:
    """Households yes and no with two people each; both sides do the same for 90 days."""
    products = [f"p{number}" for number in range(12)]
    connection.execute(
        insert(tables.products),
        [
            {"id": product, "name": product, "category": "c", "price_minor": 1, "currency": "EUR", "stock": 1}
            for product in products
        ],
    )
    connection.execute(insert(tables.households), [{"id": "yes", "name": "Yes"}, {"id": "no", "name": "No"}])
    people = [
        {"id": f"{household}-{n}", "household": household, "name": "N"} for household in ("yes", "no") for n in (1, 2)
    ]
    connection.execute(insert(tables.people), people)
    answer(connection, "yes", granted=True)
    answer(connection, "no", granted=True)
    answer(connection, "no", granted=False)
    for day in range(90):
        interact(connection, day, [person["id"] for person in people], products[day % 12])


def answer(connection: Connection, household: str, *, granted: bool, category: str = "behaviour") -> None:
    row = {"household": household, "purpose": "marketing", "data_category": category, "channel": "in-app"}
    receipt = f"{household}-{granted}-{category}"
    connection.execute(insert(tables.consents), [{**row, "granted": granted, "at": AT, "receipt": receipt}])


def interact(connection: Connection, day: int, people: list[str], product: str, kind: str = "click") -> None:
    at = AT + timedelta(days=day)
    rows = [{"person": person, "product": product, "kind": kind, "weight": 1.0, "at": at} for person in people]
    connection.execute(insert(tables.interactions), rows)


def test_only_consenting_households_are_learnt_from(engine: Engine, tmp_path: Path) -> None:
    with db.reading(engine) as connection:
        info = train(connection, tmp_path / "models")
    assert (info.people, info.interactions) == (2, 180)
    assert store.load_active(tmp_path / "models").people == ("yes-1", "yes-2")


def test_consent_to_another_use_is_no_consent(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        answer(connection, "no", granted=True, category="sensor")
        answer(connection, "yes", granted=False)
    with db.reading(engine) as connection, pytest.raises(DatasetError, match="consent"):
        train(connection, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_interactions_of_an_unknown_kind_are_counted_and_set_aside(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        interact(connection, 5, ["yes-1"], "p1", kind="stare")
    lines: list[str] = []
    with db.reading(engine) as connection:
        assert train(connection, tmp_path / "models", lines.append).interactions == 180
    assert any("1 interactions set aside" in line and "stare" in line for line in lines)


def test_a_short_history_is_trained_but_nothing_is_claimed(tmp_path: Path) -> None:
    engine = db.open_database(db.sqlite_url(str(tmp_path / "test.db")))
    with db.writing(engine) as connection:
        _fill(connection)
        connection.execute(tables.interactions.delete().where(tables.interactions.c.at > AT + timedelta(days=20)))
    lines: list[str] = []
    with db.reading(engine) as connection:
        info = train(connection, tmp_path / "models", lines.append)
    assert info.metrics == {}
    assert any("fewer than 60 days" in line for line in lines)


def test_training_again_on_the_same_data_gives_the_same_model(engine: Engine, tmp_path: Path) -> None:
    with db.reading(engine) as connection:
        first, second = (train(connection, tmp_path / "models") for _ in range(2))
    assert first.version != second.version
    assert (first.fingerprint, first.metrics) == (second.fingerprint, second.metrics)
    factors = [store.load(tmp_path / "models", info.version).x for info in (first, second)]
    np.testing.assert_array_equal(factors[0], factors[1])
