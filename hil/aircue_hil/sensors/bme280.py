"""Bosch BME280 and BMP280 at bus level: registers, forced measurements, calibration (BST-BME280-DS002 version 1.6)."""

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import SEA_LEVEL_HPA, Air
from aircue_hil.sensors.model import ON_I2C, Glitches, Measured, Reply, Specimen

_POWER_UP_US = 2_000
_ID, _RESET, _CTRL_HUM, _STATUS, _CTRL_MEAS, _CONFIG, _DATA = 0xD0, 0xE0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
_RESET_WORD = 0xB6
_MEASURING = 0x08
_IDLE = bytes.fromhex("800000 800000 8000")
_SKIPPED, _SKIPPED_H = 0x80000, 0x8000
_SLEEP, _FORCED = (0,), (1, 2)
_TIMES = (0, 1, 2, 4, 8, 16, 16, 16)  # oversampling by the three bits of the control registers
_SPIKE_C = (8.0, 40.0)
_SIX = Decimal("0.000001")


@dataclass(frozen=True, kw_only=True)
class Trim:
    """Calibration as the datasheet names it: t[0] is dig_T1, p[0] is dig_P1, h[0] is dig_H1."""

    t: tuple[int, ...]
    p: tuple[int, ...]
    h: tuple[int, ...]

    def registers(self) -> dict[int, int]:
        """0x88..0xA1 and 0xE1..0xE7; dig_H4 and dig_H5 share 0xE5."""
        h1, h2, h3, h4, h5, h6 = self.h
        low = struct.pack("<HhhHhhhhhhhh", *self.t, *self.p) + bytes((0, h1))
        shared = (h4 & 0x0F) | (h5 & 0x0F) << 4
        high = struct.pack("<hBbBbb", h2, h3, h4 >> 4, shared, h5 >> 4, h6)
        return {**{0x88 + i: byte for i, byte in enumerate(low)}, **{0xE1 + i: byte for i, byte in enumerate(high)}}


# T and P: the example of the BMP280 datasheet (section 3.12); H: values of the size that parts carry.
TYPICAL = Trim(
    t=(27504, 26435, -1000),
    p=(36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000),
    h=(75, 362, 0, 313, 50, 30),
)


def t_fine(trim: Trim, raw: int) -> float:
    """Section 8.1, as are the next two; T = t_fine / 5120 degrees Celsius.

    >>> round(t_fine(TYPICAL, 519888) / 5120, 2)
    25.08
    """
    t1, t2, t3 = trim.t
    return (raw / 16384 - t1 / 1024) * t2 + (raw / 131072 - t1 / 8192) ** 2 * t3


def pascals(trim: Trim, fine: float, raw: int) -> float:
    """
    >>> round(pascals(TYPICAL, t_fine(TYPICAL, 519888), 415148), 2)
    100653.27
    """
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = trim.p
    var1 = fine / 2 - 64000
    var2 = (var1 * var1 * p6 / 32768 + var1 * p5 * 2) / 4 + p4 * 65536
    var1 = (1 + (p3 * var1 * var1 / 524288 + p2 * var1) / 524288 / 32768) * p1
    value = (1048576 - raw - var2 / 4096) * 6250 / var1
    return value + (p9 * value * value / 2147483648 + value * p8 / 32768 + p7) / 16


def percent(trim: Trim, fine: float, raw: int) -> float:
    h1, h2, h3, h4, h5, h6 = trim.h
    t = fine - 76800
    linear = (raw - (h4 * 64 + h5 / 16384 * t)) * (h2 / 65536 * (1 + h6 / 67108864 * t * (1 + h3 / 67108864 * t)))
    return min(100.0, max(0.0, linear * (1 - h1 * linear / 524288)))


def first_reaching(wanted: float, of: Callable[[int], float], bits: int) -> int:
    """The smallest conversion whose value is at least `wanted`; `of` never falls."""
    low, high = 0, (1 << bits) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if of(middle) < wanted else (low, middle)
    return low


