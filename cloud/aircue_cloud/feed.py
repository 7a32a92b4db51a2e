"""The feed: what happened, one line each, in the order in which it was stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from aircue_cloud import bulk, tables


@dataclass(frozen=True, kw_only=True)
class Entry:
    """kind: node, episode, decision or push. text: for people. fields: for programs."""

    kind: str
    text: str
    fields: Mapping[str, Any]


def append(connection: Connection, entries: list[Entry], at: datetime) -> None:
    rows = [{"at": at, "kind": entry.kind, "text": entry.text, "fields": dict(entry.fields)} for entry in entries]
    bulk.insert(connection, tables.feed, rows)
