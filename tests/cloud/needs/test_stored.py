"""A store's own needs: saved with their history, in force without a restart, and nobody else's."""

import copy
import html
import json
import tomllib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.cloud.needs.stage import MINUTE, episodes, furnish, pushes, room, turn, weather
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, stores, tables
from aircue_cloud.cli import main
from aircue_cloud.config import Config
from aircue_cloud.errors import SettingsError
from aircue_cloud.identity import keys
from aircue_cloud.needs import needs, stored, toml
from aircue_cloud.needs.live import Live
from aircue_cloud.needs.needs import Needs

SHIPPED = needs.load()


def damp(enter: float = 80.0, name: str = "damp-air") -> dict[str, Any]:
    found = copy.deepcopy(dict(SHIPPED.by_name[name].document))
    found["condition"] |= {"enter": enter, "exit": enter - 2.0}
    return found


def save(cloud: Cloud, name: str, document: dict[str, Any], note: str = "") -> stored.Version:
    with db.writing(cloud.engine) as connection:
        return stored.save(connection, name, document, "operator olga", note, cloud.clock())


def current(cloud: Cloud) -> Needs:
    with db.reading(cloud.engine) as connection:
        return stored.current(connection, SHIPPED)


def put(cloud: Cloud, name: str, document: Any, **more: Any) -> Any:
    return cloud.app.test_client().put(f"/api/v1/needs/{name}", json={"document": document, **more})


def humid(cloud: Cloud, value: float, number: int) -> None:
    """A quarter of an hour up to now."""
    course = {"humidity": [60.0] * 20 + [value] * 16}
    assert cloud.post(room(course, first=cloud.clock() - 36 * MINUTE, number=number)).status_code == 200


# Kept.


def test_without_a_version_what_ships_holds(cloud: Cloud) -> None:
    assert current(cloud) == SHIPPED


def test_each_save_is_a_version_and_the_newest_holds(cloud: Cloud) -> None:
    save(cloud, "damp-air", damp(82.0), "drier summers")
    cloud.clock.now += timedelta(hours=1)
    save(cloud, "damp-air", damp(81.0))
    with db.reading(cloud.engine) as connection:
        found = stored.history(connection, "damp-air")
    assert [(one.number, one.document["condition"]["enter"], one.note) for one in found] == [
        (2, 81.0, ""),
        (1, 82.0, "drier summers"),
    ]
    assert (found[1].author, found[1].at, found[1].active) == ("operator olga", NOW, True)
    assert current(cloud).by_name["damp-air"].rule.enter == 81.0
    assert list(current(cloud).by_name) == list(SHIPPED.by_name)


def test_a_need_that_ships_not_stands_beside_them_in_order(cloud: Cloud) -> None:
    save(cloud, "cellar", damp(70.0))
    assert list(current(cloud).by_name) == sorted([*SHIPPED.by_name, "cellar"])


def test_what_was_retired_is_gone_until_it_is_saved_again(cloud: Cloud) -> None:
    with db.writing(cloud.engine) as connection:
        version = stored.retire(connection, "damp-air", "operator olga", "dull", NOW, SHIPPED)
    assert (version.active, version.number) == (False, 1)
    assert "damp-air" not in current(cloud).by_name
    save(cloud, "damp-air", damp())
    assert current(cloud).by_name["damp-air"] == SHIPPED.by_name["damp-air"]


def test_what_is_not_there_cannot_be_retired(cloud: Cloud) -> None:
    with pytest.raises(SettingsError, match="need 'dampair': there is none"), db.writing(cloud.engine) as connection:
        stored.retire(connection, "dampair", "operator olga", "", NOW, SHIPPED)


def test_a_version_of_an_older_release_that_no_longer_fits_lets_what_ships_hold(cloud: Cloud, caplog: Any) -> None:
    row = {"number": 1, "author": "", "at": NOW, "note": "", "active": True}
    cloud.add(tables.need_versions, {**row, "name": "damp-air", "document": {"title": "x"}})
    assert current(cloud) == SHIPPED
    assert "need damp-air, version 1: key 'remedies' is missing" in caplog.text


@pytest.mark.parametrize(
    "name", ["", "Damp", "damp air", "-damp", "damp-", "a--b", "../x", "d\u00e4mp", "x" * 65, "a\n"]
)
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(SettingsError, match="expected a name of"):
        stored.check(name, damp())


