"""Keys of gateways, nodes and partners: shown once, rotated with a while in which both the old and the new one hold,
revoked. All within the caller's transaction, in the store whose database it is."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, or_, select, update

from aircue_cloud import db, tables
from aircue_cloud.errors import CommandError
from aircue_cloud.identity import scopes as known_scopes
from aircue_cloud.identity import tokens

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KINDS = ("gateway", "node", "partner")
OVERLAP = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=1)
_T = tables.keys.c


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key, without itself. ends_at: None for never."""

    id: int
    kind: str
    owner: str
    scopes: frozenset[str]
    added_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None


def add(connection: Connection, kind: str, owner: str, scopes: Collection[str], now: datetime) -> str:
    """A new key; CommandError where the owner has one that holds, is no name, or a scope is not known."""
    check_name(kind, owner)
    _check_scopes(scopes)
    if _holding(connection, kind, owner, now):
        raise CommandError(f"{kind} {owner} is there already; give it a new key with: {kind} rotate {owner}")
    return _insert(connection, kind, owner, scopes, now)


def rotate(connection: Connection, kind: str, owner: str, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """A new key with the scopes of the old one, which ends after the overlap."""
    held = _holding(connection, kind, owner, now)
    if not held:
        raise CommandError(f"{kind} {owner} is not known, or its key was revoked; add it with: {kind} add {owner}")
    _end(connection, held, now + overlap)
    return _insert(connection, kind, owner, held[-1].scopes, now)


def issue(connection: Connection, kind: str, owner: str, now: datetime) -> str:
    """A key for whoever enrols: the first, or one that takes the place of another."""
    held = _holding(connection, kind, owner, now)
    return rotate(connection, kind, owner, now) if held else add(connection, kind, owner, (), now)


def revoke(connection: Connection, kind: str, owner: str, now: datetime) -> int:
    """How many keys end now."""
    held = _holding(connection, kind, owner, now)
    if not held:
        raise CommandError(f"{kind} {owner} has no key that holds")
    _end(connection, held, now)
    return len(held)


def find(connection: Connection, key: str, now: datetime) -> Key | None:
    """The key that this is, if it holds."""
    return find_all(connection, [key], now)[0]


_SHOWN = select(tables.keys).where(
    _T.key_hash.in_(bindparam("shown", expanding=True)), or_(_T.ends_at.is_(None), _T.ends_at > bindparam("now"))
)


def find_all(connection: Connection, keys: Sequence[str], now: datetime) -> list[Key | None]:
    """Of each key what find says."""
    shown = [tokens.digest(key) for key in keys]
    rows = connection.execute(_SHOWN, {"shown": sorted(set(shown)), "now": now})
    known = {row.key_hash: _key(row) for row in rows}
    return [known.get(digest) for digest in shown]


def secrets_of(connection: Connection, kind: str, owner: str, now: datetime) -> list[str]:
    """What is stored of the keys that hold, the newest first: under it a gateway signs what goes through a broker."""
    query = select(_T.key_hash).where(_T.kind == kind, _T.owner == owner, _holds(now))
    return list(connection.execute(query.order_by(_T.id.desc())).scalars())


def listed(connection: Connection) -> list[Key]:
    """Every key there ever was, by kind and owner, the oldest first."""
    return [_key(row) for row in connection.execute(select(tables.keys).order_by(_T.kind, _T.owner, _T.id))]


def is_stale(key: Key, now: datetime) -> bool:
    """Whether its last use should be written down again."""
    return key.last_used_at is None or now - key.last_used_at >= SEEN_EVERY


def used(connection: Connection, key: Key, now: datetime) -> None:
    connection.execute(update(tables.keys).where(_T.id == key.id).values(last_used_at=now))


def check_name(kind: str, owner: str) -> None:
    if not NAME.fullmatch(owner):
        raise CommandError(f"{kind} name {owner!r}: expected up to 64 letters, digits, . _ and -, no sign first")


def _check_scopes(scopes: Collection[str]) -> None:
    unknown = sorted(set(scopes) - known_scopes.ALL)
    if unknown:
        raise CommandError(f"no scope {', '.join(unknown)}; known are {', '.join(sorted(known_scopes.ALL))}")


def _insert(connection: Connection, kind: str, owner: str, scopes: Collection[str], now: datetime) -> str:
    key = tokens.draw(db.store_of(connection))
    row = {"kind": kind, "owner": owner, "key_hash": tokens.digest(key), "scopes": sorted(scopes), "added_at": now}
    connection.execute(insert(tables.keys), row)
    return key


def _holding(connection: Connection, kind: str, owner: str, now: datetime) -> list[Key]:
    query = select(tables.keys).where(_T.kind == kind, _T.owner == owner, _holds(now))
    return [_key(row) for row in connection.execute(query.order_by(_T.id))]


def _holds(now: datetime) -> ColumnElement[bool]:
    return or_(_T.ends_at.is_(None), _T.ends_at > now)


def _end(connection: Connection, keys: list[Key], at: datetime) -> None:
    """No key lives longer for being rotated again."""
    mine = (_T.id.in_([key.id for key in keys]), or_(_T.ends_at.is_(None), _T.ends_at > at))
    connection.execute(update(tables.keys).where(*mine).values(ends_at=at))


def _key(row: Row[tuple[object, ...]]) -> Key:
    names = ("id", "kind", "owner", "added_at", "ends_at", "last_used_at")
    return Key(scopes=frozenset(row.scopes), **{name: getattr(row, name) for name in names})
