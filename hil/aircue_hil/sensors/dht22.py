"""Aosong DHT22 / AM2302 at line level (datasheet AM2302, section 7)."""

import random
from decimal import Decimal
from typing import ClassVar

from aircue_hil.sensors.dht import Dht
from aircue_hil.sensors.model import Channel, Measured, Reply


class Dht22(Dht):
    """2 s between reads; tenths as 16-bit words."""

    interval_us: ClassVar[int] = 2_000_000
    host_low_us: ClassVar[int] = 1_000
    range_c: ClassVar[tuple[float, float]] = (-40.0, 80.0)
    range_pct: ClassVar[tuple[float, float]] = (0.0, 99.9)

    @staticmethod
    def temperature(rng: random.Random) -> Channel:
        return Channel(rng, tau_s=10.0, accuracy=0.5, repeatability=0.2)

    @staticmethod
    def humidity(rng: random.Random) -> Channel:
        return Channel(rng, tau_s=5.0, accuracy=2.0, repeatability=1.0)

    @staticmethod
    def whole(temperature: int, humidity: int) -> Reply:
        return encode(temperature, humidity)


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
