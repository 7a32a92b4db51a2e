"""Every table of the console is a file as well, and every chart has a table behind it."""

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from html import unescape

import pytest
from tests.cloud.recommender.trained import of_recipes, start
from tests.cloud.stage import DAMP, DRY, NOW, Cloud, batch, humidity
from tests.cloud.web import shop
from tests.cloud.web.hands import Hands, hands

from aircue_cloud import db, tables
from aircue_cloud.recommender import store

MOST = 60
ASKED = ("/console/policy?days=30", "/console/search?q=a", "/console/homes/home-1?span=year", "/console/new-need")


@pytest.fixture
def full(bare: Cloud) -> Cloud:
    """A store in which no page of the console is empty."""
    cloud = bare
    shop.fill(cloud.engine, homes=120)
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.pushes.update().values(trigger={"measured_at": NOW.isoformat()}))
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    cloud.add(tables.sites, {"id": "home-1", "household": "ada", "tz": "UTC", "area": "51.5,-0.1"})
    cloud.consent("ada", granted=True)
    cloud.post(batch(humidity([*DRY, *DAMP]), humidity([55.0] * 9, node="hall")))
    row = {"at": NOW, "actor": "operator olga", "action": "x", "outcome": "done", "address": "", "detail": {}}
    cloud.add(tables.audit, row | {"target": "t"})
    rated = {"person": "ada-1", "product": "drymax", "kind": "rating", "weight": 1.0, "at": NOW, "rating": 4}
    cloud.add(tables.interactions, rated | {"text": "good"})
    artefact = of_recipes((1.0, start("popularity")), fingerprint="a" * 64)
    folder = cloud.services.place.model_dir
    store.activate(folder, store.save(folder, replace(artefact, info=replace(artefact.info, verdict="made up"))))
    return cloud


def pages(mine: Hands) -> Iterator[tuple[str, str]]:
    """What one can walk to from Now, and what is asked of a page: path and HTML. Of a kind of page one is enough."""
    waiting, seen, kinds = deque(("/console", *ASKED)), set(), set()
    while waiting:
        path = waiting.popleft()
        kind = re.sub(r"/(homes|catalogue|decisions|models|needs)/[^/?]+", r"/\1/*", path.partition("?")[0])
        if path in seen or (path not in ASKED and kind in kinds):
            continue
        seen.add(path)
        kinds.add(kind)
        answer = mine.get(path)
        assert answer.status_code == 200, path
        yield path, answer.text
        for href in re.findall(r'href="(/console[^"#]*)"', answer.text):
            if "format=" not in href and "/static/" not in href and "/export" not in href:
                waiting.append(unescape(href))


def files(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'href="([^"]*format=csv[^"]*)"', html)]


def test_every_table_has_its_file_and_every_chart_its_table(full: Cloud) -> None:
    mine, walked, charts, listings = hands(full, "owner"), [], 0, 0
    for path, html in pages(mine):
        walked.append(path)
        main = html[html.index("<main") : html.index("</main>")]
        assert main.count("<table") <= len(files(main)), path
        assert main.count('<svg class="chart"') <= main.count("<table"), path
        charts += main.count('<svg class="chart"')
        listings += main.count("<table")
        for file in files(main):
            answer = mine.get(file)
            assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8"), file
            assert len(list(csv.reader(io.StringIO(answer.text)))) >= 1, file
    assert len(walked) >= 20, walked
    assert charts >= 10
    assert listings >= 30


def test_a_trial_has_a_table_behind_each_chart_and_every_table_as_a_file(full: Cloud) -> None:
    mine = hands(full, "owner")
    page = mine.post("/console/needs/damp-air", do="try", site="home-1", enter="81").text
    names = re.findall(r'formaction="[^"]*table=([^"&]+)"', page)
    assert sorted(map(unescape, names)) == ["compared", "course%2Fbathroom", "course%2Fhall", "tried"]
    for name in names:
        answer = mine.post(f"/console/needs/damp-air?format=csv&table={name}", do="try", site="home-1", enter="81")
        assert answer.content_type == "text/csv; charset=utf-8"
        assert len(answer.text.splitlines()) >= 2
