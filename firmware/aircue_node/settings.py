"""Settings of one node, in settings.json in the board's storage: read once, refused as a whole when one is wrong.

What is written was validated and read back first; the file holds the old settings or the new ones, whenever the power
goes. Only wipe() takes settings away.

Errors: SettingsError, naming the key, what was found and what was expected; OSError where the storage is not writable.
"""

import json

from aircue_node import quantities, settings_file
from aircue_node.config import MissingSettings, Settings, SettingsError

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any, AnyStr

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
    "journal_samples": (int, 48, 1, 100000),
    "journal_bytes": (int, 262144, 0, 16777216),
    "backlog_pause_ms": (int, 250, 0, 60000),
    "time_scale": (int, 1, 1, 100000),
    "sleep": (bool, False, None, None),
    "sleep_batch": (int, 10, 1, 100),
    "sleep_limits": (dict, {}, None, None),
    "strobe_pin": (int, -1, -1, 255),
    "button_pin": (int, -1, -1, 255),
    "led_pin": (str, "", None, None),
    "deadband": (dict, {}, None, None),
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


def parse(text: "AnyStr") -> Settings:
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
    content = settings_file.read(path)
    if content is None:
        raise MissingSettings(f"{path} is missing: write it to the board, see docs/firmware.md")
    return parse(content)


def save(fields: "dict[str, Any]", path: str) -> None:
    """Validates, writes beside, reads back, puts in place. A settings.json that cannot be used is kept as .bad: it may
    be the only copy of what somebody wrote."""
    text = json.dumps(fields)
    parse(text)
    settings_file.keep_bad(path, _usable)
    settings_file.replace(text.encode(), path)


def sound(fields: "dict[str, Any]") -> "dict[str, Any]":
    """Those of the keys that are known and right by themselves."""
    return {name: fields[name] for name in fields if name in _KEYS and _is_right(fields, name)}


def _is_right(fields: "dict[str, Any]", name: str) -> bool:
    try:
        _value(fields, name)
    except SettingsError:
        return False
    return True


def _usable(content: bytes) -> bool:
    try:
        parse(content)
    except SettingsError:
        return False
    return True


def _value(given: "dict[str, Any]", name: str) -> "Any":
    kind, default, _, _ = _KEYS[name]
    value: "Any" = given.get(name, default)
    if value is None:
        raise SettingsError(f"settings.json: key {name} is missing, a {kind.__name__} is expected", name)
    if type(value) is not kind:
        raise SettingsError(f"settings.json: {name} is {value!r}, a {kind.__name__} is expected", name)
    check = _CHECKS.get(name, _check_range)
    check(name, value)
    return value


def _check_range(name: str, value: "Any") -> None:
    kind, _, smallest, largest = _KEYS[name]
    if kind is int and (value < smallest or value > largest):
        raise SettingsError(f"settings.json: {name} is {value}, {smallest} to {largest} is expected", name)


def _check_deadband(name: str, limits: "dict[str, Any]") -> None:
    wrong = quantities.wrong_deadband(limits)
    if wrong is not None:
        raise SettingsError(f"settings.json: {wrong}", name)


def _check_led(name: str, value: str) -> None:
    if value and value != "LED" and not value.isdigit():
        raise SettingsError(f"settings.json: {name} is {value!r}, LED, a pin's number or nothing is expected", name)


def _check_tls(fields: "dict[str, Any]") -> None:
    """Whoever wants TLS wants to know whom the node talks to."""
    if fields["tls"] and not fields["ca"]:
        raise SettingsError("settings.json: tls is true without ca: name the file with the CA's certificate", "ca")
    if fields["ca"] and not fields["tls"]:
        raise SettingsError("settings.json: ca is given and tls is false: set tls, or leave ca out", "tls")


def _check_discovery(fields: "dict[str, Any]") -> None:
    """Home Assistant takes no other characters in the topic."""
    node = fields["node"]
    if fields["discovery"] and not all(letter in _PLAIN for letter in node):
        text = f"settings.json: node is {node!r}; with discovery, A-Z a-z 0-9 _ and - are expected"
        raise SettingsError(text, "node")


def _check_uplink(fields: "dict[str, Any]") -> None:
    """Over a serial line there is no network to name."""
    if fields["uplink"] not in _UPLINKS:
        raise SettingsError(
            f"settings.json: uplink is {fields['uplink']!r}, {' or '.join(_UPLINKS)} is expected", "uplink"
        )
    if fields["uplink"] == "mqtt" and not fields["gateway"]:
        raise SettingsError("settings.json: key gateway is missing, a str is expected", "gateway")


def _check_sleep(fields: "dict[str, Any]") -> None:
    """Asleep, nobody answers on a console, and a sensor that has to warm up never gets warm."""
    for name, limit in fields["sleep_limits"].items():
        if type(limit) not in (int, float):
            raise SettingsError(
                f"settings.json: sleep_limits: {name} is {limit!r}, a number is expected", "sleep_limits"
            )
    if not fields["sleep"]:
        return
    if fields["uplink"] != "mqtt":
        raise SettingsError(
            "settings.json: sleep is true, so uplink must be mqtt: a console is there only awake", "uplink"
        )
    for row in fields["sensors"]:
        if row["driver"] in _WARM:
            text = f"settings.json: sleep is true, but sensor {row['driver']} has to stay awake and warm"
            raise SettingsError(text, "sleep")


def _check_topic_level(name: str, value: str) -> None:
    if not value or any(character in value for character in "/+# "):
        raise SettingsError(f"settings.json: {name} is {value!r}, a name without / + # and spaces is expected", name)


def _check_i2c(name: str, rows: "list[Any]") -> None:
    _check_rows(name, rows, _BUS_KEYS, ("id", "scl", "sda"))


def _check_uart(name: str, rows: "list[Any]") -> None:
    _check_rows(name, rows, _UART_KEYS, ("id", "tx", "rx"))


def _check_sensors(name: str, rows: "list[Any]") -> None:
    _check_rows(name, rows, _SENSOR_KEYS, ("driver",))


def _check_rows(name: str, rows: "list[Any]", keys: "dict[str, Any]", required: tuple[str, ...]) -> None:
    for row in rows:
        if not isinstance(row, dict):
            raise SettingsError(f"settings.json: {name} holds {row!r}, an object is expected", name)
        _refuse_unknown(row, keys, f"settings.json: {name}")
        for key in required:
            if key not in row:
                raise SettingsError(f"settings.json: {name}: key {key} is missing in {row}", name)
        for key in row:
            if type(row[key]) is not keys[key]:
                raise SettingsError(
                    f"settings.json: {name}: {key} is {row[key]!r}, a {keys[key].__name__} is expected", name
                )


def _refuse_unknown(given: "dict[str, Any]", known: "dict[str, Any]", where: str) -> None:
    for key in given:
        if key not in known:
            raise SettingsError(f"{where}: unknown key {key}; known are {', '.join(sorted(known))}")


_CHECKS: "dict[str, Callable[[str, Any], None]]" = {
    "site": _check_topic_level,
    "node": _check_topic_level,
    "i2c": _check_i2c,
    "uart": _check_uart,
    "sensors": _check_sensors,
    "led_pin": _check_led,
    "deadband": _check_deadband,
}
