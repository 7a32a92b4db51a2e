"""What keeps what was learnt new while the server runs: a thread that looks whether a new version is due.

The database remembers when the last one was made, so several servers on one database make no more than one of them.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import Engine

from aircue_cloud import db
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import learnt
from aircue_cloud.outcomes.report import Terms

log = logging.getLogger(__name__)
EVERY_S = 60.0


class Learning:
    """needs: those in use. terms: as of an instant. every_s: from one look to the next."""

    def __init__(
        self,
        engine: Engine,
        needs: Callable[[], Needs],
        terms: Callable[[datetime], Terms],
        clock: Callable[[], datetime],
        every_s: float = EVERY_S,
    ) -> None:
        self._engine, self._needs, self._terms, self._clock = engine, needs, terms, clock
        self._every_s = every_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="learning", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nobody waits for a version: one that is cut off was never there."""
        self._stopping.set()

    def look(self) -> int | None:
        """Makes the version that is due; None where none is."""
        now = self._clock()
        with db.reading(self._engine) as connection:
            due = learnt.is_due(connection, now)
        return learnt.refresh(self._engine, self._needs(), self._terms(now)) if due else None

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception:
                log.exception("nothing new could be learnt; decisions go on with what was learnt before")
