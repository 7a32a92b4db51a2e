"""Parcels: tracked, told of by carriers, read by support and by the decision; through API, files and console."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from flask import render_template
from tests.cloud.conftest import bare_cloud
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity
from werkzeug.test import TestResponse

from aircue_cloud import cli, config, consents, db, tables, texts
from aircue_cloud.errors import SettingsError
from aircue_cloud.logistics import course, moving, parcels, reading
from aircue_cloud.logistics.carriers import aftership
from aircue_cloud.logistics.moving import Moving
from aircue_cloud.storefront.formats import Formats
from aircue_cloud.storefront.parcels import shown
from aircue_cloud.triggers.turn import Turn

SECRET = "whsec-of-a-carrier-0123456789"
CALLBACK = "/api/v1/carriers/aftership/callback"


@pytest.fixture
def called(cloud: Cloud, tmp_path: Path) -> Cloud:
    """A cloud that AfterShip calls."""
    made = bare_cloud(tmp_path / "called", carriers={"aftership": {"secret": SECRET}})
    made.add(tables.households, {"id": "ada", "name": "Ada's"})
    made.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    made.add(tables.products, *cloud.rows(tables.products))
    return made


def track(cloud: Cloud, number: str = "JJD0001", carrier: str = "aftership", **said: Any) -> TestResponse:
    body = {"carrier": carrier, "tracking_number": number, "person": "ada-1", "contents": {"drymax": 1}, **said}
    return cloud.app.test_client().post("/api/v1/parcels", json=body)


def order(cloud: Cloud, id_: str = "o-1", person: str = "ada-1") -> None:
    row = {"number": 1001, "placed_at": NOW, "currency": "EUR", "total_minor": 19800, "state": "paid", "token": "t"}
    cloud.add(tables.orders, {"id": id_, "person": person, **row})
    line = {"order": id_, "product": "drymax", "place": 0, "quantity": 2, "price_minor": 9900}
    cloud.add(tables.order_lines, line)


def update(number: str, *steps: tuple[str, int], expected: str | None = None, tag: str = "") -> dict[str, Any]:
    """As AfterShip tells it. steps: (tag, hours after now)."""
    at = [(NOW + timedelta(hours=hours)).isoformat() for _, hours in steps]
    points = [
        {"slug": "dhl", "tag": tag, "checkpoint_time": when, "message": "signed by A. Lovelace", "city": "Berlin"}
        for (tag, _), when in zip(steps, at, strict=True)
    ]
    msg = {"id": "x", "tracking_number": number, "slug": "dhl", "tag": tag or steps[-1][0], "updated_at": at[-1]}
    if expected is not None:
        msg["courier_estimated_delivery_date"] = {"estimated_delivery_date": expected}
    return {"ts": 1, "event": "tracking_update", "event_id": "e", "msg": {**msg, "checkpoints": points}}


def call(cloud: Cloud, document: dict[str, Any], *, secret: str = SECRET, **changes: Any) -> TestResponse:
    body = json.dumps(document).encode()
    headers = {aftership.HEADER: aftership.signature(secret, body), "Content-Type": "application/json"}
    return cloud.app.test_client().post(changes.get("path", CALLBACK), data=changes.get("body", body), headers=headers)


def only(cloud: Cloud) -> dict[str, Any]:
    [found] = cloud.app.test_client().get("/api/v1/parcels").get_json()["parcels"]
    return dict(cloud.app.test_client().get(f"/api/v1/parcels/{found['id']}").get_json())


def test_a_parcel_of_an_order_goes_to_its_person_with_its_lines(cloud: Cloud) -> None:
    order(cloud)
    body = {"carrier": "sandbox", "tracking_number": "S-00001", "order": "o-1"}
    answer = cloud.app.test_client().post("/api/v1/parcels", json=body)
    assert answer.status_code == 201
    found = answer.get_json()
    assert (found["person"], found["contents"], found["state"]) == ("ada-1", {"drymax": 2}, "Pending")
    with db.reading(cloud.engine) as connection:
        assert [one.id for one in reading.of_order(connection, "o-1")] == [found["id"]]
        assert [one.id for one in reading.of_person(connection, "ada-1")] == [found["id"]]
    assert cloud.app.test_client().post("/api/v1/parcels", json=body).status_code == 200


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"order": "o-9"}, "order"),
        ({"person": "nobody"}, "person"),
        ({"order": "o-1", "person": "bob-1"}, "person"),
        ({"contents": {"yacht": 1}}, "contents"),
        ({"contents": {}}, "contents"),
        ({"contents": {"drymax": 0}}, "contents"),
        ({"tracking_number": "<b>x</b>"}, "tracking_number"),
    ],
)
def test_a_parcel_to_nobody_of_nothing_or_with_a_strange_number_is_refused(
    cloud: Cloud, said: dict[str, Any], field: str
) -> None:
    order(cloud)
    cloud.add(tables.people, {"id": "bob-1", "household": "ada", "name": "Bob"})
    answer = track(cloud, **said)
    assert (answer.status_code, answer.get_json()["field"]) == (422, field), answer.text
    assert cloud.rows(tables.parcels) == []


def test_the_number_of_another_persons_parcel_is_not_taken_over(cloud: Cloud) -> None:
    cloud.add(tables.people, {"id": "bob-1", "household": "ada", "name": "Bob"})
    assert [track(cloud).status_code, track(cloud, person="bob-1").status_code] == [201, 409]


def test_a_carrier_calls_and_calls_again_and_its_events_count_once(called: Cloud) -> None:
    track(called)
    document = update("JJD0001", ("InTransit", -20), ("OutForDelivery", -2), expected="2026-11-21")
    assert call(called, document).get_json() == {"new": 3, "known": 0, "untimely": 0, "unknown": 0}
    assert call(called, document).get_json() == {"new": 0, "known": 3, "untimely": 0, "unknown": 0}
    late = update("JJD0001", ("InfoReceived", -40))
    assert call(called, late).get_json()["new"] == 1
    found = only(called)
    assert found["state"] == "OutForDelivery"
    assert found["expected_at"] == "2026-11-21T23:59:59Z"
    assert [one["state"] for one in found["events"]][:2] == ["InfoReceived", "InTransit"]


def test_nothing_of_what_a_carrier_says_of_people_and_places_is_kept(called: Cloud) -> None:
    track(called)
    call(called, update("JJD0001", ("Delivered", -2)))
    kept = repr([called.rows(table) for table in (tables.parcels, tables.parcel_events)])
    assert "Delivered" in kept
    assert "Lovelace" not in kept
    assert "Berlin" not in kept


def flipped(text: str) -> str:
    return ("A" if text[0] != "A" else "B") + text[1:]


def test_only_the_body_that_was_signed_is_read(called: Cloud) -> None:
    track(called)
    document = update("JJD0001", ("Delivered", -2))
    body, right = json.dumps(document).encode(), aftership.signature(SECRET, json.dumps(document).encode())
    browser = called.app.test_client()

    def post(data: bytes, signed: str | None) -> int:
        headers = {"Content-Type": "application/json"} | ({} if signed is None else {aftership.HEADER: signed})
        return browser.post(CALLBACK, data=data, headers=headers).status_code

    assert post(body, None) == 401
    assert post(body, flipped(right)) == 401
    assert post(body, f"\N{LATIN SMALL LETTER E WITH ACUTE}{right}") == 401
    assert post(body.replace(b"JJD0001", b"JJD0002"), right) == 401
    assert post(json.dumps(document, indent=1).encode(), right) == 401, "the same JSON in other bytes"
    assert call(called, document, secret="another secret of 20").status_code == 401
    assert called.rows(tables.parcel_events) == []
    assert post(body, right) == 200


def test_the_signature_is_base64_of_hmac_sha256() -> None:
    """RFC 4231, test case 2: key "Jefe"; its digest in base64."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    expected = base64.b64encode(bytes.fromhex(digest)).decode()
    assert aftership.signature("Jefe", b"what do ya want for nothing?") == expected


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"event": 5},
        {"event": "tracking_update", "msg": {}},
        update("JJD0001", ("Lost", -2)),
        {"event": "tracking_update", "msg": {"tracking_number": "JJD0001", "checkpoints": [{"checkpoint_time": "x"}]}},
    ],
)
def test_what_is_signed_and_none_of_aftership_s_is_refused_with_a_reason(
    called: Cloud, document: dict[str, Any]
) -> None:
    track(called)
    answer = call(called, document)
    assert (answer.status_code, "expected" in answer.get_json()) == (422, True), answer.text
    assert called.rows(tables.parcel_events) == []


