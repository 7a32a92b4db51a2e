"""When what came in is written, acked and sealed: the only caller of the spool's commit and seal."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aircue_gateway import log
from aircue_gateway.intake import Intake
from aircue_gateway.spool.spool import SpoolUnavailable
from aircue_gateway.spool.thread import SpoolThread
from aircue_gateway.window import Window

_RETRY_S = 1.0


class Writes(Protocol):
    def commit(self, window: Window) -> None: ...
    def seal(self, now_ms: int, urgent: bool) -> int: ...


class Committer:
    """committed: called with each window that is on disk, to send receipts and acks. sealed: called when batches are
    ready. now_ms: the time of day."""

    def __init__(
        self,
        *,
        intake: Intake,
        spool: Writes,
        thread: SpoolThread,
        commit_window_s: float,
        batch_window_s: float,
        committed: Callable[[Window], None],
        sealed: Callable[[], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._intake = intake
        self._spool = spool
        self._thread = thread
        self._commit_window_s = commit_window_s
        self._batch_window_s = batch_window_s
        self._committed = committed
        self._sealed = sealed
        self._now_ms = now_ms
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._seal_due = False
        self._stopping = False

    def notice(self) -> None:
        """Something came in: it is written at once where it presses, else when its window ends."""
        if self._intake.pressing:
            self._due.set()
        elif self._timer is None and not self._intake.empty:
            self._timer = asyncio.get_running_loop().call_later(self._commit_window_s, self._due.set)

    def configure(self, commit_window_s: float, batch_window_s: float) -> None:
        """From the next window on."""
        self._commit_window_s = commit_window_s
        self._batch_window_s = batch_window_s

    def stop(self) -> None:
        """Writes and seals what there is; run() returns then."""
        self._stopping = True
        self._due.set()

    async def run(self) -> None:
        await self._seal(urgent=True)
        sealing = asyncio.create_task(self._seal_in_time())
        try:
            while not await self._stop_or_due():
                await self._write()
            await self._write()
        finally:
            sealing.cancel()

    async def _stop_or_due(self) -> bool:
        await self._due.wait()
        return self._stopping

    async def _seal_in_time(self) -> None:
        while True:
            await asyncio.sleep(self._batch_window_s)
            self._seal_due = True
            self._due.set()

    async def _write(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        hasty = await self._commit()
        if hasty or self._seal_due or self._stopping:
            self._seal_due = False
            await self._seal(urgent=hasty)

    async def _commit(self) -> bool:
        """Whether what was written should be on its way at once."""
        if self._intake.empty:
            return False
        window = self._intake.swap()
        if not await self._on_disk(window):
            return False
        self._committed(window)
        self._seal_due = self._seal_due or window.crowded
        return window.urgent or window.late

    async def _on_disk(self, window: Window) -> bool:
        """False when the gateway stops before the disk takes the window: nobody was told it had, so nothing is lost."""
        while True:
            try:
                await self._thread.run(self._spool.commit, window)
                return True
            except SpoolUnavailable as error:
                log.error("commit_failed", samples=len(window.samples), reason=error, retry_s=_RETRY_S)
            if self._stopping:
                return False
            await asyncio.sleep(_RETRY_S)

    async def _seal(self, urgent: bool) -> None:
        try:
            count = await self._thread.run(self._spool.seal, self._now_ms(), urgent)
        except SpoolUnavailable as error:
            log.error("seal_failed", reason=error, remedy="tried again with the next batch window")
            return
        if count:
            self._sealed()
