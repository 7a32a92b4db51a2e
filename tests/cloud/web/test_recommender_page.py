"""The recommender's pages: what a person would see, the models, how far training is, and the way back."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.conftest import PLAIN
from tests.cloud.recommender.trained import of_recipes, start
from tests.cloud.stage import DAMP, NOW, Clock, Cloud, FixedAffinity, batch, humidity, product
from tests.cloud.web.hands import Hands, hands, is_clean, words

from aircue_cloud import db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.identity import gateway_keys
from aircue_cloud.recommender import store
from aircue_cloud.routes.services import services
from aircue_cloud.web.views import models, training

PAGE = "/console/recommender"
METRICS = {
    "new_chosen_ndcg@10": 0.31, "new_recent-popularity_ndcg@10": 0.25, "new_chosen_recall@20": 0.5,
    "repeat_chosen_ndcg@10": 0.7, "repeat_recent-popularity_ndcg@10": 0.72,
}  # fmt: skip
TRIALS = [{"recipe": {"family": name, "params": {}}, "value": value, "seconds": 0.5}
          for name, value in (("ease", 0.2), ("als", 0.3), ("popularity", 0.1))]  # fmt: skip


def trained(folder: Path, fingerprint: str, metrics: Mapping[str, float] = METRICS) -> str:
    """A small model with these figures of its evaluation, stored and active."""
    artefact = of_recipes((1.0, start("popularity")), fingerprint=fingerprint * 64)
    trials = {"new": {"trials": TRIALS, "parts": [{"weight": 1.0, "family": "als"}]}}
    info = replace(artefact.info, metrics=metrics, trials=trials, verdict="new: not worse")
    version = store.save(folder, replace(artefact, info=info))
    store.activate(folder, version)
    return version


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A cloud that asks the active model itself, with a damp home."""
    clock = Clock()
    app = create_app(Config(data_dir=str(tmp_path / "data"), push_ttl_h=24 * 30, **PLAIN), clock=clock)
    with app.app_context():
        here = services()
    with db.writing(here.engine) as connection:
        key = gateway_keys.add(connection, "gw-1", NOW)
    cloud = Cloud(app=app, engine=here.engine, key=key, clock=clock, affinity=FixedAffinity(), folder=here.place.folder)
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    cloud.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "UTC"})
    cloud.add(tables.products, product("drymax", "dehumidifier"), product("lamp", "lighting"))
    cloud.consent("ada", granted=True)
    yield cloud
    here.engine.dispose()


@pytest.fixture
def mine(shop: Cloud) -> Hands:
    return hands(shop)


def folder(cloud: Cloud) -> Path:
    return cloud.services.place.model_dir


# The preview.


def test_a_preview_splits_each_score_into_the_person_and_their_air(shop: Cloud, mine: Hands) -> None:
    shop.post(batch(humidity(DAMP)))
    page = mine.get(f"{PAGE}?person=ada-1&need=home")
    assert page.status_code == 200
    text = words(page)
    assert "lifted by Damp air" in text
    file = mine.get(f"{PAGE}?person=ada-1&need=home&format=csv&table=preview").text.splitlines()
    place, name, affinity, environment, score = file[1].split(",")[:5]
    assert (place, name) == ("1", "Drymax")
    assert float(environment) > 0
    assert float(score) == pytest.approx(float(affinity) + float(environment), abs=1e-5)
    without = mine.get(f"{PAGE}?person=ada-1&need=&format=csv&table=preview").text.splitlines()
    assert {row.split(",")[3] for row in without[1:]} <= {"0", "0.0"}


@pytest.mark.parametrize("person", ["nobody", "%3Cscript%3E", "ada", "x" * 5000, "%00"])
def test_somebody_of_another_store_or_nobody_is_not_known(mine: Hands, person: str) -> None:
    page = mine.get(f"{PAGE}?person={person}")
    assert page.status_code == 404
    assert "is known in this store" in words(page)
    assert is_clean(page)


def test_what_the_form_cannot_have_sent_falls_back(mine: Hands) -> None:
    assert mine.get(f"{PAGE}?person=ada-1&n=1000000&need=nothing&head=tail").status_code == 200


# The models.


def test_models_are_listed_with_their_figures_and_data(shop: Cloud, mine: Hands) -> None:
    versions = [trained(folder(shop), letter) for letter in "ab"]
    text = words(mine.get(PAGE))
    assert f"{versions[1]} , after {versions[0]}" in text
    assert "0.3100" in text
    assert "bbbbbbbbbbbb" in text
    page = mine.get(f"{PAGE}/models/{versions[1]}")
    detail = words(page)
    assert "new to them this model 0.3100 0.5000 +0.0600" in detail
    assert "100% als" in detail
    assert page.text.count('<circle class="point') == len(TRIALS)
    assert mine.get(f"{PAGE}/models/0009-nothing").status_code == 404


