"""What the simulated carrier tells, taken in while the server runs."""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import Connection, Engine, select

from aircue_cloud import db, tables
from aircue_cloud.logistics import course, parcels
from aircue_cloud.logistics.carriers import sandbox
from aircue_cloud.logistics.parcels import Added, Told

log = logging.getLogger(__name__)
EVERY_S = 30.0
_P = tables.parcels.c
_MOVING = (
    select(_P.tracking_number, _P.tracked_at)
    .where(_P.carrier == sandbox.NAME, _P.state != course.DELIVERED)
    .order_by(_P.id)
)


def move(connection: Connection, now: datetime) -> Added:
    """Tells of the simulated parcels what their clock says; only within db.writing."""
    found = connection.execute(_MOVING).all()
    told = [Told(tracking_number=number, events=sandbox.told(number, tracked_at, now)) for number, tracked_at in found]
    return parcels.tell(connection, sandbox.NAME, told, now)


class Moving:
    """A thread that looks every half minute; a store without simulated parcels is read and never written."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime], every_s: float = EVERY_S) -> None:
        self._engine, self._clock, self._every_s = engine, clock, every_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="parcels", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """One transaction at most is under way; it ends as a whole or not at all."""
        self._stopping.set()

    def look(self) -> Added:
        with db.reading(self._engine) as connection:
            if not connection.execute(_MOVING.limit(1)).all():
                return Added()
        with db.writing(self._engine) as connection:
            return move(connection, self._clock())

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except Exception:
                log.exception("simulated parcels could not be moved; it is tried again")
