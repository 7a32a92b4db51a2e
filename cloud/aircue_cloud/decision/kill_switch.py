"""The switch that stops all pushes of a store."""

from datetime import datetime

from sqlalchemy import Connection, select

from aircue_cloud import db, tables

SWITCH = "pushes"


def switched_off(connection: Connection) -> str | None:
    """Why nothing is pushed at all; None while pushes are on."""
    table = tables.switches.c
    row = connection.execute(select(table.on, table.reason).where(table.name == SWITCH)).one_or_none()
    return None if row is None or row.on else str(row.reason)


def switch(connection: Connection, now: datetime, *, on: bool, reason: str) -> None:
    row = {"name": SWITCH, "on": on, "reason": reason, "changed_at": now}
    connection.execute(db.insert_or_update(connection, tables.switches, ["on", "reason", "changed_at"]), [row])
