"""Sensirion SHT30/31/35 at bus level (datasheet SHT3x-DIS, version 7)."""

import random
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Channel, Dice, Glitches, Measured, Reply, cut, stands_for, ticks, words

_POWER_UP_US = 1_500
_RESET_US = 1_500
_STATUS_US = 1_000
_SOFT_RESET, _STATUS, _BREAK, _PERIODIC = 0x30A2, 0xF32D, 0x3093, 0x2130
# Command -> longest conversion in us (table 4), repeatability of temperature and humidity (tables 1 and 2).
_MEASURE = {0x2400: (15_500, 0.06, 0.10), 0x240B: (6_500, 0.12, 0.15), 0x2416: (4_500, 0.24, 0.25)}
_KNOWN = {*_MEASURE, _SOFT_RESET, _STATUS, _BREAK, _PERIODIC}
_SPIKE_C = (8.0, 40.0)


class Sht3x:
    """Answers single measurements without clock stretching, the status and the soft reset; the alerts and the heater
    are not modelled (no ACK). Periodic measurement is there as a state that refuses all but break and reset."""

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike"})
    address: ClassVar[int] = 0x44

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        rng = random.Random(seed)
        self._temperature = Channel(rng, tau_s=2.0, accuracy=0.2, repeatability=0.06)
        self._humidity = Channel(rng, tau_s=8.0, accuracy=2.0, repeatability=0.10)
        self._dice = Dice(random.Random(seed + "/glitches"), glitches)
        self._busy_until = 0
        self._periodic = False
        self._answer: Reply | None = None

    def power_on(self, now: int) -> None:
        self._busy_until = now + _POWER_UP_US
        self._periodic, self._answer = False, None

    def write(self, data: bytes, now: int, air: Air) -> Reply:
        if not data:
            return Reply(ack=now >= self._busy_until)
        refused = self._refusal(data, now)
        if refused is not None:
            return Reply(ack=False, why=refused)
        self._obey(int.from_bytes(data, "big"), now, air)
        return Reply()

    def read(self, count: int, now: int) -> Reply:
        if now < self._busy_until:
            return Reply(ack=False, why="read before the conversion was done")
        if self._answer is None:
            return Reply(ack=False, why="read without a command")
        if self._dice.nack():
            return Reply(ack=False, why="nack")
        answer, self._answer = self._answer, None
        return cut(answer, count)

    def _refusal(self, data: bytes, now: int) -> str | None:
        """Why this write is not acknowledged, or None."""
        command = int.from_bytes(data, "big")
        if now < self._busy_until:
            return "busy"
        if len(data) != 2 or command not in _KNOWN:
            return f"unknown command {data.hex()}"
        if self._periodic and command not in (_SOFT_RESET, _BREAK):
            return "refused during periodic measurement"
        return "nack" if self._dice.nack() else None

    def _obey(self, command: int, now: int, air: Air) -> None:
        self._answer = None
        self._periodic = command == _PERIODIC
        if command in _MEASURE:
            self._busy_until = now + _MEASURE[command][0]
            self._answer = self._measure(command, now, air)
        elif command == _STATUS:
            self._busy_until = now + _STATUS_US
            self._answer = Reply(data=words(0x8010))
        else:
            self._busy_until = now + _RESET_US

    def _measure(self, command: int, now: int, air: Air) -> Reply:
        _, spread_t, spread_rh = _MEASURE[command]
        temperature = self._temperature.measure(air.temperature_c, now, spread_t / 3.0)
        humidity = self._humidity.measure(air.humidity_pct, now, spread_rh / 3.0)
        spike = self._dice.spike()
        if spike:
            temperature += self._dice.jump(*_SPIKE_C)
        whole = encode(ticks(temperature, offset=-45, span=175), ticks(humidity, offset=0, span=100))
        return self._dice.deliver(whole, spike=spike)


def encode(temperature: int, humidity: int) -> Reply:
    """The six bytes of a measurement and what they stand for (section 4.13)."""
    return Reply(
        data=words(temperature, humidity),
        measured=(
            Measured(quantity="temperature", value=stands_for(temperature, offset=-45, span=175)),
            Measured(quantity="humidity", value=stands_for(humidity, offset=0, span=100)),
        ),
    )
