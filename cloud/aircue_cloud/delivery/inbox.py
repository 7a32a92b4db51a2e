"""The in-app inbox: exactly once, because a push is stored by the transaction that decided it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from aircue_cloud import db, feed, tables
from aircue_cloud.needs.needs import Message


@dataclass(frozen=True, kw_only=True)
class Push:
    """id: the same whenever the same (household, need, episode) is decided. trigger: the reading that completed the
    dwell, by key and time. person: of the household, None where it names nobody. channel: the first that is tried.
    expires_at: from then on it is handed to no channel."""

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


def send(connection: Connection, push: Push) -> bool:
    """False where this push is in the inbox already."""
    if connection.execute(db.insert_absent(connection, tables.pushes), [_row(push)]).rowcount == 0:
        return False
    names = ("household", "need", "episode", "product", "category")
    fields = {"push": push.id, **{name: getattr(push, name) for name in names}}
    message = push.message
    text = f"Push to {push.household}: {message.title}. {message.text} Why: {message.reason}"
    fields |= {"title": message.title, "reason": message.reason, "trigger": push.trigger}
    feed.append(connection, [feed.Entry(kind="push", text=text, fields=fields)], push.created_at)
    return True


def _row(push: Push) -> dict[str, Any]:
    return {**{name: getattr(push, name) for name in _NAMES}, **vars(push.message)}


_NAMES = (
    "id", "household", "person", "kind", "need", "episode", "product", "category", "trigger", "language", "channel",
    "created_at", "expires_at",
)  # fmt: skip
