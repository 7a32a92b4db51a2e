"""Aosong DHT11 at line level (datasheet DHT11, version 1.3)."""

from typing import ClassVar

from aircue_hil.sensors.dht import Dht, Spread


class Dht11(Dht):
    """1 s between reads and a long start pulse; whole numbers and their tenths in bytes of their own.

    A clone with "clone-short-sum" leaves the tenths out of its checksum.
    """

    faults: ClassVar[frozenset[str]] = Dht.faults | {"clone-short-sum"}
    interval_us: ClassVar[int] = 1_000_000
    host_low_us: ClassVar[int] = 18_000
    temperature: ClassVar[Spread] = Spread(tau_s=10.0, accuracy=2.0, repeatability=0.3, least=-20.0, most=60.0)
    humidity: ClassVar[Spread] = Spread(tau_s=6.0, accuracy=5.0, repeatability=1.0, least=0.0, most=99.9)

    def body(self, temperature: int, humidity: int) -> bytes:
        return encode(temperature, humidity)

    def summed(self, body: bytes) -> int:
        return super().summed(body[::2] if self.trouble.begun("clone-short-sum") else body)


def encode(temperature: int, humidity: int) -> bytes:
    """The first four bytes of a frame from tenths; bit 7 of byte 3 is the sign."""
    degrees, tenths = divmod(abs(temperature), 10)
    return bytes((*divmod(humidity, 10), degrees, tenths | (0x80 if temperature < 0 else 0)))
