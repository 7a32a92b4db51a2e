"""The lake: readings in Parquet files, found through the catalogue in the database, queried with DuckDB.

A file counts only once its row in the catalogue is committed. Readers take the list of files within one transaction, so
each sees one state; a file that was merged away stays for a while, for those who began before.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import ColumnElement, Connection, select

from aircue_cloud import db, tables
from aircue_cloud.layers import parquet
from aircue_cloud.objects import ObjectStore

_F = tables.lake_files.c
_R = tables.revisions.c
_KEY = ("node", "installation", "boot", "sequence", "quantity")
BESIDE, AWAITED, FOLDED = "beside", "awaited", "folded"

_COLUMNS = ", ".join(f"files.{name}" for name in parquet.SCHEMA.names if name != "flag")
_PLAIN = f"SELECT {_COLUMNS}, files.flag FROM files"
_REVISED = (
    f"SELECT {_COLUMNS}, if(files.flag = 'FUTURE', files.flag, coalesce(beside.flag, files.flag)) AS flag "
    f"FROM files LEFT JOIN beside USING ({', '.join(_KEY)})"
)
# What people ask: exact times and decimals.
_READINGS = """
CREATE TEMP VIEW readings AS SELECT id, site, node, installation, boot, sequence, quantity, value / scale AS value,
    unit, flag, clock, make_timestamp_ms(measured_at) AS measured_at, make_timestamp_ms(measured_at + received_after) AS
    received_at, make_timestamp_ms(ingested_at) AS ingested_at, batch, value AS raw, scale FROM lake
"""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which files may hold what is asked for; None: no bound. Milliseconds since the epoch."""

    first_ms: int | None = None
    last_ms: int | None = None
    after_id: int | None = None


EVERYTHING = Span()


class Superseded(Exception):
    """Somebody else has written to the lake since this began; begin again."""


class Lake:
    def __init__(self, objects: ObjectStore, threads: int = 2) -> None:
        self.objects = objects
        self._duckdb = duckdb.connect(":memory:", config={"threads": threads})
        self._copies: dict[str, Path] = {}
        self._folder: Path | None = None
        self._lock = Lock()

    @contextmanager
    def open(
        self,
        connection: Connection,
        span: Span = EVERYTHING,
        beside: Mapping[str, pa.Table] | None = None,
        *,
        alone: bool = False,
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB with the views `lake` (as stored) and `readings` (as people ask), over what the connection's
        transaction sees. beside: tables of the caller. alone: for questions of others, which no file but the lake's
        may answer."""
        paths = self.paths(keys(connection, span))
        with self._shut(paths) if alone else self._duckdb.cursor() as found:
            for name, content in (beside or {}).items():
                found.register(name, content)
            _views(found, paths, _beside(connection))
            yield found

    def _shut(self, paths: list[str]) -> duckdb.DuckDBPyConnection:
        found = duckdb.connect(":memory:")
        found.execute(f"SET allowed_paths = [{', '.join(map(_quoted, paths))}]")
        found.execute("SET enable_external_access = false")
        found.execute("SET lock_configuration = true")
        return found

    def paths(self, found: Sequence[str]) -> list[str]:
        """Where these objects lie on this machine; what lies elsewhere is fetched once."""
        local = getattr(self.objects, "local", None)
        return [str(self._copy(key) if local is None else local(key)) for key in found]

    def _copy(self, key: str) -> Path:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="aircue-lake-"))
                weakref.finalize(self, shutil.rmtree, self._folder)
            path = self._folder / key.replace("/", "~")
            if key not in self._copies:
                path.write_bytes(self.objects.get(key))
                self._copies[key] = path
        return path

    def sites(self, key: str) -> frozenset[str]:
        """Whose readings a file holds."""
        column = pq.read_table(self.paths([key])[0], columns=["site"])["site"]
        return frozenset(pc.unique(column).to_pylist())

    def forget(self, key: str) -> None:
        """Removes an object that the catalogue does not name any more."""
        self.objects.remove(key)
        with self._lock:
            copy = self._copies.pop(key, None)
            if copy is not None:
                copy.unlink()


def asked(opened: duckdb.DuckDBPyConnection, query: str, named: Mapping[str, Any] | None = None) -> pa.Table:
    """The answer as columns."""
    found: pa.Table = opened.sql(query, params=dict(named or {})).to_arrow_table()
    return found


def keys(connection: Connection, span: Span) -> list[str]:
    conditions: list[ColumnElement[bool]] = [_F.removed_at.is_(None)]
    if span.first_ms is not None:
        conditions.append(_F.last_measured >= db.from_ms(span.first_ms))
    if span.last_ms is not None:
        conditions.append(_F.first_measured <= db.from_ms(span.last_ms))
    if span.after_id is not None:
        conditions.append(_F.last_id > span.after_id)
    query = select(_F.object_key).where(*conditions).order_by(_F.last_id.desc(), _F.object_key)
    return list(connection.execute(query).scalars())


def _beside(connection: Connection) -> pa.Table | None:
    """Flags that differ from what the files say; None for none."""
    query = select(*(_R[name] for name in _KEY), _R.flag).where(_R.place == BESIDE)
    rows = connection.execute(query).all()
    if not rows:
        return None
    columns = list(zip(*rows, strict=True))
    return pa.table(dict(zip((*_KEY, "flag"), (pa.array(column) for column in columns), strict=True)))


def _views(found: duckdb.DuckDBPyConnection, paths: list[str], beside: pa.Table | None) -> None:
    if paths:
        found.execute(f"CREATE TEMP VIEW files AS SELECT * FROM read_parquet([{', '.join(map(_quoted, paths))}])")
    else:
        found.register("files", parquet.SCHEMA.empty_table())
    if beside is not None:
        found.register("beside", beside)
    found.execute(f"CREATE TEMP VIEW lake AS {_PLAIN if beside is None else _REVISED}")
    found.execute(_READINGS)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"


def version(connection: Connection) -> tuple[int, int]:
    """Which state of the lake this is, and how many ids it has given."""
    row = connection.execute(select(tables.lake.c.version, tables.lake.c.rows)).one_or_none()
    return (0, 0) if row is None else (row.version, row.rows)


def advance(connection: Connection, new_version: int, rows: int) -> None:
    row = {"one": 1, "version": new_version, "rows": rows}
    connection.execute(db.insert_or_update(connection, tables.lake, ("version", "rows")), [row])


def file_row(content: pa.Table, key: str, size: int, day: int, now: Any, merged: int = 0) -> dict[str, Any]:
    """The catalogue's row for a file."""
    measured, ids = content["measured_at"].to_numpy(), content["id"].to_numpy()
    return {
        "object_key": key,
        "day": day,
        "rows": len(content),
        "bytes": size,
        "first_id": int(ids.min()),
        "last_id": int(ids.max()),
        "first_measured": db.from_ms(int(measured.min())),
        "last_measured": db.from_ms(int(measured.max())),
        "merged": merged,
        "added_at": now,
    }
