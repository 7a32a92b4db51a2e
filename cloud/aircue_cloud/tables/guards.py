"""What the database itself refuses: rows of append-only tables are neither changed nor taken away.

Erasure alone may put a pseudonym (`erased-...`) in place of a name, and take a receipt's document away; nothing else of
a row changes by it. Triggers do not stop who may drop them: they stop every other way, ours included. A restore, which
puts a whole store in place of another, lifts them within its transaction.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Table, text

from aircue_cloud.tables.access import audit
from aircue_cloud.tables.homes import consents
from aircue_cloud.tables.needs import need_versions
from aircue_cloud.tables.orders import order_events
from aircue_cloud.tables.parcels import parcel_events
from aircue_cloud.tables.rights import erasures
from aircue_cloud.tables.support import article_versions

PSEUDONYM = "erased-"
# By table, the columns in which a pseudonym may take a name's place, and those that may be emptied.
APPEND_ONLY: Mapping[Table, tuple[tuple[str, ...], tuple[str, ...]]] = {
    article_versions: ((), ()),
    audit: (("actor", "action", "target", "outcome", "address", "detail"), ()),
    consents: (("household",), ("document",)),
    erasures: ((), ()),
    need_versions: ((), ()),
    order_events: ((), ()),
    parcel_events: ((), ()),
}


def made(dialect: str) -> list[str]:
    """The statements that set the guards up."""
    return [one for table in APPEND_ONLY for one in _MADE[dialect](table)]


def lift(connection: Connection) -> None:
    for table in APPEND_ONLY:
        for statement in _LIFTED[connection.dialect.name](table):
            connection.execute(text(statement))


def put(connection: Connection) -> None:
    """Once they were lifted."""
    for table in APPEND_ONLY:
        for statement in _PUT[connection.dialect.name](table):
            connection.execute(text(statement))


def _says(table: Table) -> str:
    return f"table {table.name} is append-only"


def _is_erasure(table: Table, dialect: str) -> str:
    """The condition under which a changed row is what erasure makes of it."""
    renamed, emptied = APPEND_ONLY[table]
    return " AND ".join(_fits(column.name, renamed, emptied, dialect) for column in table.columns)


def _fits(name: str, renamed: tuple[str, ...], emptied: tuple[str, ...], dialect: str) -> str:
    new, old = (f'{which}."{name}"{"" if dialect == "sqlite" else "::text"}' for which in ("NEW", "OLD"))
    same = f"{new} IS {old}" if dialect == "sqlite" else f"{new} IS NOT DISTINCT FROM {old}"
    place = f"instr({new}, '{PSEUDONYM}')" if dialect == "sqlite" else f"position('{PSEUDONYM}' in {new})"
    if name in renamed:
        return f"({same} OR {place} > 0)"
    return f"({same} OR {new} IS NULL)" if name in emptied else f"{same}"


def _sqlite(table: Table) -> list[str]:
    name, refuse = table.name, f"BEGIN SELECT RAISE(ABORT, '{_says(table)}'); END"
    return [
        f"CREATE TRIGGER {name}_kept BEFORE DELETE ON {name} {refuse}",
        f"CREATE TRIGGER {name}_unchanged BEFORE UPDATE ON {name} WHEN NOT ({_is_erasure(table, 'sqlite')}) {refuse}",
    ]


def _postgresql(table: Table) -> list[str]:
    name = table.name
    refuse = f"RAISE EXCEPTION '{_says(table)}'"
    body = f"IF TG_OP = 'UPDATE' THEN IF {_is_erasure(table, 'postgresql')} THEN RETURN NEW; END IF; END IF; {refuse};"
    return [
        f"CREATE FUNCTION {name}_guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"CREATE TRIGGER {name}_kept BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION {name}_guard()",
        f"CREATE TRIGGER {name}_full BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION {name}_guard()",
    ]


_MADE: Mapping[str, Callable[[Table], list[str]]] = {"sqlite": _sqlite, "postgresql": _postgresql}
_LIFTED: Mapping[str, Callable[[Table], list[str]]] = {
    "sqlite": lambda table: [f"DROP TRIGGER {table.name}_kept", f"DROP TRIGGER {table.name}_unchanged"],
    "postgresql": lambda table: [f"ALTER TABLE {table.name} DISABLE TRIGGER USER"],
}
_PUT: Mapping[str, Callable[[Table], list[str]]] = {
    "sqlite": _sqlite,
    "postgresql": lambda table: [f"ALTER TABLE {table.name} ENABLE TRIGGER USER"],
}
