"""Sensirion SHT30/31/35 at bus level (datasheet SHT3x-DIS, version 7)."""

from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Glitches, Reply, words
from aircue_hil.sensors.sht import Sht, pair

_RESET_US = 1_500
_STATUS_US = 1_000
_SOFT_RESET, _STATUS, _BREAK, _PERIODIC = 0x30A2, 0xF32D, 0x3093, 0x2130
_SCALE_PCT = (0, 100)


class Sht3x(Sht):
    """Answers single measurements without clock stretching, the status and the soft reset; the alerts and the heater
    are not modelled (no ACK). Periodic measurement is there as a state that refuses all but break and reset."""

    power_up_us: ClassVar[int] = 1_500
    # Table 4, tables 1 and 2.
    measures: ClassVar[dict[int, tuple[int, float, float]]] = {
        0x2400: (15_500, 0.06, 0.10),
        0x240B: (6_500, 0.12, 0.15),
        0x2416: (4_500, 0.24, 0.25),
    }
    scale_pct: ClassVar[tuple[int, int]] = _SCALE_PCT
    accuracy_pct: ClassVar[float] = 2.0
    tau_pct_s: ClassVar[float] = 8.0

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._periodic = False

    def power_on(self, now: int) -> None:
        super().power_on(now)
        self._periodic = False

    def _refusal(self, data: bytes) -> str | None:
        command = int.from_bytes(data, "big")
        if len(data) != 2 or command not in {*self.measures, _SOFT_RESET, _STATUS, _BREAK, _PERIODIC}:
            return f"unknown command {data.hex()}"
        if self._periodic and command not in (_SOFT_RESET, _BREAK):
            return "refused during periodic measurement"
        return None

    def _obey(self, data: bytes, now: int, air: Air) -> None:
        command = int.from_bytes(data, "big")
        self._answer = None
        self._periodic = command == _PERIODIC
        if command in self.measures:
            self._measure(command, now, air)
        elif command == _STATUS:
            self._busy_until = now + _STATUS_US
            self._answer = Reply(data=words(0x8010))
        else:
            self._busy_until = now + _RESET_US


def encode(temperature: int, humidity: int) -> Reply:
    """The six bytes of a measurement and what they stand for (section 4.13)."""
    return pair(temperature, humidity, _SCALE_PCT)
