"""Sessions of operators and shoppers: a random token in a cookie, its hash here. One ends when nobody used it for a
while, and at the latest after its whole life."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.identity import tokens

OPERATOR, SHOPPER = "operator", "shopper"
SEEN_EVERY = timedelta(minutes=1)
_T = tables.sessions.c


@dataclass(frozen=True, kw_only=True)
class Life:
    idle: timedelta
    whole: timedelta


LIVES = {
    OPERATOR: Life(idle=timedelta(hours=1), whole=timedelta(hours=12)),
    SHOPPER: Life(idle=timedelta(days=14), whole=timedelta(days=60)),
}


@dataclass(frozen=True, kw_only=True)
class Session:
    """subject: an operator's name, or a person's id."""

    kind: str
    subject: str
    started_at: datetime
    seen_at: datetime


def open_new(connection: Connection, kind: str, subject: str, address: str, now: datetime) -> str:
    """The token of a new session; those that are over are cleared away."""
    _clear(connection, now)
    token = tokens.draw(db.store_of(connection))
    row = {"kind": kind, "subject": subject, "started_at": now, "seen_at": now, "address": address}
    connection.execute(insert(tables.sessions), {"token_hash": tokens.digest(token), **row})
    return token


def find(connection: Connection, kind: str, token: str, now: datetime) -> Session | None:
    """The session of this token, if it is not over."""
    query = select(_T.kind, _T.subject, _T.started_at, _T.seen_at)
    row = connection.execute(query.where(_T.token_hash == tokens.digest(token), _T.kind == kind)).one_or_none()
    if row is None:
        return None
    session = Session(kind=row.kind, subject=row.subject, started_at=row.started_at, seen_at=row.seen_at)
    return None if _is_over(session, now) else session


def is_stale(session: Session, now: datetime) -> bool:
    """Whether it should be written down that it is in use."""
    return now - session.seen_at >= SEEN_EVERY


def seen(connection: Connection, token: str, now: datetime) -> None:
    connection.execute(update(tables.sessions).where(_T.token_hash == tokens.digest(token)).values(seen_at=now))


def close(connection: Connection, token: str) -> None:
    connection.execute(delete(tables.sessions).where(_T.token_hash == tokens.digest(token)))


def close_all(connection: Connection, kind: str, subject: str, but: str | None = None) -> int:
    """How many were closed. but: the token of one that stays."""
    mine = delete(tables.sessions).where(_T.kind == kind, _T.subject == subject)
    if but is not None:
        mine = mine.where(_T.token_hash != tokens.digest(but))
    return connection.execute(mine).rowcount


def form_word(token: str) -> str:
    """What a form of this session carries: no other site can know it."""
    return hmac.digest(token.encode(), b"form", "sha256").hex()


def _is_over(session: Session, now: datetime) -> bool:
    life = LIVES[session.kind]
    return now - session.seen_at > life.idle or now - session.started_at > life.whole


def _clear(connection: Connection, now: datetime) -> None:
    for kind, life in LIVES.items():
        over = (_T.seen_at < now - life.idle) | (_T.started_at < now - life.whole)
        connection.execute(delete(tables.sessions).where(_T.kind == kind, over))
