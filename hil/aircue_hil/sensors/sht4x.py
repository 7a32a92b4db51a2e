"""Sensirion SHT40/41/45 at bus level (datasheet of the SHT4x, version 6)."""

import random
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Channel, Dice, Glitches, Measured, Reply, clamp, cut, stands_for, ticks, words

_POWER_UP_US = 1_000
_RESET_US = 1_000
_SERIAL_US = 1_000
_SOFT_RESET = 0x94
_READ_SERIAL = 0x89
# Command -> longest conversion in us (table 5), repeatability of temperature and humidity (tables 1 and 2).
_MEASURE = {0xFD: (8_300, 0.04, 0.08), 0xF6: (4_500, 0.07, 0.15), 0xE0: (1_600, 0.10, 0.25)}
_SPIKE_C = (8.0, 40.0)


class Sht4x:
    """Answers the three measurements, the serial number and the soft reset; the heater is not modelled (no ACK).

    It takes the longest conversion time the datasheet allows, so a driver that waits for the typical one fails here.
    """

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike"})
    address: ClassVar[int] = 0x44

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        rng = random.Random(seed)
        self.serial = rng.getrandbits(32)
        self._temperature = Channel(rng, tau_s=2.0, accuracy=0.2, repeatability=0.04)
        self._humidity = Channel(rng, tau_s=4.0, accuracy=1.8, repeatability=0.08)
        self._dice = Dice(random.Random(seed + "/glitches"), glitches)
        self._busy_until = 0
        self._answer: Reply | None = None

    def power_on(self, now: int) -> None:
        self._busy_until = now + _POWER_UP_US
        self._answer = None

    def write(self, data: bytes, now: int, air: Air) -> Reply:
        if not data:
            return Reply(ack=now >= self._busy_until)
        if now < self._busy_until:
            return Reply(ack=False, why="busy")
        if self._dice.nack():
            return Reply(ack=False, why="nack")
        return self._obey(data, now, air)

    def read(self, count: int, now: int) -> Reply:
        if now < self._busy_until:
            return Reply(ack=False, why="read before the conversion was done")
        if self._answer is None:
            return Reply(ack=False, why="read without a command")
        if self._dice.nack():
            return Reply(ack=False, why="nack")
        answer, self._answer = self._answer, None
        return cut(answer, count)

    def _obey(self, data: bytes, now: int, air: Air) -> Reply:
        command = data[0]
        if len(data) != 1 or command not in {*_MEASURE, _READ_SERIAL, _SOFT_RESET}:
            return Reply(ack=False, why=f"unknown command {data.hex()}")
        self._answer = None
        if command == _SOFT_RESET:
            self._busy_until = now + _RESET_US
        elif command == _READ_SERIAL:
            self._busy_until = now + _SERIAL_US
            self._answer = Reply(data=words(self.serial >> 16, self.serial & 0xFFFF))
        else:
            self._busy_until = now + _MEASURE[command][0]
            self._answer = self._measure(command, now, air)
        return Reply()

    def _measure(self, command: int, now: int, air: Air) -> Reply:
        _, spread_t, spread_rh = _MEASURE[command]
        temperature = self._temperature.measure(air.temperature_c, now, spread_t / 3.0)
        humidity = self._humidity.measure(air.humidity_pct, now, spread_rh / 3.0)
        spike = self._dice.spike()
        if spike:
            temperature += self._dice.jump(*_SPIKE_C)
        whole = encode(ticks(temperature, offset=-45, span=175), ticks(humidity, offset=-6, span=125))
        return self._dice.deliver(whole, spike=spike)


def encode(temperature: int, humidity: int) -> Reply:
    """The six bytes of a measurement and what they stand for (section 4.6: humidity is cropped to 0..100)."""
    return Reply(
        data=words(temperature, humidity),
        measured=(
            Measured(quantity="temperature", value=stands_for(temperature, offset=-45, span=175)),
            Measured(quantity="humidity", value=clamp(stands_for(humidity, offset=-6, span=125), 0, 100)),
        ),
    )
