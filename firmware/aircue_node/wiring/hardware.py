"""A board's own parts as the node's programs use them for as long as they run: clock, settings, resets."""

import gc
import time

import machine

from aircue_node import resets
from aircue_node.clock import Monotonic, network_time
from aircue_node.config import PATH
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable

_CLOCK_GOOD_FOR_MS = 6 * 3_600_000
_CLOCK_RETRY_MS = 60_000


def restart(why: str, times: int = 1) -> None:
    """A reset that the next birth can explain."""
    try:
        resets.mark(why, times)
    except OSError as error:
        print("reset: its reason cannot be written:", error)
    machine.reset()


def ticks_ms() -> int:
    return time.ticks_ms()  # type: ignore[return-value]  # the stubs make ticks a type of their own


def monotonic() -> Monotonic:
    return Monotonic(ticks_ms, time.ticks_diff)


class NetworkTime:
    """Asks the network for the time, in the way of a connection that is made, so not more often than it helps. Without
    an answer the samples carry their uptime and the gateway dates them.

    tell: takes the epoch's seconds. for_tls: whether the board's own clock is set too, by which TLS judges
    certificates.
    """

    def __init__(self, tell: "Callable[[int], None]", clock: Monotonic, for_tls: bool) -> None:
        self._tell = tell
        self._clock = clock
        self._for_tls = for_tls
        self._due_ms = 0
        self._retry_ms = _CLOCK_RETRY_MS

    def ask(self) -> None:
        if self._clock.ms() < self._due_ms:
            return
        try:
            self._set()
            self._due_ms = self._clock.ms() + _CLOCK_GOOD_FOR_MS
            self._retry_ms = _CLOCK_RETRY_MS
        except OSError as error:
            print("clock: no network time:", error)
            self._due_ms = self._clock.ms() + self._retry_ms
            self._retry_ms = min(self._retry_ms * 2, _CLOCK_GOOD_FOR_MS)

    def _set(self) -> None:
        """A board without a radio never comes here, and may have no such module."""
        import ntptime

        if self._for_tls:
            ntptime.settime()
        self._tell(network_time(ntptime.time(), time.gmtime(0)[0]))


def change_settings(changes: dict[str, object]) -> None:
    from aircue_node import settings_file

    try:
        settings_file.change(changes, PATH)
    finally:
        unload("aircue_node.settings_file")


def wipe_settings() -> None:
    from aircue_node import settings_file

    settings_file.wipe(PATH)


def collect_early() -> None:
    """Garbage is collected each time a quarter of the free heap was used, so that large free pieces remain."""
    gc.collect()
    gc.threshold(gc.mem_free() // 4)
