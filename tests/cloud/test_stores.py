"""Stores: each on its own, in every route there is."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, select
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product
from werkzeug.routing import Rule

from aircue_cloud import db, stores, tables
from aircue_cloud.cli import main
from aircue_cloud.config import Config, Place
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.identity import gateway_keys, keys, operators, scopes, sessions
from aircue_cloud.routes import access
from aircue_cloud.routes.services import services
from aircue_cloud.stores import Stores

SECRET = "zq7first"  # in every id of the first store, and nowhere else
HOME, NODE, SITE = f"{SECRET}-home", f"{SECRET}-node", f"{SECRET}-site"
CREDENTIALS = {"gateway", "operator", "shopper", "public"} | scopes.ALL


@pytest.fixture
def both(bare: Cloud) -> Iterator[Cloud]:
    """Two stores in one application: the first with a home, readings, an episode and a push, the other empty."""
    bare.add(tables.households, {"id": HOME, "name": SECRET})
    bare.add(tables.people, {"id": f"{SECRET}-ada", "household": HOME, "name": SECRET})
    bare.add(tables.sites, {"id": SITE, "household": HOME, "tz": "UTC"})
    bare.add(tables.products, product(f"{SECRET}-drymax", "dehumidifier"))
    bare.consent(HOME, granted=True)
    did = {"person": f"{SECRET}-ada", "at": NOW}
    bare.add(
        tables.interactions, {**did, "product": f"{SECRET}-drymax", "kind": "click", "weight": 1.0, "event": SECRET}
    )
    bare.add(tables.observations, {**did, "id": SECRET, "kind": "steps", "device": SECRET, "value": 1.0})
    parcel = {"id": f"{SECRET}-p", "person": f"{SECRET}-ada", "carrier": "sandbox", "tracking_number": SECRET}
    times = {"tracked_at": NOW, "heard_at": NOW}
    bare.add(tables.parcels, {**parcel, **times, "contents": {f"{SECRET}-lamp": 1}, "state": "Pending"})
    account = {"id": f"{SECRET}-acme", "name": SECRET, "contact": SECRET, "status": "active", "assumed_stock": 5}
    bare.add(tables.partners, {**account, "added_at": NOW})
    assert bare.post(batch(humidity(DAMP, site=SITE, node=NODE))).status_code == 200
    assert SECRET in str(bare.get("feed"))
    stores.add(config(bare), "other")
    yield bare
    other(bare).dispose()


def config(cloud: Cloud) -> Config:
    return Config(data_dir=str(cloud.folder.parents[1]), database_url=cloud.database_url)


def other(cloud: Cloud) -> Any:
    """The other store's engine."""
    with cloud.app.test_request_context():
        access.enter("other")
        return services().engine


def gateway(engine: Any) -> dict[str, str]:
    with db.writing(engine) as connection:
        return bearer(gateway_keys.add(connection, "gw-other", NOW))


def partner(engine: Any) -> dict[str, str]:
    with db.writing(engine) as connection:
        return bearer(keys.add(connection, "partner", "p-other", scopes.ALL, NOW))


def session(kind: str, subject: str) -> Callable[[Any], dict[str, str]]:
    def signed_in(engine: Any) -> dict[str, str]:
        with db.writing(engine) as connection:
            operators.add(connection, "olga", "no hash", "owner", NOW)
            token = sessions.open_new(connection, kind, subject, "", NOW)
        return {"Cookie": f"aircue-{kind}={token}", "X-Form-Word": sessions.form_word(token)}

    return signed_in


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


# What somebody of the other store can prove.
PROOFS = {
    "gateway": gateway,
    "partner": partner,
    "operator": session(sessions.OPERATOR, "olga"),
    "shopper": session(sessions.SHOPPER, "somebody"),
}


def known_ids(cloud: Cloud) -> dict[str, list[str]]:
    """Values of the first store, by the names that routes give to what stands in their paths."""
    return {
        "household": [HOME],
        "person": [f"{SECRET}-ada"],
        "site": [SITE],
        "node": [NODE],
        "store": ["main"],
        "carrier": ["aftership"],
    } | {
        name: found
        for name, table in singular(tables.metadata.tables)
        if (found := [str(row[0]) for row in rows(cloud, table)])
    }


