"""What Aosong's single-wire sensors share: start pulse, 40-bit frame, timing of each bit, one measurement of delay."""

import random
from abc import ABC, abstractmethod
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Channel, Dice, Glitches, Reply

_POWER_UP_US = 1_000_000
_LOW, _ZERO, _ONE, _RESPONSE, _GO = 50, 27, 70, 80, 30  # us
_JITTER_US = 3
_SPIKE_PCT = (15.0, 45.0)


class Dht(ABC):
    """Answers with the measurement made at the previous start pulse, and not at all within `interval_us` of the last.

    A part gives its times and spreads, and how a pair of tenths is limited and written as a frame.
    """

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike", "short"})
    interval_us: ClassVar[int]
    host_low_us: ClassVar[int]
    range_c: ClassVar[tuple[float, float]]
    range_pct: ClassVar[tuple[float, float]]

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        rng = random.Random(seed)
        self._jitter = random.Random(seed + "/jitter")
        self._temperature = self.temperature(rng)
        self._humidity = self.humidity(rng)
        self._dice = Dice(random.Random(seed + "/glitches"), glitches)
        self._ready_at = 0
        self._measurement = (0, 0)

    @staticmethod
    @abstractmethod
    def temperature(rng: random.Random) -> Channel: ...

    @staticmethod
    @abstractmethod
    def humidity(rng: random.Random) -> Channel: ...

    @staticmethod
    @abstractmethod
    def whole(temperature: int, humidity: int) -> Reply:
        """The frame of tenths of a degree and of a percent, and what it stands for."""

    def power_on(self, now: int, air: Air) -> None:
        self._ready_at = now + _POWER_UP_US
        self._measurement = self._measure(now, air)

    def frame(self, host_low_us: int, now: int, air: Air) -> Reply:
        """The pulse train from the moment the host lets go: levels alternate, the first one is high."""
        if host_low_us < self.host_low_us:
            return Reply(ack=False, why=f"start pulse under {self.host_low_us // 1000} ms")
        if now < self._ready_at:
            return Reply(ack=False, why=f"asked again within {self.interval_us // 1_000_000} s (or 1 s of power-on)")
        self._ready_at = now + self.interval_us
        previous, self._measurement = self._measurement, self._measure(now, air)
        return self._send(*previous)

    def _measure(self, now: int, air: Air) -> tuple[int, int]:
        temperature = self._temperature.measure(air.temperature_c, now)
        humidity = self._humidity.measure(air.humidity_pct, now)
        return _tenths(temperature, self.range_c), _tenths(humidity, self.range_pct)

    def _send(self, temperature: int, humidity: int) -> Reply:
        if self._dice.nack():
            return Reply(ack=False, why="no response")
        spike = self._dice.spike()
        if spike:
            humidity = round(min(999.0, max(0.0, humidity + 10 * self._dice.jump(*_SPIKE_PCT))))
        whole = self.whole(temperature, humidity)
        if self._dice.crc():
            return Reply(pulses=self._train(self._dice.flip_bit(whole.data)), why="checksum")
        if self._dice.short():
            return Reply(pulses=self._train(whole.data)[: 3 + 2 * 25], why="short frame")
        pulses = self._train(whole.data)
        return Reply(pulses=pulses, why="spike" if spike else None, measured=whole.measured)

    def _train(self, frame: bytes) -> tuple[int, ...]:
        bits = [frame[i // 8] >> (7 - i % 8) & 1 for i in range(40)]
        tail = [length for bit in bits for length in (_LOW, _ONE if bit else _ZERO)]
        return tuple(self._near(length) for length in (_GO, _RESPONSE, _RESPONSE, *tail, _LOW))

    def _near(self, length: int) -> int:
        return length + self._jitter.randint(-_JITTER_US, _JITTER_US)


def _tenths(value: float, limits: tuple[float, float]) -> int:
    return round(10 * min(limits[1], max(limits[0], value)))
