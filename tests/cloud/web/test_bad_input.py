"""What comes from outside, and the console: names that would be markup, ids of another store, forged forms."""

import csv
import io
import re

import pytest
from tests.cloud.stage import DAMP, DRY, NOW, Cloud, batch, humidity, product
from tests.cloud.web.hands import NASTY, hands, is_clean

from aircue_cloud import db, tables

NODE = "<svg\u00a0onload=window.pwned=1>'<script>window.pwned=1"
FORMULA = "=HYPERLINK(0)"
PLACES = (
    "/console",
    "/console/live",
    "/console/homes",
    "/console/homes/home-1",
    "/console/devices",
    "/console/decisions",
    "/console/decisions/1",
    "/console/catalogue",
    "/console/catalogue/nasty",
    "/console/search?q=script",
    "/console/needs",
    "/console/new-need",
    "/console/audit",
)


@pytest.fixture
def nasty(cloud: Cloud) -> Cloud:
    """A store whose names were all chosen by somebody who means harm: of a node, of people, and of the shop's feed."""
    cloud.add(tables.products, {**product("nasty", "dehumidifier"), "name": NASTY, "description": NASTY,
                                "attributes": {NASTY: NASTY}})  # fmt: skip
    cloud.affinity.shares = {"nasty": 0.9}
    said = {"person": "ada-1", "product": "nasty", "kind": "rating", "weight": 1.0, "at": NOW, "rating": 2}
    cloud.add(tables.interactions, said | {"text": NASTY})
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.households.update().values(name=NASTY))
        connection.execute(tables.people.update().values(name=NASTY))
    cloud.post(batch(humidity([*DRY, *DAMP], node=NODE)))
    return cloud


def test_no_name_from_outside_becomes_part_of_a_page(nasty: Cloud) -> None:
    mine, shown = hands(nasty, "owner"), ""
    for path in PLACES:
        answer = mine.get(path)
        assert answer.status_code == 200, path
        assert is_clean(answer), path
        assert "<script>window" not in answer.text, path
        shown += answer.text
    assert "&lt;script&gt;window.pwned=1" in shown  # so they were on the pages, as text


def test_what_is_asked_for_stays_text(nasty: Cloud) -> None:
    mine = hands(nasty, "owner")
    for path in ("/console/search", "/console/catalogue", "/console/audit"):
        answer = mine.client.get(path, query_string={"q": NASTY})
        assert is_clean(answer), path
    assert is_clean(mine.post("/console/new-need", **{"from": NASTY, "name": NASTY, "title": NASTY, "do": "try"}))


def test_no_file_runs_a_formula(cloud: Cloud) -> None:
    cloud.add(tables.products, {**product("formula", "fan"), "name": FORMULA})
    cloud.post(batch(humidity([*DRY, *DAMP], node="-2+3")))
    mine = hands(cloud)
    for path in ("/console/catalogue?format=csv", "/console/devices?format=csv&table=nodes",
                 "/console?format=csv&table=episodes", "/console/homes/home-1?format=csv&table=episodes"):  # fmt: skip
        cells = [cell for row in csv.reader(io.StringIO(mine.get(path).text)) for cell in row]
        assert cells
        assert [one for one in cells if one[:1] in ("=", "+", "@") or one == "-2+3"] == [], path


@pytest.mark.parametrize("path", ["/console/switch", "/console/users", "/console/needs/damp-air", "/console/new-need"])
def test_a_forged_form_changes_nothing(cloud: Cloud, path: str) -> None:
    mine = hands(cloud, "owner")
    before = {table: cloud.rows(table) for table in (tables.operators, tables.need_versions)}
    fields = {"action": "stop", "sure": "yes", "reason": "x", "name": "eve", "role": "owner", "do": "save",
              "password": "correct horse battery", "enter": "1"}  # fmt: skip
    forged = mine.client.post(path, data={"form_word": "forged", **fields})
    elsewhere = mine.client.post(
        path, data={"form_word": mine.word, **fields}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert (forged.status_code, elsewhere.status_code) == (403, 403)
    assert before == {table: cloud.rows(table) for table in before}
    assert "Pushes go out." in re.sub(r"<[^>]+>", "", mine.get("/console").text)
