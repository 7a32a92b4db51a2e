"""Sensirion SCD40/SCD41 at bus level (datasheet of the SCD4x, version 1.4)."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import OUTDOOR_CO2_PPM, Air, relative_humidity_pct, vapour_density_gm3
from aircue_hil.sensors.model import Glitches, Measured, Reply, Sensirion, crc8, stands_for, ticks, words

_POWER_UP_US = 1_000_000
_PERIODIC_US, _LOW_POWER_US, _SINGLE_US = 5_000_000, 30_000_000, 5_000_000
_SELF_HEATING_C = 4.0  # the factory's temperature offset is made for this
_SPIKE_PPM = (800.0, 6000.0)
_NEW_DATA, _NO_DATA = 0x8006, 0x8000


@dataclass(frozen=True, kw_only=True)
class _Command:
    """One row of the command table: the method, its execution time, whether it is taken while measuring."""

    name: str
    lasts_us: int = 1_000
    while_measuring: bool = False
    argument: bool = False


@dataclass(frozen=True, kw_only=True)
class _Call:
    """The command being served."""

    code: int
    argument: int
    now: int
    air: Air


_COMMANDS = {
    0x21B1: _Command(name="start", lasts_us=0),
    0x21AC: _Command(name="start_low_power", lasts_us=0),
    0x3F86: _Command(name="stop", lasts_us=500_000, while_measuring=True),
    0xEC05: _Command(name="read_measurement", while_measuring=True),
    0xE4B8: _Command(name="data_ready", while_measuring=True),
    0xE000: _Command(name="set", while_measuring=True, argument=True),
    0x241D: _Command(name="set", argument=True),
    0x2318: _Command(name="get"),
    0x2427: _Command(name="set", argument=True),
    0x2322: _Command(name="get"),
    0x2416: _Command(name="set", argument=True),
    0x2313: _Command(name="get"),
    0x362F: _Command(name="recalibrate", lasts_us=400_000, argument=True),
    0x3615: _Command(name="persist", lasts_us=800_000),
    0x3682: _Command(name="get_serial"),
    0x3639: _Command(name="self_test", lasts_us=10_000_000),
    0x3632: _Command(name="factory_reset", lasts_us=1_200_000),
    0x3646: _Command(name="reinit", lasts_us=30_000),
    0x219D: _Command(name="single_shot", lasts_us=_SINGLE_US),
}
_OFFSET = 0x241D
_STORED_AS = {0x2318: _OFFSET, 0x2322: 0x2427, 0x2313: 0x2416}  # getter -> the setter whose word it gives back
_FACTORY = {_OFFSET: ticks(_SELF_HEATING_C, offset=0, span=175), 0x2427: 0, 0x2416: 1}


class Scd4x(Sensirion):
    """Periodic, low-power and single-shot measurement with data-ready; settings survive power when persisted."""

    quantities: ClassVar[tuple[str, ...]] = ("co2", "temperature", "humidity")
    address: ClassVar[int] = 0x62

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self.serial = self._rng.getrandbits(48)
        self._co2 = self._channel(tau_s=60.0, accuracy=50.0, repeatability=30.0)
        self._temperature = self._channel(tau_s=120.0, accuracy=0.8, repeatability=0.1)
        self._humidity = self._channel(tau_s=90.0, accuracy=6.0, repeatability=0.4)
        self._gain = 1.0 + self._rng.uniform(-0.05, 0.05)
        self._kept = dict(_FACTORY)
        self._call = _Call(code=0, argument=0, now=0, air=Air(temperature_c=0.0, humidity_pct=0.0))
        self._words = dict(self._kept)
        self._since: int | None = None
        self._period = _PERIODIC_US
        self._taken = 0
        self._single_at: int | None = None
        self._do: dict[str, Callable[[], Reply | None]] = {
            "start": self._start,
            "start_low_power": self._start_low_power,
            "stop": self._stop,
            "read_measurement": self._read_measurement,
            "data_ready": self._data_ready,
            "set": self._set,
            "get": self._get,
            "recalibrate": self._recalibrate,
            "persist": self._persist,
            "get_serial": self._get_serial,
            "self_test": self._self_test,
            "factory_reset": self._factory_reset,
            "reinit": self._reinit,
            "single_shot": self._single_shot,
        }

    def power_on(self, now: int) -> None:
        self._busy_until = now + _POWER_UP_US
        self._words = dict(self._kept)
        self._since = self._single_at = self._answer = None

    def _refusal(self, data: bytes) -> str | None:
        command = _COMMANDS.get(int.from_bytes(data[:2], "big"))
        if command is None or len(data) != (5 if command.argument else 2):
            return f"unknown command {data.hex()}"
        if command.argument and crc8(data[2:4]) != data[4]:
            return "wrong CRC of the argument"
        if self._since is not None and not command.while_measuring:
            return f"{command.name} refused during measurement"
        return None

    def _obey(self, data: bytes, now: int, air: Air) -> None:
        code = int.from_bytes(data[:2], "big")
        self._call = _Call(code=code, argument=int.from_bytes(data[2:4], "big"), now=now, air=air)
        self._answer = self._do[_COMMANDS[code].name]()
        self._busy_until = now + _COMMANDS[code].lasts_us

    def _start(self) -> None:
        self._since, self._period, self._taken = self._call.now, _PERIODIC_US, 0
        self._single_at = None

    def _start_low_power(self) -> None:
        self._start()
        self._period = _LOW_POWER_US

    def _stop(self) -> None:
        self._since = None

    def _single_shot(self) -> None:
        self._single_at = self._call.now + _SINGLE_US

    def _fresh(self) -> bool:
        """Whether a measurement waits that was not read yet."""
        if self._since is not None:
            return self._periods(self._since) > self._taken
        return self._single_at is not None and self._call.now >= self._single_at

    def _periods(self, since: int) -> int:
        return (self._call.now - since) // self._lasts(self._period)

    def _data_ready(self) -> Reply:
        return Reply(data=words(_NEW_DATA if self._fresh() else _NO_DATA))

    def _read_measurement(self) -> Reply | None:
        if not self._fresh():
            return None
        if self._since is not None:
            self._taken = self._periods(self._since)
        self._single_at = None
        return self._measure()

    def _measure(self) -> Reply:
        co2, temperature, humidity = self._sense(self._call.now, self._call.air)
        spike = self.trouble.spike()
        if spike:
            co2 += abs(self.trouble.jump(*_SPIKE_PPM))
        if self.trouble.begun("out-of-range"):
            return self.trouble.deliver(Reply(data=words(0xFFFF, 0, 0), why="out of range"), spike=spike)
        whole = encode(
            min(40_000, max(0, round(co2))),
            ticks(temperature, offset=-45, span=175),
            ticks(min(100.0, max(0.0, humidity)), offset=0, span=100),
        )
        return self.trouble.deliver(whole, spike=spike)

    def _sense(self, now: int, air: Air) -> tuple[float, float, float]:
        """The part warms itself and subtracts its offset; humidity follows the temperature it then states."""
        offset = 175.0 * self._words[_OFFSET] / 65535.0
        stated = air.temperature_c + _SELF_HEATING_C - offset
        water = vapour_density_gm3(air.temperature_c, air.humidity_pct)
        true_co2 = OUTDOOR_CO2_PPM if air.co2_ppm is None else air.co2_ppm
        return (
            self._co2.measure(true_co2 * self._gain, now),
            self._temperature.measure(stated, now),
            self._humidity.measure(relative_humidity_pct(stated, water), now),
        )

    def _set(self) -> None:
        self._words[self._call.code] = self._call.argument

    def _get(self) -> Reply:
        return Reply(data=words(self._words[_STORED_AS[self._call.code]]))

    def _recalibrate(self) -> Reply:
        """Answers the correction, offset by 0x8000; this model keeps its error, as an uncalibrated part would."""
        return Reply(data=words(0x8000))

    def _persist(self) -> None:
        self._kept = dict(self._words)

    def _get_serial(self) -> Reply:
        return Reply(data=words(self.serial >> 32, self.serial >> 16 & 0xFFFF, self.serial & 0xFFFF))

    def _self_test(self) -> Reply:
        return Reply(data=words(0))

    def _factory_reset(self) -> None:
        self._kept = dict(_FACTORY)
        self._words = dict(_FACTORY)

    def _reinit(self) -> None:
        self._words = dict(self._kept)


def encode(co2: int, temperature: int, humidity: int) -> Reply:
    """The nine bytes of a measurement and what they stand for (section 3.5.2)."""
    return Reply(
        data=words(co2, temperature, humidity),
        measured=(
            Measured(quantity="co2", value=Decimal(co2)),
            Measured(quantity="temperature", value=stands_for(temperature, offset=-45, span=175)),
            Measured(quantity="humidity", value=stands_for(humidity, offset=0, span=100)),
        ),
    )
