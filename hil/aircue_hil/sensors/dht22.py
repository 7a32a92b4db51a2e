"""Aosong DHT22 / AM2302 at line level: start pulse, 40-bit frame, timing of each bit."""

import random
from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Channel, Dice, Glitches, Measured, Reply

_POWER_UP_US = 1_000_000
_INTERVAL_US = 2_000_000
_HOST_LOW_US = 1_000
_LOW, _ZERO, _ONE, _RESPONSE, _GO = 50, 27, 70, 80, 30  # us
_JITTER_US = 3
_SPIKE_PCT = (15.0, 45.0)


class Dht22:
    """Answers with the measurement made at the previous start pulse, and not at all within 2 s of the last one."""

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike", "short"})

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        rng = random.Random(seed)
        self._jitter = random.Random(seed + "/jitter")
        self._temperature = Channel(rng, tau_s=10.0, accuracy=0.5, repeatability=0.2)
        self._humidity = Channel(rng, tau_s=5.0, accuracy=2.0, repeatability=1.0)
        self._dice = Dice(random.Random(seed + "/glitches"), glitches)
        self._ready_at = 0
        self._measurement = (0, 0)

    def power_on(self, now: int, air: Air) -> None:
        self._ready_at = now + _POWER_UP_US
        self._measurement = self._measure(now, air)

    def frame(self, host_low_us: int, now: int, air: Air) -> Reply:
        """The pulse train from the moment the host lets go: levels alternate, the first one is high."""
        if host_low_us < _HOST_LOW_US:
            return Reply(ack=False, why="start pulse under 1 ms")
        if now < self._ready_at:
            return Reply(ack=False, why="asked again within 2 s (or 1 s of power-on)")
        self._ready_at = now + _INTERVAL_US
        previous, self._measurement = self._measurement, self._measure(now, air)
        return self._send(*previous)

    def _measure(self, now: int, air: Air) -> tuple[int, int]:
        temperature = self._temperature.measure(air.temperature_c, now)
        humidity = self._humidity.measure(air.humidity_pct, now)
        return round(10 * min(80.0, max(-40.0, temperature))), round(10 * min(99.9, max(0.0, humidity)))

    def _send(self, temperature: int, humidity: int) -> Reply:
        if self._dice.nack():
            return Reply(ack=False, why="no response")
        spike = self._dice.spike()
        if spike:
            humidity = round(min(999.0, max(0.0, humidity + 10 * self._dice.jump(*_SPIKE_PCT))))
        whole = encode(temperature, humidity)
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


def encode(temperature: int, humidity: int) -> Reply:
    """The five bytes of a frame (tenths; bit 15 of the temperature is its sign) and what they stand for."""
    signed = abs(temperature) | (0x8000 if temperature < 0 else 0)
    body = humidity.to_bytes(2, "big") + signed.to_bytes(2, "big")
    return Reply(
        data=body + bytes((sum(body) & 0xFF,)),
        measured=(
            Measured(quantity="temperature", value=Decimal(temperature) / 10),
            Measured(quantity="humidity", value=Decimal(humidity) / 10),
        ),
    )
