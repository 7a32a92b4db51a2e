"""Aosong DHT22 / AM2302 at line level (datasheet AM2302, section 7)."""

from typing import ClassVar

from aircue_hil.sensors.dht import Dht, Spread

# How clones write a temperature below zero; the datasheet's way is sign and magnitude.
_CLONES = {"clone-16-bit": 0xFFFF, "clone-12-bit": 0x0FFF}


class Dht22(Dht):
    """2 s between reads; tenths as 16-bit words."""

    faults: ClassVar[frozenset[str]] = Dht.faults | frozenset(_CLONES)
    interval_us: ClassVar[int] = 2_000_000
    host_low_us: ClassVar[int] = 1_000
    temperature: ClassVar[Spread] = Spread(tau_s=10.0, accuracy=0.5, repeatability=0.2, least=-40.0, most=80.0)
    humidity: ClassVar[Spread] = Spread(tau_s=5.0, accuracy=2.0, repeatability=1.0, least=0.0, most=99.9)

    def body(self, temperature: int, humidity: int) -> bytes:
        for kind, mask in _CLONES.items():
            if self.trouble.begun(kind):
                return humidity.to_bytes(2, "big") + (temperature & mask).to_bytes(2, "big")
        return encode(temperature, humidity)


def encode(temperature: int, humidity: int) -> bytes:
    """The first four bytes of a frame from tenths; bit 15 of the temperature is its sign."""
    signed = abs(temperature) | (0x8000 if temperature < 0 else 0)
    return humidity.to_bytes(2, "big") + signed.to_bytes(2, "big")
