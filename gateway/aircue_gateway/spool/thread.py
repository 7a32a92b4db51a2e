"""The one thread that touches the spool, so that a slow disk never holds up the network."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class SpoolThread:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "spool")
        self._since: float | None = None

    @property
    def stuck_for_s(self) -> float:
        """How long the verb in hand has been running, 0 at rest."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    async def run(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a verb of the spool after those asked for before."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: self._timed(verb, *args, **kwargs)
        )

    def _timed(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._since = time.monotonic()
        try:
            return verb(*args, **kwargs)
        finally:
            self._since = None

    def close(self) -> None:
        """Waits for what is running."""
        self._executor.shutdown()
