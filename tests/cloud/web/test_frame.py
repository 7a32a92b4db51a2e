"""The console's frame: its menu, its tables as CSV, and the catalogue as a page in it."""

import csv
import io
import re

import pytest
from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud, product

from aircue_cloud import db, tables
from aircue_cloud.identity import keys
from aircue_cloud.web import navigation
from aircue_cloud.web.listing import NOTHING, Cell, Column, Listing, as_csv

NASTY = '"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>'


def client(cloud: Cloud) -> FlaskClient:
    return cloud.app.test_client()


def partner(cloud: Cloud, *scopes: str) -> dict[str, str]:
    """Headers of a key that may do this much."""
    with db.writing(cloud.engine) as connection:
        key = keys.add(connection, "partner", "shop", scopes, NOW)
    return {"Authorization": f"Bearer {key}"}


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_every_entry_of_the_menu_leads_to_a_page_and_has_a_key_of_its_own(bare: Cloud) -> None:
    html = client(bare).get("/console").text
    hrefs = re.findall(r'<li><a href="([^"]+)" data-key="(.)"', html)
    assert len(hrefs) == len(navigation.ENTRIES) == len({key for _, key in hrefs})
    for href, _ in hrefs:
        page = client(bare).get(href)
        assert page.status_code == 200, href
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert page.text.count('aria-current="page"') == 1
        assert re.search(r"<title>[^<]+ · Aircue</title>", page.text)
        assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=", page.text), href


def test_the_menu_has_only_what_one_may_open(cloud: Cloud) -> None:
    mine = partner(cloud, "catalogue:read")
    page = client(cloud).get("/console/catalogue", headers=mine)
    assert page.status_code == 200
    assert re.findall(r'data-key="(.)"', page.text) == ["c"]
    assert client(cloud).get("/console", headers=mine).status_code == 403


def test_the_catalogue_is_searched_by_name_and_category(cloud: Cloud) -> None:
    def found(query: str) -> list[str]:
        return re.findall(r'<td class=""><a href="/console/catalogue/([^"]+)">', ask(cloud, query))

    def ask(cloud: Cloud, query: str) -> str:
        return client(cloud).get(f"/console/catalogue{query}").text

    assert found("") == ["drymax", "lamp", "salt", "tumble"]
    assert found("?q=UMB") == ["tumble"]
    assert found("?category=lighting") == ["lamp"]
    assert found("?q=%25") == []
    assert "PUT /api/v1/products/ID" in ask(cloud, "?q=nothing")


def test_long_tables_go_on_and_their_files_are_whole(cloud: Cloud) -> None:
    cloud.add(tables.products, *(product(f"p{number:03}", "fan") for number in range(120)))
    html = client(cloud).get("/console/catalogue?category=fan").text
    assert html.count("<tr>") == 101
    [more] = re.findall(r'<p class="more"><a href="([^"]+)"', html)
    assert client(cloud).get(more.replace("&amp;", "&")).text.count("<tr>") == 21
    file = client(cloud).get("/console/catalogue?category=fan&format=csv&table=products")
    assert file.content_type == "text/csv; charset=utf-8"
    assert len(list(csv.reader(io.StringIO(file.text)))) == 121


def test_a_products_reviews_are_text_and_formulas_are_defused(cloud: Cloud) -> None:
    cloud.add(tables.products, {**product("nasty", "fan"), "name": NASTY, "attributes": {"=cmd": "@SUM(1)"}})
    said = {"person": "ada-1", "product": "nasty", "kind": "rating", "weight": 1.0, "at": NOW, "rating": 2}
    cloud.add(tables.interactions, said | {"text": '=HYPERLINK("http://x")'})
    html = client(cloud).get("/console/catalogue/nasty").text
    assert "<img src=x" not in html
    assert html.count("<script") == html.count('<script src="/console/static/')
    reviews = client(cloud).get("/console/catalogue/nasty?format=csv&table=reviews").text
    assert list(csv.reader(io.StringIO(reviews)))[1] == ["21 Nov 2026", "2", '\'=HYPERLINK("http://x")']
    attributes = client(cloud).get("/console/catalogue/nasty?format=csv&table=attributes").text
    assert list(csv.reader(io.StringIO(attributes)))[1] == ["'=cmd", "'@SUM(1)"]


@pytest.mark.parametrize("path", ["/console/catalogue/nothing", "/console/catalogue?format=csv&table=nothing"])
def test_what_is_not_there_is_said(cloud: Cloud, path: str) -> None:
    assert client(cloud).get(path).status_code == 404


def test_search_finds_everything_with_a_name_that_one_may_see(cloud: Cloud) -> None:
    html = client(cloud).get("/console/search?q=ada").text
    assert "household Ada&#39;s ada" in words(html)
    assert "person Ada ada-1, of ada" in words(html)
    assert "product Drymax dehumidifier" in words(client(cloud).get("/console/search?q=dry").text)
    few = client(cloud).get("/console/search?q=ada", headers=partner(cloud, "status:read")).text
    assert "of ada" not in few
    assert "Nothing has" in few


def test_a_listing_says_its_cells_once_for_people_and_once_for_files() -> None:
    listing = Listing(
        name="x",
        caption="X",
        columns=("Name", Column(label="Price", number=True)),
        rows=[["=1+1", Cell(text="€ 9.90", raw=990)], [None, -3.5]],
        empty="",
    )
    assert as_csv(listing) == "Name,Price\r\n'=1+1,990\r\n,-3.5\r\n"
    assert [cell.text for cell in listing.cells[1]] == [NOTHING, "-3.5"]