def test_what_is_no_parcel_of_ours_no_news_or_of_a_time_to_come_is_told_and_not_kept(called: Cloud) -> None:
    track(called)
    assert call(called, update("JJD0009", ("Delivered", -2))).get_json()["unknown"] == 1
    assert call(called, {"event": "verification", "msg": {}}).get_json()["new"] == 0
    assert call(called, update("JJD0001", ("Delivered", 48))).get_json() == {
        "new": 0, "known": 0, "untimely": 2, "unknown": 0,
    }  # fmt: skip
    assert only(called)["state"] == "Pending"


def test_a_carrier_that_is_not_switched_on_is_not_listened_to(cloud: Cloud) -> None:
    assert call(cloud, update("JJD0001", ("Delivered", -2))).status_code == 404
    assert call(cloud, {}, path="/api/v1/carriers/strange/callback").status_code == 404


@pytest.mark.parametrize(
    "table",
    ['[carriers.ups]\nsecret = "0123456789abcdef"', '[carriers.aftership]\nsecret = "short"', "[carriers.aftership]"],
)
def test_a_carrier_that_is_set_up_wrong_stops_the_start(tmp_path: Path, table: str) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(table)
    with pytest.raises(SettingsError, match="carriers"):
        config.load(path)


def test_a_file_of_a_carrier_is_taken_but_for_its_wrong_rows(cloud: Cloud, tmp_path: Path) -> None:
    track(cloud, "A-0001", "parcelpost")
    path, settings = tmp_path / "told.csv", tmp_path / "cloud.toml"
    settings.write_text(f'data_dir = "{cloud.folder.parent.parent}"\ndatabase_url = "{cloud.database_url}"\n')
    path.write_text(
        "tracking_number,state,at,expected_at\n"
        "A-0001,InTransit,2026-11-20T08:00:00Z,2026-11-22T12:00:00Z\n"
        "A-0001,Flying,2026-11-20T09:00:00Z,\n"
        "A-0009,Delivered,2026-11-20T09:00:00Z,\n"
        "A-0001,Delivered,yesterday,\n"
    )
    run = CliRunner().invoke(cli.main, ["parcels", "import", "parcelpost", str(path), "--config", str(settings)])
    assert run.exit_code == 0, run.output
    told = run.output + run.stderr
    assert 'line 3: state is "Flying"' in told
    assert "line 5: at is" in told
    assert "parcel A-0009 is not tracked here" in told
    assert "1 events new, 0 there already" in told
    shown = CliRunner().invoke(cli.main, ["parcels", "show", "A-0001", "--config", str(settings)])
    assert "2026-11-20 08:00 InTransit" in shown.output
    listed = CliRunner().invoke(cli.main, ["parcels", "list", "--config", str(settings)])
    assert "parcelpost" in listed.output
    again = ["parcels", "track", "sandbox", "S-77777", "--person", "ada-1", "--product", "lamp", "--product", "lamp"]
    assert CliRunner().invoke(cli.main, [*again, "--config", str(settings)]).exit_code == 0
    assert [row["contents"] for row in cloud.rows(tables.parcels) if row["carrier"] == "sandbox"] == [{"lamp": 2}]


