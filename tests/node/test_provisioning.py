"""Setting a node up: the form and what it stands for, the pages, and the servers on loopback with a fake radio."""

import asyncio
import http.client
import json
import re
import socket
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import ports
from tests.node.fakes import SilentAdc, SilentBus, SilentUart, stop
from tests.node.provisioning import BOARDS, HOSTILE, KEY, Point, Station, network, setup

from aircue_node import settings
from aircue_node.config import SettingsError
from aircue_node.provisioning import defaults, form, page, portal, presets, probe
from aircue_node.provisioning.portal import Portal
from aircue_node.provisioning.presets import ANALOG, I2C, LINE, SENSORS, UART
from aircue_node.provisioning.radio import Radio
from aircue_node.provisioning.setup import EDITING, SAVED, Setup, networks_of
from aircue_node.sensors import fitting
from aircue_node.sensors.errors import MissingError

FILLED = {
    "network": "home",
    "ssid": "",
    "wifi_key": "home-password",
    "gateway": "192.168.1.10",
    "port": "1883",
    "site": "home-1",
    "node": "bathroom",
    "key": KEY,
    "interval_s": "30",
    "sda": "4",
    "scl": "5",
    "use_sht4x": "on",
    "button_pin": "",
    "led_pin": "LED",
}


def filled(**changes: str) -> dict[str, str]:
    return FILLED | changes


def test_a_filled_form_is_settings_that_the_node_takes() -> None:
    made = setup(found={"sht4x": 0x44})
    assert made.submit(filled())
    assert made.pending == {
        "ssid": "home",
        "wifi_key": "home-password",
        "gateway": "192.168.1.10",
        "port": 1883,
        "site": "home-1",
        "node": "bathroom",
        "key": KEY,
        "interval_ms": 30000,
        "button_pin": -1,
        "led_pin": "LED",
        "i2c": [{"id": 0, "sda": 4, "scl": 5}],
        "uart": [],
        "sensors": [{"driver": "sht4x", "bus": 0, "address": 0x44}],
    }
    settings.parse(json.dumps(made.pending))


