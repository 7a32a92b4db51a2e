"""Takes over a spool of version 1, one SQLite file, at the first start with segments. Nothing of it is lost.

The file gets another name once all of it is in the segments; until then each start begins anew.
"""

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aircue_gateway import log
from aircue_gateway.alerts import decode_states
from aircue_gateway.batch import BatchError, Channel, Loss, Status, decode
from aircue_gateway.ledger import Count
from aircue_gateway.spool.book import Book
from aircue_gateway.spool.disk import Disk, SpoolError, told, write_whole
from aircue_gateway.spool.recovery import Unreadable, recover
from aircue_gateway.spool.segments import SPARE, UNFINISHED, file_name, segments
from aircue_gateway.spool.store import Store, refused_name
from aircue_gateway.window import BirthRow, DeadLetter, SampleRow, StreamKey, StreamRow, Window

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

FILE_NAME = "spool.sqlite3"
_VERSION = 1
_AT_ONCE = 1000  # rows
_UNFINISHED = "unfinished"
_LOSS = "node, installation, boot, first, last, samples, place"


def clear_unfinished(folder: Path, disk: Disk) -> None:
    """Removes the segments of a take-over that did not end."""
    if not (folder / FILE_NAME).exists():
        return
    try:
        found = recover(disk)
    except Unreadable:
        return
    if found is not None and found.book.imported_from == _UNFINISHED:
        names = [file_name(number) for number in segments(disk)] + [SPARE, UNFINISHED]
        for name in [one for one in names if one in disk.names()]:
            disk.remove(name)
        disk.sync_names()


def take_over(folder: Path, store: Store, now_ms: int) -> None:
    """Everything in the file of version 1, where there is one. SpoolError where it is of another version, or came
    beside a newer spool."""
    file = folder / FILE_NAME
    if not file.exists():
        return
    import sqlite3  # a megabyte, for once in a gateway's life

    try:
        db = _opened(file)
        try:
            if store.book.imported_from != _epoch(db):
                _check_alone(folder, store)
                _import(db, store)
        finally:
            db.close()
    except sqlite3.OperationalError as error:
        raise SpoolError(f"spool {file}: {error}. Check the folder's owner and the space left") from error
    except sqlite3.DatabaseError as error:
        kept = _rename(file, f"{FILE_NAME}.broken-{now_ms}")
        log.error("spool_set_aside", spool=file, kept_as=kept, reason=error, remedy=_EMPTY)
        store.note(damaged=store.book.epoch)
        return
    log.event("spool_taken_over", spool=file, kept_as=_rename(file, f"{FILE_NAME}.imported"))


_EMPTY = "starting empty: nodes send again what was never acked; the old file is kept to be looked at"


def _opened(file: Path) -> "sqlite3.Connection":
    import sqlite3

    db = sqlite3.connect(file)
    try:
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        version = db.execute("PRAGMA user_version").fetchone()[0]
    except BaseException:
        db.close()
        raise
    if version != _VERSION:
        db.close()
        raise SpoolError(f"spool {file} has version {version}, this gateway takes over {_VERSION}")
    return db


def _epoch(db: "sqlite3.Connection") -> str:
    return _meta(db)["epoch"]


def _meta(db: "sqlite3.Connection") -> dict[str, str]:
    return dict(db.execute("SELECT name, value FROM meta"))


def _check_alone(folder: Path, store: Store) -> None:
    if store.log.sizes:
        raise SpoolError(
            f"{folder} holds a spool of version 1 ({FILE_NAME}) beside a newer one that did not come of it: "
            "move one of the two to another folder"
        )


def _import(db: "sqlite3.Connection", store: Store) -> None:
    """What the book knows is in the first checkpoint, with the mark that more is to come."""
    meta, book = _meta(db), store.book
    _fill(db, book)
    book.epoch, book.rules, book.imported_from = meta["epoch"], meta["rules"], _UNFINISHED
    for row in db.execute("SELECT sequence, sealed_at_ms, urgent, body, refused FROM batches ORDER BY sequence"):
        _batch(store, *row)
    for samples in _some(map(_sample, db.execute("SELECT * FROM samples ORDER BY birth, sequence"))):
        store.commit(Window(samples=samples))
    letters = db.execute("SELECT received_at_ms, topic, reason, payload FROM dead_letters ORDER BY id")
    for some in _some(_letter(*row) for row in letters):
        store.commit(Window(dead_letters=some))
    store.note(imported=[meta["epoch"], int(meta["next_batch"])])