def test_a_file_without_its_columns_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "told.csv"
    path.write_text("number,state\n")
    run = CliRunner().invoke(cli.main, ["parcels", "import", "post", str(path)])
    assert run.exit_code != 0


def test_simulated_parcels_move_by_the_clock_and_others_do_not(cloud: Cloud) -> None:
    track(cloud, "S-00001", "sandbox", promised_at=(NOW + timedelta(hours=40)).isoformat())
    track(cloud, "R-00001", "parcelpost")
    look = Moving(cloud.engine, cloud.clock)
    assert look.look().new == 1
    cloud.clock.now = NOW + timedelta(hours=100)
    assert look.look().new >= 3
    assert look.look() == parcels.Added()
    with db.reading(cloud.engine) as connection:
        states = {one.carrier: one.state for one in reading.listed(connection)}
        [simulated] = [one for one in reading.listed(connection) if one.carrier == "sandbox"]
        late = simulated.delay(cloud.clock())
    assert states == {"sandbox": "Delivered", "parcelpost": "Pending"}
    assert late is not None
    assert timedelta(hours=6) < late < timedelta(hours=31)


# Not offered while it is on its way.


def bags(cloud: Cloud, *days: float) -> None:
    """Bags against damp that last 60 days, bought so many days ago, and used up."""
    row = {"id": "bags", "name": "Bags", "category": "moisture-absorber", "price_minor": 1090, "currency": "EUR"}
    cloud.add(tables.products, {**row, "stock": 9, "description": "", "attributes": {"lasts_days": 60}})
    said = {"purpose": "marketing", "data_category": "behaviour", "channel": "in-app", "granted": True}
    with db.writing(cloud.engine) as connection:
        consents.record(connection, "ada", **said, now=NOW)  # type: ignore[arg-type]  # the fields of a consent
    act = {"person": "ada-1", "product": "bags", "kind": "purchase", "weight": 8.0}
    cloud.add(tables.interactions, *({**act, "at": NOW - timedelta(days=one)} for one in days))


