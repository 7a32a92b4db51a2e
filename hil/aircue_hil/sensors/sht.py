"""What Sensirion's SHT3x and SHT4x share: a pair of words, temperature and humidity, after a command."""

from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import Glitches, Measured, Reply, Sensirion, clamp, stands_for, ticks, words

_SPIKE_C = (8.0, 40.0)


class Sht(Sensirion):
    """measures: command -> longest conversion in us, repeatability of temperature and humidity. humidity: offset and
    span of its scale, accuracy, time to 63 % of a step."""

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity")
    address: ClassVar[int] = 0x44
    power_up_us: ClassVar[int]
    measures: ClassVar[dict[int, tuple[int, float, float]]]
    scale_pct: ClassVar[tuple[int, int]]
    accuracy_pct: ClassVar[float]
    tau_pct_s: ClassVar[float]

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self.serial = self._drawn_serial()
        _, spread_t, spread_rh = next(iter(self.measures.values()))
        self._temperature = self._channel(tau_s=2.0, accuracy=0.2, repeatability=spread_t)
        self._humidity = self._channel(tau_s=self.tau_pct_s, accuracy=self.accuracy_pct, repeatability=spread_rh)

    def _drawn_serial(self) -> int:
        return 0

    def power_on(self, now: int) -> None:
        self._busy_until = now + self.power_up_us
        self._answer = None

    def _measure(self, command: int, now: int, air: Air) -> None:
        lasts, spread_t, spread_rh = self.measures[command]
        self._busy_until = now + self._lasts(lasts)
        temperature = self._temperature.measure(air.temperature_c, now, spread_t / 3.0)
        humidity = self._humidity.measure(air.humidity_pct, now, spread_rh / 3.0)
        spike = self.trouble.spike()
        if spike:
            temperature += self.trouble.jump(*_SPIKE_C)
        offset, span = self.scale_pct
        whole = pair(
            ticks(temperature, offset=-45, span=175), ticks(humidity, offset=offset, span=span), self.scale_pct
        )
        if self.trouble.begun("out-of-range"):
            whole = Reply(data=words(0, 0), why="out of range")
        self._answer = self.trouble.deliver(whole, spike=spike)


def pair(temperature: int, humidity: int, scale_pct: tuple[int, int]) -> Reply:
    """The six bytes of a measurement and what they stand for."""
    offset, span = scale_pct
    percent = clamp(stands_for(humidity, offset=offset, span=span), 0, 100)
    return Reply(
        data=words(temperature, humidity),
        measured=(
            Measured(quantity="temperature", value=stands_for(temperature, offset=-45, span=175)),
            Measured(quantity="humidity", value=Decimal(percent)),
        ),
    )
