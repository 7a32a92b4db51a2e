"""An event loop whose clock jumps: hours of waiting pass at once, while real loopback sockets still carry bytes."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

_T = TypeVar("_T")
# Bytes on their way over loopback may be late by a moment of real time: the clock jumps no further meanwhile.
_LONGEST_JUMP_S = 0.1


class _Jumping(selectors.DefaultSelector):
    """Where nothing is ready, the time that should have been waited for has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.now += min(timeout, _LONGEST_JUMP_S)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def play(story: Callable[[], Awaitable[_T]]) -> _T:
    """Runs a story in virtual time; asyncio.get_running_loop().time() is its clock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def told() -> _T:
            return await story()

        return runner.run(told())
