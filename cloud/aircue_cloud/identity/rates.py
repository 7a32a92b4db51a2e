"""How often something may be done, counted in the store's database, so that all its servers count together.

Windows are fixed: they begin at whole multiples of their length.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from aircue_cloud import db, tables
from aircue_cloud.tables.columns import EPOCH

_T = tables.windows.c
_KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most so many in one window."""

    what: str
    most: int
    window: timedelta


SIGN_IN_BY_ACCOUNT = Limit(what="sign-in account", most=10, window=timedelta(minutes=15))
SIGN_IN_BY_ADDRESS = Limit(what="sign-in address", most=50, window=timedelta(minutes=15))
CODES_BY_ADDRESS = Limit(what="code address", most=20, window=timedelta(minutes=15))


def take(connection: Connection, limit: Limit, whom: str, now: datetime, count: int = 1) -> int:
    """0 where it may be done, and counts; otherwise the whole seconds until it may be done again."""
    since = start(limit, now)
    row = {"what": limit.what, "whom": whom, "since": since, "count": count}
    connection.execute(db.insert_or_add(connection, tables.windows, "count"), [row])
    if counted(connection, limit, whom, now) <= limit.most:
        return 0
    return max(1, -((now - since - limit.window) // timedelta(seconds=1)))


def counted(connection: Connection, limit: Limit, whom: str, now: datetime) -> int:
    mine = (_T.what == limit.what, _T.whom == whom, _T.since == start(limit, now))
    return connection.execute(select(_T.count).where(*mine)).scalar_one_or_none() or 0


def forget(connection: Connection, limit: Limit, whom: str, now: datetime) -> None:
    """What was counted so far; and, by the way, all that is long over."""
    connection.execute(delete(tables.windows).where(_T.what == limit.what, _T.whom == whom))
    connection.execute(delete(tables.windows).where(_T.since < now - _KEPT))


def start(limit: Limit, now: datetime) -> datetime:
    return now - (now - EPOCH) % limit.window