def singular(known: Any) -> list[tuple[str, Table]]:
    return [(name.removesuffix("es" if name.endswith("shes") else "s"), table) for name, table in known.items()]


def rows(cloud: Cloud, table: Table) -> list[Any]:
    with db.reading(cloud.engine) as connection:
        return list(connection.execute(select(table.primary_key.columns.values()[0]).limit(3)))


def paths(cloud: Cloud, rule: Rule) -> list[str]:
    """The rule with every id of the first store that may stand in it."""
    ids = known_ids(cloud)
    everything = sorted({value for values in ids.values() for value in values})
    found = [rule.rule]
    for name in rule.arguments:
        pattern = rf"<(?:\w+:)?{name}>"
        found = [re.sub(pattern, value, path) for path in found for value in ids.get(name, everything)]
    return found


def requests(cloud: Cloud) -> list[tuple[str, str]]:
    rules = list(cloud.app.url_map.iter_rules())
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE"}
    found = [
        (method, path)
        for rule in rules
        if not rule.endpoint.endswith("static")
        for path in paths(cloud, rule)
        for method in sorted((rule.methods or set()) & methods)
    ]
    return sorted(found, key=lambda request: request[0] != "GET")  # what is written may be read afterwards, rightly


def test_every_route_says_whom_it_is_for(bare: Cloud) -> None:
    app: Flask = bare.app
    said = {
        rule.rule: access.taken_by(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.endswith("static")
    }
    assert len(said) > 20
    unknown = {path: kind for path, kind in said.items() if kind not in CREDENTIALS}
    assert unknown == {}, "say it with routes.access: requires(scope), by_gateway, by_operator, by_shopper or public"


@pytest.mark.parametrize("proof", PROOFS)
def test_another_stores_credentials_find_nothing_of_the_first_store(both: Cloud, proof: str) -> None:
    headers = PROOFS[proof](other(both))
    before = everything_in(both)
    asked = requests(both)
    assert len(asked) > 20
    for method, path in asked:
        client = both.app.test_client(use_cookies=False)
        if proof == "operator":  # the walk signs out on its way
            headers = again(both, headers)
        response = client.open(path, method=method, headers=headers, json={} if method != "GET" else None)
        assert response.status_code < 500 or response.status_code == 501, (method, path, response.text)
        assert SECRET not in told(response.text, path), (method, path, response.status_code)
    assert everything_in(both) == before


def again(cloud: Cloud, headers: dict[str, str]) -> dict[str, str]:
    with db.writing(other(cloud)) as connection:
        token = sessions.open_new(connection, sessions.OPERATOR, "olga", "", NOW)
    return {"Cookie": f"aircue-operator={token}", "X-Form-Word": sessions.form_word(token)}


def told(text: str, path: str) -> str:
    """What an answer says beyond what it was asked: an error may repeat the id in its path."""
    for part in path.split("/"):
        if SECRET in part:
            text = text.replace(part, "")
    return text


def everything_in(cloud: Cloud) -> dict[str, list[Any]]:
    """The first store's rows; its counts of unknown keys and of tries do not belong to anybody."""
    with db.reading(cloud.engine) as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table))]
            for name, table in tables.metadata.tables.items()
            if name not in ("counters", "windows")
        }


