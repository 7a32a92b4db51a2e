"""Feeds: what is told of each row, and what becomes of the catalogue."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import cli, db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import keys
from aircue_cloud.partners import accounts, supplying
from aircue_cloud.partners.feeds import checking, offer, reading, taking
from aircue_cloud.partners.feeds.checking import Checked
from aircue_cloud.partners.feeds.taking import Feed

GOOD = {
    "id": "D-12",
    "title": "Drysome 12",
    "description": "Takes 12 litres a day.",
    "image_link": "https://pictures.example/d12.png",
    "price": "129.90 EUR",
    "availability": "in_stock",
    "product_type": "Climate > Dehumidifier",
    "gtin": "4006381333931",
    "quantity": "7",
}


def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**GOOD, "id": f"D-{number}", **change} for number, change in enumerate(changes)]


def as_csv(some: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(GOOD))
    writer.writeheader()
    writer.writerows(some)
    return out.getvalue().encode()


def as_json(some: list[dict[str, Any]]) -> bytes:
    return json.dumps(some).encode()


def as_xml(some: list[dict[str, Any]]) -> bytes:
    items = ("".join(f"<g:{name}>{escape(str(value))}</g:{name}>" for name, value in row.items()) for row in some)
    inside = "".join(f"<item>{one}</item>" for one in items)
    head = '<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>F</title>'
    return f"{head}{inside}</channel></rss>".encode()


WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {"csv": as_csv, "json": as_json, "xml": as_xml}
formats = pytest.mark.parametrize("format_", reading.FORMATS)


def check(some: list[dict[str, Any]], format_: str = "csv") -> Checked:
    return checking.check(WRITERS[format_](some), format_)


def wrong(found: Checked) -> list[tuple[int, str]]:
    return [(one.row, one.field) for one in found.problems]


@formats
def test_a_good_row_is_the_same_offer_in_every_format(format_: str) -> None:
    found = check([GOOD], format_)
    assert (found.rows, found.wrong, found.problems) == (1, 0, [])
    assert found.offers == [
        offer.Offer(
            "D-12", "Drysome 12", "Takes 12 litres a day.", "dehumidifier", 12990, "EUR", True, 7,
            "https://pictures.example/d12.png", "", "4006381333931", "",
        )
    ]  # fmt: skip


BAD: list[tuple[str, str]] = [
    ("id", ""), ("id", "a/b"), ("id", "x" * 51), ("id", "=1+1"),
    ("title", ""), ("title", "x" * 151), ("description", ""), ("description", "x" * 5001),
    ("image_link", ""), ("image_link", "http://pictures.example/1.png"), ("image_link", "https://ada@b.example/1.png"),
    ("image_link", "https://pictures.example:8443/1.png"), ("image_link", "javascript:alert(1)"),
    ("image_link", "https://pictures.example/" + "x" * 2000),
    ("price", ""), ("price", "12,90 EUR"), ("price", "12.905 EUR"), ("price", "12.90"), ("price", "EUR 12.90"),
    ("price", "12.90 JPY"), ("price", "12.90 XXX"), ("price", "-1.00 EUR"), ("price", "0.00 EUR"), ("price", "1e3 EUR"),
    ("price", "٣.00 EUR"), ("availability", ""), ("availability", "maybe"), ("product_type", ""),
    ("product_type", " > "), ("gtin", "4006381333932"), ("gtin", "123"), ("gtin", "400638133393X"),
    ("quantity", "-1"), ("quantity", "1.5"), ("quantity", "99999999999"), ("quantity", "²"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda one: one[:24])
@formats
def test_what_is_wrong_with_a_row_is_told_by_its_field(format_: str, name: str, value: str) -> None:
    found = check(rows({}, {name: value}, {}), format_)
    assert (wrong(found), found.wrong, len(found.offers)) == ([(2, name)], 1, 2)


@formats
def test_every_problem_of_a_row_is_told(format_: str) -> None:
    found = check(rows({"price": "free", "gtin": "1", "availability": "soon"}), format_)
    assert (wrong(found), found.wrong) == ([(1, "price"), (1, "availability"), (1, "gtin")], 1)


@formats
def test_an_id_that_comes_again_is_told_with_the_row_that_has_it(format_: str) -> None:
    found = check(rows({}, {"id": "D-0"}), format_)
    assert wrong(found) == [(2, "id")]
    assert "row 1 has it already" in found.problems[0].remedy


@pytest.mark.parametrize(
    ("gtin", "right"),
    [
        # Published examples: GS1 check digit calculator and General Specifications.
        ("4006381333931", True), ("5901234123457", True), ("036000291452", True), ("96385074", True),
        ("10614141000415", True), ("00012345600012", True), ("9780201379624", True),
        ("4006381333930", False), ("036000291453", False), ("96385075", False), ("1", False), ("", False),
    ],
)  # fmt: skip
def test_the_check_digit_of_a_gtin(gtin: str, right: bool) -> None:
    assert offer.gtin_is_right(gtin) == right


@given(st.sampled_from((7, 11, 12, 13)), st.data())
def test_one_digit_alone_is_the_right_check_digit(length: int, data: st.DataObject) -> None:
    body = data.draw(st.text("0123456789", min_size=length, max_size=length))
    assert sum(offer.gtin_is_right(f"{body}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.90 EUR", (1290, "EUR")),
        ("12 EUR", (1200, "EUR")),
        ("129 JPY", (129, "JPY")),
        ("1.234 KWD", (1234, "KWD")),
    ],
)
def test_prices_are_counted_in_the_currencys_own_minor_units(text: str, expected: tuple[int, str]) -> None:
    assert offer.price(text) == expected


WHOLE: list[tuple[str, bytes, str]] = [
    ("csv", b"", "column id"),
    ("csv", b"id,title\n1,x\n", "column description"),
    ("csv", b"\xff\xfe", "no UTF-8"),
    ("csv", as_csv([GOOD]) + b'D-2,"open', "no CSV"),
    ("csv", b"id," + as_csv([GOOD]), "there twice"),
    ("json", b"{", "no JSON"),
    ("json", b'{"a": 1}', "expected a JSON array"),
    ("json", b"[" * 100_000, "no JSON"),
    ("xml", b"", "no XML"),
    ("xml", b"<rss>", "no XML"),
    ("xml", b"<rss></xml>", "no XML"),
    ("xml", b'<!DOCTYPE r [<!ENTITY a "aaaa">]><rss>&a;</rss>', "document type"),
    ("xml", b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rss></rss>', "document type"),
    ("xml", b"<rss>&unknown;</rss>", "no XML"),
    ("xml", b"<a>" * 13 + b"</a>" * 13, "within each other"),
]


@pytest.mark.parametrize(("format_", "content", "said"), WHOLE, ids=lambda one: str(one)[:20])
def test_a_feed_that_cannot_be_read_to_its_end_has_no_good_row(format_: str, content: bytes, said: str) -> None:
    found = checking.check(content, format_)
    assert (found.offers, found.problems[0].row) == ((), 0)
    assert said in found.problems[0].remedy, found.problems[0]


def test_a_billion_laughs_are_never_told() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    content = f'<!DOCTYPE r [<!ENTITY l0 "ha">{entities}]><rss><item><g:id>&l9;</g:id></item></rss>'.encode()
    assert "document type" in checking.check(content, "xml").problems[0].remedy


def test_atom_and_names_without_a_prefix_are_read_as_well() -> None:
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in GOOD.items())
    link = '<link href="https://shop.example/d12"/>'
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{inside}{link}</entry></feed>'
    [found] = checking.check(atom.encode(), "xml").offers
    assert (found.id, found.link) == ("D-12", "https://shop.example/d12")


def test_what_lies_deeper_in_an_item_is_no_field_of_it() -> None:
    nested = as_xml([GOOD]).replace(b"<item>", b"<item><g:shipping><g:price>4.90 EUR</g:price></g:shipping>")
    assert checking.check(nested, "xml").offers[0].price_minor == 12990


def test_a_row_with_too_many_cells_is_told_and_the_next_one_is_read() -> None:
    found = checking.check(as_csv(rows({}, {})).replace(b"D-0,", b"D-0,x,"), "csv")
    assert (wrong(found), [one.id for one in found.offers], found.unread) == ([(1, "")], ["D-1"], 1)


def test_names_of_columns_may_be_written_as_google_does_and_tabs_part_them() -> None:
    tabs = as_csv([GOOD]).decode().replace(",", "\t").replace("image_link", "g:image link")
    assert checking.check(b"\xef\xbb\xbf" + tabs.encode(), "csv").wrong == 0


def test_problems_beyond_the_first_thousand_are_counted_and_not_kept() -> None:
    found = check(rows(*({"price": "free"} for _ in range(1200))))
    assert (found.wrong, len(found.problems)) == (1200, 1000)


def test_a_report_as_csv_holds_nothing_that_a_spreadsheet_runs() -> None:
    found = check(rows({"id": '=HYPERLINK("https://evil.example")'}, {"price": "@SUM(1)"}, {"availability": "-1+cmd"}))
    cells = [cell for row in csv.reader(io.StringIO(checking.as_csv(found.problems))) for cell in row]
    assert "'@SUM(1)" in cells
    assert [cell for cell in cells if cell.startswith(("=", "@", "-", "+"))] == []


@given(st.binary(max_size=300), st.sampled_from(reading.FORMATS))
def test_whatever_is_sent_is_a_report_and_never_a_crash(content: bytes, format_: str) -> None:
    found = checking.check(content, format_)
    assert found.wrong or not found.rows or found.offers


@given(st.lists(st.dictionaries(st.sampled_from(offer.FIELDS), st.text(max_size=20)), max_size=4))
def test_whatever_fields_hold_each_row_is_good_or_told(some: list[dict[str, str]]) -> None:
    found = checking.check(as_json(some), "json")
    assert len(found.offers) + found.wrong == found.rows == len(some)


# Into the catalogue.


@pytest.fixture
def partner(cloud: Cloud) -> Cloud:
    with db.writing(cloud.engine) as connection:
        for id_ in ("acme", "zeta"):
            accounts.save(connection, id_, NOW, name=id_.title(), contact="feeds@acme.example")
    return cloud


def supply(cloud: Cloud, some: list[dict[str, Any]], mode: str = taking.WHOLE, who: str = "acme") -> Feed:
    content = as_csv(some)
    return supplying.supply(cloud.engine, who, content, source="file", format_="csv", mode=mode, now=NOW)


def sold(cloud: Cloud) -> dict[str, int]:
    """Stock by product on sale, of partners."""
    return {
        row["id"]: row["stock"] for row in cloud.rows(tables.products) if ":" in row["id"] and not row["retired_at"]
    }


def test_a_feed_is_taken_with_its_partner_and_again_changes_nothing(partner: Cloud) -> None:
    first = supply(partner, rows({}, {"quantity": ""}, {"availability": "out of stock"}))
    assert (first.outcome, first.created, first.changed) == ("taken", 3, 0)
    assert sold(partner) == {"acme:D-0": 7, "acme:D-1": accounts.ASSUMED_STOCK, "acme:D-2": 0}
    [row] = [one for one in partner.rows(tables.products) if one["id"] == "acme:D-0"]
    assert (row["price_minor"], row["category"], row["attributes"]) == (12990, "dehumidifier", {"partner": "Acme"})
    again = supply(partner, rows({}, {"quantity": ""}, {"availability": "out of stock"}))
    assert (again.created, again.changed, again.retired) == (0, 0, 0)


def test_what_leaves_the_feed_goes_off_sale_and_comes_back_with_it(partner: Cloud) -> None:
    supply(partner, rows({}, {}))
    assert supply(partner, rows({})).retired == 1
    assert sold(partner) == {"acme:D-0": 7}
    supply(partner, rows({}, {}))
    assert sold(partner) == {"acme:D-0": 7, "acme:D-1": 7}


def test_all_or_nothing_takes_nothing_of_a_feed_with_one_wrong_row(partner: Cloud) -> None:
    supply(partner, rows({}, {}))
    before = partner.rows(tables.products)
    feed = supply(partner, rows({"price": "1.00 EUR"}, {"price": "free"}, {}))
    assert (feed.outcome, feed.wrong, feed.created) == ("refused", 1, 0)
    assert partner.rows(tables.products) == before


def test_good_rows_are_taken_by_choice_and_the_product_of_a_wrong_one_stays_as_it_is(partner: Cloud) -> None:
    supply(partner, rows({}, {}, {}))
    feed = supply(partner, rows({"price": "1.00 EUR"}, {"price": "free", "title": "Half a row"}), taking.GOOD)
    assert (feed.outcome, feed.wrong, feed.changed, feed.retired) == ("taken", 1, 1, 1)
    assert sold(partner) == {"acme:D-0": 7, "acme:D-1": 7}
    assert {row["name"] for row in partner.rows(tables.products) if row["id"] == "acme:D-1"} == {"Drysome 12"}


def test_nothing_goes_off_sale_by_a_feed_of_which_a_row_could_not_be_read(partner: Cloud) -> None:
    supply(partner, rows({}, {}))
    content = as_csv(rows({}, {})).replace(b"D-1,", b"D-1,x,")
    feed = supplying.supply(partner.engine, "acme", content, source="file", format_="csv", mode=taking.GOOD, now=NOW)
    assert (feed.outcome, feed.retired) == ("taken", 0)
    assert len(sold(partner)) == 2


@pytest.mark.parametrize("mode", taking.MODES)
def test_an_empty_feed_takes_nothing_off_sale(partner: Cloud, mode: str) -> None:
    supply(partner, rows({}))
    assert supply(partner, [], mode).outcome == "refused"
    assert sold(partner) == {"acme:D-0": 7}


def test_no_partner_writes_anothers_products_or_the_stores(partner: Cloud) -> None:
    before = [row for row in partner.rows(tables.products) if row["id"] == "drymax"]
    supply(partner, rows({"id": "drymax"}))
    supply(partner, rows({"id": "drymax"}), who="zeta")
    supply(partner, rows({}), who="zeta")
    assert [row for row in partner.rows(tables.products) if row["id"] == "drymax"] == before
    assert sorted(sold(partner)) == ["acme:drymax", "zeta:D-0"]


def test_a_partner_that_is_paused_or_not_known_sends_in_vain(partner: Cloud) -> None:
    with db.writing(partner.engine) as connection:
        accounts.save(connection, "acme", NOW, name="Acme", contact="", status=accounts.PAUSED)
    for who in ("acme", "nobody"):
        with pytest.raises(CommandError):
            supply(partner, rows({}), who=who)
    assert sold(partner) == {}


# The API.


def key(cloud: Cloud, owner: str, *scopes: str) -> dict[str, str]:
    with db.writing(cloud.engine) as connection:
        made = keys.add(connection, "partner", owner, scopes, NOW)
    return {"Authorization": f"Bearer {made}"}


def test_a_partner_sends_its_own_feed_and_sees_no_other(partner: Cloud) -> None:
    browser, mine = partner.app.test_client(), key(partner, "acme", *accounts.OWN)
    bad = as_xml(rows({}, {"price": "free"}))

    def send(who: str, content: bytes, media: str) -> Any:
        return browser.post(f"/api/v1/partners/{who}/feeds", data=content, headers={**mine, "Content-Type": media})

    refused = send("acme", bad, "application/xml").get_json()
    assert (refused["outcome"], [one["row"] for one in refused["problems"]]) == ("refused", [2])
    assert send("acme", as_json(rows({})), "application/json").get_json()["outcome"] == "taken"
    assert send("acme", as_json(rows({})), "image/png").status_code == 415
    for path in (
        "",
        "/feeds",
        f"/feeds/{refused['id']}",
        f"/feeds/{refused['id']}/problems.csv",
        "/results?month=2026-10",
    ):
        assert browser.get(f"/api/v1/partners/acme{path}", headers=mine).status_code == 200, path
        assert browser.get(f"/api/v1/partners/zeta{path}", headers=mine).status_code == 404, path
    assert send("zeta", as_json(rows({})), "application/json").status_code == 404
    assert browser.get("/api/v1/partners", headers=mine).status_code == 403


def test_accounts_are_made_and_changed_over_http(cloud: Cloud) -> None:
    browser = cloud.app.test_client()
    assert browser.put("/api/v1/partners/acme", json={"name": "Acme"}).status_code == 201
    assert browser.put("/api/v1/partners/acme", json={"name": "Acme", "status": "paused"}).status_code == 200
    assert browser.put("/api/v1/partners/acme", json={"name": "Acme", "status": "gone"}).status_code == 422
    [found] = browser.get("/api/v1/partners").get_json()["partners"]
    assert (found["id"], found["status"], found["products"]) == ("acme", "paused", 0)


# The command line and the console.


def test_anyones_file_is_checked_without_a_server(tmp_path: Path) -> None:
    path, out = tmp_path / "feed.csv", tmp_path / "wrong.csv"
    path.write_bytes(as_csv(rows({}, {"gtin": "4006381333932"})))
    run = CliRunner().invoke(cli.main, ["partners", "feed", "check", str(path), "--out", str(out)])
    assert run.exit_code == 1
    assert "row 2: gtin is 4006381333932, expected 8, 12, 13 or 14 digits" in run.output
    assert "2 rows, 1 good, 1 wrong" in run.output + run.stderr
    assert out.read_text().splitlines()[0] == "row,field,found,expected,remedy"
    path.write_bytes(as_csv(rows({})))
    assert CliRunner().invoke(cli.main, ["partners", "feed", "check", str(path)]).exit_code == 0


def test_the_command_line_opens_accounts_takes_feeds_and_lists_them(cloud: Cloud, tmp_path: Path) -> None:
    settings, path = tmp_path / "cloud.toml", tmp_path / "feed.json"
    settings.write_text(f'data_dir = "{cloud.folder.parent.parent}"\ndatabase_url = "{cloud.database_url}"\n')
    path.write_bytes(as_json(rows({}, {})))

    def run(*said: str) -> Any:
        return CliRunner().invoke(cli.main, ["partners", *said, "--config", str(settings)])

    assert run("add", "acme", "Acme").exit_code == 0
    assert run("feed", "take", "acme", str(path)).exit_code == 0
    assert "2 products  Acme" in run("list").output
    assert "taken    2 rows, 0 wrong" in run("feed", "list", "acme").output
    assert "under 20" in run("results", "acme", "2026-10").output
    assert "url:" in run("feed", "url", "acme", "https://127.0.0.1/feed.csv").output


def upload(cloud: Cloud, content: bytes, name: str, mode: str = "whole") -> Any:
    form = {"feed": (io.BytesIO(content), name), "mode": mode}
    browser = cloud.app.test_client()
    headers = {"Origin": "http://localhost"}
    return browser.post("/console/partners/acme/feeds", data=form, headers=headers, follow_redirects=True)


def test_a_bad_feed_is_uploaded_in_the_console_and_what_is_wrong_is_read(partner: Cloud) -> None:
    bad = upload(partner, as_csv(rows({}, {"title": "<b>", "price": "=1+1"})), "feed.csv")
    assert "Refused: nothing of it was taken" in bad.text
    assert "12.90 EUR" in bad.text
    assert "=1+1" in bad.text
    good = upload(partner, as_csv(rows({}, {"price": "free"})), "feed.csv", "good")
    assert "Taken; 1 rows were left out." in good.text
    listing = partner.app.test_client().get("/console/partners/acme").text
    assert "refused" in listing
    assert "under 20" in listing
    csv_ = partner.app.test_client().get(f"/console/partners/acme/feeds/{first(partner)}?format=csv&table=problems")
    assert "'=1+1" in csv_.text


def first(cloud: Cloud) -> int:
    return int(cloud.rows(tables.feeds)[0]["id"])


def test_the_console_says_what_it_could_not_do(partner: Cloud) -> None:
    browser, own = partner.app.test_client(), {"Origin": "http://localhost"}
    assert upload(partner, b"x", "feed.exe").status_code == 422
    assert browser.post("/console/partners/acme/feeds", headers=own).status_code == 422
    assert browser.post("/console/partners", data={"partner": "acme", "name": "A"}, headers=own).status_code == 422
    assert browser.post("/console/partners", data={"partner": "b b", "name": "A"}, headers=own).status_code == 422
    assert browser.post("/console/partners/acme/status", data={"status": "paused"}, headers=own).status_code == 303
    assert "is paused" in upload(partner, as_csv(rows({})), "feed.csv").text
    assert browser.get("/console/partners/nobody").status_code == 404
    assert browser.get("/console/partners/acme/feeds/99").status_code == 404
