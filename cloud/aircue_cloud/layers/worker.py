"""The layer worker: takes up every batch that waits, and derives from it, in one transaction a turn.

    base objects -> dedupe -> Parquet files -> catalogue, latest state, hours, episodes, losses, counters, `layered_at`

The files are written before the transaction: until it commits nobody knows them. What is taken up after a crash is
whatever has no `layered_at`, from the base layer.
"""

import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine, delete, insert, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from aircue_cloud import bulk, counters, db, feed, tables
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.delivery import log as log_channel
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.ingest import columns, losses
from aircue_cloud.ingest.columns import Columns
from aircue_cloud.layers import episodes, lake, parquet, revisions, summary
from aircue_cloud.layers.course import Point, PointColumns
from aircue_cloud.layers.episodes import Arrivals, Series
from aircue_cloud.layers.history import LakeHistory
from aircue_cloud.layers.lake import BESIDE, FOLDED, Lake, Span
from aircue_cloud.layers.memory import Memory, Stand
from aircue_cloud.layers.rows import FLAGS, Arrived, Delivered, Rows, gather, streams, with_flags
from aircue_cloud.layers.tallies import tallies
from aircue_cloud.needs.live import Live
from aircue_cloud.needs.needs import Needs

log = logging.getLogger(__name__)
_B = tables.batches.c

MOST_BATCHES = 256  # of one turn
_MOST_CARRIED = 400_000
_KEPT_DECODED = 512
_MOST_DAYS = 4  # files of one turn; a turn that touches more days writes one file, and the next merge parts it
_DAY_MS = 86_400_000
_TURN_S = 0.1  # between two turns, so that a file holds more than one batch where many come
_POLL_S = 0.5  # for batches that other processes acknowledged
_RETRY_S = 2.0
_NODES_AT_ONCE = 400


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """One turn, before its transaction."""

    version: int
    arrived: Sequence[Arrived]
    rows: Rows
    first_id: int
    written: Sequence[tuple[tuple[str, int, int], int, int]]
    gone: Sequence[tuple[tuple[str, int, int], int]]
    said: Mapping[revisions.Key, tuple[int, datetime]]
    awaited: Sequence[revisions.Key]
    places: Mapping[revisions.Key, str]
    changed: Sequence[Mapping[str, Any]]
    files: Sequence[dict[str, Any]]
    newest: Sequence[summary.Latest]
    courses: Mapping[Series, summary.Course]
    hours: Sequence[dict[str, Any]]


def _warm() -> None:
    """What the first turn would wait for."""
    parquet.warm()
    columns.warm()


