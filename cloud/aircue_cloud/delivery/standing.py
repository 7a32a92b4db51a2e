"""Whether a push still stands: asked right before it is handed to a channel."""

from datetime import datetime

from sqlalchemy import Connection, select

from aircue_cloud import tables


def still_wanted(connection: Connection, push: str, _: str, __: datetime) -> str | None:
    """None: it does. A household that takes its agreement back ends what waits for its sake."""
    table = tables.pushes.c
    row = connection.execute(select(table.withdrawn_at).where(table.id == push)).one_or_none()
    if row is None:
        return "the push is gone"
    return None if row.withdrawn_at is None else "the household has taken its agreement back"