def offered(cloud: Cloud) -> dict[str, str | None]:
    """What hinders each candidate of the one decision."""
    cloud.post(batch(humidity(DAMP)))
    [row] = cloud.get("decisions")["rows"]
    return {one["product"]: one["hindrance"] for one in row["trace"]["candidates"]}


ON_ITS_WAY = "a parcel with it is on its way to the household"


def test_what_is_on_its_way_is_not_offered_again(cloud: Cloud) -> None:
    bags(cloud, 70)
    track(cloud, "S-00001", "parcelpost", contents={"bags": 1})
    assert offered(cloud)["bags"] == ON_ITS_WAY


def test_without_a_parcel_it_is_offered(cloud: Cloud) -> None:
    bags(cloud, 70)
    assert offered(cloud)["bags"] is None


@pytest.mark.parametrize("state", [course.DELIVERED, course.EXCEPTION])
def test_what_came_or_went_wrong_is_on_its_way_no_longer(cloud: Cloud, state: str) -> None:
    bags(cloud, 70)
    track(cloud, "S-00001", "parcelpost", contents={"bags": 1})
    told = [course.Event(key="1", at=NOW - timedelta(hours=1), state=state)]
    with db.writing(cloud.engine) as connection:
        parcels.tell(connection, "parcelpost", [parcels.Told(tracking_number="S-00001", events=told)], NOW)
    assert offered(cloud)["bags"] is None


def test_a_parcel_that_fell_silent_stands_in_no_offers_way(cloud: Cloud) -> None:
    bags(cloud, 70)
    track(cloud, "S-00001", "parcelpost", contents={"bags": 1})
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.parcels.update().values(heard_at=NOW - timedelta(days=31)))
    assert offered(cloud)["bags"] is None


def test_a_neighbours_parcel_stands_in_nobody_elses_way(cloud: Cloud) -> None:
    bags(cloud, 70)
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    track(cloud, "S-00001", "parcelpost", contents={"bags": 1}, person="bob-1")
    assert offered(cloud)["bags"] is None


def test_no_replenishment_goes_out_while_one_of_its_kind_is_on_its_way(cloud: Cloud) -> None:
    """The need absorber-due itself, from its episode on."""
    bags(cloud, 70)
    track(cloud, "S-00001", "parcelpost", contents={"bags": 1})
    decided = replenished(cloud)
    assert {(row["outcome"], row["product"]) for row in decided} == {("suppress", None)}
    hindrances = {one["product"]: one["hindrance"] for one in decided[-1]["trace"]["candidates"]}
    assert hindrances["bags"] == ON_ITS_WAY


