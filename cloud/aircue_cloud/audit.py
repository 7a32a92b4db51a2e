"""Who did what, on what, when, from where, and how it went: rows that are only ever added.

Batches are no rows here: the table of batches says itself which gateway sent each, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from aircue_cloud import tables

DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Act:
    """actor: kind and name. address: "" for a command. detail: no secret, and nothing about a person."""

    actor: str
    action: str
    target: str
    outcome: str = DONE
    address: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entry(Act):
    id: int
    at: datetime


def append(connection: Connection, act: Act, now: datetime) -> None:
    connection.execute(insert(tables.audit), {**vars(act), "detail": dict(act.detail), "at": now})


def listed(connection: Connection, after: int, limit: int) -> list[Entry]:
    """In the order in which they were written."""
    query = select(tables.audit).where(tables.audit.c.id > after).order_by(tables.audit.c.id).limit(limit)
    return [Entry(**row) for row in connection.execute(query).mappings()]
