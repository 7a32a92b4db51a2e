"""The layers made again from the one below: the same rows, and episodes that keep their ids.

From base: everything that is derived is taken away, and every batch taken up again in the order of acknowledgement.
Readers see the lake grow again meanwhile; batches that arrive are acknowledged, and follow at the end. Nothing is
decided again: decisions and pushes are what happened, and are derived from nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers import episodes, lake
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.episodes import Arrivals, Series
from aircue_cloud.layers.history import LakeHistory
from aircue_cloud.layers.worker import Worker

_DERIVED = (tables.delivered, tables.hourly, tables.node_state, tables.tallies, tables.losses, tables.revisions)
_COUNTED = ("readings", "duplicates", "gaps", "suppressed", "revised", "unknown_revisions")
_B, _S = tables.batches.c, tables.node_state.c
_SOME_SERIES = 256


def from_base(worker: Worker, now: Callable[[], datetime], say: Callable[[str], object]) -> None:
    """CommandError where retention has removed objects of the base layer."""
    with db.writing(worker.engine) as connection:
        _must_be_whole(connection)
        _take_away(connection, now())
    worker.rebuilding = True
    try:
        while worker.work():
            say(_progress(worker))
    finally:
        worker.rebuilding = False
    from_middle(worker, now, say)


def _must_be_whole(connection: Connection) -> None:
    gone = connection.execute(select(_B.id).where(_B.base_removed_at.is_not(None)).limit(1)).scalar()
    if gone is not None:
        raise CommandError(f"batch {gone} is no longer in the base layer (retention): use --from middle")


def _take_away(connection: Connection, now: datetime) -> None:
    version, _ = lake.version(connection)
    lake.advance(connection, version + 1, 0)
    files = tables.lake_files
    connection.execute(update(files).where(files.c.removed_at.is_(None)).values(removed_at=now))
    for table in (*_DERIVED, tables.rule_states):
        connection.execute(delete(table))
    connection.execute(update(tables.batches).values(layered_at=None, held=None, readings=0, duplicates=0))
    names = tables.counters.c.name
    connection.execute(delete(tables.counters).where(names.in_(_COUNTED)))


def _progress(worker: Worker) -> str:
    with db.reading(worker.engine) as connection:
        return f"{lake.version(connection)[1]} readings are in the lake again"


def from_middle(worker: Worker, now: Callable[[], datetime], say: Callable[[str], object]) -> None:
    """Follows the whole course of every series anew."""
    with db.reading(worker.engine) as connection:
        rows = connection.execute(select(_S.site, _S.node, _S.quantity).order_by(_S.site, _S.node, _S.quantity))
        series = [Series(site=row.site, node=row.node, quantity=row.quantity) for row in rows]
    for first in range(0, len(series), _SOME_SERIES):
        with db.writing(worker.engine) as connection:
            _refollow(worker, connection, series[first : first + _SOME_SERIES], now())
    say(f"{len(series)} series were followed again")


def _refollow(worker: Worker, connection: Connection, series: Sequence[Series], now: datetime) -> None:
    version, rows = lake.version(connection)
    lake.advance(connection, version + 1, rows)
    history = LakeHistory(worker.lake, connection, series, -1)
    ends = {one: _ends(history, one) for one in series}
    arrivals = [Arrivals(series=one, points=points, followed_ms=None) for one, points in ends.items() if points]
    table = tables.rule_states.c
    for one in arrivals:
        for rule in worker.needs.by_quantity.get(one.series.quantity, ()):
            mine = (table.need == rule.need, table.site == one.series.site, table.node == one.series.node)
            connection.execute(delete(tables.rule_states).where(*mine))
    episodes.follow(connection, worker.needs, arrivals, history, now)
    worker.store_trusted(
        connection,
        [
            (one.series, one.points[-1].at_ms, episodes.rules_version(worker.needs, one.series.quantity))
            for one in arrivals
        ],
    )


def _ends(history: LakeHistory, series: Series) -> list[Point]:
    """The first and the last of its points."""
    points = list(history.after(series, -1))
    return points if len(points) < 2 else [points[0], points[-1]]
