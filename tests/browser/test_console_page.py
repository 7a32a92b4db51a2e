"""The console as it leaves the server: what is on it, and that nothing from outside becomes part of the page."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from tests.cloud.stage import DAMP, DRY, NOW, Cloud, batch, humidity, product

from aircue_cloud import db, tables
from aircue_gateway.batch import Channel, Group, Loss, Sample, Status

DAY_MS = 24 * 3600 * 1000


def client(cloud: Cloud) -> FlaskClient:
    return cloud.app.test_client()


def page(cloud: Cloud, query: str = "") -> str:
    answer = client(cloud).get(f"/console{query}")
    assert answer.status_code == 200
    return answer.text


def words(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def temperature(at_ms: int, value: int, status: Status = Status.OK) -> Group:
    sample = Sample(
        sequence=1,
        uptime_ms=0,
        measured_at_ms=at_ms,
        received_at_ms=at_ms,
        clock="node",
        values=(value,),
        statuses=(status,),
    )
    channel = Channel(quantity="temperature", unit="Cel", scale=100)
    return Group(site="home-1", node="attic", installation=1, boot=1, channels=(channel,), samples=(sample,))


def test_a_new_installation_is_told_the_next_step(cloud: Cloud) -> None:
    text = words(page(cloud))
    assert "No readings yet." in text
    assert "aircue-cloud gateway add NAME" in text
    assert "No pushes yet." in text
    assert "No episodes yet" in text


def test_a_damp_bathroom_is_shown_with_its_episode_and_push(home: Cloud) -> None:
    home.post(batch(humidity([*DRY, *DAMP])))
    html = page(home)
    text = words(html)
    assert html.count('<svg class="chart"') == 1
    assert "bathroom home-1 · Ada&#39;s times in Europe/London" in text
    assert "Humidity Damp air 85.0 %" in text
    assert "Damp air bathroom, home-1 21 Nov 02:20 GMT" in text
    assert "Drymax €99.00" in text
    assert "Why: Your bathroom was above 80 % humidity for 15 min today (it measured 85 %)." in text
    assert "bathroom, home-1, reading of 21 Nov 02:35 GMT" in text
    assert "push sent" in text
    assert 'class="wash"' in html
    assert re.search(r"Damp air[\w, ]* over 80<", html)


def test_a_decision_against_a_push_says_why(home: Cloud) -> None:
    home.consent("ada", granted=False)
    home.post(batch(humidity(DAMP)))
    text = words(page(home))
    assert "No pushes yet." in text
    assert "Household ada has withdrawn its agreement" in text
    assert "held back" in text


def test_the_table_behind_a_chart_has_its_extremes(home: Cloud) -> None:
    home.post(batch(humidity([41.5, 47.25, 44.0])))
    assert "41.5 % 44.2 % 47.2 % 3" in words(page(home))


def test_a_flagged_reading_is_marked_and_stands_in_no_table(home: Cloud) -> None:
    at = db.to_ms(NOW)
    home.post(batch(temperature(at, 9000, Status.SPIKE)))
    html = page(home)
    assert "Temperature spike 90.0 °C" in words(html)
    assert '<circle class="flag"' in html
    assert "No trusted reading in this window." in html


def test_losses_and_redeliveries_are_counted(home: Cloud) -> None:
    lost = Loss(node="bathroom", installation=1, boot=1, first=1, last=12, samples=12, where="node")
    sent = batch(humidity(DRY), losses=(lost,))
    home.post(sent)
    home.post(sent)
    text = words(page(home))
    assert "Redelivered 1 batches" in text
    assert "Lost, declared 12 samples" in text


def test_a_silent_node_is_called_silent(home: Cloud) -> None:
    home.post(batch(humidity(DRY)))
    assert "latest 02:19:00 GMT" in words(page(home))
    home.clock.now = NOW + timedelta(minutes=16)
    assert "silent since 02:19:00 GMT" in words(page(home))


@pytest.mark.parametrize(("minutes", "fits"), [(30, "1h"), (90, "6h"), (420, "24h")])
def test_the_window_fits_what_there_is_unless_one_is_asked_for(home: Cloud, minutes: int, fits: str) -> None:
    home.post(batch(humidity(dict.fromkeys(range(0, minutes + 1, 10), 50.0))))
    assert current(page(home)) == current(page(home, "?window=junk%22")) == fits
    assert current(page(home, "?window=7d")) == "7d"


def current(html: str) -> str:
    found = re.search(r'href="\?window=(\w+)" aria-current="true"', html)
    return "" if found is None else found.group(1)


def test_a_clock_that_runs_ahead_does_not_hide_the_others(home: Cloud) -> None:
    home.post(batch(humidity(DRY)))
    home.post(batch(temperature(253_402_300_799_000, 2000), sequence=2))
    html = page(home)
    assert html.count("<polyline") == 1
    assert "attic" not in html  # what the future says is kept, and believed by no page
    assert [row["flag"] for row in home.readings()][-1] == "FUTURE"


def test_the_live_part_is_fetched_again_only_when_something_came(home: Cloud) -> None:
    home.post(batch(humidity(DRY)))
    first = client(home).get("/console/live?window=6h")
    assert "<html" not in first.text
    same = {"If-None-Match": first.headers["ETag"]}
    assert client(home).get("/console/live?window=6h", headers=same).status_code == 304
    assert client(home).get("/console/live?window=1h", headers=same).status_code == 200
    home.post(batch(humidity({30: 50.0}), sequence=2))
    assert client(home).get("/console/live?window=6h", headers=same).status_code == 200


def test_the_page_carries_the_version_its_script_asks_with(home: Cloud) -> None:
    answer = client(home).get("/console")
    version = re.search(r'data-version="([^"]+)"', answer.text)
    assert version is not None
    assert answer.headers["ETag"] == f'"{version.group(1)}"'


@pytest.mark.parametrize("path", ["/console", "/console/live", "/console/static/console.js"])
def test_a_strict_policy_guards_every_answer(home: Cloud, path: str) -> None:
    with client(home).get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_keeps_its_own_policy_and_asks_nothing_of_others(home: Cloud) -> None:
    home.post(batch(humidity([*DRY, *DAMP])))
    html = page(home)
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:|<script>", html)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)


NASTY = '"><script>window.pwned=1</script>'


def test_names_from_outside_are_text(home: Cloud) -> None:
    home.add(tables.products, {**product("nasty", "dehumidifier"), "name": NASTY})
    home.affinity.shares = {"nasty": 0.9}
    home.post(batch(humidity([*DRY, *DAMP], node="<script>alert(1)")))
    html = page(home)
    assert "window.pwned=1" in html
    assert "alert(1)" in html
    assert html.count("<script") == html.count('<script src="/console/static/') == 3


def test_a_site_with_a_zone_nobody_knows_is_shown_in_utc(home: Cloud) -> None:
    home.add(tables.sites, {"id": "home-9", "household": None, "tz": "Mars/Olympus"})
    home.post(batch(humidity(DRY, site="home-9")))
    text = words(page(home))
    assert "home-9 · linked to no household times in UTC" in text