class Bosch(Specimen):
    """A register file with a pointer that moves on. One conversion a forced measurement, its data good for one burst.

    Not modelled: normal mode (no ACK), the filter, SPI. The burst must cover all data registers of the part, and be
    read after the longest time that the datasheet gives a measurement: else it carries no value of this measurement.
    """

    quantities: ClassVar[tuple[str, ...]]
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "spike"})
    faults: ClassVar[frozenset[str]] = ON_I2C | {"nack", "spike", "slow"}
    address: ClassVar[int] = 0x76
    ident: ClassVar[int]
    burst: ClassVar[int]

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._temperature = self._channel(tau_s=10.0, accuracy=0.5, repeatability=0.02)
        self._humidity = self._channel(tau_s=1.0, accuracy=3.0, repeatability=0.06)
        self._pressure = self._channel(tau_s=0.1, accuracy=1.0, repeatability=0.1)
        self.trim = _specimen(self._rng)
        self._ready_at = 0
        self._busy_until = 0
        self._pointer = 0
        self._registers: dict[int, int] = {}
        self._next: Reply | None = None
        self._humidity_times = 0

    def power_on(self, now: int) -> None:
        self._ready_at = now + _POWER_UP_US
        self._busy_until, self._pointer, self._next = 0, 0, None
        self._humidity_times = 0
        self._registers = {**self.trim.registers(), _ID: self.ident, _CTRL_HUM: 0, _CTRL_MEAS: 0, _CONFIG: 0}
        self._show(_IDLE)

    def write(self, data: bytes, now: int, air: Air) -> Reply:
        if now < self._ready_at:
            return Reply(ack=False, why="busy starting")
        if not data:
            return Reply()
        if self.trouble.nack():
            return Reply(ack=False, why="nack")
        if len(data) == 1:
            self._pointer = data[0]
            return Reply()
        return self._set_all(data, now, air)

    def read(self, count: int, now: int) -> Reply:
        if now < self._ready_at:
            return Reply(ack=False, why="busy starting")
        if self.trouble.nack():
            return Reply(ack=False, why="nack")
        self._settle(now)
        data = bytes(self._register(self._pointer + i, now) for i in range(count))
        if self._pointer == _DATA and count >= self.burst:
            return self._delivered(data, now)
        return Reply(data=data)

    def _set_all(self, data: bytes, now: int, air: Air) -> Reply:
        """Registers and values in turn (section 6.2.1)."""
        pairs = list(zip(data[::2], data[1::2], strict=False))
        if len(data) % 2 or not all(self._takes(*pair) for pair in pairs):
            return Reply(ack=False, why=f"unknown write {data.hex()}")
        for register, value in pairs:
            self._set(register, value, now, air)
        return Reply()

    def _takes(self, register: int, value: int) -> bool:
        if register == _RESET:
            return value == _RESET_WORD
        return register in (_CTRL_HUM, _CONFIG) or (register == _CTRL_MEAS and value & 3 in (*_SLEEP, *_FORCED))

    def _set(self, register: int, value: int, now: int, air: Air) -> None:
        if register == _RESET:
            self.power_on(now)
            return
        self._registers[register] = value
        if register == _CTRL_MEAS:
            self._humidity_times = _TIMES[self._registers[_CTRL_HUM] & 7]  # only now in force (section 5.4.3)
            if value & 3 in _FORCED:
                self._force(value, now, air)

    def _force(self, control: int, now: int, air: Air) -> None:
        times_t, times_p = _TIMES[control >> 5], _TIMES[control >> 2 & 7]
        times_h = self._humidity_times if self.burst == 8 else 0
        filled = (575 if times_p else 0) + (575 if times_h else 0)
        self._busy_until = now + self._lasts(1_250 + 2_300 * (times_t + times_p + times_h) + filled)
        self._next = self._convert((times_t, times_p, times_h), now, air)

    def _convert(self, times: tuple[int, int, int], now: int, air: Air) -> Reply:
        """Conversions whose compensated values are nearest to what the part feels; a skipped one has its own code."""
        spike = self.trouble.spike()
        felt = self._temperature.measure(air.temperature_c, now) + (self.trouble.jump(*_SPIKE_C) if spike else 0.0)
        hpa = self._pressure.measure(SEA_LEVEL_HPA if air.pressure_hpa is None else air.pressure_hpa, now)
        humidity = self._humidity.measure(air.humidity_pct, now)
        raw_t = first_reaching(5120 * felt, lambda raw: t_fine(self.trim, raw), 20)
        fine = t_fine(self.trim, raw_t)
        raw_p = first_reaching(-100 * hpa, lambda raw: -pascals(self.trim, fine, raw), 20)
        raw_h = first_reaching(min(99.0, max(1.0, humidity)), lambda raw: percent(self.trim, fine, raw), 16)
        codes = raw_t if times[0] else _SKIPPED, raw_p if times[1] else _SKIPPED, raw_h if times[2] else _SKIPPED_H
        if self.trouble.begun("out-of-range"):
            return Reply(data=encode(self.trim, 0xFFFFF, raw_p, raw_h).data, why="out of range")
        whole = encode(self.trim, *codes)
        measured = tuple(one for one in whole.measured if one.quantity in self.quantities)
        good = _SKIPPED not in codes[:2] and (codes[2] != _SKIPPED_H or self.burst < 8)
        return Reply(data=whole.data, why="spike" if spike else None, measured=measured if good else ())

    def _settle(self, now: int) -> None:
        if self._next is not None and now >= self._busy_until:
            self._show(self._next.data)

    def _delivered(self, data: bytes, now: int) -> Reply:
        if self._next is None or now < self._busy_until:
            return Reply(data=data, why="no new measurement in the registers")
        done, self._next = self._next, None
        return Reply(data=data, why=done.why, measured=done.measured)

    def _show(self, data: bytes) -> None:
        self._registers.update({_DATA + i: byte for i, byte in enumerate(data)})

    def _register(self, register: int, now: int) -> int:
        if register == _STATUS:
            return _MEASURING if now < self._busy_until else 0
        return self._registers.get(register & 0xFF, 0)