@pytest.mark.parametrize(
    ("changes", "field", "named"),
    [
        ({"network": ""}, "ssid", "choose a network"),
        ({"ssid": "x" * 33}, "ssid", "1 to 32 bytes"),
        ({"wifi_key": "short"}, "wifi_key", "8 to 64 characters"),
        ({"gateway": ""}, "gateway", "an address like"),
        ({"gateway": "http://x"}, "gateway", "an address like"),
        ({"gateway": "a b"}, "gateway", "an address like"),
        ({"port": "0"}, "port", "1 to 65535"),
        ({"port": "x"}, "port", "1 to 65535"),
        ({"port": "-1"}, "port", "1 to 65535"),
        ({"site": "a/b"}, "site", "a name without / + # and spaces"),
        ({"node": ""}, "node", "a name without"),
        ({"node": "x" * 65}, "node", "at most 64 bytes"),
        ({"key": "short"}, "key", "8 to 64 characters"),
        ({"key": "12345678\n9"}, "key", "one line"),
        ({"interval_s": "0"}, "interval_s", "1 to 86400"),
        ({"use_sht4x": ""}, "sensors", "tick at least one"),
        ({"sda": "99"}, "sda", "0 to 48"),
        ({"scl": "4"}, "scl", "pin 4 is taken by I2C"),
        ({"button_pin": "5"}, "scl", "pin 5 is taken by the button"),
        ({"led_pin": "GP2"}, "led_pin", "LED, a pin's number or nothing"),
        ({"use_sht3x": "on"}, "use_sht3x", "comes from the sensors above"),
        ({"use_mhz19": "on", "uart_mhz19": "7"}, "uart_mhz19", "UART 1, 0"),
        ({"use_dht22": "on", "pin_dht22": "5"}, "use_dht22", "comes from the sensors above"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_is_kept(changes: dict[str, str], field: str, named: str) -> None:
    made = setup()
    assert not made.submit(filled(**changes))
    assert named in made.errors[field]
    shown = "".join(page.edit(made))
    assert page.escape(made.errors[field]) in shown
    assert made.phase == EDITING
    assert all(made.fields[name] == value for name, value in filled(**changes).items() if name != "wifi_key")


@pytest.mark.parametrize(
    "changes",
    [
        {"ssid": "x" * 32},
        {"wifi_key": "x" * 8},
        {"wifi_key": "x" * 64},
        {"gateway": "x" * 253},
        {"port": "1"},
        {"port": "65535"},
        {"node": "x" * 64},
        {"key": "x" * 8},
        {"key": "x" * 64},
        {"interval_s": "1"},
        {"interval_s": "86400"},
    ],
)
def test_the_shortest_and_the_longest_that_may_be_given_are_taken(changes: dict[str, str]) -> None:
    made = setup()
    assert made.submit(filled(**changes)), made.errors
    settings.parse(json.dumps(made.pending))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("wifi_key", "x" * 65),
        ("gateway", "x" * 254),
        ("port", "65536"),
        ("key", "x" * 7),
        ("key", "x" * 65),
        ("interval_s", "86401"),
    ],
)
def test_one_more_or_one_fewer_is_refused_at_its_field(field: str, value: str) -> None:
    made = setup()
    assert not made.submit(filled(**{field: value}))
    assert list(made.errors) == [field]


@pytest.mark.parametrize("name", BOARDS)
def test_an_opened_page_offers_the_boards_own_pins_and_30_seconds(name: str) -> None:
    board = BOARDS[name]
    fields = form.first_fields({}, board, {})
    assert (fields["sda"], fields["scl"], fields["interval_s"]) == (str(board.sda), str(board.scl), "30")
    assert (fields["pin_dht22"], fields["pin_mq135"]) == (str(board.line), str(board.analog))
    assert fields["uart_mhz19"] == str(board.uarts[0][0])


def test_a_node_without_a_sensor_on_i2c_needs_no_pins_for_it() -> None:
    made = setup()
    assert made.submit(filled(use_sht4x="", use_dht22="on", pin_dht22="15", sda="", scl=""))
    assert (made.pending["i2c"], made.pending["sensors"]) == ([], [{"driver": "dht22", "pin": 15}])


def test_a_typed_network_counts_before_a_chosen_one() -> None:
    made = setup()
    assert made.submit(filled(ssid="hidden one"))
    assert made.pending["ssid"] == "hidden one"


def test_a_typed_network_is_shown_again_even_beside_a_chosen_one() -> None:
    made = setup()
    assert not made.submit(filled(ssid="hidden one", port="0"))
    shown = read(page.edit(made)).inputs
    assert [one["value"] for one in shown if one.get("name") == "ssid"] == ["hidden one"]
    assert not [one for one in shown if one.get("name") == "network" and "checked" in one]


def test_a_network_too_weak_to_be_listed_stays_in_the_field() -> None:
    made = setup()
    made.saw([network(f"net {n}".encode(), -n) for n in range(30)], {})
    made.keep(filled(network="net 29"))
    shown = read(page.edit(made)).inputs
    assert [one["value"] for one in shown if one.get("name") == "ssid"] == ["net 29"]
    assert len([one for one in shown if one.get("name") == "network"]) == 20


def test_two_sensors_on_one_uart_are_refused() -> None:
    made = setup()
    uarts = {"use_mhz19": "on", "uart_mhz19": "1", "use_pms5003": "on", "uart_pms5003": "1", "tx_1": "8", "rx_1": "9"}
    assert not made.submit(filled(**uarts))
    assert "two sensors are on UART 1" in made.errors["sensors"]


def test_of_two_sensors_that_measure_the_same_the_better_ones_value_is_kept() -> None:
    made = setup()
    assert made.submit(filled(use_scd4x="on", use_bmp280="on"))
    assert [(row["driver"], row.get("only")) for row in made.pending["sensors"]] == [
        ("sht4x", None),
        ("bmp280", ["pressure"]),
        ("scd4x", ["co2"]),
    ]


def test_secrets_are_kept_without_being_shown() -> None:
    old = {"ssid": "home", "wifi_key": "old-password", "key": "the-old-node-key", "site": "home-1"}
    made = setup(base=dict(old))
    shown = "".join(page.edit(made))
    assert "old-password" not in shown
    assert "the-old-node-key" not in shown
    assert made.submit(filled(wifi_key="", key=""))
    assert (made.pending["wifi_key"], made.pending["key"]) == ("old-password", "the-old-node-key")


def test_the_password_of_one_network_is_not_used_for_another() -> None:
    made = setup(base={"ssid": "home", "wifi_key": "old-password"})
    assert made.submit(filled(ssid="cafe", network="", wifi_key=""))
    assert made.pending["wifi_key"] == ""


def test_a_password_typed_once_survives_an_error_in_another_field() -> None:
    made = setup()
    assert not made.submit(filled(port="0"))
    assert "home-password" not in "".join(page.edit(made))
    assert made.submit(filled(wifi_key=""))
    assert made.pending["wifi_key"] == "home-password"


def test_settings_that_were_sound_and_have_no_field_are_carried_over() -> None:
    made = setup(base={"journal_samples": 77, "deadband": {"co2": 50}})
    assert made.submit(filled())
    assert (made.pending["journal_samples"], made.pending["deadband"]) == (77, {"co2": 50})


def test_the_form_begins_with_what_is_known_and_what_answers() -> None:
    base = {"site": "home-1", "interval_ms": 60000, "sensors": [{"driver": "dht22", "pin": 7}], "button_pin": 3}
    fields = setup(base=base, found={"scd4x": 0x62}).fields
    assert (fields["site"], fields["interval_s"], fields["button_pin"]) == ("home-1", "60", "3")
    assert (fields["use_dht22"], fields["pin_dht22"], fields["use_scd4x"]) == ("on", "7", "on")
    assert "use_sht4x" not in fields
    assert fields["key"] == KEY


def test_a_sensor_plugged_in_later_is_ticked_and_one_that_was_unticked_stays_so() -> None:
    made = setup(found={"scd4x": 0x62})
    made.keep(filled(use_sht4x=""))
    made.saw([], {"scd4x": 0x62, "sht3x": 0x44})
    assert made.fields["use_sht3x"] == "on"
    assert "use_scd4x" not in made.fields


def test_settings_saved_once_come_back_into_the_form_as_they_were() -> None:
    made = setup()
    chosen = {"use_mhz19": "on", "uart_mhz19": "0", "tx_0": "12", "rx_0": "13", "use_mq135": "on", "pin_mq135": "27"}
    assert made.submit(filled(sda="2", scl="3", **chosen))
    again = setup(base=dict(made.pending))
    assert again.submit({**again.fields, "wifi_key": ""})
    assert again.pending == made.pending


@pytest.mark.parametrize("board", BOARDS)
@given(st.sets(st.sampled_from([row[0] for row in form.offered()]), min_size=1))
def test_whatever_is_ticked_with_a_boards_own_pins_can_be_built_or_is_refused_at_a_field(
    board: str, ticked: set[str]
) -> None:
    made = Setup("Aircue", BOARDS[board], {}, "", KEY)
    made.saw([network(b"home")], {})
    fields = made.fields | FILLED_WITHOUT_PINS | {"use_" + driver: "on" for driver in ticked}
    if not made.submit(fields):
        assert all(name.startswith(("use_", "pin_", "sensors")) for name in made.errors)
        return
    fitting.build(settings.parse(json.dumps(made.pending)).sensors, board_of(made.pending))


FILLED_WITHOUT_PINS = {name: value for name, value in FILLED.items() if name not in ("sda", "scl", "use_sht4x")}


async def no_sleep(_: int) -> None:
    pass


def board_of(given: dict[str, Any]) -> fitting.Board:
    buses = {row["id"]: SilentBus() for row in given["i2c"]}
    uarts = {row["id"]: SilentUart for row in given["uart"]}
    return fitting.Board(buses, int, lambda pin, frame: None, no_sleep, lambda: 0, uarts, lambda _: SilentAdc())


def test_every_driver_is_on_the_page_with_what_it_measures() -> None:
    assert {row[0] for row in form.offered()} == set(fitting.DRIVERS)
    needs: dict[str, dict[str, int]] = {I2C: {"bus": 0}, UART: {"uart": 0}, LINE: {"pin": 1}, ANALOG: {"pin": 1}}
    for driver, wiring, quantities in form.offered():
        row = {"driver": driver} | needs[wiring]
        ((built, _),) = fitting.build([row], board_of({"i2c": [{"id": 0}], "uart": [{"id": 0}]}))
        assert tuple(channel[0] for channel in built.channels) == quantities, driver


def test_every_address_belongs_to_drivers_on_the_bus() -> None:
    on_bus = {row[0] for row in SENSORS if row[1] == I2C}
    assert {driver for drivers in presets.ADDRESSES.values() for driver in drivers} == on_bus


def test_a_boards_own_pins_do_not_collide() -> None:
    for name, board in BOARDS.items():
        uarts = [pin for _, tx, rx in board.uarts for pin in (tx, rx)]
        pins = [board.sda, board.scl, board.line, board.analog, *uarts]
        assert len(set(pins)) == len(pins), name
        assert board.button not in pins
        assert board.led not in map(str, pins)


def test_networks_are_named_once_strongest_first_and_only_if_they_can_be_typed() -> None:
    scanned = [
        network(b"far", -80),
        network(b"home", -70),
        network(b"home", -40, 0),
        network(b"", -10),
        network(b"\xff\xfe", -10),
        network(b"two\nlines", -10),
        network("Café".encode(), -60),
    ]
    assert networks_of(scanned) == [("home", -40, False), ("Café", -60, True), ("far", -80, True)]


class Reader(HTMLParser):
    """Notes every element and attribute, so that one that was smuggled in shows."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.inputs: list[dict[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "input":
            self.inputs.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(pieces: Any) -> Reader:
    reader = Reader()
    reader.feed("".join(pieces))
    return reader


def test_a_hostile_network_name_is_shown_and_stays_a_name() -> None:
    reader = read(page.edit(setup()))
    assert "script" not in reader.tags
    assert HOSTILE in [one.get("value") for one in reader.inputs if one.get("name") == "network"]
    assert HOSTILE in reader.text


def test_a_page_alarms_for_what_is_wrong_and_for_nothing_else() -> None:
    made = setup()
    assert 'role="alert"' not in "".join(page.edit(made))
    made.failed("the gateway says no")
    assert "".join(page.edit(made)).count('role="alert">the gateway says no<') == 1


@pytest.mark.parametrize(
    ("changes", "opened"), [({"led_pin": "GP2"}, True), ({"button_pin": "99"}, True), ({"port": "0"}, False)]
)
def test_button_and_led_are_unfolded_where_something_is_wrong_with_them(changes: dict[str, str], opened: bool) -> None:
    made = setup()
    assert not made.submit(filled(**changes))
    assert ("<details open>" in "".join(page.edit(made))) is opened


@pytest.mark.parametrize(
    ("known", "typed", "hinted"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_a_key_that_is_known_need_not_be_typed_and_the_field_says_so(known: bool, typed: bool, hinted: bool) -> None:
    made = setup(base={"key": KEY} if known else {})
    made.keep({**made.fields, "key": KEY if typed else ""})
    [field] = [one for one in read(page.edit(made)).inputs if one.get("name") == "key"]
    assert (field.get("placeholder") == "empty: the known one is kept") is hinted


@given(st.text(max_size=30), st.sampled_from([*FILLED, "use_sht4x", "pin_dht22", "uart_mhz19"]))
def test_whatever_is_typed_stays_a_value(typed: str, field: str) -> None:
    made = setup()
    made.submit(filled(**{field: typed}))
    pages = [page.edit, page.joining, page.saved] if made.pending else [page.edit]
    assert all("script" not in read(one(made)).tags for one in pages)
    shown = [one.get("value") for one in read(page.edit(made)).inputs if one.get("name") == field]
    if field in ("gateway", "port", "site", "node", "sda"):
        normal = typed.replace("\r\n", "\n").replace("\r", "\n")
        assert (shown[0] or "").replace("\r\n", "\n").replace("\r", "\n") == normal


def test_the_reason_why_old_settings_are_not_used_is_shown() -> None:
    assert "port is 0 &lt;b&gt;" in "".join(page.edit(setup(reason="port is 0 <b>")))


def test_no_piece_of_a_page_is_large() -> None:
    """A board has no large pieces of memory to give away."""
    assert max(len(piece) for piece in page.edit(setup())) < 1800


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is not there is given up at once, and a restart waits for nobody long."""
    monkeypatch.setattr("aircue_node.wifi._JOIN_S", 0.05)
    monkeypatch.setattr("aircue_node.wifi._POLL_S", 0.01)
    monkeypatch.setattr(portal, "_SHOWN_S", 0)
    monkeypatch.setattr(portal, "_UNSEEN_S", 5)


def test_the_access_point_is_open_unless_a_key_was_put_on_the_board() -> None:
    point = Point()
    Radio(point, Station(), "Aircue-1A2B", "", 3)
    assert (point.given, point.up) == ({"ssid": "Aircue-1A2B", "security": 0, "key": ""}, True)
    Radio(point, Station(), "Aircue-1A2B", "on the label", 3)
    assert point.given == {"ssid": "Aircue-1A2B", "security": 3, "key": "on the label"}


def test_the_access_point_of_an_esp32_takes_its_name_once_it_is_up() -> None:
    point = Point()
    point.strict = True
    Radio(point, Station(), "Aircue-1A2B", "", 3)
    assert (point.given["ssid"], point.up) == ("Aircue-1A2B", True)


def test_a_network_is_joined_once_and_another_one_after_leaving_it() -> None:
    station = Station()
    radio = Radio(Point(), station, "a", "", 3)

    async def run() -> None:
        await radio.join("home", "home-password")
        await radio.join("home", "home-password")
        assert station.asked == [("home", "home-password")]
        assert radio.joined_address == "127.0.0.3"
        with pytest.raises(OSError, match="cafe not joined"):
            await radio.join("cafe", "")
        assert station.asked[1:3] == [("", ""), ("cafe", "")]
        assert radio.joined_address == ""

    asyncio.run(run())


def test_a_radio_that_cannot_scan_finds_nothing() -> None:
    class Deaf(Station):
        def scan(self) -> list[tuple[bytes, bytes, int, int, int, int]]:
            raise OSError("scan failed")

    assert Radio(Point(), Deaf(), "a", "", 3).scan() == []


class Stage:
    """A portal on loopback with a fake radio; `get` and `post` are a browser that keeps no connection."""

    def __init__(self, made: Setup, station: Station, port: int, where: Portal) -> None:
        self.setup = made
        self.station = station
        self.port = port
        self.portal = where
        self.saved: list[dict[str, object]] = []
        self.finished = asyncio.Event()
        self.looked = 0

    async def get(self, path: str, host: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        return await asyncio.to_thread(self._ask, "GET", path, "", host, headers)

    async def post(self, fields: dict[str, str], **headers: str) -> tuple[int, dict[str, str], str]:
        form_type = {"Content-Type": "application/x-www-form-urlencoded"}
        return await asyncio.to_thread(self._ask, "POST", "/save", urlencode(fields), "", form_type | headers)

    def _ask(
        self, method: str, path: str, body: str, host: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], str]:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = ({"Host": host} if host else {}) | headers
        line.request(method, path, body or None, given)
        reply = line.getresponse()
        try:
            return reply.status, dict(reply.headers), reply.read().decode()
        finally:
            line.close()

    async def outcome(self) -> str:
        """The page of /result once it asks for no more patience."""
        while True:
            status, _, text = await self.get("/result")
            assert status == 200
            if "http-equiv" not in text:
                return text


def on_stage(
    story: Callable[[Stage], Awaitable[None]], station: Station | None = None, save_fails: Exception | None = None
) -> None:
    async def play() -> None:
        made, radio_station = setup(), station or Station()
        radio = Radio(Point(), radio_station, made.name, "", 3)

        async def look() -> None:
            stage.looked += 1
            made.saw(radio.scan(), {"sht4x": 0x44})

        def save(fields: dict[str, object]) -> None:
            if save_fails is not None:
                raise save_fails
            stage.saved.append(fields)

        port = ports.free_port()
        where = Portal(made, radio, look, save, lambda: stage.finished.set(), port)
        stage = Stage(made, radio_station, port, where)
        server = await asyncio.start_server(where.serve, "127.0.0.1", port)
        try:
            await asyncio.wait_for(story(stage), 30)
        finally:
            server.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("connectivitycheck.gstatic.com", "/generate_204"),
        ("captive.apple.com", "/hotspot-detect.html"),
        ("www.msftconnecttest.com", "/connecttest.txt"),
        ("www.msftncsi.com", "/ncsi.txt"),
        ("detectportal.firefox.com", "/canonical.html"),
    ],
)
def test_a_phones_look_for_the_internet_is_led_to_the_page(host: str, path: str) -> None:
    async def story(stage: Stage) -> None:
        status, headers, _ = await stage.get(path, host)
        assert (status, headers["Location"]) == (302, f"http://127.0.0.1:{stage.port}/")
        status, headers, text = await stage.get("/")
        assert status == 200
        assert "Set up Aircue-1A2B" in text
        assert "script" not in read(text).tags
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert (await stage.get("/generate_204"))[1]["Location"] == "/"
        assert (await stage.get("/favicon.ico"))[0] == 404

    on_stage(story)


