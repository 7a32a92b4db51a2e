"""Winsen MH-Z19B on its UART (datasheet version 1.6)."""

from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import OUTDOOR_CO2_PPM, Air
from aircue_hil.sensors.model import ON_ANY, Glitches, Measured, Reply, Specimen

_WARM_UP_US = 180_000_000
_COLD_PPM = 410.0
_ANSWER_US = 20_000
_READ = bytes.fromhex("ff 01 86 00 00 00 00 00 79")
_SPIKE_PPM = (800.0, 4000.0)


class Mhz19(Specimen):
    """Answers the request for CO2; for the first three minutes with a value that is none of the air's. Calibration and
    the setting of the range are not modelled (no answer)."""

    quantities: ClassVar[tuple[str, ...]] = ("co2",)
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike", "short", "garbage"})
    faults: ClassVar[frozenset[str]] = ON_ANY | glitches | {"slow"}
    baudrate: ClassVar[int] = 9600

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._co2 = self._channel(tau_s=60.0, accuracy=50.0, repeatability=15.0)
        self._warm_at = 0
        self._said: list[tuple[int, Reply]] = []

    def power_on(self, now: int) -> None:
        self._warm_at = now + _WARM_UP_US
        self._said.clear()

    def write(self, data: bytes, now: int, air: Air) -> None:
        if data == _READ:
            self._said.append((now + self._lasts(_ANSWER_US), self._measure(now, air)))

    def sent(self, now: int, air: Air) -> list[tuple[int, Reply]]:
        said, self._said = self._said, []
        return said

    def _measure(self, now: int, air: Air) -> Reply:
        if now < self._warm_at:
            cold = encode(round(_COLD_PPM), air.temperature_c)
            return Reply(data=cold.data, why="warming up", measured=cold.measured)
        co2 = self._co2.measure(OUTDOOR_CO2_PPM if air.co2_ppm is None else air.co2_ppm, now)
        spike = self.trouble.spike()
        if spike:
            co2 += abs(self.trouble.jump(*_SPIKE_PPM))
        if self.trouble.begun("out-of-range"):
            return self.trouble.say(Reply(data=encode(60_000, air.temperature_c).data, why="out of range"), spike=spike)
        return self.trouble.say(encode(min(5000, max(0, round(co2))), air.temperature_c), spike=spike)


def encode(co2: int, temperature_c: float) -> Reply:
    """The nine bytes of an answer and what they stand for; the fifth byte is the part's warmth + 40."""
    warmth = min(255, max(0, round(temperature_c) + 40))
    body = bytes((0x86, co2 >> 8, co2 & 0xFF, warmth, 0, 0, 0))
    return Reply(
        data=b"\xff" + body + bytes((-sum(body) & 0xFF,)),
        measured=(Measured(quantity="co2", value=Decimal(co2)),),
    )
