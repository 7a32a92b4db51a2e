"""The layers made again from the one below: the same rows, and episodes that keep their ids.

From base: every batch is taken up again, in the order of acknowledgement, into a database beside the store's own. What
came out of it takes the place of what was there in one transaction, so that readers see the old layers or the new ones,
and a rebuild that is cut off leaves the old ones in use. Batches that arrive meanwhile are caught up with before that.
Nothing is decided again: decisions and pushes are what happened, and are derived from nothing.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, delete, func, select, update

from aircue_cloud import bulk, db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.layers import episodes, lake
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.episodes import Arrivals
from aircue_cloud.layers.history import LakeHistory
from aircue_cloud.layers.lake import Lake
from aircue_cloud.layers.settling import Series
from aircue_cloud.layers.worker import Worker

_DERIVED = (tables.delivered, tables.hourly, tables.tallies, tables.losses, tables.revisions, tables.node_state)
_COUNTED = ("readings", "duplicates", "gaps", "suppressed", "revised", "unknown_revisions")
_OF_LAYERS = ("id", "layered_at", "held", "readings", "duplicates")  # what the layers say of a batch
_B, _S, _F = tables.batches.c, tables.node_state.c, tables.lake_files.c
_SOME_SERIES = 256
_AT_ONCE = 5_000  # rows
_FEW = 64  # batches: so many may be caught up with while others wait
_BESIDE = "rebuilding.db"

Say = Callable[[str], object]


def from_base(worker: Worker, now: Callable[[], datetime], say: Say, folder: Path | None = None) -> None:
    """folder: where the database beside is kept; without it, in one that is made for it. CommandError where retention
    has removed objects of the base layer, or somebody was erased meanwhile."""
    with tempfile.TemporaryDirectory(prefix="aircue-rebuild-") as made:
        path = (folder or Path(made)) / _BESIDE
        _clear_away(worker, path)
        with _beside(worker, path) as beside:
            try:
                _build(worker, beside, say)
                with db.writing(worker.engine) as connection:
                    _catch_up(connection, beside)
                    _swap(connection, beside, now())
            except BaseException:
                _forget_files(worker.engine, beside.engine, worker.lake)
                raise
        _remove(path)
    from_middle(worker, now, say)


def _build(worker: Worker, beside: Worker, say: Say) -> None:
    """Takes up what there is, until little comes anew."""
    while True:
        with db.reading(worker.engine) as connection:
            _must_be_whole(connection)
            came = _copy_batches(connection, beside.engine)
        while beside.work():
            pass
        with db.reading(beside.engine) as connection:
            say(f"{lake.version(connection)[1]} readings are in the lake again")
        if came <= _FEW:
            return


def _catch_up(connection: Connection, beside: Worker) -> None:
    _must_be_whole(connection)
    _copy_batches(connection, beside.engine)
    while beside.work():
        pass


@contextmanager
def _beside(worker: Worker, path: Path) -> Iterator[Worker]:
    """A worker that writes into an empty database of its own, and into the same lake."""
    engine = db.open_database(db.sqlite_url(str(path)))
    made = Worker(engine, worker.lake, worker.decider, worker.clock)
    made.rebuilding = True
    try:
        yield made
    finally:
        engine.dispose()


def _clear_away(worker: Worker, path: Path) -> None:
    """What a rebuild that was cut off has left."""
    if path.exists():
        engine = db.open_database(db.sqlite_url(str(path)))
        _forget_files(worker.engine, engine, worker.lake)
        engine.dispose()
        _remove(path)


def _forget_files(own: Engine, beside: Engine, lake_: Lake) -> None:
    """Removes the files that the database beside names, and the store's own does not."""
    with db.reading(own) as connection, db.reading(beside) as other:
        kept = set(connection.execute(select(_F.object_key)).scalars())
        made = set(other.execute(select(_F.object_key)).scalars())
    for key in sorted(made - kept):
        lake_.forget(key)


def _remove(path: Path) -> None:
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)


def _must_be_whole(connection: Connection) -> None:
    gone = connection.execute(select(_B.id).where(_B.base_removed_at.is_not(None)).limit(1)).scalar()
    if gone is not None:
        raise CommandError(f"batch {gone} is no longer in the base layer (retention): use --from middle")


def _copy_batches(connection: Connection, beside: Engine) -> int:
    """Batches that are not there yet, as if they had just been acknowledged; how many."""
    with db.writing(beside) as other:
        last = other.execute(select(func.coalesce(func.max(_B.number), 0))).scalar_one()
        _copy(connection, other, tables.gateways, absent=True)
        new = select(tables.batches).where(_B.number > last).order_by(_B.number)
        rows = [dict(row) for row in connection.execute(new).mappings()]
        bulk.insert(other, tables.batches, [{**row, "layered_at": None, "held": None} for row in rows])
    return len(rows)


def _copy(source: Connection, target: Connection, table: Table, *, absent: bool = False) -> None:
    """All rows of a table, or those that are not there yet."""
    found = source.execute(select(table)).mappings()
    while some := [dict(row) for row in found.fetchmany(_AT_ONCE)]:
        if absent:
            target.execute(db.insert_absent(target, table), some)
        else:
            bulk.insert(target, table, some)


def _swap(connection: Connection, beside: Worker, now: datetime) -> None:
    """Puts everything that was made in the place of what was there."""
    with db.reading(beside.engine) as made:
        _must_be_the_same(connection, made)
        version, _ = lake.version(connection)
        lake.advance(connection, version + 1, lake.version(made)[1])
        connection.execute(update(tables.lake_files).where(_F.removed_at.is_(None)).values(removed_at=now))
        _copy(made, connection, tables.lake_files)
        _copy(made, connection, tables.sites, absent=True)
        connection.execute(delete(tables.rule_states))  # until its series is followed again, none is known to be idle
        for table in _DERIVED:
            connection.execute(delete(table))
            _copy(made, connection, table)
        rows = [dict(row) for row in made.execute(select(*(_B[name] for name in _OF_LAYERS))).mappings()]
        bulk.update(connection, tables.batches, rows, ("id",))
        counts = tables.counters
        connection.execute(delete(counts).where(counts.c.name.in_(_COUNTED)))
        counted = [dict(row) for row in made.execute(select(counts).where(counts.c.name.in_(_COUNTED))).mappings()]
        bulk.insert(connection, counts, counted)


def _must_be_the_same(connection: Connection, made: Connection) -> None:
    """What was erased from a batch since it was taken up must not come back."""
    objects = select(_B.object_key)
    if set(connection.execute(objects).scalars()) != set(made.execute(objects).scalars()):
        raise CommandError("somebody was erased while the layers were made again: nothing has changed, do it once more")


def from_middle(worker: Worker, now: Callable[[], datetime], say: Say, _folder: Path | None = None) -> None:
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
