"""The spool: everything the gateway may not forget, in one SQLite file, each change durable before it returns.

    SpoolError
    +-- SpoolUnavailable   the disk is full, read-only or failing: what was not committed is kept and tried again

A file that SQLite cannot read is renamed aside and a new spool begun: the gateway goes on and says so.
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from aircue_gateway import batch, log
from aircue_gateway.alerts import NO_RULES, decode_rules, decode_states, encode_state
from aircue_gateway.batch import Batch, Channel, Group, Loss, Sample, Status
from aircue_gateway.ledger import Count
from aircue_gateway.window import BirthRow, DeadLetter, SampleRow, Stored, StreamKey, StreamRow, Window

FILE_NAME = "spool.sqlite3"
_VERSION = 1
_LARGEST_BATCH = 20_000  # samples
_DEAD_LETTERS_KEPT = 10_000
_FRESH_MS = 60_000  # an urgent batch younger than this goes before those that wait

_SCHEMA = """
BEGIN;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE births (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, node TEXT NOT NULL, installation INTEGER NOT NULL,
    boot INTEGER NOT NULL, channels TEXT NOT NULL
);
CREATE TABLE samples (
    birth INTEGER NOT NULL REFERENCES births, sequence INTEGER NOT NULL, uptime_ms INTEGER NOT NULL,
    measured_at_ms INTEGER NOT NULL, received_at_ms INTEGER NOT NULL, resolved INTEGER NOT NULL,
    vals TEXT NOT NULL, statuses BLOB NOT NULL, PRIMARY KEY (birth, sequence)
) WITHOUT ROWID;
CREATE TABLE streams (
    node TEXT NOT NULL, installation INTEGER NOT NULL, boot INTEGER NOT NULL, ranges TEXT NOT NULL,
    offset_ms INTEGER, known INTEGER NOT NULL, PRIMARY KEY (node, installation, boot)
) WITHOUT ROWID;
CREATE TABLE losses (
    node TEXT NOT NULL, installation INTEGER NOT NULL, boot INTEGER NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, samples INTEGER NOT NULL, place TEXT NOT NULL, sealed INTEGER NOT NULL,
    PRIMARY KEY (node, installation, boot, first, place)
) WITHOUT ROWID;
CREATE TABLE batches (
    sequence INTEGER PRIMARY KEY, sealed_at_ms INTEGER NOT NULL, urgent INTEGER NOT NULL, body BLOB NOT NULL,
    refused TEXT
);
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY, received_at_ms INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE states (need TEXT NOT NULL, node TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (need, node))
    WITHOUT ROWID;