def test_the_walk_sees_a_store_that_leaks(both: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = partner(other(both))
    monkeypatch.setattr("aircue_cloud.routes.services.store", lambda: db.MAIN)
    monkeypatch.setattr(access, "must_have", lambda scope: None)
    client = both.app.test_client()
    leaks = [path for method, path in requests(both) if method == "GET" and SECRET in text(client, path, headers)]
    assert "/api/v1/feed" in leaks
    assert {f"/api/v1/households/{HOME}/inbox", "/api/v1/events", "/api/v1/observations"} <= set(leaks)


def text(client: FlaskClient, path: str, headers: dict[str, str]) -> str:
    return told(client.get(path, headers=headers).text, path)


@pytest.mark.parametrize("store", ["main", "other", "none", "../x"])
def test_a_token_counts_in_the_store_that_made_it_alone(both: Cloud, store: str) -> None:
    headers = partner(other(both))
    moved = {"Authorization": re.sub(r"other\.", f"{store}.", headers["Authorization"])}
    status = both.app.test_client().get("/api/v1/feed", headers=moved).status_code
    assert status == (200 if store == "other" else 401)


@pytest.mark.parametrize("cookie", ["aircue-operator=other.x", "aircue-shopper=other.x", "aircue-operator=other."])
def test_naming_another_store_is_no_way_around_the_sign_in(both: Cloud, cookie: str) -> None:
    """The other store has no operator; the first has one, so nobody comes in without signing in."""
    with db.writing(both.engine) as connection:
        operators.add(connection, "olga", "no hash", "owner", NOW)
    client = both.app.test_client(use_cookies=False)  # one that keeps cookies sends its own alone
    assert client.get("/api/v1/feed", headers={"Cookie": cookie}).status_code == 401


@dataclass
class Running:
    """A store with something beside the requests."""

    engine: Any
    log: list[str] = field(default_factory=list)

    @property
    def background(self) -> list["Running"]:
        return [self]

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")


def test_what_goes_on_beside_the_requests_begins_with_the_server_or_with_its_store(bare: Cloud) -> None:
    where = config(bare)
    stores.add(where, "second")
    opened: dict[str, Running] = {}

    def build(place: Place) -> Running:
        opened[place.store] = Running(bare.engine)
        return opened[place.store]

    several = Stores(where, build)
    several.get("main")
    assert opened["main"].log == []
    several.start()
    assert {name: one.log for name, one in opened.items()} == {"main": ["start"], "second": ["start"]}
    stores.add(where, "third")
    several.get("third")
    stores.add(where, "fourth")
    several.take_up()
    assert sorted(opened) == ["fourth", "main", "second", "third"]
    several.close()
    assert [one.log for one in opened.values()] == [["start", "stop"]] * 4


def test_a_store_that_is_added_is_looked_for_again_and_again_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "LOOK_S", 0.001)
    looks = 0

    def take_up() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            looking.stop()
        raise OSError

    looking = stores.looking(take_up)
    looking.run()
    assert looks == 3


def test_both_stores_work_side_by_side(both: Cloud) -> None:
    headers = gateway(other(both))
    content = batch(humidity([50.0] * 3), gateway="gw-other")
    assert both.post(content, key=headers["Authorization"].removeprefix("Bearer ")).status_code == 200
    mine = both.app.test_client().get("/api/v1/status", headers=partner(other(both))).get_json()
    assert mine["batches"] == 1
    assert both.get("status")["batches"] == 1
    assert (both.folder.parent / "other/objects/base/gw-other").is_dir()
    assert not (both.folder / "objects/base/gw-other").exists()


def test_a_store_is_added_once_and_found_by_name(bare: Cloud) -> None:
    where = config(bare)
    stores.add(where, "second")
    assert stores.names(where) == ["main", "second"]
    with pytest.raises(CommandError, match="there already"):
        stores.add(where, "second")
    with pytest.raises(CommandError, match=r"store third is not known \(known: main, second\)"):
        stores.must_exist(where, "third")


@pytest.mark.parametrize("name", ["", "Main", "../x", "a b", "1st", "x" * 32, 'a"b'])
def test_a_stores_name_is_a_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="expected up to 31 letters"):
        stores.add(Config(data_dir=str(tmp_path)), name)


def test_commands_work_on_the_store_that_they_name(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text("", encoding="utf-8")

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, [*words, "--config", str(path)])

    assert "store add second" in run("household", "add", "ada", "--store", "second").stderr
    assert run("store", "add", "second").exit_code == 0
    assert run("household", "add", "ada", "--store", "second").exit_code == 0
    assert "household ada is not known" in run("site", "link", "s", "ada").stderr
    assert run("site", "link", "s", "ada", "--store", "second").exit_code == 0
    assert run("gateway", "add", "gw", "--store", "second").stdout.startswith("second.")
    assert run("store", "list").stdout.split() == ["main", "second"]
