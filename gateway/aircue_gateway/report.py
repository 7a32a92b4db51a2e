"""What a spool says about its gateway, read beside the running daemon."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aircue_gateway.ledger import Count
from aircue_gateway.spool import read_only

_ONE = {
    "waiting_samples": "SELECT count(*) FROM samples",
    "waiting_batches": "SELECT count(*) FROM batches WHERE refused IS NULL",
    "refused_batches": "SELECT count(*) FROM batches WHERE refused IS NOT NULL",
    "dead_letters_kept": "SELECT count(*) FROM dead_letters",
    "epoch": "SELECT value FROM meta WHERE name = 'epoch'",
    "next_batch": "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'next_batch'",
}


def status(folder: Path) -> dict[str, Any]:
    """Counters by name (those never counted are 0), what waits, and what arrived of every boot of every node."""
    db = read_only(folder)
    try:
        found = {name: db.execute(query).fetchone()[0] for name, query in _ONE.items()}
        counted = dict(db.execute("SELECT name, count FROM counters").fetchall())
        counters = {name.value: counted.get(name.value, 0) for name in Count}
        return {**found, "rules": _rules_version(db), "counters": counters, "nodes": list(_nodes(db))}
    finally:
        db.close()


def _rules_version(db: sqlite3.Connection) -> str:
    document = db.execute("SELECT value FROM meta WHERE name = 'rules'").fetchone()[0]
    return str(json.loads(document)["version"]) if document else ""


def _nodes(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for node, installation, boot, ranges in db.execute("SELECT node, installation, boot, ranges FROM streams"):
        yield {"node": node, "installation": installation, "boot": boot, "sequences": json.loads(ranges)}


def dead_letters(folder: Path) -> list[dict[str, Any]]:
    """Oldest first; payload as text where it is one, else as hexadecimal digits."""
    db = read_only(folder)
    try:
        rows = db.execute("SELECT id, received_at_ms, topic, reason, payload FROM dead_letters ORDER BY id").fetchall()
    finally:
        db.close()
    return [
        {"id": ident, "received_at_ms": at, "topic": topic, "reason": reason, **_readable(payload)}
        for ident, at, topic, reason, payload in rows
    ]


def _readable(payload: bytes) -> dict[str, str]:
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex()}