def test_a_filled_form_is_tried_saved_and_ends_in_a_restart() -> None:
    async def story(stage: Stage) -> None:
        status, headers, _ = await stage.post(filled())
        assert (status, headers["Location"]) == (303, "/result")
        text = await stage.outcome()
        assert "Saved" in text
        assert page.escape(f'[[nodes]]\nid = "bathroom"\nsite = "home-1"\nkey = "{KEY}"\n') in text
        await asyncio.wait_for(stage.finished.wait(), 10)
        assert stage.station.asked == [("home", "home-password")]
        assert [row["ssid"] for row in stage.saved] == ["home"]
        assert stage.setup.phase == SAVED

    on_stage(story)


def test_a_network_that_cannot_be_joined_leaves_the_form_as_it_was_filled_in() -> None:
    async def story(stage: Stage) -> None:
        await stage.post(filled(wifi_key="wrong-password", node="kitchen"))
        text = await stage.outcome()
        assert "Not saved: Wi-Fi home not joined" in text
        assert 'value="kitchen"' in text
        assert stage.saved == []
        await stage.post(filled(node="kitchen", wifi_key="home-password"))
        assert "Saved" in await stage.outcome()

    on_stage(story)


def test_a_form_may_be_saved_without_trying() -> None:
    async def story(stage: Stage) -> None:
        await stage.post(filled(ssid="elsewhere", untried="on"))
        assert "Saved" in await stage.outcome()
        assert stage.station.asked == []
        assert stage.saved[0]["ssid"] == "elsewhere"

    on_stage(story)


