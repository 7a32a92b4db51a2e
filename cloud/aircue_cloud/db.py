"""The database: how to open it, read it and write to it. SQLite by default, PostgreSQL by its URL."""

import hashlib
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, partial
from threading import Lock
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateSchema

from aircue_cloud import migrations
from aircue_cloud.errors import SettingsError
from aircue_cloud.tables.columns import aware, from_ms, to_ms

__all__ = [
    "aware",
    "from_ms",
    "insert_absent",
    "insert_or_add",
    "insert_or_merge",
    "insert_or_update",
    "open_database",
    "reading",
    "schema",
    "snapshot",
    "sqlite_url",
    "store_of",
    "to_ms",
    "writing",
    "writing_on",
]

BUSY_TIMEOUT_MS = 30_000
_KEPT_OPEN = 16  # connections: one that is opened for a request costs more than the request
_MORE_FOR_A_WHILE = 16
MAIN = "main"  # the store that is there from the start
SCHEMA_PREFIX = "store_"


def open_database(url: str, store: str = MAIN) -> Engine:
    """An engine with all tables of a store in place.

    SettingsError where there is no driver, no such database, or one of a newer version.
    """
    try:
        return _ready(_engine(url, store))
    except ModuleNotFoundError as error:
        remedy = "install psycopg and begin database_url with postgresql+psycopg://"
        raise SettingsError(f"database driver {error.name} is not installed: {remedy}") from error
    except OperationalError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        raise SettingsError(f"database {shown} cannot be opened: {error.orig}; check database_url, data_dir") from error


def _ready(engine: Engine) -> Engine:
    try:
        _upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _upgrade(engine: Engine) -> None:
    """Under the write lock, so that of two programs that start at once the second finds it done."""
    with reading(engine) as connection:
        if migrations.is_current(connection):
            return
    with writing(engine) as connection:
        if not migrations.is_current(connection):
            _make_schema(connection)
            migrations.upgrade(connection)


def _engine(url: str, store: str) -> Engine:
    """Its connections know whose they are, and its writers take turns."""
    options: dict[str, Any] = {} if _is_memory(url) else {"pool_size": _KEPT_OPEN, "max_overflow": _MORE_FOR_A_WHILE}
    engine = create_engine(url, execution_options={"store": store, "turn": Lock()}, **options)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", partial(_enter_schema, store), insert=True)
    return engine


def _is_memory(url: str) -> bool:
    """A database of SQLite's that lives in its one connection."""
    return make_url(url).database in (None, "", ":memory:") and make_url(url).get_backend_name() == "sqlite"


def store_of(connection: Connection) -> str:
    """The store whose database this is."""
    found: str = connection.get_execution_options()["store"]
    return found


def schema(store: str) -> str:
    """What PostgreSQL keeps a store's tables in."""
    return f"{SCHEMA_PREFIX}{store}"


def _enter_schema(store: str, connection: Any, _record: object) -> None:
    """No other schema is on the path, so that no query reaches another store's tables."""
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'SET SESSION search_path TO "{schema(store)}"')
    connection.autocommit = False


def _make_schema(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(CreateSchema(schema(store_of(connection)), if_not_exists=True))


def sqlite_url(path: str) -> str:
    return str(make_url("sqlite://").set(database=path))


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # this module says BEGIN itself, see _begin_sqlite
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the write lock at once: one that reads first and writes later could only fail."""
    immediate = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: all of it, or nothing. Writers wait for each other; none may wait for itself."""
    with _turn(engine), engine.connect().execution_options(writing=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_TURN, _store_number(connection))))
        yield connection


@contextmanager
def writing_on(connection: Connection) -> Iterator[None]:
    """As writing, on a connection that is there already: the temporary tables that it alone sees are at hand."""
    with _turn(connection.engine):
        connection.execution_options(writing=True)
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    turn = func.pg_advisory_xact_lock(_POSTGRESQL_TURN, _store_number(connection))
                    connection.execute(select(turn))
                yield
        finally:
            connection.execution_options(writing=False)


# With the store's, the number of the advisory lock that PostgreSQL's writers take in turn; SQLite has one writer at a
# time by itself.
_POSTGRESQL_TURN = 0x41495243


def _store_number(connection: Connection) -> int:
    return int.from_bytes(hashlib.sha256(store_of(connection).encode()).digest()[:4], signed=True)


def _turn(engine: Engine) -> AbstractContextManager[object]:
    """SQLite's own waiting is by sleeping and asking again, which costs half the speed; it is left to other
    processes."""
    turn: Lock = engine.get_execution_options()["turn"]
    return turn if engine.dialect.name == "sqlite" else nullcontext()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the database."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """The database as of one moment, however long it is read; writers go on."""
    level = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**level) as connection, connection.begin():
        yield connection


_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_absent(connection: Connection, table: Table) -> sqlite.Insert:
    """An insert that leaves rows alone whose key is there already; its rowcount is the number of rows that were new."""
    return _insert(connection.dialect.name, table).on_conflict_do_nothing()


def insert_or_update(connection: Connection, table: Table, changing: Sequence[str]) -> sqlite.Insert:
    """An insert that, where the primary key is there already, takes over the columns named in changing."""
    return _insert_or_update(connection.dialect.name, table, tuple(changing))


@cache  # SQLAlchemy builds such a statement slowly
def _insert_or_update(dialect: str, table: Table, changing: tuple[str, ...]) -> sqlite.Insert:
    insert = _insert(dialect, table)
    return insert.on_conflict_do_update(
        index_elements=_key(table), set_={name: insert.excluded[name] for name in changing}
    )


def insert_or_add(connection: Connection, table: Table, column: str) -> sqlite.Insert:
    """An insert that, where the primary key is there already, adds to the number in column."""
    return _insert_or_add(connection.dialect.name, table, column)


@cache
def _insert_or_add(dialect: str, table: Table, column: str) -> sqlite.Insert:
    insert = _insert(dialect, table)
    return insert.on_conflict_do_update(
        index_elements=_key(table), set_={column: table.c[column] + insert.excluded[column]}
    )


def insert_or_merge(connection: Connection, table: Table, columns: Mapping[str, str]) -> sqlite.Insert:
    """An insert that, where the primary key is there already, puts two numbers together: add, min, max."""
    return _insert_or_merge(connection.dialect.name, table, tuple(columns.items()))


@cache
def _insert_or_merge(dialect: str, table: Table, columns: tuple[tuple[str, str], ...]) -> sqlite.Insert:
    insert = _insert(dialect, table)
    together = {name: _TOGETHER[how](dialect)(table.c[name], insert.excluded[name]) for name, how in columns}
    return insert.on_conflict_do_update(index_elements=_key(table), set_=together)


# SQLite's own min and max take two numbers; PostgreSQL calls them least and greatest.
_TOGETHER: Mapping[str, Callable[[str], Callable[[Any, Any], Any]]] = {
    "add": lambda _: operator.add,
    "min": lambda dialect: func.min if dialect == "sqlite" else func.least,
    "max": lambda dialect: func.max if dialect == "sqlite" else func.greatest,
}


def _insert(dialect: str, table: Table) -> sqlite.Insert:
    """Both dialects' inserts know the same on_conflict methods, though SQLAlchemy gives them no common type.

    psycopg forgets how many rows were new unless it is asked to keep the count.
    """
    return cast(sqlite.Insert, _INSERTS[dialect](table)).execution_options(preserve_rowcount=True)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]