class Bme280(Bosch):
    """The part with humidity."""

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "humidity", "pressure")
    ident: ClassVar[int] = 0x60
    burst: ClassVar[int] = 8


class Bmp280(Bosch):
    """The part without; the humidity's register is not there."""

    quantities: ClassVar[tuple[str, ...]] = ("temperature", "pressure")
    ident: ClassVar[int] = 0x58
    burst: ClassVar[int] = 6


def _specimen(rng: random.Random) -> Trim:
    """No two parts have the same calibration; dig_H4 and dig_H5 come with either sign of dig_H5."""
    (t1, t2, t3), (p1, *rest), (h1, h2, h3, h4, _, h6) = TYPICAL.t, TYPICAL.p, TYPICAL.h
    return Trim(
        t=(t1 + rng.randint(-500, 500), t2 + rng.randint(-500, 500), t3 + rng.randint(-50, 50)),
        p=(p1 + rng.randint(-500, 500), *rest),
        h=(h1, h2 + rng.randint(-10, 10), h3 + rng.randint(0, 5), h4 + rng.randint(-20, 20), rng.randint(-60, 60), h6),
    )


def encode(trim: Trim, raw_t: int, raw_p: int, raw_h: int) -> Reply:
    """The eight data registers and what they stand for."""
    fine = t_fine(trim, raw_t)
    values = {
        "temperature": fine / 5120,
        "humidity": percent(trim, fine, raw_h),
        "pressure": pascals(trim, fine, raw_p) / 100,
    }
    return Reply(
        data=(raw_p << 4).to_bytes(3, "big") + (raw_t << 4).to_bytes(3, "big") + raw_h.to_bytes(2, "big"),
        measured=tuple(Measured(quantity=name, value=Decimal(value).quantize(_SIX)) for name, value in values.items()),
    )
