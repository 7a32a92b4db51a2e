"""The figures of the whole installation."""

from sqlalchemy import Connection, FromClause, func, select

from aircue_cloud import counters, tables
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
    }


def _count(connection: Connection, rows: FromClause) -> int:
    return connection.execute(select(func.count()).select_from(rows)).scalar_one()
