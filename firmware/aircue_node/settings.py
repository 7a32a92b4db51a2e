"""Settings of one node, from settings.json in the board's storage: read once, refused as a whole when one is wrong.

Errors: SettingsError, naming the key, what was found and what was expected.
"""

import json

MYPY = False
if MYPY:
    from typing import Any


class SettingsError(ValueError):
    """settings.json is missing, no JSON, or says something this firmware does not understand."""


# key: (type, default or None where it must be given, smallest, largest or None)
_KEYS: "dict[str, tuple[type, Any, Any, Any]]" = {
    "site": (str, None, None, None),
    "node": (str, None, None, None),
    "key": (str, None, None, None),
    "ssid": (str, "", None, None),
    "wifi_key": (str, "", None, None),
    "gateway": (str, None, None, None),
    "port": (int, 1883, 1, 65535),
    "interval_ms": (int, 30000, 1000, 86400000),
    "journal_samples": (int, 120, 1, 100000),
    "journal_bytes": (int, 262144, 0, 16777216),
    "backlog_pause_ms": (int, 250, 0, 60000),
    "time_scale": (int, 1, 1, 100000),
    "strobe_pin": (int, -1, -1, 255),
    "i2c": (list, [], None, None),
    "uart": (list, [], None, None),
    "sensors": (list, None, None, None),
}
_BUS_KEYS = {"id": int, "scl": int, "sda": int}
_UART_KEYS = {"id": int, "tx": int, "rx": int}
_SENSOR_KEYS = {
    "driver": str,
    "bus": int,
    "address": int,
    "pin": int,
    "uart": int,
    "only": list,
    "load_ohm": int,
    "clean_ohm": int,
    "full_scale_mv": int,
}


class Settings:
    """One attribute a key of the table above."""

    def __init__(self, fields: "dict[str, Any]") -> None:
        self.site: str = fields["site"]
        self.node: str = fields["node"]
        self.key: str = fields["key"]
        self.ssid: str = fields["ssid"]
        self.wifi_key: str = fields["wifi_key"]
        self.gateway: str = fields["gateway"]
        self.port: int = fields["port"]
        self.interval_ms: int = fields["interval_ms"]
        self.journal_samples: int = fields["journal_samples"]
        self.backlog_pause_ms: int = fields["backlog_pause_ms"]
        self.time_scale: int = fields["time_scale"]
        self.strobe_pin: int = fields["strobe_pin"]
        self.i2c: list[dict[str, Any]] = fields["i2c"]
        self.uart: list[dict[str, Any]] = fields["uart"]
        self.sensors: list[dict[str, Any]] = fields["sensors"]


def parse(text: str) -> Settings:
    try:
        given = json.loads(text)
    except ValueError:
        raise SettingsError("settings.json is not JSON: write it anew, see docs/firmware.md")
    if not isinstance(given, dict):
        raise SettingsError("settings.json holds no object of keys and values")
    _refuse_unknown(given, _KEYS, "settings.json")
    return Settings({name: _value(given, name) for name in _KEYS})


def load(path: str) -> Settings:
    try:
        with open(path) as file:
            return parse(file.read())
    except OSError:
        raise SettingsError(f"{path} is missing: write it to the board, see docs/firmware.md")


def _value(given: "dict[str, Any]", name: str) -> "Any":
    kind, default, smallest, largest = _KEYS[name]
    value: "Any" = given.get(name, default)
    fits = type(value) is kind
    if value is None:
        raise SettingsError(f"settings.json: key {name} is missing, a {kind.__name__} is expected")
    if not fits:
        raise SettingsError(f"settings.json: {name} is {value!r}, a {kind.__name__} is expected")
    if kind is int and (value < smallest or value > largest):
        raise SettingsError(f"settings.json: {name} is {value}, {smallest} to {largest} is expected")
    if name in ("site", "node"):
        _check_topic_level(name, value)
    if name == "i2c":
        _check_rows(name, value, _BUS_KEYS, ("id", "scl", "sda"))
    if name == "uart":
        _check_rows(name, value, _UART_KEYS, ("id", "tx", "rx"))
    if name == "sensors":
        _check_rows(name, value, _SENSOR_KEYS, ("driver",))
    return value


def _check_topic_level(name: str, value: str) -> None:
    if not value or any(character in value for character in "/+# "):
        raise SettingsError(f"settings.json: {name} is {value!r}, a name without / + # and spaces is expected")


def _check_rows(name: str, rows: "list[Any]", keys: "dict[str, Any]", required: tuple[str, ...]) -> None:
    for row in rows:
        if not isinstance(row, dict):
            raise SettingsError(f"settings.json: {name} holds {row!r}, an object is expected")
        _refuse_unknown(row, keys, f"settings.json: {name}")
        for key in required:
            if key not in row:
                raise SettingsError(f"settings.json: {name}: key {key} is missing in {row}")
        for key in row:
            if type(row[key]) is not keys[key]:
                raise SettingsError(f"settings.json: {name}: {key} is {row[key]!r}, a {keys[key].__name__} is expected")


def _refuse_unknown(given: "dict[str, Any]", known: "dict[str, Any]", where: str) -> None:
    for key in given:
        if key not in known:
            raise SettingsError(f"{where}: unknown key {key}; known are {', '.join(sorted(known))}")