@pytest.mark.parametrize("error", [OSError(28, "no space left"), SettingsError("settings.json: x")])
def test_settings_that_cannot_be_stored_are_not_called_saved(error: Exception) -> None:
    async def story(stage: Stage) -> None:
        await stage.post(filled())
        assert "Not saved" in await stage.outcome()
        assert not stage.finished.is_set()

    on_stage(story, save_fails=error)


def test_a_node_whose_outcome_nobody_sees_restarts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "_UNSEEN_S", 0.01)

    async def story(stage: Stage) -> None:
        await stage.post(filled())
        await asyncio.wait_for(stage.finished.wait(), 10)

    on_stage(story)


def test_a_wrong_field_is_answered_with_the_form() -> None:
    async def story(stage: Stage) -> None:
        status, _, text = await stage.post(filled(port="70000"))
        assert status == 200
        assert re.search(r'id="wrong_port">a whole number from 1 to 65535', text)
        assert stage.saved == []

    on_stage(story)


def test_looking_again_keeps_what_was_typed() -> None:
    async def story(stage: Stage) -> None:
        status, headers, _ = await stage.post(filled(node="kitchen", act="look"))
        assert (status, headers["Location"]) == (303, "/")
        assert (stage.looked, stage.station.scans) == (1, 1)
        assert 'value="kitchen"' in (await stage.get("/"))[2]

    on_stage(story)


