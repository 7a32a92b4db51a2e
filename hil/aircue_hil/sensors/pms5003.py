"""Plantower PMS5003 / PMS7003 on its UART (data manual PMS5003 version 2.3, appendices I and II)."""

import struct
from decimal import Decimal
from typing import ClassVar

from aircue_hil.air import Air
from aircue_hil.sensors.model import ON_ANY, Glitches, Measured, Reply, Specimen

_WARM_UP_US = 30_000_000
_PERIOD_US = 1_000_000
_ANSWER_US = 10_000
_CLEAN_UGM3 = 5.0  # where a source does not know: the yearly mean that the WHO asks for (2021)
_COLD = 0.5  # part of the dust that is counted before the fan has its speed
_SPIKE_UGM3 = (100.0, 600.0)
_MODE, _READ, _SLEEP = 0xE1, 0xE2, 0xE4


class Pms5003(Specimen):
    """Speaks every second until it is told to answer only when asked; can be sent to sleep and woken.

    PM1 and PM10 are fixed parts of PM2.5, and the counts of particles are left at zero: nothing reads those here.
    """

    quantities: ClassVar[tuple[str, ...]] = ("pm1", "pm25", "pm10")
    glitches: ClassVar[frozenset[str]] = frozenset({"nack", "crc", "spike", "short", "garbage"})
    faults: ClassVar[frozenset[str]] = ON_ANY | glitches | {"slow"}
    baudrate: ClassVar[int] = 9600

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self._pm25 = self._channel(tau_s=5.0, accuracy=4.0, repeatability=3.0)
        self._warm_at = self._next_at = 0
        self._active, self._asleep = True, False
        self._said: list[tuple[int, Reply]] = []

    def power_on(self, now: int) -> None:
        self._active, self._asleep = True, False
        self._said.clear()
        self._spin_up(now)

    def write(self, data: bytes, now: int, air: Air) -> None:
        """Commands are 42 4D, the command, a word, and the sum of all; another sum is not listened to."""
        if len(data) != 7 or data[:2] != b"\x42\x4d" or sum(data[:5]) != int.from_bytes(data[5:], "big"):
            return
        command, word = data[2], int.from_bytes(data[3:5], "big")
        if command == _SLEEP:
            self._sleep(word == 0, now)
        elif command == _MODE and not self._asleep:
            self._active = word == 1
            self._said.append((now + _ANSWER_US, Reply(data=framed(bytes((_MODE, word))))))
        elif command == _READ and not (self._asleep or self._active):
            self._said.append((now + self._lasts(_ANSWER_US), self._measure(now, air)))

    def sent(self, now: int, air: Air) -> list[tuple[int, Reply]]:
        """Of a long time in active mode only the last seconds: more than that no UART keeps."""
        self._next_at = max(self._next_at, now - 10 * _PERIOD_US)
        while self._next_at <= now:
            if self._active and not self._asleep:
                self._said.append((self._next_at, self._measure(self._next_at, air)))
            self._next_at += _PERIOD_US
        said, self._said = self._said, []
        return said

    def _sleep(self, asleep: bool, now: int) -> None:
        if self._asleep and not asleep:
            self._spin_up(now)
        self._asleep = asleep

    def _spin_up(self, now: int) -> None:
        self._warm_at, self._next_at = now + _WARM_UP_US, now + _PERIOD_US

    def _measure(self, now: int, air: Air) -> Reply:
        pm25 = self._pm25.measure(_CLEAN_UGM3 if air.pm25_ugm3 is None else air.pm25_ugm3, now)
        if now < self._warm_at:
            cold = encode(_word(pm25 * _COLD))
            return Reply(data=cold.data, why="warming up", measured=cold.measured)
        spike = self.trouble.spike()
        if spike:
            pm25 += abs(self.trouble.jump(*_SPIKE_UGM3))
        if self.trouble.begun("out-of-range"):
            return self.trouble.say(Reply(data=encode(1_500).data, why="out of range"), spike=spike)
        return self.trouble.say(encode(_word(pm25)), spike=spike)


def _word(pm25: float) -> int:
    return min(1000, max(0, round(pm25)))


def framed(body: bytes) -> bytes:
    """A frame around `body`: 42 4D, the length of what follows, the body, the sum of all before."""
    whole = b"\x42\x4d" + (len(body) + 2).to_bytes(2, "big") + body
    return whole + sum(whole).to_bytes(2, "big")


def encode(pm25: int) -> Reply:
    """The 32 bytes of a measurement (PM1, PM2.5 and PM10 in a factory's and in the open air, counts) and what they
    stand for: the three in the open air."""
    pm1, pm10 = pm25 * 7 // 10, min(1000, pm25 * 6 // 5)
    dense = pm25 if pm25 <= 30 else pm25 * 3 // 2
    body = struct.pack(">13H", pm1, dense, pm10, pm1, pm25, pm10, 0, 0, 0, 0, 0, 0, 0)
    values = {"pm1": pm1, "pm25": pm25, "pm10": pm10}
    measured = tuple(Measured(quantity=name, value=Decimal(value)) for name, value in values.items())
    return Reply(data=framed(body), measured=measured)
