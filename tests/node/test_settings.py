"""settings.json: taken as a whole, or refused with the key, what was found and what was expected."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.node.fakes import SilentAdc, SilentBus, SilentUart, Ticks

from aircue_node import settings, settings_file
from aircue_node.clock import Clock
from aircue_node.config import MissingSettings, SettingsError
from aircue_node.sampler import Sampler
from aircue_node.sensors import fitting
from aircue_node.tuning import Tuning

GOOD: dict[str, Any] = {
    "site": "home-1",
    "node": "bathroom",
    "key": "k",
    "gateway": "192.0.2.1",
    "i2c": [{"id": 0, "scl": 5, "sda": 4}],
    "sensors": [{"driver": "sht4x", "bus": 0}, {"driver": "scd4x", "bus": 0, "only": ["co2"]}],
}


def test_defaults_fill_what_is_not_given() -> None:
    parsed = settings.parse(json.dumps(GOOD))
    assert (parsed.port, parsed.interval_ms, parsed.time_scale, parsed.strobe_pin) == (1883, 30000, 1, -1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"intervall_ms": 1000}, "unknown key intervall_ms; known are"),
        ({"port": "1883"}, "port is '1883', a int is expected"),
        ({"port": True}, "port is True"),
        ({"port": 70000}, "port is 70000, 1 to 65535 is expected"),
        ({"site": "a/b"}, "site is 'a/b', a name without"),
        ({"node": ""}, "node is ''"),
        ({"sensors": None}, "key sensors is missing"),
        ({"sensors": ["sht4x"]}, "sensors holds 'sht4x'"),
        ({"sensors": [{"bus": 0}]}, "key driver is missing"),
        ({"sensors": [{"driver": "sht4x", "adress": 1}]}, "unknown key adress"),
        ({"i2c": [{"id": "0", "scl": 5, "sda": 4}]}, "id is '0'"),
        ({"i2c": [{"id": 0, "scl": 5}]}, "key sda is missing"),
        ({"uart": [{"id": 1, "tx": 8}]}, "uart: key rx is missing"),
        ({"uart": [{"id": 1, "tx": 8, "rx": "9"}]}, "uart: rx is '9', a int is expected"),
        ({"uart": [{"id": 1, "tx": 8, "rx": 9, "baud": 9600}]}, "uart: unknown key baud"),
        ({"led_pin": "GP2"}, "led_pin is 'GP2', LED, a pin's number or nothing is expected"),
        ({"led_pin": 2}, "led_pin is 2, a str is expected"),
        ({"button_pin": -2}, "button_pin is -2, -1 to 255 is expected"),
        ({"deadband": {"smell": 1}}, "deadband: unknown quantity smell"),
        ({"deadband": {"co2": 0}}, "deadband: co2 is 0"),
        ({"deadband": [1]}, "deadband is \\[1\\], a dict is expected"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        settings.parse(json.dumps(GOOD | change))


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_text_that_holds_no_settings_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"settings\.json"):
        settings.parse(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is missing"):
        settings.load(str(tmp_path / "settings.json"))


async def _sleep_ms(_: int) -> None:
    pass


def _board() -> fitting.Board:
    buses, uarts = {0: SilentBus()}, {1: SilentUart}
    return fitting.Board(buses, int, lambda pin, frame: None, _sleep_ms, lambda: 0, uarts, lambda _: SilentAdc())


def _build(rows: list[dict[str, Any]]) -> object:
    return fitting.build(rows, _board())


def test_sensors_of_the_settings_are_built_with_the_channels_to_keep() -> None:
    built = fitting.build(GOOD["sensors"], _board())
    assert [(sensor.name, kept) for sensor, kept in built] == [("sht4x", [0, 1]), ("scd4x", [0])]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([{"driver": "sht99"}], "unknown driver sht99; known are bme280, bmp280, dht11, dht22, mhz19, mq135"),
        ([{"driver": "sht4x", "bus": 3}], "I2C bus 3, which i2c does not list"),
        ([{"driver": "dht22"}], "needs the key pin"),
        ([{"driver": "mhz19"}], "needs the key uart"),
        ([{"driver": "mq135"}], "needs the key pin"),
        ([{"driver": "mq135", "pin": 26, "clean_ohm": 0}], "clean_ohm of sensor mq135 is 0, 1 or more is expected"),
        ([{"driver": "mhz19", "uart": 2}], "UART 2, which uart does not list"),
        ([{"driver": "mhz19", "uart": 1}, {"driver": "pms5003", "uart": 1}], "two sensors are on UART 1"),
        ([{"driver": "sht4x", "only": ["co2"]}], "sht4x measures temperature, humidity, not co2"),
        ([{"driver": "sht4x"}, {"driver": "scd4x"}], "two sensors give temperature"),
    ],
)
def test_sensors_that_cannot_be_built_are_named(rows: list[dict[str, Any]], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        _build(rows)


def test_tls_and_discovery_are_off_and_the_watchdog_is_on_where_nothing_is_said() -> None:
    parsed = settings.parse(json.dumps(GOOD))
    assert (parsed.tls, parsed.ca, parsed.discovery, parsed.watchdog_s) == (False, "", False, 8)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tls": True}, "tls is true without ca"),
        ({"tls": True, "ca": ""}, "tls is true without ca"),
        ({"ca": "ca.pem"}, "ca is given and tls is false"),
        ({"tls": 1, "ca": "ca.pem"}, "tls is 1, a bool"),
        ({"watchdog_s": 9}, "watchdog_s is 9, 0 to 8"),
        ({"discovery": True, "node": "b\u00e4dezimmer"}, "with discovery"),
        ({"discovery": True, "node": "bath.room"}, "with discovery"),
    ],
)
def test_what_would_weaken_tls_or_home_assistant_would_not_take_is_refused(
    given: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        settings.parse(json.dumps({**GOOD, **given}))


def test_a_node_may_have_any_name_without_discovery() -> None:
    assert settings.parse(json.dumps({**GOOD, "node": "b\u00e4dezimmer"})).node == "b\u00e4dezimmer"


def test_a_node_with_a_plain_name_may_have_discovery() -> None:
    for node in ("bathroom", "Bath_Room-2"):
        assert settings.parse(json.dumps({**GOOD, "node": node, "discovery": True})).discovery


NEW = GOOD | {"interval_ms": 5000}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "settings.json")


def test_what_is_saved_is_what_is_loaded_and_nothing_else_lies_about(path: str, tmp_path: Path) -> None:
    settings.save(GOOD, path)
    settings.save(NEW, path)
    assert settings.load(path).interval_ms == 5000
    assert names(tmp_path) == ["settings.json"]


def test_settings_that_are_wrong_are_not_saved(path: str, tmp_path: Path) -> None:
    settings.save(GOOD, path)
    with pytest.raises(SettingsError, match="port is 0"):
        settings.save(GOOD | {"port": 0}, path)
    assert json.loads(Path(path).read_text()) == GOOD
    assert names(tmp_path) == ["settings.json"]


def test_a_power_cut_while_saving_leaves_the_old_settings(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut before the rename: whatever reached the file beside, the old one is whole."""
    settings.save(GOOD, path)

    def cut(old: str, new: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(settings_file.os, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        settings.save(NEW, path)
    assert json.loads(Path(path).read_text()) == GOOD


def test_what_was_not_written_whole_is_not_put_in_place(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.save(GOOD, path)
    really_open = open

    def short(name: str, mode: str) -> Any:
        """What was written lost its last byte by the time it is read."""
        if mode == "rb" and name.endswith(".new"):
            Path(name).write_bytes(Path(name).read_bytes()[:-1])
        return really_open(name, mode)

    monkeypatch.setattr(settings_file, "open", short, raising=False)
    with pytest.raises(OSError, match="not written whole"):
        settings.save(NEW, path)
    assert json.loads(Path(path).read_text()) == GOOD


def test_settings_that_could_not_be_used_are_kept_beside_the_new_ones(path: str, tmp_path: Path) -> None:
    Path(path).write_text('{"site": "home-1", "nodee": "x"}')
    settings.save(GOOD, path)
    assert names(tmp_path) == ["settings.json", "settings.json.bad"]
    assert (tmp_path / "settings.json.bad").read_text() == '{"site": "home-1", "nodee": "x"}'


def test_a_change_leaves_the_other_keys_alone(path: str) -> None:
    settings.save(GOOD, path)
    settings_file.change({"interval_ms": 5000}, path)
    assert json.loads(Path(path).read_text()) == NEW


@pytest.mark.parametrize("text", [None, "", "[]", '{"site"'])
def test_where_there_are_no_settings_there_is_nothing_to_change(path: str, tmp_path: Path, text: str | None) -> None:
    if text is not None:
        Path(path).write_text(text)
    before = names(tmp_path)
    with pytest.raises(ValueError, match="not there or no JSON"):
        settings_file.change({"interval_ms": 5000}, path)
    assert names(tmp_path) == before


@pytest.mark.parametrize("ms", [999, 1000, 86400000, 86400001])
def test_the_command_takes_the_intervals_that_the_settings_take(path: str, ms: int) -> None:
    """It changes the file without reading all of it again."""
    sampler = Sampler([], Clock(Ticks().monotonic()), 30000, lambda _: None)
    refused = Tuning(sampler, lambda _: None).interval({"ms": ms}) is not None
    try:
        settings.save({**GOOD, "interval_ms": ms}, path)
    except SettingsError:
        assert refused
    else:
        assert not refused


def test_a_wipe_leaves_no_copy_and_nothing_else_is_touched(path: str, tmp_path: Path) -> None:
    for name in ("settings.json", "settings.json.new", "settings.json.bad", "installation"):
        (tmp_path / name).write_text("{}")
    settings_file.wipe(path)
    settings_file.wipe(path)
    assert names(tmp_path) == ["installation"]


def test_the_error_of_a_missing_file_differs_from_that_of_a_wrong_one(path: str) -> None:
    with pytest.raises(MissingSettings):
        settings.load(path)
    Path(path).write_text(json.dumps(GOOD | {"port": 0}))
    with pytest.raises(SettingsError) as caught:
        settings.load(path)
    assert not isinstance(caught.value, MissingSettings)
    assert caught.value.key == "port"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"[", b"3"])
def test_a_file_of_rubbish_holds_no_keys(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    assert settings_file.readable(path) == {}


def test_sound_keys_are_those_that_are_right_by_themselves() -> None:
    given = {"site": "home-1", "node": "a/b", "port": "1883", "nodee": 1, "interval_ms": 5000}
    assert settings.sound(given) == {"site": "home-1", "interval_ms": 5000}


@pytest.mark.parametrize(("key", "smallest", "largest"), [("port", 1, 65535), ("interval_ms", 1000, 86_400_000)])
def test_the_ends_of_a_range_belong_to_it(key: str, smallest: int, largest: int) -> None:
    for value in (smallest, largest):
        assert getattr(settings.parse(json.dumps(GOOD | {key: value})), key) == value
    for value in (smallest - 1, largest + 1):
        with pytest.raises(SettingsError, match=f"{smallest} to {largest} is expected"):
            settings.parse(json.dumps(GOOD | {key: value}))
