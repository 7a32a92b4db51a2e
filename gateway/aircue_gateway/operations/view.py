"""A snapshot of the running gateway: one dict for the status page, the metrics, `top` and whoever asks."""

import asyncio
import os
import resource
import time
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from aircue_gateway import log
from aircue_gateway.config import Config
from aircue_gateway.operations.vitals import Vitals
from aircue_gateway.window import Stored

_SPOOL_WITHIN_S = 2.0
_NO_FIGURES = {"waiting_samples": 0, "waiting_batches": 0, "refused_batches": 0, "dead_letters_kept": 0, "counters": {}}


class View:
    """figures: of the spool, as report.of gives them. connections: open now. stuck_for_s: how long the write in hand
    waits for the disk. now_ms: the time of day."""

    def __init__(
        self,
        config: Config,
        stored: Stored,
        *,
        figures: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
        connections: Callable[[], int],
        stuck_for_s: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._config = config
        self._spool_figures = figures
        self._connections = connections
        self._stuck_for_s = stuck_for_s
        self._now_ms = now_ms
        self._began = time.monotonic()
        self._figures: dict[str, Any] = dict(_NO_FIGURES)
        self.vitals = Vitals.of(stored)

    def configure(self, config: Config) -> None:
        self._config = config

    def fared(self, trouble: str) -> None:
        """How the uplink's last try ended, "" where a batch was delivered."""
        self.vitals.uplink.trouble = trouble
        if not trouble:
            self.vitals.uplink.delivered_at_ms = self._now_ms()

    async def answer(self, _request: dict[str, Any]) -> dict[str, Any]:
        """What the control socket is asked."""
        return {"snapshot": await self.snapshot()}

    async def snapshot(self) -> dict[str, Any]:
        self._figures = await self._newest_figures()
        return {
            "gateway": self._config.name,
            "version": _version(),
            "now_ms": self._now_ms(),
            "uptime_s": time.monotonic() - self._began,
            "rss_bytes": _rss_bytes(),
            "cpu_s": time.process_time(),
            "connections": self._connections(),
            "write_stuck_s": self._stuck_for_s(),
            "uplink": {"to": self._config.uplink.url or self._config.uplink.broker, **vars(self.vitals.uplink)},
            "nodes": self.vitals.nodes(self._config.nodes),
            "rooms": self.vitals.rooms(self._config.rooms),
            "needs": self.vitals.needs(),
            **{name: value for name, value in self._figures.items() if name != "nodes"},
        }

    async def _newest_figures(self) -> dict[str, Any]:
        """Those of before while the disk does not answer: a page that hangs says less than an old figure."""
        try:
            async with asyncio.timeout(_SPOOL_WITHIN_S):
                return await self._spool_figures()
        except (TimeoutError, OSError) as error:
            log.warning("no_figures", reason=str(error) or "the disk is slow", remedy="the last ones are shown")
            return self._figures


@cache
def _version() -> str:
    from importlib.metadata import version  # megabytes that a gateway nobody looks at does without

    return version("aircue")


def _rss_bytes() -> int:
    """Of this process: what it holds now where the system tells, else the most it held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
