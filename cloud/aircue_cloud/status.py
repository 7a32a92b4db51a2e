"""The figures of the whole installation."""

from sqlalchemy import Connection, FromClause, func, select

from aircue_cloud import counters, tables
from aircue_cloud.delivery import fates, outbox
from aircue_cloud.ingest import losses


def figures(connection: Connection) -> dict[str, int]:
    """losses: samples that nodes and gateways declare as dropped. suppressed, gaps: values that are no readings."""
    return {
        **counters.read(connection),
        "losses": losses.total(connection),
        "nodes": _count(connection, select(tables.node_state.c.site, tables.node_state.c.node).distinct().subquery()),
        "episodes": _count(connection, select(tables.episodes.c.id).where(~tables.episodes.c.withdrawn).subquery()),
        "decisions": _count(connection, tables.decisions),
        "pushes": _count(connection, tables.pushes),
        **_outbox(connection),
    }


def _outbox(connection: Connection) -> dict[str, int]:
    """What waits to be handed over, what was, and what may have been; in doubt by channel as well."""
    counted = outbox.counts(connection)
    sums = {"outbox_open": fates.OPEN, "outbox_handed": (fates.HANDED,), "outbox_in_doubt": (fates.IN_DOUBT,)}
    found = {name: sum(one.get(state, 0) for one in counted.values() for state in of) for name, of in sums.items()}
    doubts = {f"in_doubt_{name}": one[fates.IN_DOUBT] for name, one in counted.items() if fates.IN_DOUBT in one}
    return {**found, **doubts}


def _count(connection: Connection, rows: FromClause) -> int:
    return connection.execute(select(func.count()).select_from(rows)).scalar_one()
