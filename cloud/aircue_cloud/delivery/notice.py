"""A push as channels carry it: words, and links for its buttons."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Notice:
    """id: stays the same however often it is handed over to this address. home: the page of whoever gets it.
    links: URLs by action, in the order of the buttons. unsubscribe: ends this channel for this address."""

    id: str
    push: str
    need: str
    episode: str
    product: str
    title: str
    text: str
    reason: str
    created_at: datetime
    expires_at: datetime
    home: str
    links: Mapping[str, str]
    unsubscribe: str

    def seconds_left(self, now: datetime) -> int:
        return max(0, (self.expires_at - now) // timedelta(seconds=1))


LABELS: Mapping[str, str] = {
    "buy": "Buy",
    "later": "Remind me later",
    "not-for-me": "Not for me",
    "stop": "Stop this need",
}


def fields(notice: Notice) -> dict[str, Any]:
    """For programs that get a notice."""
    return {
        "id": notice.id,
        "push": notice.push,
        "need": notice.need,
        "product": notice.product,
        "title": notice.title,
        "text": notice.text,
        "reason": notice.reason,
        "created_at": notice.created_at.isoformat(timespec="milliseconds"),
        "expires_at": notice.expires_at.isoformat(timespec="milliseconds"),
        "url": notice.home,
        "actions": [{"action": action, "title": LABELS[action], "url": url} for action, url in notice.links.items()],
    }


def encode(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def plain(notice: Notice) -> str:
    """For people who read text."""
    lines = [notice.text, "", notice.reason, ""]
    lines += [f"{LABELS[action]}: {url}" for action, url in notice.links.items()]
    return "\n".join([*lines, "", f"Stop these messages: {notice.unsubscribe}", ""])
