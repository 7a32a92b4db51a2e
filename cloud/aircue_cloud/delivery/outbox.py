"""The outbox: what is to be handed over, written in the transaction that decided it, taken by any number of workers.

A row that is taken has a lease, which its worker renews; a row whose lease is over is taken again where the channel may
get it twice, and is in doubt where it may not. The inbox needs no hand-over: the transaction is it.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    Connection,
    Engine,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from aircue_cloud import db, tables
from aircue_cloud.delivery import addresses, fates, inbox
from aircue_cloud.delivery.channel import AT_MOST_ONCE, GUARANTEES, Gone, Result, Unwanted
from aircue_cloud.delivery.fates import DUE, HANDED, SPARE, TAKEN, WAITING, Fate
from aircue_cloud.delivery.inbox import Push

NAMESPACE = uuid.UUID("0b9d6a58-3f0f-5c1e-8d2e-7a5f0c6b4e21")
LIFE = timedelta(hours=24)  # of a push that does not say when it is over
_T = tables.outbox.c


# Of each push and channel. None: hand it over. A text: why nobody wants it any more; or, where the text has an instant
# `until`, why not before that.
StillWanted: TypeAlias = Callable[[Connection, Sequence[tuple[str, str]], datetime], Sequence[str | None]]
# By push, what is another as soon as anything was said or switched that the answer follows from.
Marks: TypeAlias = Callable[[Connection, Sequence[str]], Mapping[str, object]]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A row that a worker has, and has to hand over. attempt: the how manieth this is. mark: of its push, from before
    it was asked whether it is still wanted."""

    id: str
    push: str
    channel: str
    address: str
    attempt: int
    expires_at: datetime
    mark: object = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What others decide. due: decides again what was deferred."""

    still_wanted: StillWanted
    marks: Marks
    due: Callable[[], object] | None = None


# Written by whoever decides.


def enqueue(connection: Connection, push: Push, channels: Sequence[str], now: datetime) -> bool:
    """Puts the push into the inbox, and a row for each channel and address in the order to try; within the decision's
    transaction. False where this push is there already: nothing is added then."""
    return bool(enqueue_all(connection, [(push, channels)], now))


def enqueue_all(connection: Connection, going: Sequence[tuple[Push, Sequence[str]]], now: datetime) -> list[Push]:
    """The same of many, each with its channels; the pushes that are new."""
    new = inbox.send_all(connection, [push for push, _ in going])
    channels = {push.id: _beside(through) for push, through in going}
    wanted = {name for through in channels.values() for name in through}
    found = addresses.reaching(connection, [(push.household, push.person) for push in new], sorted(wanted))
    rows = [row for push in new for row in _rows(push, channels[push.id], found[push.household, push.person], now)]
    if rows:
        connection.execute(db.insert_absent(connection, tables.outbox), rows)
    return new


def _beside(channels: Sequence[str]) -> list[str]:
    """The inbox; each once, in the order given."""
    return [name for name in dict.fromkeys(channels) if name != inbox.CHANNEL]


def _rows(
    push: Push, channels: Sequence[str], known: Mapping[str, Sequence[str]], now: datetime
) -> Iterator[dict[str, Any]]:
    """known: addresses by channel. A channel without one has no place."""
    yield _row(push, inbox.CHANNEL, None, 0, HANDED, now)
    reachable = (name for name in channels if known.get(name))
    for place, channel in enumerate(reachable, 1):
        state = DUE if place == 1 else WAITING
        yield from (_row(push, channel, address, place, state, now) for address in known[channel])


def _row(push: Push, channel: str, address: str | None, place: int, state: str, now: datetime) -> dict[str, Any]:
    return {
        "id": row_id(push, channel, address),
        "push": push.id,
        "channel": channel,
        "address": address,
        "place": place,
        "state": state,
        "ready_at": now,
        "expires_at": push.expires_at or now + LIFE,
        "attempts": 0,
        "created_at": now,
        "done_at": now if state == HANDED else None,
    }


def row_id(push: Push, channel: str, address: str | None) -> str:
    """The same whenever the same is decided for the same user."""
    user = push.person or push.household
    return str(uuid.uuid5(NAMESPACE, "\n".join((user, push.episode, push.template, channel, address or ""))))


# Of the workers.


def turn(engine: Engine) -> AbstractContextManager[Connection]:
    """A transaction of a worker. SQLite has one writer at a time; PostgreSQL locks rows, so workers need no turn."""
    return db.writing(engine) if engine.dialect.name == "sqlite" else db.reading(engine)


def has_work(connection: Connection, channels: Sequence[str], now: datetime) -> bool:
    """Whether a worker of these channels would find a row that is due, or one whose worker is gone."""
    return connection.execute(_WORK, {"channels": channels, "now": now}).first() is not None


# SQLAlchemy builds a statement slowly: these are built once.
_IS_DUE = and_(_T.state == DUE, _T.ready_at <= bindparam("now"), _T.channel.in_(bindparam("channels", expanding=True)))
_IS_OVER = and_(_T.state == TAKEN, _T.leased_until < bindparam("now"))
_WORK = select(_T.id).where(or_(_IS_DUE, _IS_OVER)).limit(1)
_DUE = (
    select(tables.outbox)
    .where(_IS_DUE)
    .order_by(_T.ready_at, _T.id)
    .limit(bindparam("most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_OVER = select(tables.outbox).where(_IS_OVER).order_by(_T.id).with_for_update(skip_locked=True)


def take(
    connection: Connection,
    worker: str,
    channels: Sequence[str],
    others: Asked,
    now: datetime,
    lease: timedelta,
    most: int,
) -> list[Taken]:
    """At most so many rows whose channel is one of these. They were asked about in this transaction, all at once; who
    hands one over looks at its mark again (`changed`)."""
    _settle_lost(connection, now)
    rows = connection.execute(_DUE, {"channels": channels, "now": now, "most": most}).all()
    if not rows:
        return []
    late = "nobody could be reached in time"
    over = [(row, Fate(state=fates.EXPIRED, reason=row.reason or late)) for row in rows if row.expires_at <= now]
    open_ = [row for row in rows if row.expires_at > now]
    marks = others.marks(connection, [row.push for row in open_])  # first: what is said in between is seen later
    answers = others.still_wanted(connection, [(row.push, row.channel) for row in open_], now)
    asked = list(zip(open_, answers, strict=True))
    _become(connection, over + [(row, _refused(row, answer)) for row, answer in asked if answer is not None], now)
    fit = [row for row, answer in asked if answer is None]
    if fit:
        mine = {"ids": [row.id for row in fit], "by": worker, "until": now + lease}
        connection.execute(_TAKE, mine)
    return [_taken(row, marks.get(row.push)) for row in fit]


_TAKE = (
    update(tables.outbox)
    .where(_T.id.in_(bindparam("ids", expanding=True)))
    .values(state=TAKEN, worker=bindparam("by"), leased_until=bindparam("until"), attempts=_T.attempts + 1)
)


def _taken(row: Row[Any], mark: object) -> Taken:
    names = ("id", "push", "channel", "address", "expires_at")
    return Taken(attempt=row.attempts + 1, mark=mark, **{name: getattr(row, name) for name in names})


def _refused(row: Row[Any], answer: str) -> Fate:
    return fates.unwanted(str(answer), _until(answer), row.expires_at)


def _until(answer: str) -> datetime | None:
    found: datetime | None = getattr(answer, "until", None)
    return found


def changed(connection: Connection, taken: Taken, others: Asked, now: datetime) -> Unwanted | None:
    """Asked by who is about to hand a row over: what speaks against it that was said since it was taken."""
    if others.marks(connection, [taken.push]).get(taken.push) == taken.mark:
        return None
    [answer] = others.still_wanted(connection, [(taken.push, taken.channel)], now)
    return None if answer is None else Unwanted(detail=str(answer), until=_until(answer))


def _settle_lost(connection: Connection, now: datetime) -> None:
    rows = connection.execute(_OVER, {"now": now}).all()
    if rows:
        notes = [_note(row.id, row.push, "lost", "the worker's lease is over", now) for row in rows]
        connection.execute(insert(tables.attempts), notes)
        _become(connection, [(row, fates.lost(GUARANTEES[row.channel], now)) for row in rows], now)


def renew(connection: Connection, worker: str, now: datetime, lease: timedelta) -> None:
    """The worker lives."""
    mine = (_T.worker == worker, _T.state == TAKEN)
    connection.execute(update(tables.outbox).where(*mine).values(leased_until=now + lease))


def record(
    connection: Connection, done: Sequence[tuple[Taken, Result]], now: datetime, chance: Callable[[], float]
) -> None:
    """What became of rows that were taken. One that somebody else has settled since, because this worker was held to
    be gone, stays as it is; but where it was in doubt, the doubt ends."""
    # In one order, so that two workers never wait for each other.
    pushes = sorted({taken.push for taken, _ in done})
    connection.execute(_LOCK, {"ids": pushes})
    rows = _held(connection, [taken.id for taken, _ in done])
    notes, fated = [], []
    for taken, result in sorted(done, key=lambda one: one[0].id):
        notes.append(_note(taken.id, taken.push, type(result).__name__.lower(), result.detail, now))
        row = rows.get(taken.id)
        if row is not None and row.attempts == taken.attempt:
            guarantee = GUARANTEES[row.channel]
            fate = fates.after(result, guarantee, row.attempts, now, row.expires_at, chance())
            fated.append((row, fate))
        if isinstance(result, Gone):
            addresses.end(connection, taken.address, addresses.GONE, now)
    connection.execute(insert(tables.attempts), notes)
    _become(connection, fated, now)


def _held(connection: Connection, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """By id, those that wait for a word of their worker."""
    return {row.id: row for row in connection.execute(_HELD, {"ids": ids})}


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_LOCK = select(tables.pushes.c.id).where(tables.pushes.c.id.in_(_IDS)).order_by(tables.pushes.c.id).with_for_update()
_HELD = select(tables.outbox).where(_T.id.in_(_IDS), _T.state.in_((TAKEN, fates.IN_DOUBT)))
_PLACES = select(_T.push, _T.place, _T.state).where(_T.push.in_(_IDS))


_BECOME = (
    update(tables.outbox)
    .where(_T.id == bindparam("of"))
    .values(
        state=bindparam("then"),
        reason=bindparam("why"),
        ready_at=bindparam("ready"),
        done_at=bindparam("done"),
        worker=None,
        leased_until=None,
    )
)


def _become(connection: Connection, fated: Sequence[tuple[Row[Any], Fate]], now: datetime) -> None:
    if not fated:
        return
    connection.execute(_BECOME, [_change(row, fate, now) for row, fate in fated])
    ended = {(row.push, row.place) for row, fate in fated if fate.ready_at is None}
    if ended:
        _go_on(connection, sorted(ended), now)


def _change(row: Row[Any], fate: Fate, now: datetime) -> dict[str, Any]:
    over = fate.ready_at is None
    ready = row.ready_at if fate.ready_at is None else fate.ready_at
    return {"of": row.id, "then": fate.state, "why": fate.reason or None, "ready": ready, "done": now if over else None}


def _go_on(connection: Connection, ended: Sequence[tuple[str, int]], now: datetime) -> None:
    """To the next place, where all of this one have failed for certain; to none, where one was or may be reached."""
    states: dict[str, list[tuple[int, str]]] = {}
    for row in connection.execute(_PLACES, {"ids": sorted({push for push, _ in ended})}):
        states.setdefault(row.push, []).append((row.place, row.state))
    for push, place in ended:
        behind = [there for there, state in states[push] if there > place and state == WAITING]
        then = fates.following([state for there, state in states[push] if there == place])
        if behind and then is not None:
            _move(connection, push, min(behind), then, now)


def _move(connection: Connection, push: str, place: int, then: str, now: datetime) -> None:
    """The rows of a place become due; or, where they are spared, those behind it as well."""
    waiting = (_T.push == push, _T.state == WAITING)
    if then == SPARE:
        connection.execute(update(tables.outbox).where(*waiting).values(state=SPARE, done_at=now))
    else:
        here = update(tables.outbox).where(*waiting, _T.place == place)
        connection.execute(here.values(state=DUE, ready_at=now))


def _note(id_: str, push: str, outcome: str, detail: str, now: datetime) -> dict[str, Any]:
    return {"outbox": id_, "push": push, "at": now, "outcome": outcome, "detail": detail[:500]}


# Of the operators.


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """Rows by channel and state."""
    query = select(_T.channel, _T.state, func.count().label("rows")).group_by(_T.channel, _T.state)
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query.order_by(_T.channel, _T.state)):
        found.setdefault(row.channel, {})[row.state] = row.rows
    return found


def listed(connection: Connection, state: str | None, limit: int) -> Iterator[Row[Any]]:
    """The newest first."""
    query: Select[Any] = select(tables.outbox).order_by(_T.created_at.desc(), _T.id).limit(limit)
    yield from connection.execute(query if state is None else query.where(_T.state == state))


def again(connection: Connection, id_: str, now: datetime) -> str | None:
    """Makes a row due at once; why not, where it may not be: nothing is handed over that may have arrived, unless the
    channel can get it twice."""
    row = connection.execute(select(tables.outbox).where(_T.id == id_)).one_or_none()
    if row is None:
        return "there is no such row; aircue-cloud outbox list shows them"
    if row.state == fates.IN_DOUBT and GUARANTEES[row.channel] == AT_MOST_ONCE:
        return f"it is in doubt: {row.channel} may have it, and gets nothing twice"
    if row.state not in (DUE, *fates.FAILED_FOR_CERTAIN):
        return f"it is {row.state}: only what waits for another try, is gone or was refused can be tried again"
    if row.expires_at <= now:
        return f"it is over since {row.expires_at:%Y-%m-%d %H:%M} UTC"
    connection.execute(update(tables.outbox).where(_T.id == id_).values(state=DUE, ready_at=now, done_at=None))
    return None
