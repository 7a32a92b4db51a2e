"""Aosong DHT11 at line level (datasheet DHT11, version 1.3)."""

import random
from decimal import Decimal
from typing import ClassVar

from aircue_hil.sensors.dht import Dht
from aircue_hil.sensors.model import Channel, Measured, Reply


class Dht11(Dht):
    """1 s between reads and a long start pulse; whole numbers and their tenths in bytes of their own."""

    interval_us: ClassVar[int] = 1_000_000
    host_low_us: ClassVar[int] = 18_000
    range_c: ClassVar[tuple[float, float]] = (-20.0, 60.0)
    range_pct: ClassVar[tuple[float, float]] = (0.0, 99.9)

    @staticmethod
    def temperature(rng: random.Random) -> Channel:
        return Channel(rng, tau_s=10.0, accuracy=2.0, repeatability=0.3)

    @staticmethod
    def humidity(rng: random.Random) -> Channel:
        return Channel(rng, tau_s=6.0, accuracy=5.0, repeatability=1.0)

    @staticmethod
    def whole(temperature: int, humidity: int) -> Reply:
        return encode(temperature, humidity)


def encode(temperature: int, humidity: int) -> Reply:
    """The five bytes of a frame (from tenths; bit 7 of byte 3 is the sign) and what they stand for."""
    degrees, tenths = divmod(abs(temperature), 10)
    body = bytes((*divmod(humidity, 10), degrees, tenths | (0x80 if temperature < 0 else 0)))
    return Reply(
        data=body + bytes((sum(body) & 0xFF,)),
        measured=(
            Measured(quantity="temperature", value=Decimal(temperature) / 10),
            Measured(quantity="humidity", value=Decimal(humidity) / 10),
        ),
    )