def _fill(db: "sqlite3.Connection", book: Book) -> None:
    for row in db.execute("SELECT id, site, node, installation, boot, channels FROM births"):
        birth = _birth(*row)
        book.births[birth.id] = birth
    book.streams.update(_stream(*row) for row in db.execute("SELECT * FROM streams"))
    for *fields, sealed in db.execute(f"SELECT {_LOSS}, sealed FROM losses"):
        book.learn([_loss(*fields)], told=bool(sealed))
    book.states.update(decode_states(db.execute("SELECT need, node, state FROM states")))
    book.retained.update(db.execute("SELECT topic, payload FROM retained").fetchall())
    book.counters.update(dict(db.execute("SELECT name, count FROM counters").fetchall()))
    waiting, refused = db.execute("SELECT count(*), count(refused) FROM batches").fetchone()
    book.counters[Count.BATCHES_SEALED] -= waiting  # they are counted again as they come
    book.counters[Count.BATCHES_REFUSED] -= refused
    first = db.execute("SELECT min(id) FROM dead_letters").fetchone()[0] or 1
    book.letters = book.letters._replace(next_id=first, first_id=first, oldest_id=first)


def _batch(store: Store, sequence: int, sealed_at_ms: int, urgent: int, body: bytes, refused: str | None) -> None:
    header = {
        "q": sequence,
        "at": sealed_at_ms,
        "u": bool(urgent),
        "o": True,
        "lv": 0,
        "n": _samples_in(body),
        "w": 0,
        "v": 0,
        "to": None,
        "since": None,
        "k": 0,
    }
    store.seal(header, body)
    if refused is not None:
        name = refused_name(store.book.epoch, sequence)
        with told(f"refused batch {name}"):
            write_whole(store.disk, name, body)
        store.note(refused=[sequence, name, len(body), refused])


def _samples_in(body: bytes) -> int:
    try:
        return sum(len(group.samples) for group in decode(body).groups)
    except BatchError:
        return 0


def _some(rows: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(rows, _AT_ONCE)):
        yield chunk


def _birth(ident: int, site: str, node: str, installation: int, boot: int, channels: str) -> BirthRow:
    named = tuple(Channel(quantity=quantity, unit=unit, scale=scale) for quantity, unit, scale in json.loads(channels))
    return BirthRow(id=ident, site=site, node=node, installation=installation, boot=boot, channels=named)


def _sample(row: tuple[Any, ...]) -> SampleRow:
    birth, sequence, uptime_ms, measured_at_ms, received_at_ms, resolved, values, statuses = row
    times = (uptime_ms, measured_at_ms, received_at_ms)
    return SampleRow(birth, sequence, *times, bool(resolved), tuple(json.loads(values)), tuple(map(Status, statuses)))


def _stream(
    node: str, installation: int, boot: int, ranges: str, offset_ms: int | None, known: int
) -> tuple[StreamKey, StreamRow]:
    pairs = tuple((first, last) for first, last in json.loads(ranges))
    return (node, installation, boot), StreamRow(ranges=pairs, offset_ms=offset_ms, known=bool(known))


def _loss(node: str, installation: int, boot: int, first: int, last: int, samples: int, where: str) -> Loss:
    return Loss(node=node, installation=installation, boot=boot, first=first, last=last, samples=samples, where=where)


def _letter(received_at_ms: int, topic: str, reason: str, payload: bytes) -> DeadLetter:
    return DeadLetter(received_at_ms=received_at_ms, topic=topic, reason=reason, payload=payload)


def _rename(file: Path, name: str) -> Path:
    for suffix in ("-wal", "-shm", ""):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.rename(file.with_name(name + suffix))
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return file.with_name(name)
