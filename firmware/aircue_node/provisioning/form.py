"""The form: what its fields hold at first, and the settings that they stand for. Without I/O.

A field is named for its setting; of a sensor there are use_<driver>, pin_<driver> and uart_<driver>, of a UART tx_<id>
and rx_<id>. Secrets are never put into a field: an empty one keeps the known one.
"""

import json

from aircue_node import settings
from aircue_node.config import SettingsError
from aircue_node.provisioning.presets import ANALOG, I2C, LINE, SENSORS, UART
from aircue_node.sensors.fitting import DRIVERS

MYPY = False
if MYPY:
    from typing import Any

    from aircue_node.provisioning.presets import Preset

_LAST_PIN = 48
_SHORTEST_KEY = 8
_LONGEST_KEY = 64
_LONGEST_SSID = 32
_LONGEST_NAME = 64
_LONGEST_HOST = 253
_BUS = 0
_PREFIX = "settings.json: "
# Settings whose wrong value shows at a field of another name.
_SHOWN_AT = {"interval_ms": "interval_s", "i2c": "sda", "uart": "sensors"}


def offered() -> "list[tuple[str, str, tuple[str, ...]]]":
    """The sensors that this firmware has a driver for."""
    return [row for row in SENSORS if row[0] in DRIVERS]