def test_a_document_has_its_size(cloud: Cloud) -> None:
    with pytest.raises(SettingsError, match="expected up to 32768"):
        stored.check("damp-air", damp() | {"title": "x" * 33_000})
    with pytest.raises(SettingsError, match="a note of 501 characters"):
        save(cloud, "damp-air", damp(), "x" * 501)


# In force.


def test_an_edit_takes_effect_without_a_restart(cloud: Cloud) -> None:
    assert put(cloud, "damp-air", damp(90.0)).status_code == 200
    humid(cloud, 85.0, 1)
    assert (episodes(cloud, "damp-air"), pushes(cloud)) == ([], [])
    cloud.clock.now += timedelta(hours=1)
    assert put(cloud, "damp-air", damp(80.0)).status_code == 200
    humid(cloud, 85.0, 2)
    assert len(pushes(cloud)) == 1


def test_a_decision_keeps_which_version_of_the_need_it_was_made_by(cloud: Cloud) -> None:
    """As shipped, then two versions of the store's own, of which the second says what the first did."""
    used = []
    for number, enter in enumerate((None, 81.0, 81.0, 82.0)):
        if enter is not None:
            assert put(cloud, "damp-air", damp(enter)).status_code == 200
        humid(cloud, 85.0, number + 1)
        cloud.clock.now += timedelta(hours=2)
        humid(cloud, 60.0, number + 11)
        [*_, row] = cloud.get("decisions")["rows"]
        used.append((row["trace"]["need"]["version"], row["trace"]["need"]["content"]))
        assert ("Need as shipped (" if enter is None else f"Need version {number} (") in said(cloud)
    assert [version for version, _ in used] == [None, 1, 2, 3]
    contents = [content for _, content in used]
    assert contents[0] == SHIPPED.by_name["damp-air"].content
    assert contents[1] == contents[2]
    assert len(set(contents)) == 3


def said(cloud: Cloud) -> str:
    """The latest decision, by why and by the console's page about it."""
    line = str(cloud.get("why?person=ada-1")["answers"][0]["lines"][1])
    number = cloud.get("decisions")["rows"][-1]["id"]
    page = cloud.app.test_client().get(f"/console/decisions/{number}").text
    assert line in html.unescape(page)
    return line


def test_another_process_sees_it_within_a_second(cloud: Cloud) -> None:
    at = [0.0]
    live = Live(cloud.engine, SHIPPED, lambda: at[0])
    assert live.current() is SHIPPED
    save(cloud, "damp-air", damp(81.0))
    at[0] = 0.9
    assert live.current() is SHIPPED
    at[0] = 1.0
    assert live.current().by_name["damp-air"].rule.enter == 81.0
    assert live.current() is live.current()


def test_gateways_are_told_and_given_the_new_rules(cloud: Cloud) -> None:
    before = cloud.get("rules", key=cloud.key)
    put(cloud, "damp-air", damp(83.0))
    after = cloud.get("rules", key=cloud.key)
    assert after["version"] != before["version"]
    assert {rule["need"]: rule["enter"] for rule in after["rules"]}["damp-air"] == 83.0
    answer = cloud.post(room({"humidity": [60.0]}, first=NOW - MINUTE))
    assert answer.get_json()["rules"] == after["version"]


def test_a_condition_beside_the_rule_is_nothing_to_gateways(cloud: Cloud) -> None:
    before = cloud.get("rules", key=cloud.key)
    put(cloud, "damp-air", damp() | {"also": [{"source": "room", "quantity": "humidity", "above": 1}]})
    assert cloud.get("rules", key=cloud.key) == before


def test_what_is_retired_ends_its_episodes(cloud: Cloud) -> None:
    humid(cloud, 85.0, 1)
    assert cloud.app.test_client().delete("/api/v1/needs/damp-air").status_code == 204
    [episode] = episodes(cloud, "damp-air")
    assert (episode["open"], episode["ended_at"], episode["withdrawn"]) == (False, NOW, False)
    assert "damp-air" not in {row["need"] for row in cloud.rows(tables.rule_states)}
    cloud.clock.now += timedelta(hours=1)
    humid(cloud, 85.0, 2)
    assert len(episodes(cloud, "damp-air")) == 1


def test_a_deferred_push_of_a_retired_need_is_never_sent(cloud: Cloud) -> None:
    furnish(cloud)
    cloud.app.test_client().patch("/api/v1/people/ada-1/preferences", json={"quiet_hours": "11:00-14:00"})
    weather(cloud, {-1: {}, 0: {"condition": "rain"}, 1: {"condition": "rain"}})
    turn(cloud)
    assert {row["outcome"] for row in cloud.rows(tables.decisions) if row["need"] == "rain"} == {"defer"}
    cloud.app.test_client().delete("/api/v1/needs/rain")
    cloud.clock.now += timedelta(hours=3)
    cloud.layers.decide_due()
    assert pushes(cloud, "rain") == []


