"""The in-app inbox: exactly once, because a push is stored by the transaction that decided it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from aircue_cloud import bulk, db, feed, tables
from aircue_cloud.needs.needs import Message

CHANNEL = "in-app"


@dataclass(frozen=True, kw_only=True)
class Push:
    """id: the same whenever the same (household, need, episode) is decided. trigger: the reading that completed the
    dwell, by key and time. person: of the household, None where it names nobody. channel: the first that is tried.
    expires_at: from then on it is handed to no channel. template: which words it was written from, by need, language
    and version."""

    id: str
    household: str
    need: str
    episode: str
    product: str
    category: str
    message: Message
    trigger: dict[str, Any]
    created_at: datetime
    person: str | None = None
    kind: str = "marketing"
    language: str = "en"
    channel: str = "in-app"
    expires_at: datetime | None = None
    template: str = "1"


def send(connection: Connection, push: Push) -> bool:
    """False where this push is in the inbox already."""
    if connection.execute(db.insert_absent(connection, tables.pushes), [_row(push)]).rowcount == 0:
        return False
    feed.append(connection, [_entry(push)], push.created_at)
    return True


def send_all(connection: Connection, pushes: Sequence[Push]) -> list[Push]:
    """Those that were not in the inbox yet."""
    new = _absent(connection, pushes)
    if new:
        bulk.insert(connection, tables.pushes, [_row(push) for push in new])
        feed.append(connection, [_entry(push) for push in new], new[0].created_at)
    return new


_KNOWN = select(tables.pushes.c.id).where(tables.pushes.c.id.in_(bindparam("ids", expanding=True)))


def _absent(connection: Connection, pushes: Sequence[Push]) -> list[Push]:
    """Each once."""
    by_id = {push.id: push for push in pushes}
    there = set(connection.execute(_KNOWN, {"ids": list(by_id)}).scalars()) if by_id else set()
    return [push for id_, push in by_id.items() if id_ not in there]


def _entry(push: Push) -> feed.Entry:
    names = ("household", "need", "episode", "product", "category")
    fields = {"push": push.id, **{name: getattr(push, name) for name in names}}
    message = push.message
    text = f"Push to {push.household}: {message.title}. {message.text} Why: {message.reason}"
    fields |= {"title": message.title, "reason": message.reason, "trigger": push.trigger}
    return feed.Entry(kind="push", text=text, fields=fields)


def _row(push: Push) -> dict[str, Any]:
    return {**{name: getattr(push, name) for name in _NAMES}, **vars(push.message)}


_NAMES = (
    "id", "household", "person", "kind", "need", "episode", "product", "category", "trigger", "language", "channel",
    "created_at", "expires_at",
)  # fmt: skip
