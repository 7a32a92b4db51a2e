"""The page for people: what it says, and that nothing a stranger sent becomes markup."""

from html.parser import HTMLParser
from typing import Any

from tests.gateway.operations.snapshots import snapshot

from aircue_gateway.operations.status_page import page


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def read(**fields: Any) -> _Read:
    found = _Read()
    found.feed(page(snapshot(**fields)).decode())
    found.text = " ".join(found.text.replace("\xa0", " ").split())
    return found


def test_it_tells_each_nodes_air_and_when_it_was_heard() -> None:
    text = read().text
    assert "bathroom home-1 temperature 21.5 °C humidity 99 %RH spike co2 - ppm 3 s ago 1,200" in text
    assert "attic home-1 nothing yet never 0" in text


def test_it_tells_how_the_uplink_fares() -> None:
    assert "in order Last batch delivered 1 min ago Batches waiting 3" in read().text
    trouble = {"to": "https://cloud.example", "delivered_at_ms": None, "trouble": "no route to host"}
    assert "no route to host Last batch delivered not since the start" in read(uplink=trouble).text


def test_it_tells_what_goes_on_in_the_air() -> None:
    assert "bathroom damp-air firing 2025-11-21 04:23 UTC" in read().text


def test_a_gateway_without_nodes_says_how_to_add_one() -> None:
    assert "aircue-gateway node add NAME --site SITE" in read(nodes=[]).text


def test_no_name_from_outside_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    node = {**snapshot()["nodes"][1], "node": evil, "site": evil}
    node["values"] = [{"quantity": evil, "unit": evil, "value": 1.0, "status": evil}]
    uplink = {"to": evil, "delivered_at_ms": None, "trouble": evil}
    needs = [{"node": evil, "need": evil, "phase": evil, "since": None}]
    found = read(gateway=evil, nodes=[node], uplink=uplink, needs=needs, counters={evil: 1})
    assert "script" not in found.tags
    assert found.text.count(evil) >= 11


def test_a_room_shows_its_merged_air_and_who_stands_apart() -> None:
    assert "bath home-1 temperature 21.4 °C apart: shelf bathroom, shelf" in read().text
    assert "Rooms" not in read(rooms=[]).text


def test_one_connection_is_one() -> None:
    assert "1 connection " in read().text + " "
    assert "2 connections" in read(connections=2).text