def test_the_audience_of_a_need(cloud: Cloud) -> None:
    put(cloud, "damp-air", damp() | {"audience": {"languages": ["zh"]}})
    humid(cloud, 85.0, 1)
    [row] = cloud.rows(tables.decisions)
    assert row["reason"] == "damp-air is not for ada-1: language one of zh (found en)"
    assert row["trace"]["gates"][6]["inputs"]["audience"][0]["result"] == "unmet"


def test_air_that_is_drier_outdoors_is_a_condition(cloud: Cloud) -> None:
    """15 degrees and 60 % outdoors are 7.7 g/m3, 20 degrees and 85 % in the bathroom 14.7."""
    furnish(cloud)
    drier = {"source": "outdoor", "quantity": "absolute_humidity", "minus_room": True}
    weather(cloud, {0: {}})
    course = {"humidity": [60.0] * 20 + [85.0] * 16, "temperature": [20.0] * 36}
    put(cloud, "damp-air", damp() | {"also": [drier | {"below": -7.1}]})
    cloud.post(room(course, first=NOW - 36 * MINUTE))
    [row] = [row for row in cloud.rows(tables.decisions) if row["need"] == "damp-air"]
    assert "less that of the room, below -7.1 (found -6.978" in row["reason"]
    put(cloud, "damp-air", damp() | {"also": [drier | {"below": -6.9}]})
    cloud.clock.now += timedelta(minutes=50)
    cloud.post(room(course, first=cloud.clock() - 36 * MINUTE, number=2))
    assert [row["need"] for row in pushes(cloud)] == ["damp-air"]


# Over the API.


def test_the_needs_over_the_api(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    put(cloud, "damp-air", damp(82.0), note="why not")
    listed = {one["name"]: one for one in client.get("/api/v1/needs").get_json()["needs"]}
    assert list(listed) == list(SHIPPED.by_name)
    assert (listed["damp-air"]["version"], listed["cold"]["version"]) == (1, 0)
    assert (listed["rain"]["source"], listed["rain"]["quantity"]) == ("outdoor", "rain")
    shown = client.get("/api/v1/needs/damp-air").get_json()
    assert shown["document"] == damp(82.0)
    assert tomllib.loads(shown["toml"]) == damp(82.0)
    [version] = client.get("/api/v1/needs/damp-air/history").get_json()["versions"]
    assert (version["author"], version["note"], version["document"]) == ("nobody", "why not", damp(82.0))
    assert client.get("/api/v1/needs/cold/history").get_json() == {"versions": []}


@pytest.mark.parametrize("path", ["dampair", "dampair/history", "a%00b", "a%00b/history"])
def test_a_need_that_is_not_there(cloud: Cloud, path: str) -> None:
    assert cloud.app.test_client().get(f"/api/v1/needs/{path}").status_code == 404


@pytest.mark.parametrize("send", ["put", "check"])
def test_a_bad_document_is_refused_and_nothing_is_saved(cloud: Cloud, send: str) -> None:
    client, bad = cloud.app.test_client(), {"document": damp() | {"colour": "red"}}
    answer = client.put("/api/v1/needs/damp-air", json=bad) if send == "put" else None
    answer = answer or client.post("/api/v1/needs/damp-air/check", json=bad)
    assert answer.status_code == 422
    assert answer.get_json()["detail"].startswith("need damp-air: unknown key 'colour'; known keys: title")
    assert cloud.rows(tables.need_versions) == []


def test_a_check_saves_nothing(cloud: Cloud) -> None:
    answer = cloud.app.test_client().post("/api/v1/needs/cellar/check", json={"document": damp(70.0)})
    assert (answer.status_code, answer.get_json()["name"]) == (200, "cellar")
    assert cloud.rows(tables.need_versions) == []


def test_a_change_is_in_the_audit_log(cloud: Cloud) -> None:
    put(cloud, "damp-air", damp(82.0))
    put(cloud, "damp-air", {})
    found = [(row["action"], row["target"], row["outcome"]) for row in cloud.rows(tables.audit)]
    assert found[-2:] == [
        ("PUT needs.put", "/api/v1/needs/damp-air", "done"),
        ("PUT needs.put", "/api/v1/needs/damp-air", "422"),
    ]


def partner(engine: Any, *scopes: str) -> dict[str, str]:
    with db.writing(engine) as connection:
        key = keys.add(connection, "partner", scopes[0].replace(":", "-"), frozenset(scopes), NOW)
    return {"Authorization": f"Bearer {key}"}


def test_who_may_read_may_not_write(cloud: Cloud) -> None:
    client, reader = cloud.app.test_client(), partner(cloud.engine, "needs:read")
    assert client.get("/api/v1/needs/damp-air", headers=reader).status_code == 200
    body = {"document": damp()}
    assert client.put("/api/v1/needs/damp-air", json=body, headers=reader).status_code == 403
    assert client.delete("/api/v1/needs/damp-air", headers=reader).status_code == 403
    assert client.get("/api/v1/needs", headers=partner(cloud.engine, "episodes:read")).status_code == 403


def test_another_store_has_its_own(cloud: Cloud) -> None:
    config = Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url)
    engine = stores.open_database(stores.add(config, "other"))
    theirs, client = partner(engine, "needs:read", "needs:write"), cloud.app.test_client()
    put(cloud, "damp-air", damp(82.0))
    put(cloud, "cellar", damp(70.0))
    assert client.get("/api/v1/needs/cellar", headers=theirs).status_code == 404
    assert client.get("/api/v1/needs/damp-air", headers=theirs).get_json()["version"] == 0
    assert client.get("/api/v1/needs/damp-air/history", headers=theirs).get_json() == {"versions": []}
    body = {"document": damp(55.0)}
    assert client.put("/api/v1/needs/damp-air", json=body, headers=theirs).status_code == 200
    assert client.delete("/api/v1/needs/heat", headers=theirs).status_code == 204
    ours = current(cloud)
    assert (ours.by_name["damp-air"].rule.enter, "heat" in ours.by_name) == (82.0, True)
    engine.dispose()