class Worker:
    def __init__(
        self,
        engine: Engine,
        lake_: Lake,
        decider: Decider,
        clock: Callable[[], datetime],
        live: Live | None = None,
    ) -> None:
        """live: the needs as they hold now; without it, the decider's and over them the store's own."""
        self.engine, self.lake, self.needs = engine, lake_, decider.needs
        self.live = Live(engine, decider.needs) if live is None else live
        self.affinity, self.decider, self.clock = decider.source, decider, clock
        self.rebuilding = False  # then nothing is told, followed or decided
        self._memory = Memory()
        self._rules: dict[str, str] = {}
        self._turn = Lock()
        self._decoded: OrderedDict[str, Columns] = OrderedDict()
        self._decoded_lock = Lock()
        self._woken, self._stopping = Event(), Event()
        self._thread: Thread | None = None

    # Of the thread.

    def announce(self, batch: Columns) -> None:
        """A batch was just acknowledged in this process; it need not be read again."""
        with self._decoded_lock:
            self._decoded[batch.id] = batch
            while len(self._decoded) > _KEPT_DECODED:
                self._decoded.popitem(last=False)
        self._woken.set()

    def start(self) -> None:
        Thread(target=_warm, name="warming", daemon=True).start()  # nobody waits for it, not even the end
        self._thread = Thread(target=self._run, name="layers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when the turn that is under way is over."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(_POLL_S)
            self._woken.clear()
            try:
                self.work()
            except Exception:
                log.exception("the layers could not take batches up; they stay in the base layer and are tried again")
                self._stopping.wait(_RETRY_S)
            self._stopping.wait(_TURN_S)

    def work(self) -> int:
        """Takes up all batches that wait; how many."""
        done = 0
        while not self._stopping.is_set():
            with self._turn:
                taken = self._one_turn()
            done += taken
            if not taken:
                break
        return done

    def decide_due(self) -> list[Push]:
        """Runs everything again of the decisions that were deferred until now; the pushes that are new."""
        now = self.clock()
        with self._turn, db.writing(self.engine) as connection:
            self.needs_within(connection)
            return self.decider.due(connection, now)

    def needs_within(self, connection: Connection) -> Needs:
        """As they hold now; they hold for whatever is followed and decided from then on."""
        needs = self.live.within(connection)
        if needs is not self.needs:
            self.needs, self.decider = needs, replace(self.decider, needs=needs)
            self._rules.clear()
        return needs

    # One turn.

    def _one_turn(self) -> int:
        waiting = self._waiting()
        if not waiting:
            return 0
        try:
            self._take(waiting)
        except lake.Superseded:
            self._memory.forget()
        except (OSError, MemoryError):
            self._memory.forget()
            raise
        except Exception as error:
            self._memory.forget()
            if type(error).__module__.startswith(("sqlalchemy.", "botocore.")):
                raise
            self._one_by_one(waiting, error)
        return len(waiting)

    def _one_by_one(self, waiting: Sequence[Any], error: Exception) -> None:
        """Finds the batch that cannot be taken up, and holds it back, so that the others go on."""
        if len(waiting) > 1:
            for row in waiting:
                with_one = [row]
                try:
                    self._take(with_one)
                except Exception as own:  # noqa: BLE001 - it is logged, and kept with the batch
                    self._memory.forget()
                    self._hold(row.id, own)
            return
        self._hold(waiting[0].id, error)

    def _hold(self, batch: str, error: Exception) -> None:
        log.error("batch %s is held back from the layers: %r; `aircue-cloud layers rebuild` tries again", batch, error)
        with db.writing(self.engine) as connection:
            held = {"held": repr(error)[:500], "layered_at": self.clock()}
            connection.execute(update(tables.batches).where(_B.id == batch).values(held))

    def _waiting(self) -> list[Any]:
        wanted = (_B.id, _B.number, _B.gateway, _B.object_key, _B.received_at, _B.carried)
        query = select(*wanted).where(_B.layered_at.is_(None)).order_by(_B.number).limit(MOST_BATCHES)
        with db.reading(self.engine) as connection:
            rows = connection.execute(query).all()
        taken: list[Any] = []
        carried = 0
        for row in rows:
            carried += row.carried
            if taken and carried > _MOST_CARRIED:
                break
            taken.append(row)
        return taken

    def _arrived(self, row: Any) -> Arrived:
        with self._decoded_lock:
            known = self._decoded.pop(row.id, None)
        if row.object_key != f"base/{row.id}.batch":
            known = None  # somebody was erased from it since
        batch = known or columns.read(self.lake.objects.get(row.object_key), row.gateway)
        return Arrived(id=row.id, number=row.number, columns=batch, ingested_ms=db.to_ms(row.received_at))

    def _take(self, waiting: Sequence[Any]) -> None:
        arrived = [self._arrived(row) for row in waiting]
        plan = self._plan(arrived)
        try:
            pushes = self._commit(plan)
        except BaseException:
            self._forget_unnamed([row["object_key"] for row in plan.files])
            raise
        for push in pushes:
            log_channel.send(push)

    def _forget_unnamed(self, keys: Sequence[str]) -> None:
        """A connection that broke at the commit leaves open whether it came about: what the catalogue names stays, and
        where it cannot be asked everything does."""
        table = tables.lake_files.c
        with suppress(SQLAlchemyError), db.reading(self.engine) as connection:
            named = set(connection.execute(select(table.object_key).where(table.object_key.in_(keys))).scalars())
            for key in sorted(set(keys) - named):
                self.lake.forget(key)

    def _plan(self, arrived: Sequence[Arrived]) -> _Plan:
        with db.reading(self.engine) as connection:
            version, first_id = lake.version(connection)
            self._memory.renew(connection, version)
            said = revisions.newest(connection, arrived)
            touched = streams(arrived) | {key[:3] for key in said}
            delivered = Delivered(self._memory.know_streams(connection, touched))
            known_before = {key for key in said if key[3] in self._memory.streams[key[:3]]}
            awaited = revisions.awaited(connection, streams(arrived))
            rows = gather(arrived, delivered)
            here = with_flags(rows, awaited | {key: flag for key, (flag, _) in said.items()})
            stored = revisions.stored(self.lake, connection, said, sorted(known_before))
        found = {_key_of(rows, row) for row in here}
        written, gone = delivered.changes()
        places = dict.fromkeys(found & said.keys(), FOLDED) | {_key(row): _place(row) for row in stored}
        return _Plan(
            version=version,
            arrived=arrived,
            rows=rows,
            first_id=first_id + 1,
            written=written,
            gone=gone,
            said=said,
            awaited=[key for key in awaited if key in found and key not in said],
            places=places,
            changed=[_changed(row, said[_key(row)][0]) for row in stored if _differs(row, said[_key(row)][0])],
            files=self._write(rows, first_id + 1),
            newest=summary.latest(rows),
            courses={one.series: one for one in summary.courses(rows)},
            hours=[one._asdict() for one in summary.hours(rows)],
        )

    def _write(self, rows: Rows, first_id: int) -> list[dict[str, Any]]:
        if not len(rows):
            return []
        content, now = parquet.table(rows, first_id), self.clock()
        days = rows.measured_at // _DAY_MS
        different = np.unique(days).tolist()
        if len(different) > _MOST_DAYS:
            today = db.to_ms(now) // _DAY_MS
            return [self._put(content, today, now)]
        if len(different) == 1:
            return [self._put(content, different[0], now)]
        return [self._put(content.filter(pa.array(days == day)), day, now) for day in different]

    def _put(self, content: pa.Table, day: int, now: datetime) -> dict[str, Any]:
        data = parquet.encode(content, level=1)
        key = f"lake/{day}/{uuid.uuid4()}.parquet"
        self.lake.objects.put(key, data)
        return lake.file_row(content, key, len(data), day, now)

    # The transaction.

    def _commit(self, plan: _Plan) -> list[Push]:
        now = self.clock()
        with db.writing(self.engine) as connection:
            if lake.version(connection)[0] != plan.version:
                raise lake.Superseded
            self.needs_within(connection)
            lake.advance(connection, plan.version + 1, plan.first_id - 1 + len(plan.rows))
            self._store(connection, plan, now)
            stands = self._series(connection, plan)
            bulk.insert_or_merge(connection, tables.hourly, plan.hours, _MERGED)
            self._revise(connection, plan)
            started = [] if self.rebuilding else self._follow(connection, plan, stands, now)
            self._store_stands(connection, plan, stands)
            pushes = self.decider.about(connection, started, now)
        self._memory.version = plan.version + 1
        self._memory.series.update(stands)
        return pushes

    def _store(self, connection: Connection, plan: _Plan, now: datetime) -> None:
        """The lake's index, and what each batch says of itself."""
        if plan.files:
            connection.execute(insert(tables.lake_files), list(plan.files))
        _store_delivered(connection, plan)
        tallied = [row for one in plan.arrived for row in tallies(one.columns)]
        bulk.insert(connection, tables.tallies, tallied)
        losses.declare(connection, tuple(loss for one in plan.arrived for loss in one.columns.losses))
        stored = summary.stored_by_batch(plan.rows)
        figures: list[dict[str, Any]] = [
            {"id": one.id, "readings": stored[place], "duplicates": one.columns.readings - stored[place]}
            for place, one in enumerate(plan.arrived)
        ]
        bulk.update(connection, tables.batches, [{**row, "layered_at": now, "held": None} for row in figures], ("id",))
        counters.add(
            connection,
            {
                "readings": len(plan.rows),
                "duplicates": sum(row["duplicates"] for row in figures),
                "gaps": sum(row["gaps"] for row in tallied),
                "suppressed": sum(row["suppressed"] for row in tallied),
                "revised": len(plan.changed) + sum(place == FOLDED for place in plan.places.values()),
                "unknown_revisions": len(plan.said.keys() - plan.places.keys()),
            },
        )

    def _series(self, connection: Connection, plan: _Plan) -> dict[Series, Stand | None]:
        """Where each series of this turn stands now; tells of nodes that are new."""
        known = self._memory.know_series(connection, [one.series for one in plan.newest])
        stands: dict[Series, Stand | None] = {}
        for series, row in plan.newest:
            at_ms, before = int(plan.rows.measured_at[row]), known[series]
            if before is None:
                stands[series] = Stand(at_ms, None, "")
            else:
                stands[series] = before._replace(measured_ms=max(at_ms, before.measured_ms))
        _insert_sites(connection, {run.site for run in plan.rows.runs})
        joined = _joined(connection, plan, [series for series, _ in plan.newest if known[series] is None])
        if not self.rebuilding:
            feed.append(connection, joined, self.clock())
        return stands

    def _store_stands(self, connection: Connection, plan: _Plan, stands: Mapping[Series, Stand | None]) -> None:
        """The latest state of series that went on; of the others how far they were followed."""
        first_seen = _first_seen(plan.rows)
        states, followed, known = [], [], self._memory.series
        for series, row in plan.newest:
            before, stand = known[series], stands[series]
            assert stand is not None
            if before is None or stand.measured_ms > before.measured_ms:
                states.append(_state_row(plan.rows, series, row, first_seen[series], stand))
            elif stand != before:
                followed.append(_followed_row(series, stand))
        told = {one.series for one in plan.newest}
        followed += [_followed_row(series, stand) for series, stand in stands.items() if stand and series not in told]
        bulk.insert_or_merge(connection, tables.node_state, states, dict.fromkeys(_CHANGING, "take"))
        bulk.update(connection, tables.node_state, followed, _SERIES)

    def _revise(self, connection: Connection, plan: _Plan) -> None:
        revisions.remember(connection, plan.said, plan.places)
        revisions.found(connection, plan.awaited)
        revisions.change_latest(connection, plan.changed)
        count_again(connection, self.lake, plan.changed)

    def _follow(
        self, connection: Connection, plan: _Plan, stands: dict[Series, Stand | None], now: datetime
    ) -> list[episodes.Started]:
        """Steps every need on, and notes in stands how far; the episodes that are new."""
        again = _points_by_series(plan.changed)
        self._memory.know_series(connection, again)
        arrivals = []
        for series in [*plan.courses, *(series for series in again if series not in plan.courses)]:
            stand = stands.get(series) or self._memory.series[series]
            course, rules = plan.courses.get(series), self._rules_version(series.quantity)
            if course is None or series in again or not self._is_quiet(course, stand, rules):
                followed_ms = None if stand is None or stand.rules != rules else stand.trusted_ms
                points = _arrived_points(course, again.get(series, []))
                arrivals.append(Arrivals(series=series, points=points, followed_ms=followed_ms, again=series in again))
            last_ms = again[series][-1].at_ms if course is None else int(course.columns["measured_at"][-1])
            last_ms = last_ms if stand is None or stand.trusted_ms is None else max(last_ms, stand.trusted_ms)
            if stand is not None:
                stands[series] = stand._replace(trusted_ms=last_ms, rules=rules)
        return self._step(connection, arrivals, now)

    def _rules_version(self, quantity: str) -> str:
        if quantity not in self._rules:
            self._rules[quantity] = episodes.rules_version(self.needs, quantity)
        return self._rules[quantity]

    def _is_quiet(self, course: summary.Course, stand: Stand | None, rules: str) -> bool:
        """Whether every need that watches the series is idle and stays it."""
        series, active = course.series, self._memory.active
        watching = self.needs.by_quantity.get(series.quantity, ())
        if not watching:
            return True
        if stand is None or stand.trusted_ms is None:
            earlier = False
        elif stand.rules != rules or any((rule.need, series.site, series.node) in active for rule in watching):
            return False
        else:
            earlier = int(course.columns["measured_at"][0]) <= stand.trusted_ms
        return not earlier and not any(rule.holds(course.low) or rule.holds(course.high) for rule in watching)

    def _step(self, connection: Connection, arrivals: Sequence[Arrivals], now: datetime) -> list[episodes.Started]:
        if not arrivals:
            return []
        # The catalogue's new rows are part of this transaction, so the lake holds what has just come.
        first_ms = min(arrival.points[0].at_ms for arrival in arrivals)
        history = LakeHistory(self.lake, connection, [arrival.series for arrival in arrivals], first_ms)
        return episodes.follow(connection, self.needs, arrivals, history, now, self._memory.active)

    def store_trusted(self, connection: Connection, trusted: Sequence[tuple[Series, int, str]]) -> None:
        rows = [_followed_row(series, Stand(0, at_ms, rules)) for series, at_ms, rules in trusted]
        bulk.update(connection, tables.node_state, rows, _SERIES)


_SERIES = ("site", "node", "quantity")
_CHANGING = (
    "value", "scale", "unit", "flag", "measured_at", "installation", "boot", "sequence", "ingested_at", "trusted_at",
    "rules",
)  # fmt: skip
_MERGED = {"readings": "add", "low": "min", "high": "max", "total": "add"}
_S = tables.node_state.c


def _followed_row(series: Series, stand: Stand) -> dict[str, Any]:
    return {"trusted_at": stand.trusted_ms, "rules": stand.rules, **vars(series)}


def _arrived_points(course: summary.Course | None, again: Sequence[Point]) -> Sequence[Point]:
    if course is None:
        return again
    points = PointColumns(course.columns)
    return sorted([*again, *points]) if again else points


def _key(row: Mapping[str, Any]) -> revisions.Key:
    return row["node"], row["installation"], row["boot"], row["sequence"], row["quantity"]


def _key_of(rows: Rows, place: int) -> revisions.Key:
    run = rows.runs[int(rows.run[place])]
    return run.node, run.installation, run.boot, int(rows.sequence[place]), run.quantity


def _place(row: Mapping[str, Any]) -> str:
    """A reading of the future keeps its flag."""
    return FOLDED if row["flag"] == FLAGS[-1] else BESIDE


def _differs(row: Mapping[str, Any], flag: int) -> bool:
    return row["flag"] not in (FLAGS[flag], FLAGS[-1])


def _changed(row: Mapping[str, Any], flag: int) -> dict[str, Any]:
    return {**row, "flag": FLAGS[flag]}


def _points_by_series(changed: Sequence[Mapping[str, Any]]) -> dict[Series, list[Point]]:
    found: dict[Series, list[Point]] = {}
    for row in changed:
        series = Series(site=row["site"], node=row["node"], quantity=row["quantity"])
        key = (row["measured_at"], row["installation"], row["boot"], row["sequence"])
        found.setdefault(series, []).append(Point(*key, row["value"] / row["scale"]))
    return {series: sorted(points) for series, points in found.items()}


def _store_delivered(connection: Connection, plan: _Plan) -> None:
    table = tables.delivered.c
    for (node, installation, boot), first in plan.gone:
        mine = (table.node == node, table.installation == installation, table.boot == boot, table.first == first)
        connection.execute(delete(tables.delivered).where(*mine))
    rows = [
        {"node": node, "installation": installation, "boot": boot, "first": first, "last": last}
        for (node, installation, boot), first, last in plan.written
    ]
    bulk.insert_or_merge(connection, tables.delivered, rows, {"last": "take"})


def _insert_sites(connection: Connection, sites: set[str]) -> None:
    rows = [{"id": site, "tz": "UTC"} for site in sorted(sites)]
    if rows:
        connection.execute(db.insert_absent(connection, tables.sites), rows)


def _first_seen(rows: Rows) -> dict[Series, int]:
    """When the first batch of each series arrived, in ms."""
    found: dict[Series, int] = {}
    for place in np.unique(rows.run).tolist():
        run = rows.runs[place]
        ingested_ms = rows.arrived[run.batch].ingested_ms
        found.setdefault(Series(site=run.site, node=run.node, quantity=run.quantity), ingested_ms)
    return found


def _state_row(rows: Rows, series: Series, row: int, first_seen_ms: int, stand: Stand) -> dict[str, Any]:
    """Times in ms."""
    run = rows.runs[int(rows.run[row])]
    return {
        **vars(series),
        "value": int(rows.value[row]),
        "scale": run.scale,
        "unit": run.unit,
        "flag": FLAGS[rows.flag[row]],
        "measured_at": int(rows.measured_at[row]),
        "installation": run.installation,
        "boot": run.boot,
        "sequence": int(rows.sequence[row]),
        "ingested_at": rows.arrived[run.batch].ingested_ms,
        "first_seen_at": first_seen_ms,
        "trusted_at": stand.trusted_ms,
        "rules": stand.rules,
    }


def _joined(connection: Connection, plan: _Plan, new: Sequence[Series]) -> list[feed.Entry]:
    """Nodes that were not known before."""
    nodes: dict[tuple[str, str], list[str]] = {}
    for series in new:
        nodes.setdefault((series.site, series.node), []).append(series.quantity)
    known = _known_nodes(connection, sorted(nodes))
    entries = []
    for (site, node), quantities in nodes.items():
        if (site, node) not in known:
            text = f"Node {node} joined ({site}): {', '.join(quantities)}"
            fields = {"event": "joined", "site": site, "node": node, "quantities": quantities}
            entries.append(feed.Entry(kind="node", text=text, fields=fields))
    return entries


def _known_nodes(connection: Connection, nodes: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these nodes that have a latest state."""
    found: set[tuple[str, str]] = set()
    for first in range(0, len(nodes), _NODES_AT_ONCE):
        some = tuple_(_S.site, _S.node).in_(nodes[first : first + _NODES_AT_ONCE])
        found.update((row.site, row.node) for row in connection.execute(select(_S.site, _S.node).where(some)))
    return found


_HOUR = """
SELECT site, node, quantity, measured_at // 3600000 AS hour, scale, count(*) AS readings, min(value) AS low,
    max(value) AS high, CAST(sum(value) AS BIGINT) AS total
FROM lake JOIN wanted USING (site, node, quantity)
WHERE flag = 'OK' AND measured_at // 3600000 = wanted.of_hour GROUP BY ALL
"""


def count_again(connection: Connection, lake_: Lake, changed: Sequence[Mapping[str, Any]]) -> None:
    """The hours of readings whose flag has changed, counted anew from the lake."""
    wanted = sorted({(r["site"], r["node"], r["quantity"], int(r["measured_at"]) // summary.HOUR_MS) for r in changed})
    if not wanted:
        return
    table = tables.hourly.c
    for site, node, quantity, hour in wanted:
        mine = (table.site == site, table.node == node, table.quantity == quantity, table.hour == hour)
        connection.execute(delete(tables.hourly).where(*mine))
    names = ("site", "node", "quantity", "of_hour")
    content = pa.table(dict(zip(names, map(list, zip(*wanted, strict=True)), strict=True)))
    times = [hour * summary.HOUR_MS for *_, hour in wanted]
    span = Span(first_ms=min(times), last_ms=max(times) + summary.HOUR_MS)
    with lake_.open(connection, span, {"wanted": content}) as opened:
        found = lake.asked(opened, _HOUR).to_pylist()
    if found:
        connection.execute(insert(tables.hourly), found)
