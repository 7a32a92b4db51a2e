"""Sensirion SHT40/41/45 at bus level (datasheet of the SHT4x, version 6)."""

from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Reply, words
from aircue_hil.sensors.sht import Sht, pair

_RESET_US = 1_000
_SERIAL_US = 1_000
_SOFT_RESET = 0x94
_READ_SERIAL = 0x89
_SCALE_PCT = (-6, 125)


class Sht4x(Sht):
    """Answers the three measurements, the serial number and the soft reset; the heater is not modelled (no ACK).

    It takes the longest conversion time the datasheet allows, so a driver that waits for the typical one fails here.
    """

    power_up_us: ClassVar[int] = 1_000
    # Table 5, tables 1 and 2.
    measures: ClassVar[dict[int, tuple[int, float, float]]] = {
        0xFD: (8_300, 0.04, 0.08),
        0xF6: (4_500, 0.07, 0.15),
        0xE0: (1_600, 0.10, 0.25),
    }
    scale_pct: ClassVar[tuple[int, int]] = _SCALE_PCT
    accuracy_pct: ClassVar[float] = 1.8
    tau_pct_s: ClassVar[float] = 4.0

    def _drawn_serial(self) -> int:
        return self._rng.getrandbits(32)

    def _refusal(self, data: bytes) -> str | None:
        known = len(data) == 1 and data[0] in {*self.measures, _READ_SERIAL, _SOFT_RESET}
        return None if known else f"unknown command {data.hex()}"

    def _obey(self, data: bytes, now: int, air: Air) -> None:
        self._answer = None
        if data[0] == _SOFT_RESET:
            self._busy_until = now + _RESET_US
        elif data[0] == _READ_SERIAL:
            self._busy_until = now + _SERIAL_US
            self._answer = Reply(data=words(self.serial >> 16, self.serial & 0xFFFF))
        else:
            self._measure(data[0], now, air)


def encode(temperature: int, humidity: int) -> Reply:
    """The six bytes of a measurement and what they stand for (section 4.6: humidity is cropped to 0..100)."""
    return pair(temperature, humidity, _SCALE_PCT)
