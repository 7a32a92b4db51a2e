"""Keeps segments and associations of today while the server runs: a thread that looks whether one is due.

The database remembers when each was made last, so several servers on one database make no more than one too many.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import Engine

from aircue_cloud import db
from aircue_cloud.associations import stored as associations
from aircue_cloud.segments import snapshots

log = logging.getLogger(__name__)
EVERY_S = 60.0


class TaughtUpkeep:
    """every_s: from one look to the next."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], every_s: float = EVERY_S) -> None:
        self._engine, self._clock, self._every_s = engine, clock, every_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="segments", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nobody waits for it: what is cut off was never there."""
        self._stopping.set()

    def look(self) -> list[str]:
        """Makes what is due; its names."""
        return [name for name, make in (("segments", self._segments), ("associations", self._associations)) if make()]

    def _segments(self) -> bool:
        now = self._clock()
        with db.reading(self._engine) as connection:
            due = snapshots.is_due(connection, now)
        if due:
            snapshots.refresh(self._engine, now)
        return due

    def _associations(self) -> bool:
        now = self._clock()
        with db.reading(self._engine) as connection:
            due = associations.is_due(connection, now)
        if due:
            associations.refresh(self._engine, now)
        return due

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception:
                log.exception("segments or associations could not be made; those of before stay")
