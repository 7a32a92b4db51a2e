"""The database: every table, and how to open it. SQLite by default, PostgreSQL by its URL.

Instants are aware UTC datetimes in Python and whole milliseconds since the epoch in the database (type Moment).
Ids that are names stay text; ids drawn by us are UUIDs as text. Money is an integer of minor units.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import cache
from threading import Lock
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeDecorator

from aircue_cloud.errors import SettingsError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUSY_TIMEOUT_MS = 30_000
_MILLISECOND = timedelta(milliseconds=1)

metadata = MetaData()


def to_ms(at: datetime) -> int:
    """Whole milliseconds since the epoch of an aware datetime."""
    return (at - EPOCH) // _MILLISECOND


def from_ms(ms: int) -> datetime:
    return EPOCH + ms * _MILLISECOND


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as milliseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else from_ms(value)


def _row_id() -> Column[int]:
    """A number that grows with every row, so that a reader may ask for what came after one it has seen."""
    return Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)


# Who sends, and whose home it is.

gateways = Table(
    "gateways",
    metadata,
    Column("name", Text, primary_key=True),
    Column("key_hash", Text, nullable=False, unique=True),  # SHA-256 of a key with 256 random bits, hex
    Column("added_at", Moment, nullable=False),
)

households = Table(
    "households",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id")),  # null until somebody links the site
    Column("tz", Text, nullable=False, default="UTC"),
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
)

# Append-only; of the rows of one (household, purpose, data_category, channel) the latest is what holds.
consents = Table(
    "consents",
    metadata,
    _row_id(),
    Column("household", Text, ForeignKey("households.id"), nullable=False, index=True),
    Column("purpose", Text, nullable=False),
    Column("data_category", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("receipt", Text, nullable=False, unique=True),
)

# The base layer's index, and what came out of each batch.

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),  # gateway/epoch/sequence
    Column("gateway", Text, ForeignKey("gateways.name"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("sealed_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("readings", Integer, nullable=False),  # stored from this batch
    Column("duplicates", Integer, nullable=False),  # kept out, because their key was stored before
    Column("deliveries", Integer, nullable=False, default=1),
    Column("object_key", Text, nullable=False),
)

# What each batch says about the values that are no rows in readings.
tallies = Table(
    "tallies",
    metadata,
    Column("batch", Text, ForeignKey("batches.id"), primary_key=True),
    Column("site", Text, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("gaps", Integer, nullable=False),
    Column("suppressed", Integer, nullable=False),
)

refused = Table(
    "refused",
    metadata,
    Column("object_key", Text, primary_key=True),
    Column("gateway", Text, ForeignKey("gateways.name"), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("deliveries", Integer, nullable=False, default=1),
)

# The middle layer. A reading's exact value is value / scale, in unit; flag is the name of its batch status.
readings = Table(
    "readings",
    metadata,
    _row_id(),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("node", Text, nullable=False),
    Column("installation", BigInteger, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("scale", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("clock", Text, nullable=False),
    Column("measured_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("ingested_at", Moment, nullable=False),
    Column("batch", Text, ForeignKey("batches.id"), nullable=False),
    UniqueConstraint("node", "installation", "boot", "sequence", "quantity", name="reading_key"),
    Index("reading_course", "site", "node", "quantity", "measured_at"),
)

# What gateways said later about the flags of readings, which may come before the reading itself.
revisions = Table(
    "revisions",
    metadata,
    Column("node", Text, primary_key=True),
    Column("installation", BigInteger, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("flag", Text, nullable=False),
    Column("sealed_at", Moment, nullable=False),  # of the batch that said it: the latest holds
)

# The latest reading of each quantity of each node, by measured_at.
node_state = Table(
    "node_state",
    metadata,
    Column("site", Text, ForeignKey("sites.id"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("quantity", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("scale", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("flag", Text, nullable=False),
    Column("measured_at", Moment, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
)

# Samples that nodes or gateways say they dropped: ranges that do not overlap within one (node, installation, boot).
losses = Table(
    "losses",
    metadata,
    Column("node", Text, primary_key=True),
    Column("installation", BigInteger, primary_key=True),
    Column("boot", BigInteger, primary_key=True),
    Column("where", Text, primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    Column("samples", BigInteger, nullable=False),
)

# The application layer: episodes, and where each need stands on each node.

rule_states = Table(
    "rule_states",
    metadata,
    Column("need", Text, primary_key=True),
    Column("site", Text, ForeignKey("sites.id"), primary_key=True),
    Column("node", Text, primary_key=True),
    Column("rule", Text, nullable=False),  # the rule's own version: another one makes the course be run again
    Column("state", JSON, nullable=False),
)

episodes = Table(
    "episodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("need", Text, nullable=False),
    Column("site", Text, ForeignKey("sites.id"), nullable=False),
    Column("node", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("started_at", Moment, nullable=False),  # first reading past the threshold
    Column("confirmed_at", Moment, nullable=False),  # the reading that completed the dwell
    Column("confirmed_installation", BigInteger, nullable=False),
    Column("confirmed_boot", BigInteger, nullable=False),
    Column("confirmed_sequence", BigInteger, nullable=False),
    Column("ended_at", Moment),
    Column("peak", Float, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False, default=False),  # readings that came late say it never was
    Index("episode_course", "need", "site", "node", "started_at"),
)

# The shop.

products = Table(
    "products",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", Text, nullable=False, index=True),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),  # ISO 4217
    Column("stock", Integer, nullable=False),
    Column("description", Text, nullable=False, default=""),
    Column("attributes", JSON, nullable=False, default=dict),
)

interactions = Table(
    "interactions",
    metadata,
    _row_id(),
    Column("person", Text, ForeignKey("people.id"), nullable=False),
    Column("product", Text, ForeignKey("products.id"), nullable=False),
    Column("kind", Text, nullable=False),  # view, click, cart, favourite, purchase, return, rating ...
    Column("weight", Float, nullable=False),  # confidence that the person likes the product, 0 or more
    Column("rating", Integer),  # 0..5
    Column("text", Text),
    Column("at", Moment, nullable=False),
    Column("pushed", Boolean, nullable=False, default=False),  # it followed from a push of ours
    Index("interaction_person", "person", "kind"),
    Index("interaction_product", "product", "at"),
)

# Whether to push, and what was pushed.

decisions = Table(
    "decisions",
    metadata,
    _row_id(),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False, index=True),
    Column("household", Text, ForeignKey("households.id")),  # null where the site is linked to none
    Column("need", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),  # send or suppress
    Column("reason", Text, nullable=False),
    Column("trace", JSON, nullable=False),
)

pushes = Table(
    "pushes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("households.id"), nullable=False),
    Column("person", Text, ForeignKey("people.id")),  # null: to the household as a whole
    Column("need", Text, nullable=False),
    Column("episode", Text, ForeignKey("episodes.id"), nullable=False),
    Column("product", Text, ForeignKey("products.id"), nullable=False),
    Column("category", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trigger", JSON, nullable=False),  # key and time of the reading that completed the dwell
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("household", "need", "episode", name="push_key"),
    Index("push_household", "household", "created_at"),
)

# What people and the console follow.

feed = Table(
    "feed",
    metadata,
    _row_id(),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),  # node, episode, decision, push
    Column("text", Text, nullable=False),
    Column("fields", JSON, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)


def open_database(url: str) -> Engine:
    """An engine with all tables in place; SettingsError where there is no driver or no such database."""
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        metadata.create_all(engine)
    except ModuleNotFoundError as error:
        remedy = "install psycopg and begin database_url with postgresql+psycopg://"
        raise SettingsError(f"database driver {error.name} is not installed: {remedy}") from error
    except OperationalError as error:
        shown = make_url(url).render_as_string(hide_password=True)
        raise SettingsError(f"database {shown} cannot be opened: {error.orig}; check database_url, data_dir") from error
    return engine


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
            connection.execute(select(func.pg_advisory_xact_lock(_POSTGRESQL_TURN)))
        yield connection


# The number of the advisory lock that PostgreSQL's writers take in turn; SQLite has one writer at a time by itself.
_POSTGRESQL_TURN = 0x41495243

# SQLite's own waiting is by sleeping and asking again, which costs half the speed; it is left to other processes.
_sqlite_turn = Lock()


def _turn(engine: Engine) -> AbstractContextManager[object]:
    return _sqlite_turn if engine.dialect.name == "sqlite" else nullcontext()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the database."""
    with engine.connect() as connection, connection.begin():
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


def _insert(dialect: str, table: Table) -> sqlite.Insert:
    """Both dialects' inserts know the same on_conflict methods, though SQLAlchemy gives them no common type.

    psycopg forgets how many rows were new unless it is asked to keep the count.
    """
    return cast(sqlite.Insert, _INSERTS[dialect](table)).execution_options(preserve_rowcount=True)


def _key(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]


def insert_readings(connection: Connection) -> sqlite.Insert:
    """insert_absent for many readings at once, which bring their instants as milliseconds."""
    instants = ("measured_at", "received_at", "ingested_at")
    values = {name: bindparam(name, type_=BigInteger) for name in instants}
    columns = [column.name for column in readings.columns if column.name not in ("id", *instants)]
    return insert_absent(connection, readings).values({name: bindparam(name) for name in columns} | values)
