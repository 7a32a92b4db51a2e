"""Waiting for an inbox to change: so many clients at a time and so long, since each keeps a thread of the server busy.
One that went away is gone when its time is over, and a slow one takes one answer at the end like any other."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from sqlalchemy import Connection, Engine, func, select

from aircue_cloud import db, tables

LOOK_S = 0.2
LONGEST_S = 25


class Waiting:
    """The places for those who wait."""

    def __init__(self, places: int) -> None:
        self._free = BoundedSemaphore(places) if places > 0 else None

    @contextmanager
    def place(self) -> Iterator[bool]:
        """False where all are taken: whoever comes is answered at once."""
        taken = self._free is not None and self._free.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken and self._free is not None:
                self._free.release()


def version(connection: Connection, household: str) -> str:
    """Changes when the household's inbox does."""
    table = tables.pushes.c
    counted = select(func.count(), func.max(table.created_at), func.count(table.withdrawn_at))
    pushes, latest, withdrawn = connection.execute(counted.where(table.household == household)).one()
    return f"{pushes}-{0 if latest is None else db.to_ms(latest)}-{withdrawn}"


def changed(
    engine: Engine, household: str, seen: str, wait_s: float, sleep: Callable[[float], object] = time.sleep
) -> None:
    """Returns when the inbox differs from what was seen, or the time is over."""
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        with db.reading(engine) as connection:
            if version(connection, household) != seen:
                return
        sleep(min(LOOK_S, max(0.0, end - time.monotonic())))