def first_fields(base: "dict[str, Any]", preset: "Preset", found: dict[str, int]) -> dict[str, str]:
    """What the fields hold when the page is opened. base: settings that are known; found: address by driver."""
    fields: dict[str, str] = {
        name: str(base[name]) for name in ("ssid", "gateway", "site", "node", "led_pin", "port") if name in base
    }
    fields["interval_s"] = str(base.get("interval_ms", 30000) // 1000)
    _first_pins(fields, base, preset)
    for driver, wiring, _ in offered():
        if wiring in (LINE, ANALOG):
            fields["pin_" + driver] = str(preset.line if wiring == LINE else preset.analog)
        if wiring == UART:
            fields["uart_" + driver] = str(preset.uarts[0][0])
        if driver in found:
            fields["use_" + driver] = "on"
    for row in base.get("sensors", []):
        _first_sensor(fields, row)
    return fields


def _first_pins(fields: dict[str, str], base: "dict[str, Any]", preset: "Preset") -> None:
    bus = [row for row in base.get("i2c", []) if row["id"] == _BUS] or [{"sda": preset.sda, "scl": preset.scl}]
    fields["sda"], fields["scl"] = str(bus[0]["sda"]), str(bus[0]["scl"])
    given = {row["id"]: (row["tx"], row["rx"]) for row in base.get("uart", [])}
    for ident, tx, rx in preset.uarts:
        tx, rx = given.get(ident, (tx, rx))
        fields[f"tx_{ident}"], fields[f"rx_{ident}"] = str(tx), str(rx)
    fields.setdefault("port", "1883")
    fields.setdefault("led_pin", preset.led)
    fields["button_pin"] = _blank(base.get("button_pin", preset.button))


def _first_sensor(fields: dict[str, str], row: "dict[str, Any]") -> None:
    driver = row["driver"]
    fields["use_" + driver] = "on"
    for key in ("pin", "uart"):
        if key in row:
            fields[f"{key}_{driver}"] = str(row[key])


def _blank(pin: int) -> str:
    return "" if pin < 0 else str(pin)


class Reader:
    """Reads the fields once; errors: by field, what is wrong with it."""

    def __init__(self, fields: dict[str, str], base: "dict[str, Any]", preset: "Preset", found: dict[str, int]) -> None:
        self.errors: dict[str, str] = {}
        self._fields = fields
        self._base = base
        self._preset = preset
        self._found = found
        self._pins: dict[int, str] = {}

    def settings(self) -> "dict[str, Any]":
        """The settings; to be used only where there are no errors."""
        given = dict(self._base)
        given["ssid"], given["wifi_key"] = self._wifi()
        given["gateway"] = self._gateway()
        given["port"] = self._number("port", 1, 65535)
        given["site"], given["node"] = self._name("site"), self._name("node")
        given["key"] = self._key()
        given["interval_ms"] = 1000 * self._number("interval_s", 1, 86400)
        given["led_pin"] = self._text("led_pin")
        given["button_pin"] = self._pin("button_pin", "the button") if self._text("button_pin") else -1
        given.update(self._wiring())
        self._parse(given)
        return given

    def _text(self, name: str) -> str:
        text = self._fields.get(name, "").strip()
        if any([character < " " for character in text]):
            self._wrong(name, "one line without control characters is expected")
        return text

    def _wrong(self, name: str, text: str) -> None:
        self.errors.setdefault(name, text)

    def _number(self, name: str, smallest: int, largest: int) -> int:
        text = self._text(name)
        if text.isdigit() and len(text) < 9 and smallest <= int(text) <= largest:
            return int(text)
        self._wrong(name, f"a whole number from {smallest} to {largest} is expected")
        return smallest

    def _pin(self, name: str, what: str) -> int:
        """A pin that nothing else is on."""
        number = self._number(name, 0, _LAST_PIN)
        if name not in self.errors and number in self._pins:
            self._wrong(name, f"pin {number} is taken by {self._pins[number]}")
        self._pins[number] = what
        return number

    def _wifi(self) -> tuple[str, str]:
        """What was typed counts before what was chosen."""
        ssid = self._fields.get("ssid", "") or self._fields.get("network", "")
        if not ssid or len(ssid.encode()) > _LONGEST_SSID:
            self._wrong("ssid", f"choose a network or type its name, 1 to {_LONGEST_SSID} bytes")
        key = self._fields.get("wifi_key", "")
        if not key and ssid == self._base.get("ssid"):
            key = self._base.get("wifi_key", "")
        if key and not _SHORTEST_KEY <= len(key.encode()) <= _LONGEST_KEY:
            self._wrong("wifi_key", f"{_SHORTEST_KEY} to {_LONGEST_KEY} characters, or none for an open network")
        return ssid, key

    def _gateway(self) -> str:
        host = self._text("gateway")
        if not host or len(host) > _LONGEST_HOST or not all([_of_a_host(character) for character in host]):
            self._wrong("gateway", "an address like 192.168.1.10 or a name is expected")
        return host

    def _name(self, name: str) -> str:
        text = self._text(name)
        if len(text.encode()) > _LONGEST_NAME:
            self._wrong(name, f"at most {_LONGEST_NAME} bytes")
        return text

    def _key(self) -> str:
        key = self._text("key") or self._base.get("key", "")
        if not _SHORTEST_KEY <= len(key.encode()) <= _LONGEST_KEY:
            self._wrong("key", f"{_SHORTEST_KEY} to {_LONGEST_KEY} characters, the same as in the gateway's file")
        return key

    def _wiring(self) -> "dict[str, Any]":
        """The keys sensors, i2c and uart."""
        used = [row for row in offered() if self._fields.get("use_" + row[0])]
        if not used:
            self._wrong("sensors", "tick at least one")
        buses = self._bus() if any([row[1] == I2C for row in used]) else []
        taken: list[str] = []
        rows = [self._sensor(driver, wiring, quantities, taken) for driver, wiring, quantities in used]
        idents = [row["uart"] for row in rows if "uart" in row]
        return {"i2c": buses, "uart": self._uarts(idents), "sensors": rows}

    def _bus(self) -> list[dict[str, int]]:
        return [{"id": _BUS, "sda": self._pin("sda", "I2C"), "scl": self._pin("scl", "I2C")}]

    def _sensor(self, driver: str, wiring: str, quantities: tuple[str, ...], taken: list[str]) -> "dict[str, Any]":
        """One row of sensors. taken: quantities that a sensor before gives; it is added to."""
        row: dict[str, Any] = {"driver": driver}
        if wiring == I2C:
            row["bus"] = _BUS
            if driver in self._found:
                row["address"] = self._found[driver]
        elif wiring == UART:
            row["uart"] = self._uart(driver)
        else:
            row["pin"] = self._pin("pin_" + driver, driver)
        kept = [quantity for quantity in quantities if quantity not in taken]
        if not kept:
            self._wrong("use_" + driver, f"what it measures ({', '.join(quantities)}) comes from the sensors above")
        if len(kept) < len(quantities):
            row["only"] = kept
        taken.extend(kept)
        return row

    def _uart(self, driver: str) -> int:
        ident = self._number("uart_" + driver, 0, 9)
        if ident not in [row[0] for row in self._preset.uarts]:
            known = ", ".join([str(row[0]) for row in self._preset.uarts])
            self._wrong("uart_" + driver, f"this board has UART {known} to offer")
        return ident

    def _uarts(self, idents: list[int]) -> list[dict[str, int]]:
        for ident in idents:
            if idents.count(ident) > 1:
                self._wrong("sensors", f"two sensors are on UART {ident}; it has room for one")
        found = [ident for ident, _, _ in self._preset.uarts if ident in idents]
        return [
            {"id": n, "tx": self._pin(f"tx_{n}", f"UART {n}"), "rx": self._pin(f"rx_{n}", f"UART {n}")} for n in found
        ]

    def _parse(self, given: "dict[str, Any]") -> None:
        """The node's own check has the last word."""
        if self.errors:
            return
        try:
            settings.parse(json.dumps(given))
        except SettingsError as error:
            text = str(error)
            text = text[len(_PREFIX) :] if text.startswith(_PREFIX) else text
            self._wrong(_SHOWN_AT.get(error.key, error.key), text)


def _of_a_host(character: str) -> bool:
    """Of an IPv4 or IPv6 address or a name (RFC 1123)."""
    return character in ".-:_" or (ord(character) < 128 and (character.isalpha() or character.isdigit()))
