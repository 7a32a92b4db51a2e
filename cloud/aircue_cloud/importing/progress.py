"""How far an import is, told once in a while."""

import time
from collections.abc import Callable

EVERY_S = 1.0


class Progress:
    """say gets a line; clock: seconds that only grow."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self.begin("")

    def begin(self, what: str) -> None:
        """A new step, counted from 0."""
        self._what = what
        self._started = self._told = self._clock()
        self._count = 0

    def add(self, count: int) -> None:
        self._count += count
        now = self._clock()
        if now - self._told >= EVERY_S:
            self._told = now
            self._say(self._line(now))

    def end(self) -> None:
        self._say(self._line(self._clock()))

    def _line(self, now: float) -> str:
        rate = self._count / max(now - self._started, 1e-9)
        return f"import: {self._what} {self._count:,} rows, {rate:,.0f} rows/s"
