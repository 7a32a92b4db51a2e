"""What the tests of setting up share: a state of it, a fake radio, and the oracle of Improv's packets."""

from typing import Any

from aircue_node.provisioning import presets
from aircue_node.provisioning.setup import Setup

BOARDS = {
    "pico_w": presets.of_board("rp2", "Raspberry Pi Pico W with RP2040"),
    "esp32": presets.of_board("esp32", "Generic ESP32 module with ESP32"),
    "esp32c3": presets.of_board("esp32", "ESP32C3 module with ESP32C3"),
    "esp32s3": presets.of_board("esp32", "Generic ESP32S3 module with ESP32S3"),
}
HOSTILE = "\"><script>alert(1)</script>&'"
KEY = "0123456789abcdef0123456789abcdef"


def network(name: bytes, rssi: int = -50, security: int = 3) -> tuple[bytes, bytes, int, int, int, int]:
    return name, b"\2\0\0\0\0\1", 6, rssi, security, 0


def setup(base: dict[str, Any] | None = None, found: dict[str, int] | None = None, reason: str = "") -> Setup:
    made = Setup("Aircue-1A2B", BOARDS["pico_w"], base or {}, reason, KEY)
    made.saw([network(b"home"), network(HOSTILE.encode(), -70, 0)], found or {})
    return made


class Point:
    """An access point's interface; one that is `strict`, as an ESP32's, takes no configuration while it is down."""

    strict = False

    def __init__(self) -> None:
        self.given: dict[str, object] = {}
        self.up = False

    def active(self, is_active: bool) -> None:
        self.up = is_active

    def config(self, *, ssid: str, security: int, key: str) -> None:
        if self.strict and not self.up:
            raise OSError("Wifi Invalid Mode")
        self.given = {"ssid": ssid, "security": security, "key": key}

    def ifconfig(self) -> tuple[str, str, str, str]:
        return "127.0.0.1", "", "", ""


class Station:
    """A station that knows one network; `asked` is what it was told to join."""

    def __init__(self, ssid: str = "home", key: str = "home-password") -> None:
        self.known = (ssid, key)
        self.asked: list[tuple[str, str]] = []
        self.scans = 0
        self._on = False

    def active(self, is_active: bool) -> None:
        self._on = is_active

    def connect(self, ssid: str, key: str) -> None:
        self.asked.append((ssid, key))

    def disconnect(self) -> None:
        self.asked.append(("", ""))

    def isconnected(self) -> bool:
        return bool(self.asked) and self.asked[-1] == self.known

    def status(self) -> int:
        return 1010 if self.isconnected() else 202

    def config(self, **options: object) -> None:
        pass

    def scan(self) -> list[tuple[bytes, bytes, int, int, int, int]]:
        if not self._on:
            raise OSError("STA must be active")
        self.scans += 1
        return [network(b"home")]

    def ifconfig(self) -> tuple[str, str, str, str]:
        return "127.0.0.3", "", "", ""


def checksum(data: bytes) -> int:
    """The specification's arithmetic, apart from the code's: add each byte, keep the lowest eight bits."""
    total = 0
    for byte in data:
        total = (total + byte) % 256
    return total


def frame(kind: int, data: bytes) -> bytes:
    head = b"IMPROV" + bytes([1, kind, len(data)]) + data
    return head + bytes([checksum(head)])
