"""Winsen MQ-135 on an analogue pin: a module with RL of 10 kohm at 5 V, R0 of 76.63 kohm, on a pin of 3.3 V."""

from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import OUTDOOR_CO2_PPM, Air
from aircue_hil.sensors.model import ON_ANY, Glitches, Measured, Reply, Specimen

_LOAD_OHM, _CLEAN_OHM = Decimal(10_000), Decimal(76_630)
_SUPPLY_V, _FULL_V = Decimal(5), Decimal("3.3")
_WARM_UP_US = 180_000_000
_COLD = 3.0  # the ratio of a cold heater
_SPIKE = (6.0, 9.0)
_MILLIONTH = Decimal("0.000001")


class Mq135(Specimen):
    """Its ratio falls as the air is breathed: simulated by the CO2 of people, whose company the gases keep. A wire that
    is off reads 0 V."""

    quantities: ClassVar[tuple[str, ...]] = ("gas_ratio",)
    glitches: ClassVar[frozenset[str]] = frozenset({"spike"})
    faults: ClassVar[frozenset[str]] = ON_ANY | glitches

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._ratio = self._channel(tau_s=30.0, accuracy=0.05, repeatability=0.03)
        self._warm_at = 0

    def power_on(self, now: int) -> None:
        self._warm_at = now + _WARM_UP_US

    def convert(self, now: int, air: Air) -> Reply:
        """A conversion as 16 bits, most significant byte first."""
        breathed = (OUTDOOR_CO2_PPM if air.co2_ppm is None else air.co2_ppm) / OUTDOOR_CO2_PPM
        ratio = self._ratio.measure(breathed**-0.35, now)
        if now < self._warm_at:
            cold = encode(_raw(ratio + _COLD))
            return Reply(data=cold.data, why="warming up", measured=cold.measured)
        spike = self.trouble.spike()
        if self.trouble.begun("out-of-range"):
            return Reply(data=b"\xff\xff", why="out of range")
        whole = encode(_raw(ratio + (abs(self.trouble.jump(*_SPIKE)) if spike else 0.0)))
        return Reply(data=whole.data, why="spike" if spike else None, measured=whole.measured)


def _raw(ratio: float) -> int:
    """What MicroPython makes 16 bits of: a board's converter has 12."""
    volts = _SUPPLY_V * _LOAD_OHM / (_LOAD_OHM + _CLEAN_OHM * Decimal(max(0.07, ratio)))
    code = int(volts / _FULL_V * 4095)
    return code << 4 | code >> 8


def encode(raw: int) -> Reply:
    """The conversion and the ratio it stands for."""
    volts = _FULL_V * raw / 65535
    ratio = (_LOAD_OHM * (_SUPPLY_V / volts - 1) / _CLEAN_OHM).quantize(_MILLIONTH)
    return Reply(data=raw.to_bytes(2, "big"), measured=(Measured(quantity="gas_ratio", value=ratio),))