def test_without_a_parcel_the_replenishment_goes_out(cloud: Cloud) -> None:
    bags(cloud, 70)
    assert ("send", "bags") in {(row["outcome"], row["product"]) for row in replenished(cloud)}


def replenished(cloud: Cloud) -> list[dict[str, Any]]:
    Turn(cloud.layers, cloud.clock).work()
    return [row for row in cloud.get("decisions")["rows"] if row["need"] == "absorber-due"]


# The console.


def test_the_console_shows_parcels_and_their_course_and_moves_simulated_ones(cloud: Cloud) -> None:
    browser = cloud.app.test_client()
    assert "No parcel yet" in browser.get("/console/parcels").text
    track(cloud, "S-00001", "sandbox", promised_at=(NOW - timedelta(hours=5)).isoformat())
    cloud.clock.now = NOW + timedelta(hours=43)
    page = browser.get("/console/parcels").text
    assert "sandbox (simulated)" in page
    assert "Move simulated parcels on" in page
    assert browser.post("/console/parcels/move", headers={"Origin": "http://localhost"}).status_code == 303
    assert "out for delivery" in browser.get("/console/parcels?number=S-00001").text
    assert "out for delivery" not in browser.get("/console/parcels?number=S-9").text
    [row] = cloud.rows(tables.parcels)
    one = browser.get(f"/console/parcels/{row['id']}").text
    assert "in transit" in one
    assert "Late" in one
    assert browser.get("/console/parcels/none").status_code == 404
    assert "OutForDelivery" in browser.get("/console/parcels?format=csv").text


def test_an_orders_parcel_is_tracked_in_the_console_by_the_orders_number(cloud: Cloud) -> None:
    order(cloud)
    browser, own = cloud.app.test_client(), {"Origin": "http://localhost"}
    form = {"order": "1001", "carrier": "sandbox", "tracking_number": "S-00001"}
    answer = browser.post("/console/parcels", data=form, headers=own, follow_redirects=True)
    assert "Parcel S-00001" in answer.text
    assert [row["contents"] for row in cloud.rows(tables.parcels)] == [{"drymax": 2}]
    for wrong in ({"order": "9"}, {"order": "x"}, {"tracking_number": "<b>"}, {"carrier": "/"}):
        refused = browser.post("/console/parcels", data={**form, **wrong}, headers=own)
        assert (refused.status_code, "Not tracked" in refused.text) == (422, True), wrong
    assert len(cloud.rows(tables.parcels)) == 1


def test_moving_on_is_one_transaction_that_a_second_one_finds_done(cloud: Cloud) -> None:
    track(cloud, "S-00001", "sandbox")
    for _ in range(2):
        with db.writing(cloud.engine) as connection:
            moving.move(connection, NOW + timedelta(hours=7))
    assert [row["state"] for row in cloud.rows(tables.parcel_events)] == ["InfoReceived", "InTransit"]


# The order's page.


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("On its way", "3 days late")), ("zh", ("运输途中", "晚了3天"))]
)
def test_an_orders_page_shows_its_parcels_in_the_shoppers_language(
    cloud: Cloud, language: str, words: tuple[str, str]
) -> None:
    order(cloud)
    promised = (NOW - timedelta(hours=5)).isoformat()
    track(cloud, "S-00001", "sandbox", order="o-1", promised_at=promised)
    later = NOW + timedelta(hours=7)
    with db.writing(cloud.engine) as connection:
        moving.move(connection, later)
        found = shown(connection, "o-1", later)
        assert shown(connection, "o-2", later) == []
    formats = Formats(language, ZoneInfo("Europe/Berlin"))
    with cloud.app.test_request_context():
        html = render_template("shop/parcels.html", parcels=found, t=texts.of(language), f=formats)
        assert render_template("shop/parcels.html", parcels=[], t=texts.of(language), f=formats).strip() == ""
    assert all(one in html for one in words), html
    assert "S-00001" in html
    assert "style=" not in html
