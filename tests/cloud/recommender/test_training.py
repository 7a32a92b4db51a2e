"""Training from the database: whose data, what is tried and kept, what is checked, and what may serve afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert

from aircue_cloud import db, tables
from aircue_cloud.recommender import store, training, training_log
from aircue_cloud.recommender.artefact import MET
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.recommender.training import Trained, train

AT = datetime(2026, 3, 1, tzinfo=UTC)
QUICK = ("popularity", "item-knn", "own-frequency")
HOUSEHOLDS = 20
PRODUCTS = tuple(f"p{number:02}" for number in range(24))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = db.open_database(db.sqlite_url(str(tmp_path / "test.db")))
    with db.writing(engine) as connection:
        _fill(connection)
    return engine


def _fill(connection: Connection) -> None:
    """Households that agree and one that took its agreement back, a person each; each likes a half of the products and
    meets them one after the other, 100 days long."""
    rows = [
        {"id": one, "name": one, "category": "dehumidifier", "price_minor": 1, "currency": "EUR", "stock": 1}
        for one in PRODUCTS
    ]
    connection.execute(insert(tables.products), rows)
    names = [f"yes{number:02}" for number in range(HOUSEHOLDS)]
    connection.execute(insert(tables.households), [{"id": name, "name": name} for name in [*names, "no"]])
    people = [{"id": f"{name}-1", "household": name, "name": "N"} for name in [*names, "no"]]
    connection.execute(insert(tables.people), people)
    for name in [*names, "no"]:
        answer(connection, name, granted=True)
    answer(connection, "no", granted=False)
    random = np.random.default_rng(1)
    for number, name in enumerate([*names, "no"]):
        half = random.permutation(PRODUCTS[number % 2 :: 2])
        for day in range(0, 100, 8):
            interact(connection, day, [f"{name}-1"], str(half[day // 8 % len(half)]))


def answer(connection: Connection, household: str, *, granted: bool, category: str = "behaviour") -> None:
    row = {"household": household, "purpose": "marketing", "data_category": category, "channel": "in-app"}
    receipt = f"{household}-{granted}-{category}"
    connection.execute(insert(tables.consents), [{**row, "granted": granted, "at": AT, "receipt": receipt}])


def interact(connection: Connection, day: float, people: Sequence[str], product: str, **columns: object) -> None:
    at = AT + timedelta(days=day)
    row = {"product": product, "kind": "click", "weight": 1.0, "at": at, **columns}
    connection.execute(insert(tables.interactions), [{"person": person, **row} for person in people])


def trained(
    engine: Engine,
    folder: Path,
    lines: list[str] | None = None,
    *,
    force: bool = False,
    families: Sequence[str] = QUICK,
) -> Trained:
    say = (lambda _: None) if lines is None else lines.append
    with db.reading(engine) as connection:
        return train(connection, folder, say, budget_s=0, force=force, families=families)


def test_only_consenting_households_are_learnt_from(engine: Engine, tmp_path: Path) -> None:
    found = trained(engine, tmp_path / "models")
    assert (found.info.users, found.info.interactions) == (HOUSEHOLDS, HOUSEHOLDS * 13)
    assert store.load_active(tmp_path / "models").users == tuple(f"yes{number:02}-1" for number in range(HOUSEHOLDS))


def test_consent_to_another_use_is_no_consent(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        answer(connection, "no", granted=True, category="sensor")
        for number in range(HOUSEHOLDS):
            answer(connection, f"yes{number:02}", granted=False)
    with pytest.raises(DatasetError, match="consent"):
        trained(engine, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_interactions_of_an_unknown_kind_are_counted_and_set_aside(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        interact(connection, 5, ["yes01-1"], "p01", kind="stare")
    lines: list[str] = []
    assert trained(engine, tmp_path / "models", lines).info.interactions == HOUSEHOLDS * 13
    assert any("1 interactions set aside" in line and "stare" in line for line in lines)


def test_everything_tried_and_measured_is_kept_with_the_model(engine: Engine, tmp_path: Path) -> None:
    lines: list[str] = []
    found = trained(engine, tmp_path / "models", lines)
    kept = store.info(tmp_path / "models", found.info.version)
    assert kept == found.info
    for head in ("new", "repeat"):
        assert [trial["recipe"]["family"] for trial in kept.trials[head]["trials"]] == list(QUICK)
        for name in ("chosen", "popularity", "recent-popularity", "own-frequency"):
            assert 0 <= kept.metrics[f"{head}_{name}_ndcg@10"] <= 1
        assert any(line.startswith(f"tuning, {head}: 1: popularity") for line in lines)
    assert kept.config["budget_s"] == 0
    assert len(kept.verdict.splitlines()) == 2


def test_what_a_person_likes_is_found_and_the_model_serves(engine: Engine, tmp_path: Path) -> None:
    found = trained(engine, tmp_path / "models")
    assert found.active
    assert found.info.metrics["new_chosen_ndcg@10"] > 1.2 * found.info.metrics["new_recent-popularity_ndcg@10"]
    recommender = Recommender.load(tmp_path / "models")
    assert {one.product for one in recommender.recommend("yes02-1", 9, head="repeat")} <= set(PRODUCTS[0::2])
    assert {one.product for one in recommender.recommend("yes03-1", 9, head="repeat")} <= set(PRODUCTS[1::2])


def test_a_short_history_serves_recent_popularity_and_claims_nothing(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        connection.execute(tables.interactions.delete().where(tables.interactions.c.at > AT + timedelta(days=40)))
    lines: list[str] = []
    found = trained(engine, tmp_path / "models", lines)
    assert (found.active, found.info.metrics) == (True, {})
    assert [part.family for part in store.load_active(tmp_path / "models").parts] == ["popularity"]
    assert any("60 are needed" in line for line in lines)


def test_a_worse_model_is_stored_and_not_activated_unless_forced(engine: Engine, tmp_path: Path) -> None:
    """These people turn to the next product after each, so what they turned to before is the worst guess."""
    good = trained(engine, tmp_path / "models")
    lines: list[str] = []
    bad = trained(engine, tmp_path / "models", lines, families=("own-frequency",))
    assert (good.active, bad.active) == (True, False)
    assert "repeat: WORSE than recent popularity" in bad.verdict
    assert store.versions(tmp_path / "models") == [good.info.version, bad.info.version]
    assert store.active_version(tmp_path / "models") == good.info.version
    assert f"aircue-cloud models activate {bad.info.version}" in lines[-1]
    forced = trained(engine, tmp_path / "models", force=True, families=("own-frequency",))
    assert forced.active
    assert store.active_version(tmp_path / "models") == forced.info.version


def test_a_training_that_fails_leaves_the_model_before_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = trained(engine, tmp_path / "models")
    monkeypatch.setattr(training, "build", _run_out)
    with pytest.raises(MemoryError):
        trained(engine, tmp_path / "models")
    assert store.active_version(tmp_path / "models") == good.info.version
    assert store.versions(tmp_path / "models") == [good.info.version]


def _run_out(*_: object) -> None:
    raise MemoryError("no room for W")


def test_training_again_on_the_same_data_gives_the_same_model(engine: Engine, tmp_path: Path) -> None:
    first, second = (trained(engine, tmp_path / "models") for _ in range(2))
    assert first.info.version != second.info.version
    assert replace(first.info, version="", trials={}) == replace(second.info, version="", trials={})
    loaded = [Recommender(store.load(tmp_path / "models", one.info.version)) for one in (first, second)]
    assert loaded[0].recommend("yes02-1", 24) == loaded[1].recommend("yes02-1", 24)


def test_what_training_tries_can_be_served() -> None:
    assert {"popularity", "own-frequency", "item-knn", "ease", "rp3beta", "als"} <= set(training.servable_families())


# Pushed interactions.


def test_pushed_interactions_count_less_and_are_no_proof(engine: Engine, tmp_path: Path) -> None:
    """A product that only pushes brought anybody to: it is learnt from, and no model is praised for it."""
    people = [f"yes{number:02}-1" for number in range(HOUSEHOLDS)]
    with db.writing(engine) as connection:
        before = trained(engine, tmp_path / "before").info
        product = {"id": "pushy", "name": "pushy", "category": "c", "price_minor": 1, "currency": "EUR", "stock": 1}
        connection.execute(insert(tables.products), [product])
        for day in (20, 60, 85):
            interact(connection, day, people, "pushy", pushed=True)
    after = trained(engine, tmp_path / "after").info
    assert after.config["pushed_interactions"] == 3 * HOUSEHOLDS
    shares = Recommender.load(tmp_path / "after").affinity(["stranger"], ["pushy", *PRODUCTS])[0]
    assert shares[0] < np.median(shares[1:])
    for name in ("popularity", "recent-popularity"):
        assert after.metrics[f"new_{name}_ndcg@10"] <= before.metrics[f"new_{name}_ndcg@10"] + 0.05


# Lifts.


def episode(connection: Connection, site: str, day: float, days: float) -> None:
    start = AT + timedelta(days=day)
    row = {
        "id": f"{site}-{day}", "need": "damp-air", "site": site, "node": "bath", "quantity": "humidity",
        "started_at": start, "confirmed_at": start, "confirmed_installation": 1, "confirmed_boot": 1,
        "confirmed_sequence": 1, "ended_at": start + timedelta(days=days), "peak": 85.0, "open": False,
        "withdrawn": False,
    }  # fmt: skip
    connection.execute(insert(tables.episodes), [row])


@pytest.mark.parametrize("sensor", [True, False], ids=["the home agreed", "the home did not agree"])
def test_purchases_under_a_need_become_evidence_where_homes_agreed_to_both_uses(
    engine: Engine, tmp_path: Path, sensor: bool
) -> None:
    with db.writing(engine) as connection:
        connection.execute(insert(tables.sites), [{"id": "home", "household": "yes00", "tz": "UTC"}])
        for number in range(HOUSEHOLDS):
            answer(connection, f"yes{number:02}", granted=sensor, category="sensor")
        for day in range(0, 90, 15):
            episode(connection, "home", day, 1.0)
            interact(connection, day + 0.5, ["yes00-1"], "p00", kind="purchase", weight=8.0)
    trained(engine, tmp_path / "models")
    evidence = {one.product: one for one in store.load_active(tmp_path / "models").evidence}
    if not sensor:
        assert evidence == {}
        return
    assert evidence["p00"].observed == 6
    assert evidence["p00"].expected < 0.2


def test_the_log_of_a_training_stays_beside_the_models_with_what_ended_it(engine: Engine, tmp_path: Path) -> None:
    said: list[str] = []
    with training_log.kept(tmp_path / "models", said.append) as tell, db.reading(engine) as connection:
        train(connection, tmp_path / "models", tell, budget_s=0, families=("popularity",))
    lines = (tmp_path / "models" / "training.log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == said
    assert "is active" in said[-1]

    def fails() -> None:
        with training_log.kept(tmp_path / "models", said.append) as tell:
            tell("begun")
            raise DatasetError("nothing there")

    with pytest.raises(DatasetError):
        fails()
    begun, failed = (tmp_path / "models" / "training.log").read_text().splitlines()
    assert begun.endswith("begun")
    assert "failed: DatasetError('nothing there')" in failed
    assert store.versions(tmp_path / "models")


def test_what_people_wrote_without_stars_counts_and_their_words_are_not_kept(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as connection:
        for number in range(25):
            for product, stars, text in (("p00", 5, "very quiet indeed"), ("p01", 1, "far too loud")):
                person = f"yes{number % HOUSEHOLDS:02}-1"
                interact(connection, 50 + number / 100, [person], product, kind="rating", rating=stars, text=text)
        interact(connection, 60, ["yes00-1"], "p02", kind="rating", text="far too loud")
    lines: list[str] = []
    found = trained(engine, tmp_path / "models", lines)
    artefact = store.load(tmp_path / "models", found.info.version)
    quality = {one.product: one.quality for one in artefact.reviews}
    assert quality["p00"] > quality["p02"] > quality["p01"]
    assert found.info.config["ratings_read_from_text"] == 1
    assert any("the stars of 1 were read from their texts" in line for line in lines)
    row, item = artefact.users.index("yes00-1"), artefact.items.index("p02")
    assert artefact.profiles[MET].toarray()[row, item] == -1
    header = (tmp_path / "models" / found.info.version / "header.json").read_text()
    assert "loud" not in header


def test_what_is_dated_in_the_future_is_counted_and_set_aside(engine: Engine, tmp_path: Path) -> None:
    """One such event would make all others look decades old."""
    with db.writing(engine) as connection:
        interact(connection, 365 * 60, ["yes00-1"], "p00")
    lines: list[str] = []
    found = trained(engine, tmp_path / "models", lines)
    assert any(line.startswith("training: 1 interactions set aside, they are dated after") for line in lines)
    assert found.info.trained_at < (AT + timedelta(days=365)).timestamp()
    with db.reading(engine) as connection, pytest.raises(DatasetError, match="record some"):
        train(connection, tmp_path / "models", budget_s=0, families=QUICK, now=AT - timedelta(days=1))


def test_an_empty_shop_is_told_so(tmp_path: Path) -> None:
    engine = db.open_database(db.sqlite_url(str(tmp_path / "empty.db")))
    with db.reading(engine) as connection, pytest.raises(DatasetError, match="record some"):
        train(connection, tmp_path / "models", budget_s=0, families=QUICK)
    assert store.versions(tmp_path / "models") == []


def test_training_with_trees_serves_them(engine: Engine, tmp_path: Path) -> None:
    found = trained(engine, tmp_path / "models", families=("ranker", "ranker-new"), force=True)
    assert found.active
    loaded = store.load_active(tmp_path / "models")
    assert {part.kind for part in loaded.parts} >= {"trees", "linear", "factors", "own"}
    model = Recommender.load(tmp_path / "models")
    best = model.recommend("yes00-1", 3, head="repeat")
    assert len(best) == 3
    told = model.explain("yes00-1", [one.product for one in best], head="repeat")
    assert [one.score for one in told] == pytest.approx([one.score for one in best], rel=1e-4, abs=1e-4)