def test_a_form_that_another_sites_page_sends_is_refused() -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.post(filled(), Origin="http://evil.example"))[0] == 403
        assert (await stage.post(filled(), Host="evil.example"))[0] == 302
        assert (await stage.post(filled(), Origin=f"http://127.0.0.1:{stage.port}"))[0] == 303
        await stage.outcome()
        assert len(stage.saved) == 1

    on_stage(story)


def test_a_second_form_while_one_is_tried_changes_nothing() -> None:
    async def story(stage: Stage) -> None:
        await asyncio.gather(stage.post(filled()), stage.post(filled(node="other")))
        await stage.outcome()
        assert len(stage.saved) == 1

    on_stage(story)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 -- the story has its own limit
        await asyncio.sleep(0.01)


async def raw(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 4000, b"431"),
        (b"POST /save HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", b"413"),
        (b"DELETE / HTTP/1.1\r\n\r\n", b"405"),
    ],
)
def test_a_hostile_request_is_refused_and_the_server_goes_on(data: bytes, status: bytes) -> None:
    async def story(stage: Stage) -> None:
        assert (await raw(stage.port, data)).split(b" ")[1] == status
        assert (await stage.get("/"))[0] == 200

    on_stage(story)


def test_clients_that_say_nothing_are_bounded_in_number() -> None:
    async def story(stage: Stage) -> None:
        idle = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(4)]
        await until(lambda: stage.portal._clients == 4)
        assert await raw(stage.port, b"GET / HTTP/1.1\r\n\r\n") == b""
        for _, writer in idle:
            writer.close()
        await until(lambda: stage.portal._clients == 0)
        assert (await stage.get("/"))[0] == 200

    on_stage(story)


