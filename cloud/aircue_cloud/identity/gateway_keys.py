"""Keys of gateways: 256 random bits, shown once, stored as their SHA-256 (such a key needs no slow hash)."""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from sqlalchemy import Connection, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def add(connection: Connection, name: str, now: datetime) -> str:
    """The new gateway's key; CommandError where the name is taken or no name."""
    if not NAME.fullmatch(name):
        raise CommandError(f"gateway name {name!r}: expected up to 64 letters, digits, . _ and -, no sign first")
    key = secrets.token_urlsafe(32)
    row = {"name": name, "key_hash": _hash(key), "added_at": now}
    if connection.execute(db.insert_absent(connection, tables.gateways), [row]).rowcount == 0:
        raise CommandError(f"gateway {name} is there already; give it a new key with: gateway rotate {name}")
    return key


def rotate(connection: Connection, name: str) -> str:
    """A new key for a gateway that is there; the old one is worth nothing from now on."""
    key = secrets.token_urlsafe(32)
    mine = update(tables.gateways).where(tables.gateways.c.name == name)
    if connection.execute(mine.values(key_hash=_hash(key))).rowcount == 0:
        raise CommandError(f"gateway {name} is not known; add it with: gateway add {name}")
    return key


def owner(connection: Connection, key: str) -> str | None:
    """The gateway whose key this is."""
    wanted = _hash(key)
    columns = (tables.gateways.c.name, tables.gateways.c.key_hash)
    row = connection.execute(select(*columns).where(tables.gateways.c.key_hash == wanted)).one_or_none()
    return row.name if row is not None and hmac.compare_digest(row.key_hash, wanted) else None


def secret(connection: Connection, name: str) -> str | None:
    """What is stored of a gateway's key, under which it signs what it sends by way of a broker."""
    found: str | None = connection.execute(
        select(tables.gateways.c.key_hash).where(tables.gateways.c.name == name)
    ).scalar_one_or_none()
    return found


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
