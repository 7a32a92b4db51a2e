"""The needs of a store as they hold now: those that ship, and over them its own, read again when one is saved."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

from sqlalchemy import Connection, Engine

from aircue_cloud import db
from aircue_cloud.needs import stored
from aircue_cloud.needs.needs import Needs

LOOKS_EVERY_S = 1.0  # for what another process has saved


class Live:
    """Any number of threads may ask."""

    def __init__(self, engine: Engine, shipped: Needs, clock: Callable[[], float] = monotonic) -> None:
        self._engine, self._shipped, self._clock = engine, shipped, clock
        self._lock = Lock()
        self._newest = 0
        self._needs = shipped
        self._looked_at: float | None = None

    @property
    def shipped(self) -> Needs:
        return self._shipped

    def current(self) -> Needs:
        """At most LOOKS_EVERY_S old."""
        if self._looked_at is None or self._clock() - self._looked_at >= LOOKS_EVERY_S:
            with db.reading(self._engine) as connection:
                return self.within(connection)
        return self._needs

    def within(self, connection: Connection) -> Needs:
        """As the transaction sees them."""
        newest = stored.newest(connection)
        with self._lock:
            if newest != self._newest:
                self._newest, self._needs = newest, stored.current(connection, self._shipped)
            self._looked_at = self._clock()
            return self._needs

    def forget(self) -> None:
        """Somebody has just saved one: whoever asks next looks."""
        self._looked_at = None
