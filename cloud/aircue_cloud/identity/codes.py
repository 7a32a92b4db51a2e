"""Codes that work once and not for long: enrolments of gateways and nodes, links for shoppers."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from aircue_cloud import db, tables
from aircue_cloud.identity import tokens

LIVES = {"gateway": timedelta(minutes=15), "node": timedelta(minutes=15), "shopper": timedelta(hours=24)}
ENROLLED = ("gateway", "node")
_T = tables.codes.c
_KEPT = timedelta(days=30)


def draw(connection: Connection, kind: str, subject: str, now: datetime) -> str:
    """A new code; an older one for the same subject ends."""
    connection.execute(delete(tables.codes).where(_T.ends_at < now - _KEPT))
    older = (_T.kind == kind, _T.subject == subject, _T.ends_at > now)
    connection.execute(update(tables.codes).where(*older).values(ends_at=now))
    code = tokens.draw(db.store_of(connection))
    row = {"kind": kind, "subject": subject, "made_at": now, "ends_at": now + LIVES[kind]}
    connection.execute(insert(tables.codes), {"code_hash": tokens.digest(code), **row})
    return code


def use(connection: Connection, kinds: tuple[str, ...], code: str, now: datetime) -> tuple[str, str] | None:
    """Kind and subject of a code, which is worth nothing from now on; None where it is worth nothing already."""
    mine = _T.code_hash == tokens.digest(code)
    holds = (mine, _T.kind.in_(kinds), _T.used_at.is_(None), _T.ends_at > now)
    if connection.execute(update(tables.codes).where(*holds).values(used_at=now)).rowcount == 0:
        return None
    row = connection.execute(select(_T.kind, _T.subject).where(mine)).one()
    return row.kind, row.subject
