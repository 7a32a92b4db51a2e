"""Everything about a household or a person, as one ZIP of JSON lines, with a page that says what is what.

Written row by row: a home with years of readings takes little memory.
"""

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from sqlalchemy import Connection, RowMapping

from aircue_cloud.layers.lake import Lake
from aircue_cloud.rights import subject as subjects
from aircue_cloud.rights.register import HOLDINGS
from aircue_cloud.rights.subject import Subject

_MEANINGS = {
    "feed": "what happened in your home and what we did about it",
    "pushes": "offers we sent",
    "outbox": "by which channels each offer went to you",
    "attempts": "each time we tried to reach you with one",
    "answers": "what you answered by a button",
    "addresses": "where you are reached",
    "orders": "what you ordered",
    "order_lines": "the products of each order",
    "payments": "each time an order was to be paid",
    "order_events": "what became of each order: payments, refunds, cancellations",
    "callbacks": "what payment providers told us about your orders",
    "cart_lines": "what lies in your cart",
    "favourites": "what you marked as a favourite",
    "inbox_reads": "up to when you read your offers",
    "conversations": "when you asked the shop's support, and how each talk stands",
    "messages": "what you and the shop's support said to each other",
    "decisions": "each time we considered an offer, and why we sent it or not",
    "assignments": "whether we sent you offers, or held them back to see whether they help",
    "preferences": "what you want of offers",
    "rule_states": "where each need stands in your home now",
    "episodes": "times at which the air of your home needed something",
    "revisions": "readings whose trust changed afterwards",
    "losses": "readings that were dropped, as sensors and gateway declared",
    "node_state": "the latest reading of each sensor",
    "tallies": "counts of values that were held back or missing",
    "readings": "what your sensors measured",
    "hourly": "the same by the hour",
    "delivered": "which of your sensors' samples arrived",
    "interactions": "what you viewed, liked, bought and rated",
    "consents": "what you agreed to and took back, with receipts",
    "observations": "what your phone or wearable told us",
    "audit": "what the store's people did with your data",
    "sessions": "where you are signed in",
    "codes": "links that were made for you to sign in by",
    "sites": "your homes",
    "parcels": "parcels sent to you, and where they are",
    "people": "the people of your household",
    "households": "your household",
}

_ROWS = 10_000
_SECRET = ("token_hash", "code_hash")


def write(connection: Connection, lake: Lake, subject: Subject, out: IO[bytes], now: datetime) -> dict[str, int]:
    """How many rows of each table went into the ZIP that is written to `out`."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in dict.fromkeys(holding.table.name for holding in HOLDINGS):
            with archive.open(f"{name}.jsonl", "w", force_zip64=True) as file:
                counts[name] = sum(1 for line in _lines(connection, subject, name) if file.write(line))
        with archive.open("readings.jsonl", "w", force_zip64=True) as file:
            counts["readings"] = sum(1 for line in _readings(connection, lake, subject) if file.write(line))
        archive.writestr("README.txt", "\n".join(_page(counts, now)) + "\n")
    return counts


def _lines(connection: Connection, subject: Subject, table: str) -> Iterator[bytes]:
    """Each row once, by however many names a table knows them."""
    holdings = [holding for holding in HOLDINGS if holding.table.name == table]
    seen: set[tuple[Any, ...]] = set()
    for holding in holdings:
        for row in subjects.rows(connection, subject, holding):
            key = tuple(row[column.name] for column in holding.table.primary_key)
            if len(holdings) == 1 or key not in seen:
                yield _line(row)
            if len(holdings) > 1:
                seen.add(key)


def _line(row: RowMapping) -> bytes:
    told = {name: value for name, value in row.items() if name not in _SECRET}
    return json.dumps(told, default=_text, ensure_ascii=False).encode() + b"\n"


def _readings(connection: Connection, lake: Lake, subject: Subject) -> Iterator[bytes]:
    query = "SELECT * FROM readings WHERE list_contains($sites, site) ORDER BY id"
    with lake.open(connection) as opened:
        found = opened.execute(query, {"sites": sorted(subject.sites)})
        names = [column[0] for column in found.description]
        while rows := found.fetchmany(_ROWS):
            for row in rows:
                told = dict(zip(names, row, strict=True))
                yield json.dumps(told, default=_text, ensure_ascii=False).encode() + b"\n"


def _text(value: Any) -> str:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else str(value)


def _page(counts: dict[str, int], now: datetime) -> Iterator[str]:
    yield f"Everything this store holds about you, as of {now:%Y-%m-%d %H:%M} UTC."
    yield "Each file holds one JSON object a line."
    yield ""
    for name, count in counts.items():
        yield f"{name}.jsonl: {_MEANINGS[name]} ({count})"
