"""What keeps the lake small while the server runs: a thread that merges, and removes what was merged away."""

import logging
from datetime import UTC, datetime
from threading import Event, Thread

from sqlalchemy import Engine

from aircue_cloud.layers import merging
from aircue_cloud.layers.lake import Lake

log = logging.getLogger(__name__)
_EVERY_S = 60.0
_LEAST = 32  # small files of a day; fewer are left alone


def _now() -> datetime:
    return datetime.now(UTC)


class Upkeep:
    def __init__(self, engine: Engine, lake: Lake) -> None:
        self._engine, self._lake = engine, lake
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nobody waits for a merge: one that is cut off leaves a file that nobody points to."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_S):
            try:
                merging.merge_all(self._engine, self._lake, _now, _LEAST)
                merging.forget_old(self._engine, self._lake, _now())
            except Exception:
                log.exception("the lake could not be merged; it is tried again, and stays right as it is")
