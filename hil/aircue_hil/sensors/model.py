"""What all simulated sensors share: the reply to a bus transaction, Sensirion's CRC, lag, noise and trouble."""

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import ClassVar, Protocol

from aircue_hil.air import Air

_MICRO = Decimal("0.000001")
_HOUR_US = 3_600_000_000
# By how much "slow" lengthens what takes its time.
SLOWER = 20
# The faults that a script can begin, by where a part is; which trouble it knows beside them is the part's own.
ON_ANY = frozenset({"frozen", "drift", "out-of-range", "brown-out", "sensor-unplugged"})
ON_I2C = ON_ANY | {"stuck-bus"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One quantity as the bytes on the wire stand for it, exact to six decimals."""

    quantity: str
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a sensor does on the bus: bytes (I2C) or a pulse train in microseconds (DHT), or no acknowledge.

    `measured` is filled only when a measurement left the sensor whole. `why` names a failure (then `measured` is
    empty) or a peculiarity of what was delivered ("spike"); None = nothing to tell.
    """

    data: bytes = b""
    pulses: tuple[int, ...] = ()
    ack: bool = True
    why: str | None = None
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Glitches:
    """Chance (0..1) of each kind of trouble, a transaction (nack) or a measurement (the others).

    nack: no answer. crc: a bit flips on the wire. spike: a wrong value under a right CRC. short: the frame stops early.
    garbage: bytes that mean nothing come before the frame.
    """

    nack: float = 0.0
    crc: float = 0.0
    spike: float = 0.0
    short: float = 0.0
    garbage: float = 0.0


class Sensor(Protocol):
    """What is on every board. glitches: the kinds of trouble that may strike by chance; faults: those that a script may
    begin (faults.py). continuous: it is asked all the time, so that its newest answer is what a sample takes."""

    quantities: ClassVar[tuple[str, ...]]
    glitches: ClassVar[frozenset[str]]
    faults: ClassVar[frozenset[str]]
    continuous: ClassVar[bool]
    trouble: "Trouble"

    def __init__(self, *, seed: str, glitches: Glitches) -> None: ...


class I2cSensor(Sensor, Protocol):
    """A sensor on an I2C bus, as a state machine. `now` is world time in us; `air` the true air at that moment."""

    address: ClassVar[int]

    def power_on(self, now: int) -> None: ...
    def write(self, data: bytes, now: int, air: Air) -> Reply: ...
    def read(self, count: int, now: int) -> Reply: ...


class DhtSensor(Sensor, Protocol):
    """A sensor on a single line that answers a start pulse with a frame."""

    def power_on(self, now: int, air: Air) -> None: ...
    def frame(self, host_low_us: int, now: int, air: Air) -> Reply: ...


class AdcSensor(Sensor, Protocol):
    """A sensor that is a voltage; a reply carries the 16-bit conversion, most significant byte first."""

    def power_on(self, now: int) -> None: ...
    def convert(self, now: int, air: Air) -> Reply: ...


class UartSensor(Sensor, Protocol):
    """A sensor that speaks on a UART. sent() gives what it began to say since it was last asked, with the moments."""

    baudrate: ClassVar[int]

    def power_on(self, now: int) -> None: ...
    def write(self, data: bytes, now: int, air: Air) -> None: ...
    def sent(self, now: int, air: Air) -> list[tuple[int, Reply]]: ...


class Trouble:
    """When trouble strikes one sensor: by its seed and rates, or as long as a script has begun it."""

    def __init__(self, rng: random.Random, rates: Glitches) -> None:
        self._rng = rng
        self._rates = rates
        self._since: dict[str, int] = {}

    def begin(self, kind: str, now: int) -> None:
        self._since[kind] = now

    def end(self, kind: str) -> None:
        self._since.pop(kind, None)

    def begun(self, kind: str) -> bool:
        return kind in self._since

    def hours_of(self, kind: str, now: int) -> float:
        """How long it has lasted; 0 where it has not begun."""
        return (now - self._since.get(kind, now)) / _HOUR_US

    def nack(self) -> bool:
        return self._strikes("nack", self._rates.nack)

    def crc(self) -> bool:
        return self._strikes("crc", self._rates.crc)

    def spike(self) -> bool:
        return self._strikes("spike", self._rates.spike)

    def short(self) -> bool:
        return self._strikes("short", self._rates.short)

    def deliver(self, whole: Reply, *, spike: bool) -> Reply:
        """A measurement as it leaves the sensor: whole, marked as a spike, or with one bit spoilt on the wire."""
        if self.crc():
            return Reply(data=self.flip_bit(whole.data), why="crc")
        return Reply(data=whole.data, why="spike" if spike else whole.why, measured=whole.measured)

    def say(self, whole: Reply, *, spike: bool) -> Reply:
        """The same of a frame on a UART, where it may also not come at all, stop early, or follow garbage."""
        if self.nack():
            return Reply(ack=False, why="no answer")
        if self.short():
            return Reply(data=whole.data[: len(whole.data) // 2], why="short frame")
        said = self.deliver(whole, spike=spike)
        if self._strikes("garbage", self._rates.garbage):
            return replace(said, data=self._rng.randbytes(5) + whole.data[:3] + said.data)
        return said

    def flip_bit(self, data: bytes) -> bytes:
        """`data` with one bit inverted."""
        spoilt = bytearray(data)
        bit = self._rng.randrange(8 * len(data))
        spoilt[bit // 8] ^= 1 << (bit % 8)
        return bytes(spoilt)

    def jump(self, least: float, most: float) -> float:
        """The height of a spike, up or down."""
        return self._rng.choice((-1.0, 1.0)) * self._rng.uniform(least, most)

    def _strikes(self, kind: str, rate: float) -> bool:
        return self.begun(kind) or self._rng.random() < rate


class Channel:
    """One quantity's way from the room to the converter: response lag, this specimen's offset, noise.

    `tau_s` is the time to 63 % of a step; `accuracy` bounds the fixed offset (drawn uniformly, once a specimen);
    `repeatability` is three standard deviations, as Sensirion and Aosong state it. Frozen, it stays at its last value;
    drifting, it moves away by twice its accuracy an hour.
    """

    def __init__(
        self, rng: random.Random, trouble: Trouble, *, tau_s: float, accuracy: float, repeatability: float
    ) -> None:
        self._rng = rng
        self._trouble = trouble
        self._tau_us = tau_s * 1e6
        self._accuracy = accuracy
        self._offset = rng.uniform(-accuracy, accuracy)
        self._sigma = repeatability / 3.0
        self._felt: float | None = None
        self._last: float | None = None
        self._at = 0

    def measure(self, true: float, now: int, sigma: float | None = None) -> float:
        if self._last is None or not self._trouble.begun("frozen"):
            noise = self._rng.gauss(0.0, self._sigma if sigma is None else sigma)
            drift = 2.0 * self._accuracy * self._trouble.hours_of("drift", now)
            self._last = self._follow(true, now) + self._offset + noise + drift
        return self._last

    def _follow(self, true: float, now: int) -> float:
        if self._felt is None:
            self._felt = true
        passed = max(0, now - self._at)
        self._felt += (true - self._felt) * (1.0 - math.exp(-passed / self._tau_us))
        self._at = now
        return self._felt


class Specimen:
    """One specimen of a part: its own offsets and trouble, from its seed."""

    quantities: ClassVar[tuple[str, ...]]
    glitches: ClassVar[frozenset[str]]
    faults: ClassVar[frozenset[str]]
    continuous: ClassVar[bool] = False

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        self._rng = random.Random(seed)
        self.trouble = Trouble(random.Random(seed + "/glitches"), glitches)

    def _channel(self, *, tau_s: float, accuracy: float, repeatability: float) -> Channel:
        return Channel(self._rng, self.trouble, tau_s=tau_s, accuracy=accuracy, repeatability=repeatability)

    def _lasts(self, usual_us: int) -> int:
        return usual_us * SLOWER if self.trouble.begun("slow") else usual_us


class Sensirion(Specimen, ABC):
    """Takes a command, is busy with it, and then has one answer, which is read once. A part gives its commands."""

    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike"})
    faults: ClassVar[frozenset[str]] = ON_I2C | {"nack", "crc", "spike", "slow"}

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._busy_until = 0
        self._answer: Reply | None = None

    @abstractmethod
    def _refusal(self, data: bytes) -> str | None:
        """Why the part does not acknowledge this write, or None."""

    @abstractmethod
    def _obey(self, data: bytes, now: int, air: Air) -> None: ...

    def write(self, data: bytes, now: int, air: Air) -> Reply:
        """An empty write asks whether somebody is there."""
        if now < self._busy_until:
            return Reply(ack=False, why="busy" if data else None)
        if not data:
            return Reply()
        refused = self._refusal(data) or ("nack" if self.trouble.nack() else None)
        if refused is not None:
            return Reply(ack=False, why=refused)
        self._obey(data, now, air)
        return Reply()

    def read(self, count: int, now: int) -> Reply:
        if now < self._busy_until:
            return Reply(ack=False, why="read before the command was done")
        if self._answer is None:
            return Reply(ack=False, why="nothing to read")
        if self.trouble.nack():
            return Reply(ack=False, why="nack")
        answer, self._answer = self._answer, None
        return cut(answer, count)


def crc8(data: bytes) -> int:
    """CRC-8 of Sensirion sensors: polynomial 0x31, initial value 0xFF (SHT4x datasheet 4.4).

    >>> hex(crc8(bytes.fromhex("beef")))
    '0x92'
    """
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def words(*values: int) -> bytes:
    """16-bit words as Sensirion sends them: big-endian, each followed by its CRC."""
    return b"".join(pair + bytes((crc8(pair),)) for pair in (value.to_bytes(2, "big") for value in values))


def cut(answer: Reply, count: int) -> Reply:
    """Only words that were clocked out with their CRC were delivered; past the end the bus floats high."""
    data = answer.data[:count].ljust(count, b"\xff")
    return Reply(data=data, why=answer.why, measured=answer.measured[: count // 3])


def ticks(value: float, *, offset: float, span: float) -> int:
    """The 16-bit word that stands for `value` on a scale that starts at `offset` and is `span` wide."""
    return min(0xFFFF, max(0, round((value - offset) * 65535.0 / span)))


def stands_for(tick: int, *, offset: int, span: int) -> Decimal:
    """The value that a 16-bit word stands for, exact to six decimals.

    >>> stands_for(0x6667, offset=-45, span=175)
    Decimal('25.002670')
    """
    return (Decimal(offset) + Decimal(span) * tick / 65535).quantize(_MICRO)


def clamp(value: Decimal, least: int, most: int) -> Decimal:
    return min(Decimal(most), max(Decimal(least), value))
