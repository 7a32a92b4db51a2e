"""Time on a node: an uptime that never wraps, and the time of day once somebody has told it.

rate: ms of this clock a ms of the processor. It is 1 on a board; on a bench the simulated world runs faster, and with
it everything that belongs to measuring. Network timeouts always use the processor's own time.
"""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Sample

# Seconds from 1970 to 2000, where the clock of some ports begins (MicroPython docs, module time).
EPOCH_2000 = 946684800
_LONGEST_SLEEP_MS = 3_600_000


class Monotonic:
    """Milliseconds since this object was made, from a counter that wraps (time.ticks_ms wraps after 12 days).

    It must be read more often than the counter wraps; the uplink does so every second.
    """

    def __init__(self, ticks_ms: "Callable[[], int]", ticks_diff: "Callable[[int, int], int]") -> None:
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._last = ticks_ms()
        self._total = 0

    def ms(self) -> int:
        ticks = self._ticks_ms()
        self._total += self._ticks_diff(ticks, self._last)
        self._last = ticks
        return self._total


class Clock:
    """The measuring clock: uptime_ms for the order of samples, epoch_s for their time, sleeps for the sampler.

    began_ms: the uptime it starts from; epoch_ms: the time of day at uptime 0, None while unknown. A boot that slept in
    between brings both.
    """

    def __init__(self, monotonic: Monotonic, rate: int = 1, began_ms: int = 0, epoch_ms: int | None = None) -> None:
        self._monotonic = monotonic
        self._rate = rate
        self._began_ms = began_ms
        self._epoch_ms = epoch_ms

    @property
    def epoch_ms(self) -> int | None:
        return self._epoch_ms

    def uptime_ms(self) -> int:
        return self._began_ms + self._monotonic.ms() * self._rate

    def set(self, epoch_s: int) -> None:
        """The time is epoch_s now, in seconds since 1970, UTC."""
        self._epoch_ms = epoch_s * 1000 - self.uptime_ms()

    def epoch_s(self, uptime_ms: int) -> int:
        """Seconds since 1970 at an uptime; 0 while the time is not known."""
        return 0 if self._epoch_ms is None else (self._epoch_ms + uptime_ms) // 1000

    def dated(self, sample: "Sample") -> "Sample":
        """The sample with its time, where the time became known after it was taken."""
        sequence, uptime_ms, epoch_s, values = sample
        return (sequence, uptime_ms, self.epoch_s(uptime_ms), values) if epoch_s == 0 else sample

    async def sleep_ms(self, ms: int) -> None:
        """Sleeps at least ms of this clock; in pieces, since asyncio's own timer wraps too."""
        left = max(1, -(-ms // self._rate))
        while left > 0:
            await asyncio.sleep(min(left, _LONGEST_SLEEP_MS) / 1000)
            left -= _LONGEST_SLEEP_MS

    async def sleep_until(self, uptime_ms: int) -> None:
        wait_ms = uptime_ms - self.uptime_ms()
        if wait_ms > 0:
            await self.sleep_ms(wait_ms)


def network_time(seconds: int, first_year: int) -> int:
    """Seconds since 1970 from a port whose clock begins in first_year (1970 or 2000)."""
    return seconds + EPOCH_2000 if first_year == 2000 else seconds