# On the command line.


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    config = tmp_path / "cloud.toml"
    config.write_text(f'data_dir = "{tmp_path}/data"\n', encoding="utf-8")
    return lambda *words: CliRunner().invoke(main, ["needs", *map(str, words), "--config", str(config)])


def test_a_need_is_shown_edited_saved_and_told_of(run: Callable[..., Result], tmp_path: Path) -> None:
    shown = run("show", "damp-air").stdout
    file = tmp_path / "damp-air.toml"
    file.write_text(shown.replace("enter = 80\n", "enter = 82\n"), encoding="utf-8")
    assert run("save", file, "--note", "drier").stdout == "need damp-air: version 1 holds\n"
    listed = run("list").stdout
    assert (
        "damp-air: room humidity above 82 for 900 s; dehumidifier, dryer, moisture-absorber; version 1 by comm"
        in listed
    )
    assert "cold: room temperature below 16 for 3600 s; heater, bedding; as shipped" in listed
    assert "enter = 82" in run("show", "damp-air").stdout
    assert run("retire", "damp-air").stdout == "need damp-air: taken away by version 2\n"
    assert "damp-air:" not in run("list").stdout
    newest, oldest = run("history", "damp-air").stdout.splitlines()
    assert newest.startswith("2 ")
    assert newest.endswith("(taken away): no note")
    assert oldest.endswith(": drier")
    assert "enter = 82" in run("show", "damp-air", "--version", "1").stdout


def test_json_is_a_document_too(run: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "cellar.json"
    file.write_text(json.dumps(damp(70.0)), encoding="utf-8")
    assert run("save", file).stdout == "need cellar: version 1 holds\n"


def test_what_a_file_says_wrongly_is_told_with_the_key(tmp_path: Path) -> None:
    file = tmp_path / "damp-air.toml"
    file.write_text(toml.written(damp()).replace("enter", "entr"), encoding="utf-8")
    found = CliRunner().invoke(main, ["needs", "check", str(file)])
    assert found.exit_code == 1
    assert "need damp-air [condition]: unknown key 'entr'; known keys: quantity" in found.stderr
    file.write_text(toml.written(damp()), encoding="utf-8")
    assert "need damp-air is fit" in CliRunner().invoke(main, ["needs", "check", str(file)]).stdout


@pytest.mark.parametrize("words", [("show", "dampair"), ("show", "damp-air", "--version", "3"), ("retire", "dampair")])
def test_a_need_that_nobody_knows_has_its_remedy(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    found = run(*words)
    assert found.exit_code == 1
    assert "see aircue-cloud needs list" in found.stderr
