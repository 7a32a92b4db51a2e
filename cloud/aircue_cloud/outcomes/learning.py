"""What keeps what was learnt new while the server runs: a thread that looks whether a new version is due.

The database remembers when the last one was made, so several servers on one database make no more than one of them.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from aircue_cloud import db
from aircue_cloud.background import Repeated
from aircue_cloud.needs.needs import Needs
from aircue_cloud.outcomes import learnt
from aircue_cloud.outcomes.report import Terms

log = logging.getLogger(__name__)
EVERY_S = 60.0


class Learning(Repeated):
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
        failed = "nothing new could be learnt; decisions go on with what was learnt before"
        super().__init__(self._look, "learning", every=lambda: every_s, failed=failed, log=log)

    def stop(self) -> None:
        """Nobody waits for a version: one that is cut off was never there."""
        super().stop()

    def look(self) -> int | None:
        """Makes the version that is due; None where none is."""
        now = self._clock()
        with db.reading(self._engine) as connection:
            due = learnt.is_due(connection, now)
        return learnt.refresh(self._engine, self._needs(), self._terms(now)) if due else None

    def _look(self) -> None:
        self.look()