def test_clients_that_say_nothing_are_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal, "_REQUEST_S", 0.05)

    async def story(stage: Stage) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(b"GET / HT")
        assert await reader.read() == b""
        writer.close()

    on_stage(story)


def test_a_client_that_hangs_up_at_once_does_not_stop_the_server() -> None:
    async def story(stage: Stage) -> None:
        for data in (b"", b"GET / HT"):
            _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            writer.write(data)
            writer.transport.abort()
        assert (await stage.get("/"))[0] == 200

    on_stage(story)


def test_the_name_server_answers_on_its_socket_whatever_else_arrives() -> None:
    asked = b"\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"

    async def run() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        ):
            line.bind(("127.0.0.1", 0))
            line.setblocking(False)
            phone.settimeout(10)
            task = asyncio.create_task(portal.answer_names(line, "192.168.4.1"))
            for packet in (b"rubbish", asked):
                phone.sendto(packet, line.getsockname())
            answer = await asyncio.to_thread(phone.recv, 512)
            await stop(task)
        assert answer[:4] == b"\xbe\xef\x85\x00"
        assert answer.endswith(bytes([192, 168, 4, 1]))

    asyncio.run(run())


def test_the_driver_that_reads_tells_which_of_two_sensors_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        def __init__(self, reads: bool) -> None:
            self._reads = reads

        async def read(self) -> list[int]:
            if not self._reads:
                raise MissingError("no answer")
            return [1]

    class Scanned(SilentBus):
        def scan(self) -> list[int]:
            return [0x3C, 0x44, 0x62, 0x77]

    reads = {"sht4x": False, "sht3x": True, "bme280": False, "bmp280": False}
    built = {driver: lambda board, row, driver=driver: Fake(reads[driver]) for driver in reads}
    monkeypatch.setattr(probe, "DRIVERS", {**built, "scd4x": None})
    bus = Scanned()
    found = asyncio.run(probe.found_on(bus, fitting.Board({0: bus}, int, int, no_sleep, int, {}, int)))  # type: ignore[arg-type]
    assert found == {"sht3x": 0x44, "scd4x": 0x62}


def test_defaults_on_the_board_are_used_and_wrong_ones_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "provisioning.json"
    assert defaults.load(str(file)).http_port == 80
    given = {"ap_key": "on the label", "http_port": 0, "settings": {"site": "home-1", "port": "x"}}
    file.write_text(json.dumps(given))
    loaded = defaults.load(str(file))
    assert (loaded.ap_key, loaded.http_port, loaded.settings) == ("on the label", 80, {"site": "home-1"})
    assert "http_port is not used" in capsys.readouterr().out
    for text in ("[", "3", '{"ap_key": "short", "settings": 3}'):
        file.write_text(text)
        assert defaults.load(str(file)).ap_key == ""