CREATE TABLE retained (topic TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
_BIRTH = "id, site, node, installation, boot, channels"
_LOSS = "node, installation, boot, first, last, samples, place"
_WAITING = """
SELECT birth, site, node, installation, boot, channels,
    sequence, uptime_ms, measured_at_ms, received_at_ms, resolved, vals, statuses
FROM samples JOIN births ON births.id = birth ORDER BY birth, sequence LIMIT ?
"""
_NEXT_BATCH = """
SELECT sequence, body FROM batches WHERE sequence = (
    SELECT sequence FROM batches WHERE refused IS NULL
    ORDER BY urgent AND sealed_at_ms > ? DESC, sequence LIMIT 1
)
"""
_FORGET_DEAD_LETTERS = "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?"
_EMPTY_AGAIN = "starting empty: nodes send again what was never acked; the old file is kept to be looked at"


class SpoolError(Exception):
    """The spool cannot be used; the text says what to do."""


class SpoolUnavailable(SpoolError):
    """This write did not reach the disk; a later one may."""


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A batch ready to go. id: gateway/epoch/sequence."""

    sequence: int
    id: str
    body: bytes


class Spool:
    """Used by one thread at a time. gateway: the name in the ids of its batches."""

    def __init__(self, db: sqlite3.Connection, gateway: str, lock: int) -> None:
        self._db = db
        self._gateway = gateway
        self._lock = lock
        self._epoch = _meta(db, "epoch")

    @classmethod
    def open(cls, folder: Path, gateway: str, now_ms: int) -> "Spool":
        """The spool in a folder, made where there is none. One process at a time."""
        file = folder / FILE_NAME
        lock = _locked(folder)
        try:
            return cls(_connect(file), gateway, lock)
        except sqlite3.OperationalError as error:
            raise SpoolError(f"spool {file}: {error}. Check the folder's owner and the space left") from error
        except sqlite3.DatabaseError as error:
            log.error(
                "spool_set_aside", spool=file, kept_as=_set_aside(file, now_ms), reason=error, remedy=_EMPTY_AGAIN
            )
        spool = cls(_connect(file), gateway, lock)
        with spool._transaction():
            spool._add(Count.SPOOLS_SET_ASIDE, 1)
        return spool

    @property
    def epoch(self) -> str:
        """Eight hexadecimal digits, drawn with the spool."""
        return self._epoch

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def load(self) -> Stored:
        """What the gateway must know to go on where it was."""
        db, rules = self._db, _meta(self._db, "rules")
        return Stored(
            births=tuple(_birth(*row) for row in db.execute(f"SELECT {_BIRTH} FROM births ORDER BY id")),
            streams=dict(_stream(*row) for row in db.execute("SELECT * FROM streams")),
            losses=tuple(_loss(*row) for row in db.execute(f"SELECT {_LOSS} FROM losses")),
            states=decode_states(db.execute("SELECT need, node, state FROM states")),
            retained=dict(db.execute("SELECT topic, payload FROM retained").fetchall()),
            rules=decode_rules(rules) if rules else NO_RULES,
        )

    def commit(self, window: Window) -> None:
        """All of a window or nothing of it, on the disk when this returns."""
        with self._transaction() as db:
            for statement, rows in _statements(window):
                db.executemany(statement, rows)
            if window.dead_letters:
                db.execute(_FORGET_DEAD_LETTERS, (_DEAD_LETTERS_KEPT,))
            for name, count in window.counts.items():
                self._add(name, count)

    def seal(self, now_ms: int, urgent: bool) -> int:
        """Turns all that waits into batches, and says how many."""
        sealed = 0
        while self._seal_one(now_ms, urgent):
            sealed += 1
        return sealed

    def _seal_one(self, now_ms: int, urgent: bool) -> bool:
        with self._transaction() as db:
            rows = db.execute(_WAITING, (_LARGEST_BATCH,)).fetchall()
            losses = tuple(_loss(*row) for row in db.execute(f"SELECT {_LOSS} FROM losses WHERE NOT sealed"))
            if not rows and not losses:
                return False
            sequence = int(_meta(db, "next_batch"))
            sealed = Batch(
                gateway=self._gateway,
                epoch=self._epoch,
                sequence=sequence,
                sealed_at_ms=now_ms,
                groups=tuple(_groups(rows)),
                losses=losses,
            )
            db.execute(
                "INSERT INTO batches VALUES (?, ?, ?, ?, NULL)", (sequence, now_ms, urgent, batch.encode(sealed))
            )
            db.executemany("DELETE FROM samples WHERE birth = ? AND sequence = ?", [(row[0], row[6]) for row in rows])
            db.execute("UPDATE losses SET sealed = 1")
            _set_meta(db, "next_batch", str(sequence + 1))
            self._add(Count.BATCHES_SEALED, 1)
        return True

    def next_batch(self, now_ms: int) -> Sealed | None:
        """The batch to send next: a fresh urgent one first, then in order."""
        row = self._db.execute(_NEXT_BATCH, (now_ms - _FRESH_MS,)).fetchone()
        if row is None:
            return None
        sequence, body = row
        return Sealed(sequence=sequence, id=f"{self._gateway}/{self._epoch}/{sequence}", body=body)

    def delivered(self, sequence: int) -> None:
        """The cloud has this batch."""
        with self._transaction() as db:
            db.execute("DELETE FROM batches WHERE sequence = ?", (sequence,))
            self._add(Count.BATCHES_DELIVERED, 1)

    def refused(self, sequence: int, detail: str) -> None:
        """The cloud will never take this batch: it is kept, and not sent again."""
        with self._transaction() as db:
            db.execute("UPDATE batches SET refused = ? WHERE sequence = ?", (detail, sequence))
            self._add(Count.BATCHES_REFUSED, 1)

    def put_rules(self, document: str) -> None:
        """The rules to run from now on, as the cloud sent them."""
        with self._transaction() as db:
            _set_meta(db, "rules", document)

    def _add(self, name: Count, count: int) -> None:
        self._db.execute(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
            (name, count),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back()
            raise SpoolUnavailable(f"{error}: check the space left on the disk and its health") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def read_only(folder: Path) -> sqlite3.Connection:
    """For looking at a spool that a running gateway may be using."""
    file = folder / FILE_NAME
    if not file.exists():
        raise SpoolError(f"spool {file} does not exist: has the gateway run with this configuration?")
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def _locked(folder: Path) -> int:
    """A lock that the system releases when this process ends, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SpoolError(f"spool folder {folder}: {error.strerror}. Check data_dir and its owner") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SpoolError(f"spool folder {folder} is used by another gateway: stop that one first") from error
    return lock


def _connect(file: Path) -> sqlite3.Connection:
    """A connection to a sound spool; DatabaseError where the file is none."""
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    try:
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1")
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        _check_version(db, file)
    except BaseException:
        db.close()
        raise
    return db


def _check_version(db: sqlite3.Connection, file: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.executescript(_SCHEMA + _first_meta() + f"PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise SpoolError(
            f"spool {file} has version {version}, this gateway reads {_VERSION}: run the one that wrote it"
        )


def _first_meta() -> str:
    """The epoch is drawn once a spool, so that no later spool repeats the ids of its batches."""
    return f"INSERT INTO meta VALUES ('epoch', '{secrets.token_hex(4)}'), ('next_batch', '1'), ('rules', '');"


def _set_aside(file: Path, now_ms: int) -> Path:
    aside = file.with_name(f"{file.name}.broken-{now_ms}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _meta(db: sqlite3.Connection, name: str) -> str:
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise sqlite3.DatabaseError(f"meta has no {name}")
    return str(row[0])


def _set_meta(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))


def _statements(window: Window) -> list[tuple[str, Iterable[tuple[Any, ...]]]]:
    return [
        ("INSERT INTO births VALUES (?, ?, ?, ?, ?, ?)", map(_birth_values, window.births)),
        ("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_sample_values, window.samples)),
        ("REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?)", map(_stream_values, window.streams.items())),
        ("REPLACE INTO losses VALUES (?, ?, ?, ?, ?, ?, ?, 0)", map(_loss_values, window.losses)),
        ("REPLACE INTO states VALUES (?, ?, ?)", [(*key, encode_state(one)) for key, one in window.states.items()]),
        ("REPLACE INTO retained VALUES (?, ?)", window.retained.items()),
        ("INSERT INTO dead_letters VALUES (NULL, ?, ?, ?, ?)", map(_letter_values, window.dead_letters)),
    ]


def _birth_values(row: BirthRow) -> tuple[Any, ...]:
    channels = json.dumps([[channel.quantity, channel.unit, channel.scale] for channel in row.channels])
    return row.id, row.site, row.node, row.installation, row.boot, channels


def _birth(ident: int, site: str, node: str, installation: int, boot: int, channels: str) -> BirthRow:
    return BirthRow(
        id=ident, site=site, node=node, installation=installation, boot=boot, channels=tuple(_channels(channels))
    )


def _channels(text: str) -> Iterator[Channel]:
    for quantity, unit, scale in json.loads(text):
        yield Channel(quantity=quantity, unit=unit, scale=scale)


def _sample_values(row: SampleRow) -> tuple[Any, ...]:
    return (*row[:6], json.dumps(row.values), bytes(row.statuses))


def _stream_values(item: tuple[StreamKey, StreamRow]) -> tuple[Any, ...]:
    key, row = item
    return (*key, json.dumps(row.ranges), row.offset_ms, row.known)


def _stream(
    node: str, installation: int, boot: int, ranges: str, offset_ms: int | None, known: int
) -> tuple[StreamKey, StreamRow]:
    pairs = tuple((first, last) for first, last in json.loads(ranges))
    return (node, installation, boot), StreamRow(ranges=pairs, offset_ms=offset_ms, known=bool(known))


def _loss_values(loss: Loss) -> tuple[Any, ...]:
    return loss.node, loss.installation, loss.boot, loss.first, loss.last, loss.samples, loss.where


def _loss(node: str, installation: int, boot: int, first: int, last: int, samples: int, place: str) -> Loss:
    return Loss(node=node, installation=installation, boot=boot, first=first, last=last, samples=samples, where=place)


def _letter_values(letter: DeadLetter) -> tuple[Any, ...]:
    return letter.received_at_ms, letter.topic, letter.reason, letter.payload


def _groups(rows: list[tuple[Any, ...]]) -> Iterator[Group]:
    """Rows of _WAITING, one group a birth."""
    for (_, site, node, installation, boot, channels), members in groupby(rows, key=lambda row: row[:6]):
        samples = tuple(_sample(*row[6:]) for row in members)
        yield Group(
            site=site,
            node=node,
            installation=installation,
            boot=boot,
            channels=tuple(_channels(channels)),
            samples=samples,
        )


def _sample(
    sequence: int, uptime_ms: int, measured_at_ms: int, received_at_ms: int, resolved: int, values: str, statuses: bytes
) -> Sample:
    return Sample(
        sequence=sequence,
        uptime_ms=uptime_ms,
        measured_at_ms=measured_at_ms,
        received_at_ms=received_at_ms,
        clock="gateway" if resolved else "node",
        values=tuple(json.loads(values)),
        statuses=tuple(map(Status, statuses)),
    )
