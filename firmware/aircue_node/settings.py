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
    "uplink": (str, "mqtt", None, None),
    "gateway": (str, "", None, None),
    "port": (int, 1883, 1, 65535),
    "tls": (bool, False, None, None),
    "ca": (str, "", None, None),
    "discovery": (bool, False, None, None),
    "watchdog_s": (int, 8, 0, 8),
    "status_s": (int, 60, 1, 3600),
    "interval_ms": (int, 30000, 1000, 86400000),
    "journal_samples": (int, 120, 1, 100000),
    "journal_bytes": (int, 262144, 0, 16777216),
    "backlog_pause_ms": (int, 250, 0, 60000),
    "time_scale": (int, 1, 1, 100000),
    "sleep": (bool, False, None, None),
    "sleep_batch": (int, 10, 1, 100),
    "sleep_limits": (dict, {}, None, None),
    "strobe_pin": (int, -1, -1, 255),
    "i2c": (list, [], None, None),
    "uart": (list, [], None, None),
    "sensors": (list, None, None, None),
}
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_UPLINKS = ("mqtt", "serial")
_WARM = ("mhz19", "mq135", "pms5003", "pms7003", "sgp40")
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
        self.uplink: str = fields["uplink"]
        self.gateway: str = fields["gateway"]
        self.port: int = fields["port"]
        self.tls: bool = fields["tls"]
        self.ca: str = fields["ca"]
        self.discovery: bool = fields["discovery"]
        self.watchdog_s: int = fields["watchdog_s"]
        self.status_s: int = fields["status_s"]
        self.interval_ms: int = fields["interval_ms"]
        self.journal_samples: int = fields["journal_samples"]
        self.journal_bytes: int = fields["journal_bytes"]
        self.backlog_pause_ms: int = fields["backlog_pause_ms"]
        self.time_scale: int = fields["time_scale"]
        self.sleep: bool = fields["sleep"]
        self.sleep_batch: int = fields["sleep_batch"]
        self.sleep_limits: dict[str, int | float] = fields["sleep_limits"]
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
    fields = {name: _value(given, name) for name in _KEYS}
    _check_uplink(fields)
    _check_sleep(fields)
    _check_tls(fields)
    _check_discovery(fields)
    return Settings(fields)


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


def _check_tls(fields: "dict[str, Any]") -> None:
    """Whoever wants TLS wants to know whom the node talks to."""
    if fields["tls"] and not fields["ca"]:
        raise SettingsError("settings.json: tls is true without ca: name the file with the CA's certificate")
    if fields["ca"] and not fields["tls"]:
        raise SettingsError("settings.json: ca is given and tls is false: set tls, or leave ca out")


def _check_discovery(fields: "dict[str, Any]") -> None:
    """Home Assistant takes no other characters in the topic."""
    node = fields["node"]
    if fields["discovery"] and not all(letter in _PLAIN for letter in node):
        raise SettingsError(f"settings.json: node is {node!r}; with discovery, A-Z a-z 0-9 _ and - are expected")


def _check_uplink(fields: "dict[str, Any]") -> None:
    """Over a serial line there is no network to name."""
    if fields["uplink"] not in _UPLINKS:
        raise SettingsError(f"settings.json: uplink is {fields['uplink']!r}, {' or '.join(_UPLINKS)} is expected")
    if fields["uplink"] == "mqtt" and not fields["gateway"]:
        raise SettingsError("settings.json: key gateway is missing, a str is expected")


def _check_sleep(fields: "dict[str, Any]") -> None:
    """Asleep, nobody answers on a console, and a sensor that has to warm up never gets warm."""
    for name, limit in fields["sleep_limits"].items():
        if type(limit) not in (int, float):
            raise SettingsError(f"settings.json: sleep_limits: {name} is {limit!r}, a number is expected")
    if not fields["sleep"]:
        return
    if fields["uplink"] != "mqtt":
        raise SettingsError("settings.json: sleep is true, so uplink must be mqtt: a console is there only awake")
    for row in fields["sensors"]:
        if row["driver"] in _WARM:
            raise SettingsError(f"settings.json: sleep is true, but sensor {row['driver']} has to stay awake and warm")


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
