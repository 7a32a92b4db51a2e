"""How a node ends its own boot: restarting, and forgetting its settings. Loaded by the first of them."""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Callable

# The reply to a command has this long to reach the gateway before the node is gone.
_REPLY_S = 2


class Restart:
    """Restarts the node a moment later, so that the reply gets out first. before: run just then, each for itself; a
    journal is flushed there."""

    def __init__(self, before: "list[Callable[[], object]]", reset: "Callable[[], object]") -> None:
        self._before = before
        self._reset = reset
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(_REPLY_S)
        for step in self._before:
            try:
                step()
            except Exception as error:  # noqa: BLE001 -- whatever is wrong there, the node restarts
                print("restart:", error)
        self._reset()


def wipe(take_away: "Callable[[], None]", restart: Restart) -> None:
    """Takes the settings away and restarts, so that the node is to be set up anew: by command, or by a held button."""
    print("settings: wiped; the node restarts and waits to be set up")
    take_away()
    restart.soon()
