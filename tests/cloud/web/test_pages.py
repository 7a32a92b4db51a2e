"""The console's pages: what each shows, to whom, and what it does."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import url_for
from flask.testing import FlaskClient
from tests.cloud.stage import DAMP, DRY, NOW, Cloud, batch, humidity

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import kill_switch
from aircue_cloud.identity import keys, operators, sessions
from aircue_cloud.needs import nodes
from aircue_cloud.web import charts, courses, devices, funnel, navigation, page
from aircue_gateway.batch import Loss, Status

NASTY = "<svg\u00a0onload=window.pwned=1>"


def client(cloud: Cloud) -> FlaskClient:
    return cloud.app.test_client()


def text(cloud: Cloud, path: str) -> str:
    answer = client(cloud).get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def rows(cloud: Cloud, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(cloud, path))))


def signed_in(cloud: Cloud, name: str, role: str) -> Callable[..., Any]:
    """`ask(method, path, **form)` as this operator."""
    with db.writing(cloud.engine) as connection:
        operators.add(connection, name, "no password", role, NOW)
        token = sessions.open_new(connection, sessions.OPERATOR, name, "", NOW)
    browser = client(cloud)
    browser.set_cookie("aircue-operator", token)

    def ask(method: str, path: str, **form: str) -> Any:
        return browser.open(path, method=method, data={"form_word": sessions.form_word(token), **form})

    return ask


@pytest.mark.parametrize("entry", navigation.ENTRIES, ids=lambda entry: entry.name)
def test_a_page_is_shown_to_whom_may_see_it_alone(bare: Cloud, entry: navigation.Entry) -> None:
    with bare.app.test_request_context():
        path = url_for(entry.endpoint)
    with db.writing(bare.engine) as connection:
        mine = keys.add(connection, "partner", "mine", [entry.permission], NOW)
        other = "feed:read" if entry.permission != "feed:read" else "weather:read"
        theirs = keys.add(connection, "partner", "theirs", [other], NOW)
    codes = [
        client(bare).get(path, headers={"Authorization": f"Bearer {key}"}).status_code for key in (mine, theirs, "x")
    ]
    assert codes == [200, 403, 401]


# Homes.


def test_a_home_shows_its_rooms_with_charts_flags_episodes_pushes_and_the_weather(cloud: Cloud) -> None:
    cloud.add(tables.weather, *weather(cloud))
    cloud.post(batch(humidity([*DRY, *DAMP, Status.GAP, 60.0]), humidity([55.0], node="hall")))
    html = text(cloud, "/console/homes/home-1")
    assert re.findall(r'<h2 id="room-\d">([^<]+)</h2>', html) == ["bathroom", "hall"]
    assert html.count('<svg class="chart"') == 4
    assert html.count('class="wash"') == 1
    assert html.count('<g class="push">') == 0  # it was decided at noon, hours after the last reading
    assert "Outdoors around 51.5,-0.1 · told by told" in words(html)
    assert "Damp air bathroom 21 Nov 02:20 UTC" in words(html)
    wide = text(cloud, "/console/homes/home-1?start=1795200000000&end=1795305600000")
    assert wide.count('<g class="push"><title>Push at 21 Nov 12:00 UTC: Damp air in your bathroom</title>') == 1
    [sent] = rows(cloud, "/console/homes/home-1?start=1795200000000&end=1795305600000&format=csv&table=pushes")
    assert (sent["Room"], sent["Product"], sent["Channel"]) == ("bathroom", "Drymax", "in-app")


def weather(cloud: Cloud) -> list[dict[str, Any]]:
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.sites.update().values(area="51.5,-0.1"))
    hours = [NOW - timedelta(hours=12 - number) for number in range(6)]
    said = {"area": "51.5,-0.1", "source": "told", "humidity": 80.0, "condition": None, "told_at": NOW}
    return [{**said, "hour": hour, "temperature": 4.0 + number} for number, hour in enumerate(hours)]


def test_what_was_flagged_is_drawn_when_it_is_asked_for(cloud: Cloud) -> None:
    flagged = humidity([50.0] * 30)
    samples = list(flagged.samples)
    samples[10] = type(samples[10])(
        **{
            name: getattr(samples[10], name)
            for name in ("sequence", "uptime_ms", "measured_at_ms", "received_at_ms", "clock")
        },
        values=(9900,),
        statuses=(Status.SPIKE,),
    )
    group = type(flagged)(
        **{name: getattr(flagged, name) for name in ("site", "node", "installation", "boot", "channels")},
        samples=tuple(samples),
    )
    cloud.post(batch(group))
    cleaned, raw = (text(cloud, f"/console/homes/home-1?span=day{more}") for more in ("", "&raw=1"))
    assert '<circle class="flag"' in cleaned
    assert '<g class="raw">' not in cleaned
    assert '<g class="raw">' in raw


def test_a_year_is_drawn_from_the_hours_and_says_the_same_as_the_readings(cloud: Cloud) -> None:
    cloud.post(batch(humidity([40.0 + minute % 60 / 2 for minute in range(600)])))
    first, last = (db.to_ms(NOW) - 365 * 24 * 3_600_000, db.to_ms(NOW))
    with db.reading(cloud.engine) as connection:
        year = courses.of_site(connection, cloud.services.lake, "home-1", first, last, charts.BUCKETS)
        day = courses.of_site(connection, cloud.services.lake, "home-1", last - 86_400_000, last, charts.BUCKETS)
    whole, fine = year["bathroom", "humidity"].trusted, day["bathroom", "humidity"].trusted
    assert len(whole) <= 2 < len(fine) <= charts.BUCKETS + 1
    for slices in (whole, fine):
        assert sum(one.count for one in slices) == 600
        assert (min(one.low for one in slices), max(one.high for one in slices)) == (40.0, 69.5)
        assert sum(one.mean * one.count for one in slices) / 600 == pytest.approx(54.75)
    assert "of flagged values the extremes of each slice are marked" in text(cloud, "/console/homes/home-1?span=year")


def test_hours_of_two_scales_are_one_course(cloud: Cloud) -> None:
    cloud.post(batch(humidity([50.0])))
    key = {"site": "home-1", "node": "bathroom", "quantity": "humidity", "hour": 100, "readings": 2}
    cloud.add(
        tables.hourly,
        key | {"scale": 100, "low": 4000, "high": 4400, "total": 8400},
        key | {"scale": 10, "low": 390, "high": 430, "total": 820},
    )
    with db.reading(cloud.engine) as connection:
        last = 100 * courses.HOUR_MS + 365 * 24 * courses.HOUR_MS
        found = courses.of_site(connection, cloud.services.lake, "home-1", 0, last, charts.BUCKETS)
    [one] = found["bathroom", "humidity"].trusted
    assert (one.low, one.high, one.count) == (39.0, 44.0, 4)
    assert one.mean == pytest.approx(41.5)


def spiked(values: list[float], odd: dict[int, float], **where: Any) -> Any:
    """Readings of which some are flagged as spikes."""
    group = humidity(values, **where)
    samples = [
        replace(one, values=(round(odd[at] * 100),), statuses=(Status.SPIKE,)) if at in odd else one
        for at, one in enumerate(group.samples)
    ]
    return replace(group, samples=tuple(samples))


def test_a_year_shows_what_was_flagged_as_well_whether_its_files_were_read_before_or_not(cloud: Cloud) -> None:
    def marks() -> list[tuple[float, str]]:
        last = db.to_ms(NOW)
        with db.reading(cloud.engine) as connection:
            found = courses.of_site(
                connection, cloud.services.lake, "home-1", last - 365 * 86_400_000, last, charts.BUCKETS
            )
        return [(one.value, one.flag) for one in found["bathroom", "humidity"].flagged]

    cloud.post(batch(spiked([50.0] * 30, {10: 99.0})))
    assert marks() == marks() == [(99.0, "SPIKE")]
    cloud.post(batch(spiked([50.0] * 60, {40: 3.0, 41: 98.0}, node="hall"), sequence=2))
    assert marks() == [(99.0, "SPIKE")]
    cloud.post(batch(spiked([50.0] * 30, {5: 2.0}, boot=2), sequence=3))
    assert marks() == [(2.0, "SPIKE, 2 readings"), (99.0, "SPIKE, 2 readings")]
    assert '<circle class="flag"' in text(cloud, "/console/homes/home-1?span=year")


@pytest.mark.parametrize(
    "asked", ["span=junk", "start=x&end=y", "start=5&end=1", "start=-1&end=99999999999999999", "end=0"]
)
def test_a_window_that_is_none_becomes_one(cloud: Cloud, asked: str) -> None:
    cloud.post(batch(humidity(DRY)))
    assert '<svg class="chart"' in text(cloud, f"/console/homes/home-1?{asked}")


def test_homes_are_listed_on_a_map_and_names_from_outside_are_text(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DRY, site="a<script>", node=NASTY)))
    weather(cloud)
    html = text(cloud, "/console/homes")
    assert '<svg class="map"' in html
    assert html.count("<script") == 1
    href = re.search(r'<a href="(/console/homes/a[^"]+)">', html)
    assert href is not None
    page = text(cloud, href[1])
    assert NASTY not in page
    assert NASTY.replace("<", "&lt;").replace(">", "&gt;") in page
    assert client(cloud).get("/console/homes/nowhere").status_code == 404


# Devices.


def test_devices_say_how_they_are_as_far_as_they_said(cloud: Cloud) -> None:
    lost = Loss(node="bathroom", installation=2779096485, boot=1, first=1, last=12, samples=12, where="node")
    cloud.post(batch(humidity(DRY), losses=(lost,)))
    [node] = rows(cloud, "/console/devices?format=csv&table=nodes")
    assert (node["Node"], node["State"], node["Samples lost"], node["Battery"]) == ("bathroom", "heard", "12", "")
    [gateway] = rows(cloud, "/console/devices?format=csv&table=gateways")
    assert (gateway["Gateway"], gateway["Batches"], gateway["Readings"]) == ("gw-1", "1", "20")
    cloud.clock.now = NOW + devices.SILENT_AFTER + timedelta(seconds=1)
    assert rows(cloud, "/console/devices?format=csv&table=nodes")[0]["State"] == "silent"


# Decisions.


def test_why_not_is_answered_gate_by_gate(cloud: Cloud) -> None:
    cloud.consent("ada", granted=False)
    cloud.post(batch(humidity(DAMP)))
    listed = text(cloud, "/console/decisions?person=ada-1")
    assert "held back" in listed
    [number] = re.findall(r'<a href="/console/decisions/(\d+)">', listed)
    gates = rows(cloud, f"/console/decisions/{number}?format=csv&table=gates")
    results = {gate["Gate"]: gate["Result"] for gate in gates}
    assert (results["sensor"], results["consent"], results["caps"]) == ("passed", "stopped here", "not asked")
    assert "has withdrawn its agreement" in next(gate["What it saw"] for gate in gates if gate["Gate"] == "consent")
    assert rows(cloud, "/console/decisions?format=csv&table=held") == [
        {"Gate": "consent", "What became of it": "held back", "Decisions": "1", "Share": "1.0"}
    ]


def test_a_push_shows_what_it_was_chosen_from(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    [row] = cloud.rows(tables.decisions)
    chosen = rows(cloud, f"/console/decisions/{row['id']}?format=csv&table=candidates")
    assert [one["Product"] for one in chosen if one["Product"].endswith("(chosen)")] == ["Drymax (chosen)"]
    assert chosen[-1]["Product"] == "No push"
    assert 0 < float(chosen[0]["Chance"]) <= 1
    assert "push sent" in text(cloud, f"/console/decisions?push={row['push']}")


@pytest.mark.parametrize("asked", ["person=nobody", "household=ada&days=1&outcome=send", "before=x&days=0"])
def test_nothing_decided_says_the_next_step(cloud: Cloud, asked: str) -> None:
    assert "Nothing was decided about this in the period" in text(cloud, f"/console/decisions?{asked}")
    assert client(cloud).get("/console/decisions/7").status_code == 404
    assert client(cloud).get(f"/console/decisions/{2**70}").status_code == 404


def test_the_funnel_counts_each_step_once(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    [push] = cloud.rows(tables.pushes)
    followed = {"person": "ada-1", "product": "drymax", "weight": 1.0, "at": NOW, "pushed": True, "push": push["id"]}
    cloud.add(tables.interactions, *(followed | {"kind": kind} for kind in ("click", "click", "purchase")))
    steps = re.findall(r'<span class="label">(\w+)</span> <b>(\d+)</b>', text(cloud, "/console"))
    assert steps == [("Episodes", "1"), ("Candidates", "1"), ("Sent", "1"), ("Clicked", "1"), ("Bought", "1")]


def test_no_step_of_the_funnel_counts_more_than_the_one_before(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    [decision], [push] = cloud.rows(tables.decisions), cloud.rows(tables.pushes)
    again = {name: value for name, value in decision.items() if name != "id"}
    cloud.add(tables.decisions, again | {"push": "another"}, again | {"push": "a third"})
    bought = {"person": "ada-1", "product": "drymax", "weight": 8.0, "at": NOW, "pushed": True, "push": push["id"]}
    cloud.add(tables.interactions, bought | {"kind": "purchase"}, bought | {"kind": "purchase"})
    with db.reading(cloud.engine) as connection:
        counts = [step.count for step in funnel.steps(connection, NOW - timedelta(days=1))]
        assert counts == [1, 1, 1, 1, 1]  # who bought by way of a push went there, click or no click
        assert [step.count for step in funnel.steps(connection, NOW + timedelta(days=1))] == [0, 0, 0, 0, 0]


def test_what_stands_in_a_nodes_place_is_told_in_words() -> None:
    assert [page.place(node) for node in ("bathroom", nodes.any_of("softener-salt"), nodes.product("larch"))] == [
        "bathroom",
        "for any softener-salt",
        "for larch",
    ]


def test_a_push_about_a_consumable_says_so_on_now(cloud: Cloud) -> None:
    cloud.post(batch(humidity(DAMP)))
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.episodes.update().values(node=nodes.any_of("softener-salt")))
    assert "for any softener-salt, home-1, reading of" in words(text(cloud, "/console"))
    assert "@any" not in text(cloud, "/console")
    assert "@any" not in text(cloud, "/console/homes/home-1?start=1795200000000&end=1795305600000")


# The switch.


def test_all_pushes_are_stopped_with_a_reason_and_a_tick_and_it_is_written_down(cloud: Cloud) -> None:
    ask = signed_in(cloud, "olga", "operator")
    for form in (
        {"action": "stop", "sure": "yes"},
        {"action": "stop", "reason": "fire"},
        {"sure": "yes", "reason": "x"},
    ):
        assert ask("POST", "/console/switch", **form).status_code == 422
    assert ask("POST", "/console/switch", action="stop", sure="yes", reason="fire").status_code == 303
    with db.reading(cloud.engine) as connection:
        assert kill_switch.switched_off(connection) == "fire"
    cloud.post(batch(humidity(DAMP)))
    assert cloud.rows(tables.pushes) == []
    acts = [(row["actor"], row["action"], row["target"]) for row in cloud.rows(tables.audit)]
    assert ("operator olga", "pushes stop", "fire") in acts
    assert "Pushes are stopped: fire" in words(ask("GET", "/console").text)
    assert ask("POST", "/console/switch", action="start", sure="yes").status_code == 303
    with db.reading(cloud.engine) as connection:
        assert kill_switch.switched_off(connection) is None


def test_a_viewer_may_look_at_the_switch_and_not_move_it(cloud: Cloud) -> None:
    ask = signed_in(cloud, "vera", "viewer")
    assert "ask an owner or an operator" in ask("GET", "/console/switch").text
    assert ask("POST", "/console/switch", action="stop", sure="yes", reason="x").status_code == 403


# Users.


def test_an_owner_adds_changes_and_takes_away_and_the_last_owner_stays(cloud: Cloud) -> None:
    ask = signed_in(cloud, "olga", "owner")
    assert ask("POST", "/console/users", name="vera", role="viewer", password="short").status_code == 422
    assert ask("POST", "/console/users", name="-", role="viewer", password="correct horse battery").status_code == 422
    assert (
        ask("POST", "/console/users", name="vera", role="viewer", password="correct horse battery").status_code == 303
    )
    assert ask("POST", "/console/users/vera/role", role="operator").status_code == 303
    assert ask("POST", "/console/users/olga/role", role="viewer").status_code == 422
    assert [(row["name"], row["role"]) for row in cloud.rows(tables.operators)] == [
        ("olga", "owner"),
        ("vera", "operator"),
    ]
    assert ask("POST", "/console/users/vera/remove").status_code == 422
    assert ask("POST", "/console/users/vera/remove", sure="yes").status_code == 303
    refused = ask("POST", "/console/users/olga/remove", sure="yes")
    assert (refused.status_code, "is the last owner" in refused.text) == (422, True)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_owners_see_and_change_users(cloud: Cloud, role: str) -> None:
    ask = signed_in(cloud, "otto", role)
    assert ask("GET", "/console/users").status_code == 403
    assert ask("POST", "/console/users", name="x", role="owner", password="correct horse battery").status_code == 403


# Privacy, audit, audiences.


def test_the_privacy_desk_tells_what_was_asked_and_what_is_left_to_do(cloud: Cloud) -> None:
    assert "Nobody asked for anything yet" in text(cloud, "/console/privacy")
    cloud.consent("ada", granted=False)
    assert (
        client(cloud)
        .get("/console/privacy/export?kind=person&name=ada-1")
        .headers["Location"]
        .endswith("/people/ada-1/export")
    )
    assert client(cloud).get("/api/v1/people/ada-1/export").status_code == 200
    proof = {"pseudonym": "erased-1", "left": ["models"]}
    row = {"id": "1", "at": NOW - timedelta(days=3), "asked_by": "operator olga", "proof": proof}
    cloud.add(tables.erasures, row, row | {"id": "2", "at": NOW - timedelta(days=30)})
    found = rows(cloud, "/console/privacy?format=csv&table=requests")
    assert {one["What"] for one in found} == {"export", "erasure", "withdrawal: sensor for marketing (in-app)"}
    clocks = [one["Clock"] for one in rows(cloud, "/console/privacy?format=csv&table=open")]
    assert clocks == ["25 d left", "over since 2 d"]


def test_the_audit_log_is_searched_and_goes_on(cloud: Cloud) -> None:
    row = {"at": NOW, "actor": "operator olga", "action": "x", "outcome": "done", "address": "", "detail": {}}
    cloud.add(tables.audit, *({**row, "target": f"t{number}"} for number in range(105)), {**row, "target": NASTY})
    html = text(cloud, "/console/audit")
    assert NASTY not in html
    assert html.count("<tr>") == 101
    [more] = re.findall(r'<p class="more"><a href="([^"]+)"', html)
    assert text(cloud, more).count("<tr>") == 7
    assert len(rows(cloud, "/console/audit?q=t10&format=csv")) == 6


def test_audiences_count_twenty_people_and_more_and_say_nothing_of_fewer(bare: Cloud) -> None:
    for name, people in (("many", 20), ("few", 19)):
        bare.add(tables.households, {"id": name, "name": name})
        bare.add(tables.people, *({"id": f"{name}-{n}", "household": name, "name": name} for n in range(people)))
    with db.writing(bare.engine) as connection:
        for name, category in (("many", "sensor"), ("few", "behaviour")):
            how: dict[str, Any] = {"purpose": "marketing", "data_category": category, "channel": "in-app"}
            consents.record(connection, name, granted=True, now=NOW - timedelta(days=60), **how)
    found = rows(bare, "/console/audiences?format=csv&table=consents")
    assert [(one["Data"], one["People"]) for one in found] == [("behaviour", ""), ("sensor", "20")]


def test_two_audiences_that_differ_by_few_people_do_not_tell_of_them(bare: Cloud) -> None:
    bare.add(tables.households, *({"id": name, "name": name} for name in ("a", "b")))
    bare.add(tables.people, *({"id": f"a{n}", "household": "a", "name": "a"} for n in range(30)))
    bare.add(tables.people, {"id": "b", "household": "b", "name": "b"})
    with db.writing(bare.engine) as connection:
        for name, channel in (("a", "email"), ("a", "in-app"), ("b", "in-app")):
            how: dict[str, Any] = {"purpose": "marketing", "data_category": "sensor", "channel": channel}
            consents.record(connection, name, granted=True, now=NOW - timedelta(days=60), **how)
    found = rows(bare, "/console/audiences?format=csv&table=consents")
    assert [(one["Channel"], one["People"]) for one in found] == [("email", "30"), ("in-app", "")]
