"""The timer of an emulated RP2040, for programs that wait by watching it.

MicroPython's Wi-Fi driver waits for its chip by reading the timer over and over, 0.4 s in all when it starts: as much
work for the emulator as all the rest of a start. Who has watched the timer for a while, and has nothing to do before
the next event, sees it go on in steps here.
"""

from rp2040py.peripherals.timer import TIMERAWL, RPTimer
from rp2040py.rp2040 import RP2040

_ADDRESS = 0x40054
_TURN_NS = 20_000  # a loop that takes longer does more than watch
_WATCHED_NS = 200_000  # longer than the pulses of a DHT, whose lengths are measured with the same timer
_STEP_NS = 100_000
_LITTLE_NS = 1_000


def pass_the_time(mcu: RP2040) -> None:
    """From now on, for whoever watches."""
    mcu.peripherals[_ADDRESS] = WatchedTimer(mcu, mcu.timer)


class WatchedTimer:
    """Stands before the timer. It never steps over an alarm: what is to happen on the chip happens when it is due."""

    def __init__(self, mcu: RP2040, timer: RPTimer) -> None:
        self._mcu, self._timer = mcu, timer
        self._place, self._since, self._last = 0, 0.0, 0.0

    def read_uint32(self, offset: int) -> int:
        if offset == TIMERAWL:
            self._watched(self._mcu.core.pc)
        return int(self._timer.read_uint32(offset))

    def write_uint32(self, offset: int, value: int) -> None:
        self._timer.write_uint32(offset, value)

    def write_uint32_atomic(self, offset: int, value: int, atomic_type: int) -> None:
        self._timer.write_uint32_atomic(offset, value, atomic_type)

    def reset(self) -> None:
        self._timer.reset()

    def _watched(self, place: int) -> None:
        """place: the address of the instruction that reads."""
        clock = self._mcu.clock
        now = clock.nanos
        if place != self._place or now - self._last > _TURN_NS:
            self._place, self._since = place, now
        elif now - self._since > _WATCHED_NS and clock.has_scheduled_alarm:
            clock.tick(max(0.0, min(_STEP_NS, clock.nanos_to_next_alarm - _LITTLE_NS)))
        self._last = clock.nanos
