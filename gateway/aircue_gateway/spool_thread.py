"""The one thread that touches the spool, so that a slow disk never holds up the network."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class SpoolThread:
    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "spool")

    async def run(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a verb of the spool after those asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: verb(*args, **kwargs))

    def close(self) -> None:
        """Waits for what is running."""
        self._executor.shutdown()
