"""What settings.json says of one node, as the program holds it, and what is wrong with one that cannot be used.

settings.py reads and judges the file. It is in memory only while it does: what stays needs this module alone.
"""

MYPY = False
if MYPY:
    from typing import Any

PATH = "settings.json"


class SettingsError(ValueError):
    """settings.json is missing, no JSON, or says something this firmware does not understand. key: the setting, or ""
    where it is not one alone."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


class MissingSettings(SettingsError):
    """There is no settings.json: a new board, or one that was wiped."""


class Settings:
    """One attribute a key of settings.json."""

    site: str
    node: str
    key: str
    ssid: str
    wifi_key: str
    uplink: str
    gateway: str
    port: int
    tls: bool
    ca: str
    discovery: bool
    watchdog_s: int
    status_s: int
    interval_ms: int
    journal_samples: int
    journal_bytes: int
    backlog_pause_ms: int
    time_scale: int
    sleep: bool
    sleep_batch: int
    sleep_limits: dict[str, int | float]
    strobe_pin: int
    button_pin: int
    led_pin: str
    deadband: dict[str, float]
    i2c: "list[dict[str, Any]]"
    uart: "list[dict[str, Any]]"
    sensors: "list[dict[str, Any]]"

    def __init__(self, fields: "dict[str, Any]") -> None:
        for name in fields:
            setattr(self, name, fields[name])
