"""Sensirion SGP40 at bus level (datasheet version 1.2).

The wire carries a raw signal a second. The index that it stands for is reckoned here by Sensirion's own library, from
the newest self-test on, with which a program begins.
"""

import copy
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from aircue_hil.air import USUAL_VOC_UGM3, Air
from aircue_hil.sensors.model import Glitches, Measured, Reply, Sensirion, crc8, words

_POWER_UP_US = 600
_MEASURE, _SELF_TEST, _HEATER_OFF, _SERIAL = 0x260F, 0x280E, 0x3615, 0x3682
# Command -> longest duration in us (table 8), how many words come with it.
_COMMANDS = {_MEASURE: (30_000, 2), _SELF_TEST: (320_000, 0), _HEATER_OFF: (1_000, 0), _SERIAL: (1_000, 0)}
_PASSED, _FAILED = 0xD400, 0x4B00
# The response is logarithmic (figure 1); a cold heater and damp that is not compensated shift it. Sizes are of the
# usual magnitude, made up for this model.
_CLEAN_TICKS = 31_000.0
_TICKS_A_NEPER = 2_200.0
_COLD_TICKS = 6_000.0
_HEATING_US = 1_500_000.0
_TICKS_A_PCT, _TICKS_A_C = 12.0, 15.0
_SPIKE_TICKS = (1_500.0, 6_000.0)
_LEAST, _MOST = 1, 64_999


class Sgp40(Sensirion):
    """Measures when it is asked with humidity and temperature and their CRCs, which keeps its heater on; tests itself;
    gives its serial number. The general-call reset is not modelled."""

    quantities: ClassVar[tuple[str, ...]] = ("voc_index",)
    faults: ClassVar[frozenset[str]] = Sensirion.faults | {"broken"}
    continuous: ClassVar[bool] = True
    address: ClassVar[int] = 0x59

    def __init__(self, *, seed: str, glitches: Glitches) -> None:
        super().__init__(seed=seed, glitches=glitches)
        self.serial = self._rng.getrandbits(48)
        self._log = self._channel(tau_s=2.0, accuracy=0.15, repeatability=0.03)
        self._heated_at: int | None = None
        self._raw: int | None = None
        self._algorithm = _new_algorithm()

    def power_on(self, now: int) -> None:
        self._busy_until = now + _POWER_UP_US
        self._heated_at = self._answer = self._raw = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sgp40":
        """For a look ahead: the copy says what this one would, but reckons no index; the library cannot be copied."""
        made = copy.copy(self)
        kept = {name: value for name, value in vars(self).items() if name != "_algorithm"}
        made.__dict__.update(copy.deepcopy(kept, memo))
        made._raw = None
        return made

    def read(self, count: int, now: int) -> Reply:
        reply = super().read(count, now)
        if not reply.ack or self._raw is None or count < 3:
            return reply
        raw, self._raw = self._raw, None
        return replace(reply, measured=_index(self._algorithm.process(raw)))

    def _refusal(self, data: bytes) -> str | None:
        code, arguments = int.from_bytes(data[:2], "big"), data[2:]
        if code not in _COMMANDS or len(arguments) != 3 * _COMMANDS[code][1]:
            return f"unknown command {data.hex()}"
        if any(crc8(arguments[at : at + 2]) != arguments[at + 2] for at in range(0, len(arguments), 3)):
            return "wrong CRC of an argument"
        return None

    def _obey(self, data: bytes, now: int, air: Air) -> None:
        code = int.from_bytes(data[:2], "big")
        self._busy_until = now + self._lasts(_COMMANDS[code][0])
        self._answer = self._raw = None
        if code == _MEASURE:
            self._measure(data, now, air)
        elif code == _SELF_TEST:
            self._algorithm = _new_algorithm()
            self._answer = Reply(data=words(_FAILED if self.trouble.begun("broken") else _PASSED))
        elif code == _HEATER_OFF:
            self._heated_at = None
        else:
            self._answer = Reply(data=words(*(self.serial >> shift & 0xFFFF for shift in (32, 16, 0))))

    def _measure(self, data: bytes, now: int, air: Air) -> None:
        self._heated_at = now if self._heated_at is None else self._heated_at
        spike = self.trouble.spike()
        ticks = self._ticks(now, air) + _uncompensated(data, air)
        ticks += self.trouble.jump(*_SPIKE_TICKS) if spike else 0.0
        raw = min(_MOST, max(_LEAST, round(ticks)))
        if self.trouble.begun("out-of-range"):
            self._answer = self.trouble.deliver(Reply(data=words(0xFFFF), why="out of range"), spike=spike)
            return
        self._answer = self.trouble.deliver(Reply(data=words(raw)), spike=spike)
        self._raw = raw if self._answer.data == words(raw) else None

    def _ticks(self, now: int, air: Air) -> float:
        voc = USUAL_VOC_UGM3 if air.voc_ugm3 is None else max(1.0, air.voc_ugm3)
        heated = now - (now if self._heated_at is None else self._heated_at)
        cold = _COLD_TICKS * math.exp(-heated / _HEATING_US)
        return _CLEAN_TICKS - _TICKS_A_NEPER * self._log.measure(math.log(voc / USUAL_VOC_UGM3), now) - cold


def _uncompensated(data: bytes, air: Air) -> float:
    """What the air's damp and warmth add, as far as the command's words do not tell them."""
    told_pct = 100.0 * int.from_bytes(data[2:4], "big") / 65535.0
    told_c = -45.0 + 175.0 * int.from_bytes(data[5:7], "big") / 65535.0
    return _TICKS_A_PCT * (told_pct - air.humidity_pct) + _TICKS_A_C * (told_c - air.temperature_c)


def _new_algorithm() -> Any:
    """Loaded for an SGP40 alone: the library has to be compiled, so not every computer has it."""
    try:
        from sensirion_gas_index_algorithm.voc_algorithm import VocAlgorithm
    except ImportError as error:
        raise ImportError("a simulated SGP40 needs sensirion-gas-index-algorithm: make oracle") from error
    return VocAlgorithm()


def _index(index: int) -> tuple[Measured, ...]:
    """0 is no index yet."""
    return (Measured(quantity="voc_index", value=Decimal(index)),) if index > 0 else ()
