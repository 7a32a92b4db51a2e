"""Where the rows of an import wait until all of them are known: a private SQLite file that ends with its process.

SQLite makes it for an empty name, in TMPDIR, without a name of its own: however the process ends, nothing is left.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

_TABLES = """
CREATE TABLE rows (line INTEGER PRIMARY KEY, id TEXT NOT NULL, drawn INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE others (room TEXT, id TEXT, content BLOB NOT NULL, PRIMARY KEY (room, id)) WITHOUT ROWID;
CREATE TABLE rejections (line INTEGER PRIMARY KEY, reason TEXT NOT NULL, late INTEGER NOT NULL);
"""
_MANY = 10_000
# Rows of one id in the order of their lines; n counts those of the same id.
_IN_ORDER = "SELECT line, id, drawn, content, row_number() OVER (PARTITION BY id ORDER BY line) AS n FROM rows"


class Staging:
    """rows: (line, id, whether the id was drawn from the content, content). others: rows they refer to, by room."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: list[tuple[int, str, bool, bytes]] = []
        self._others: dict[tuple[str, str], bytes] = {}
        self._rejections: list[tuple[int, str, bool]] = []

    def add(self, line: int, id_: str, content: dict[str, Any], *, drawn: bool) -> None:
        self._rows.append((line, id_, drawn, msgspec.msgpack.encode(content)))
        if len(self._rows) >= _MANY:
            self.flush()

    def refer(self, room: str, row: dict[str, Any]) -> None:
        """A row that must be there before those that were added; the last one of an id holds."""
        self._others[room, row["id"]] = msgspec.msgpack.encode(row)

    def reject(self, line: int, reason: str, *, late: bool = False) -> None:
        """late: for what is there already, which may change."""
        self._rejections.append((line, reason, late))
        if len(self._rejections) >= _MANY:
            self.flush()

    def flush(self) -> None:
        with self._connection as connection:
            connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", self._rows)
            others = [(room, id_, content) for (room, id_), content in self._others.items()]
            connection.executemany("INSERT OR REPLACE INTO others VALUES (?, ?, ?)", others)
            connection.executemany("INSERT OR REPLACE INTO rejections VALUES (?, ?, ?)", self._rejections)
        self._rows.clear()
        self._others.clear()
        self._rejections.clear()

    def rows(self, at_once: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """(line, row with its event's id) by id. An id drawn from content that comes again gets its number."""
        self.flush()
        cursor = self._connection.execute(_IN_ORDER)
        while found := cursor.fetchmany(at_once):
            yield [
                (line, msgspec.msgpack.decode(content) | {"event": f"{id_}-{n}" if drawn and n > 1 else id_})
                for line, id_, drawn, content, n in found
            ]

    def others(self, room: str, at_once: int) -> Iterator[list[dict[str, Any]]]:
        self.flush()
        cursor = self._connection.execute("SELECT content FROM others WHERE room = ? ORDER BY id", (room,))
        while found := cursor.fetchmany(at_once):
            yield [msgspec.msgpack.decode(content) for (content,) in found]

    def forget_late_rejections(self) -> None:
        self.flush()
        with self._connection as connection:
            connection.execute("DELETE FROM rejections WHERE late")

    def coming(self, room: str, ids: Sequence[str]) -> set[str]:
        """Those of the ids that rows of a room bring."""
        asked = sorted(set(ids))
        query = "SELECT id FROM others WHERE room = ? AND id IN (SELECT value FROM json_each(?))"
        return {id_ for (id_,) in self._connection.execute(query, (room, json.dumps(asked)))}

    def rejections(self) -> Iterator[tuple[int, str]]:
        self.flush()
        yield from self._connection.execute("SELECT line, reason FROM rejections ORDER BY line")

    def rejected(self) -> int:
        self.flush()
        count: int = self._connection.execute("SELECT count(*) FROM rejections").fetchone()[0]
        return count


@contextmanager
def private() -> Iterator[sqlite3.Connection]:
    """An SQLite file that only this process sees; safe from nothing, for a crash throws it away anyhow."""
    connection = sqlite3.connect("")
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-32768")
        yield connection
    finally:
        connection.close()


@contextmanager
def opened() -> Iterator[Staging]:
    with private() as connection:
        connection.executescript(_TABLES)
        yield Staging(connection)
