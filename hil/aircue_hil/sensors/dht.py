"""What Aosong's single-wire sensors share: start pulse, 40-bit frame, timing of each bit, one measurement of delay."""

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import ON_ANY, Glitches, Measured, Reply, Specimen

_POWER_UP_US = 1_000_000
_LOW, _ZERO, _ONE, _RESPONSE, _GO = 50, 27, 70, 80, 30  # us
_JITTER_US = 3
_SPIKE_PCT = (15.0, 45.0)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A channel as the datasheet gives it (see model.Channel), and the range it is limited to."""

    tau_s: float
    accuracy: float
    repeatability: float
    least: float
    most: float

    def tenths(self, value: float) -> int:
        return round(10 * min(self.most, max(self.least, value)))


class Dht(Specimen, ABC):
    """Answers with the measurement made at the previous start pulse, and not at all within `interval_us` of the last.

    A part gives its times and spreads, and how a pair of tenths is written as the first four bytes of a frame.
    """

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike", "short"})
    faults: ClassVar[frozenset[str]] = ON_ANY | {"nack", "crc", "spike", "short"}
    interval_us: ClassVar[int]
    host_low_us: ClassVar[int]
    temperature: ClassVar[Spread]
    humidity: ClassVar[Spread]

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._jitter = random.Random(seed + "/jitter")
        self._felt_c, self._felt_pct = (
            self._channel(tau_s=one.tau_s, accuracy=one.accuracy, repeatability=one.repeatability)
            for one in (self.temperature, self.humidity)
        )
        self._ready_at = 0
        self._measurement = (0, 0)

    @abstractmethod
    def body(self, temperature: int, humidity: int) -> bytes:
        """The four bytes for tenths of a degree and of a percent."""

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

    def summed(self, body: bytes) -> int:
        """The checksum."""
        return sum(body) & 0xFF

    def _measure(self, now: int, air: Air) -> tuple[int, int]:
        temperature = self._felt_c.measure(air.temperature_c, now)
        humidity = self._felt_pct.measure(air.humidity_pct, now)
        return self.temperature.tenths(temperature), self.humidity.tenths(humidity)

    def _send(self, temperature: int, humidity: int) -> Reply:
        if self.trouble.nack():
            return Reply(ack=False, why="no response")
        spike = self.trouble.spike()
        if spike:
            humidity = round(min(999.0, max(0.0, humidity + 10 * self.trouble.jump(*_SPIKE_PCT))))
        whole = self._whole(temperature, humidity)
        if self.trouble.crc():
            return Reply(pulses=self._train(self.trouble.flip_bit(whole.data)), why="checksum")
        if self.trouble.short():
            return Reply(pulses=self._train(whole.data)[: 3 + 2 * 25], why="short frame")
        pulses = self._train(whole.data)
        return Reply(pulses=pulses, why="spike" if spike else whole.why, measured=whole.measured)

    def _whole(self, temperature: int, humidity: int) -> Reply:
        if self.trouble.begun("out-of-range"):
            body = self.body(10 * 99, humidity)
            return Reply(data=body + bytes((self.summed(body),)), why="out of range")
        body = self.body(temperature, humidity)
        return Reply(data=body + bytes((self.summed(body),)), measured=stand_for(temperature, humidity))

    def _train(self, frame: bytes) -> tuple[int, ...]:
        bits = [frame[i // 8] >> (7 - i % 8) & 1 for i in range(40)]
        tail = [length for bit in bits for length in (_LOW, _ONE if bit else _ZERO)]
        return tuple(self._near(length) for length in (_GO, _RESPONSE, _RESPONSE, *tail, _LOW))

    def _near(self, length: int) -> int:
        return length + self._jitter.randint(-_JITTER_US, _JITTER_US)


def stand_for(temperature: int, humidity: int) -> tuple[Measured, ...]:
    """What tenths of a degree and of a percent stand for."""
    return (
        Measured(quantity="temperature", value=Decimal(temperature) / 10),
        Measured(quantity="humidity", value=Decimal(humidity) / 10),
    )