def test_rolling_back_takes_a_tick_and_is_written_down(shop: Cloud, mine: Hands) -> None:
    first, second = (trained(folder(shop), letter) for letter in "ab")
    path = f"{PAGE}/models/{second}/roll-back"
    assert mine.post(path).status_code == 422
    assert store.active_version(folder(shop)) == second
    assert mine.post(path, confirmed="yes").status_code == 303
    assert store.active_version(folder(shop)) == first
    [entry] = [row for row in shop.rows(tables.audit) if row["action"] == "roll back model"]
    assert (entry["actor"], entry["target"]) == ("operator operator", second)
    assert entry["detail"] == {"from": second, "to": first}
    again = mine.post(path, confirmed="yes")  # somebody else was quicker
    assert again.status_code == 409
    assert "is not the active model any more" in words(again)
    assert store.active_version(folder(shop)) == first


def test_any_stored_model_may_be_activated_and_a_broken_one_not(shop: Cloud, mine: Hands) -> None:
    first, second = (trained(folder(shop), letter) for letter in "ab")
    assert mine.post(f"{PAGE}/models/{first}/activate", confirmed="yes").status_code == 303
    assert store.active_version(folder(shop)) == first
    (folder(shop) / second / "popularity.npy").write_bytes(b"broken")
    refused = mine.post(f"{PAGE}/models/{second}/activate", confirmed="yes")
    assert refused.status_code == 409
    assert store.active_version(folder(shop)) == first
    assert "cannot be used" in words(mine.get(PAGE))
    for name in ("0009-nothing", "active", ".."):
        assert mine.post(f"{PAGE}/models/{name}/activate", confirmed="yes").status_code in (404, 405, 409), name


def test_without_the_sessions_word_or_the_right_nothing_changes(shop: Cloud, mine: Hands) -> None:
    _, second = (trained(folder(shop), letter) for letter in "ab")
    path = f"{PAGE}/models/{second}/roll-back"
    assert mine.client.post(path, data={"confirmed": "yes"}).status_code == 403
    viewer = hands(shop, "viewer")
    assert viewer.post(path, confirmed="yes").status_code == 403
    page = viewer.get(PAGE)
    assert page.status_code == 200
    assert "Roll back" not in words(page)
    assert store.active_version(folder(shop)) == second


def test_without_a_model_it_says_how_to_train_one(mine: Hands) -> None:
    text = words(mine.get(PAGE))
    assert "train one with aircue-cloud train" in text
    assert "Nothing was trained here yet." in text


def test_the_figures_of_a_model_are_read_anew_when_its_files_change(tmp_path: Path) -> None:
    version = trained(tmp_path, "a")
    assert models.models(tmp_path).by_name[version].info is not None
    (tmp_path / version / "popularity.npy").write_bytes(b"broken")
    assert models.models(tmp_path).by_name[version].broken


# The training.

LOG = (
    "2026-11-21T11:50:00+00:00 training: 1738 interactions of consenting households",
    "2026-11-21T11:50:02+00:00 tuning, new: 1: popularity {'half_life_d': 30} 0.2000",
    "2026-11-21T11:50:03+00:00 tuning, new: 2: als {'factors': 8, 'l2': 1.0} 0.3000",
)


@pytest.mark.parametrize(
    ("lines", "minutes", "state", "step"),
    [
        ((), 0, "none", ""),
        (LOG, 1, "running", "tuning new"),
        (LOG, 90, "silent", "tuning new"),
        ((*LOG, "2026-11-21T11:50:04+00:00 failed: ValueError('x')"), 1, "failed", "tuning new"),
        ((*LOG, "2026-11-21T11:50:04+00:00 training: model 0001-aa is active"), 1, "finished", "stored"),
        (
            (*LOG, "2026-11-21T11:50:04+00:00 training: model 0001-aa: it is stored and not active"),
            1,
            "finished",
            "stored",
        ),
        (("half a line", "\0", *LOG), 1, "running", "tuning new"),
    ],
)
def test_how_far_a_training_is(lines: tuple[str, ...], minutes: int, state: str, step: str) -> None:
    at = NOW - timedelta(minutes=10) + timedelta(minutes=minutes)
    found = training.of_lines(lines, at)
    assert (found.state, found.step) == (state, step)
    assert [(one.family, one.value) for one in found.tried] == ([("popularity", 0.2), ("als", 0.3)] if lines else [])


def test_a_running_training_is_drawn_trial_by_trial(shop: Cloud, mine: Hands) -> None:
    folder(shop).mkdir(parents=True, exist_ok=True)
    (folder(shop) / "training.log").write_text("\n".join([*LOG, f"{LOG[2][:25]} <script>1</script>"]))
    page = mine.get(PAGE)
    assert "A training is under way. Last word 9 min ago." in words(page) or "10 min ago" in words(page)
    assert re.findall(r'aria-current="step">([^<]+)<', page.text) == ["tuning new"]
    assert page.text.count('<circle class="point') == 2
    assert is_clean(page)
