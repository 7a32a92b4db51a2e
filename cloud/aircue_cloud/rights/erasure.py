"""Erasure: what is about somebody goes from every layer, and what the law wants kept is kept under a pseudonym.

The database's rows go in one transaction, the proof with them. The other places (objects, lake, models, logs) are told
through `Place`; each is asked again until it has nothing left, and the proof is written only then.
"""

import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import JSON, Connection, Engine, Text, and_, delete, func, insert, null, select, update

from aircue_cloud import db, tables
from aircue_cloud.layers import lake
from aircue_cloud.rights import forgotten, search
from aircue_cloud.rights import subject as subjects
from aircue_cloud.rights.register import HOLDINGS, Holding, Then
from aircue_cloud.rights.subject import Subject


class Place(Protocol):
    """What holds data beside the database."""

    @property
    def name(self) -> str: ...

    def forget(self, subject: Subject) -> int:
        """Removes what is about them; how much that was. Doing it again changes nothing."""

    def search(self, identifiers: frozenset[str]) -> Iterator[str]:
        """Where one of these still stands."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """removed, kept: rows by table, and what went by place. pseudonym: the name that kept rows bear. left: where an
    identifier was found afterwards; an erasure with any is not complete, and says so."""

    id: str
    at: datetime
    subject: str  # salted hash of the erased name, so that whoever knows it can find their proof
    salt: str
    pseudonym: str
    removed: Mapping[str, int]
    kept: Mapping[str, tuple[int, str]]
    places: Mapping[str, int]
    searched: tuple[str, ...]
    left: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        return not self.left


def erase(engine: Engine, subject: Subject, places: Sequence[Place], asked_by: str, now: datetime) -> Proof:
    """What cannot be removed is told in the proof's `left`."""
    salt, pseudonym = secrets.token_hex(16), f"erased-{secrets.token_hex(6)}"
    with db.writing(engine) as connection:
        removed, kept = _rows(connection, subject, pseudonym)
        forgotten.forget(connection, subject.sites, salt, now)
        version, rows = lake.version(connection)
        lake.advance(connection, version + 1, rows)  # a worker that remembers what went forgets it as well
    told = {place.name: place.forget(subject) for place in places}
    left = _left(engine, subject.identifiers, places)
    proof = Proof(
        id=str(uuid.uuid4()),
        at=now,
        subject=forgotten.hashed(salt, subject.household or min(subject.people)),
        salt=salt,
        pseudonym=pseudonym,
        removed=removed,
        kept=kept,
        places=told,
        searched=("database", *(place.name for place in places)),
        left=tuple(left),
    )
    with db.writing(engine) as connection:
        row = {"id": proof.id, "at": now, "asked_by": asked_by, "proof": as_json(proof)}
        connection.execute(insert(tables.erasures), row)
    return proof


def _rows(connection: Connection, subject: Subject, pseudonym: str) -> tuple[dict[str, int], dict[str, Any]]:
    removed: dict[str, int] = {}
    kept: dict[str, Any] = {}
    _make_pseudonyms(connection, subject, pseudonym)
    for holding in HOLDINGS:
        count = _keep(connection, subject, holding, pseudonym)
        if count:
            kept[holding.table.name] = (count, holding.why)
        name = holding.table.name
        removed[name] = removed.get(name, 0) + _remove(connection, subject, holding)
    return removed, kept


def _make_pseudonyms(connection: Connection, subject: Subject, pseudonym: str) -> None:
    """Rows that kept ones may point to; only where something is kept."""
    if not any(_count_kept(connection, subject, holding) for holding in HOLDINGS):
        return
    connection.execute(insert(tables.households), {"id": pseudonym, "name": ""})
    connection.execute(insert(tables.people), {"id": pseudonym, "household": pseudonym, "name": ""})


def _kept(subject: Subject, holding: Holding) -> Iterator[Any]:
    if holding.tells is not None:
        return
    for condition in subjects.conditions(subject, holding):
        if holding.then is not Then.DELETE:
            yield condition
        elif holding.keep is not None:
            column, values = holding.keep
            yield and_(condition, holding.table.c[column].in_(sorted(values)))


def _count_kept(connection: Connection, subject: Subject, holding: Holding) -> int:
    counts = (select(func.count()).select_from(holding.table).where(one) for one in _kept(subject, holding))
    return sum(connection.execute(query).scalar_one() for query in counts)


def _keep(connection: Connection, subject: Subject, holding: Holding, pseudonym: str) -> int:
    """All people of a household go under one name: who of them it was is nobody's business any more."""
    if holding.tells is not None:
        return _rename(connection, subject, holding, pseudonym) if holding.then is Then.PSEUDONYM else 0
    if holding.then is Then.KEEP:
        return _count_kept(connection, subject, holding)
    values = {holding.column: pseudonym, **_WIPED.get(holding.table.name, {})}
    changes = (update(holding.table).where(one).values(values) for one in _kept(subject, holding))
    return sum(connection.execute(change).rowcount for change in changes)


def _rename(connection: Connection, subject: Subject, holding: Holding, pseudonym: str) -> int:
    """Row by row and column by column: names stand in texts."""
    table, count = holding.table, 0
    texts = [column.name for column in table.columns if isinstance(column.type, Text | JSON)]
    for row in list(subjects.rows(connection, subject, holding)):
        values = {name: search.replaced(row[name], subject.identifiers, pseudonym) for name in texts}
        connection.execute(update(table).where(table.c.id == row["id"]).values(values))
        count += 1
    return count


# What else of a kept row leads to somebody.
_WIPED: Mapping[str, Mapping[str, Any]] = {
    "interactions": {"rating": None, "text": None, "event": None, "referrer": None, "path": None, "dwell_s": None},
    "consents": {"document": null()},
}


def _remove(connection: Connection, subject: Subject, holding: Holding) -> int:
    if holding.tells is not None:
        return _remove_told(connection, subject, holding) if holding.then is Then.DELETE else 0
    if holding.then is Then.KEEP:
        return 0
    conditions = subjects.conditions(subject, holding)
    return sum(connection.execute(delete(holding.table).where(one)).rowcount for one in conditions)


def _remove_told(connection: Connection, subject: Subject, holding: Holding) -> int:
    key = holding.table.c.id
    ids = [row["id"] for row in subjects.rows(connection, subject, holding)]
    for start in range(0, len(ids), 500):
        connection.execute(delete(holding.table).where(key.in_(ids[start : start + 500])))
    return len(ids)


def _left(engine: Engine, identifiers: frozenset[str], places: Sequence[Place]) -> Iterator[str]:
    with db.reading(engine) as connection:
        yield from search.database(connection, identifiers)
    for place in places:
        yield from (f"{place.name}: {where}" for where in place.search(identifiers))


def as_json(proof: Proof) -> dict[str, Any]:
    """As it is stored and shown."""
    return {**asdict(proof), "at": proof.at.isoformat(timespec="seconds"), "complete": proof.complete}
