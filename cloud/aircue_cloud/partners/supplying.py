"""A feed in, whichever way it came: checked outside of any transaction, taken in one."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, update

from aircue_cloud import db, tables
from aircue_cloud.delivery.endpoints import Gate
from aircue_cloud.errors import CommandError
from aircue_cloud.partners import accounts
from aircue_cloud.partners.feeds import checking, fetching, taking
from aircue_cloud.partners.feeds.taking import TAKEN, Feed


def supply(
    engine: Engine, partner: str, content: bytes, *, source: str, format_: str, mode: str, now: datetime
) -> Feed:
    """CommandError where there is no such partner, or it is paused."""
    checked = checking.check(content, format_)
    with db.writing(engine) as connection:
        account = accounts.must_find(connection, partner)
        feed = taking.take(connection, account, checked, source=source, format_=format_, mode=mode, now=now)
        taking.forget_old(connection, partner)
    return feed


def fetch(engine: Engine, partner: str, gate: Gate, mode: str, clock: Callable[[], datetime]) -> Feed | None:
    """None where it has not changed since it was taken. CommandError where it cannot be had."""
    with db.reading(engine) as connection:
        account = accounts.must_find(connection, partner)
    if account.feed_url is None:
        raise CommandError(f"partner {partner} has no address for its feed: set one, or upload the feed")
    found = fetching.fetch(gate, account.feed_url, account.feed_etag)
    if found is None:
        return None
    feed = supply(engine, partner, found.content, source="url", format_=found.format, mode=mode, now=clock())
    if feed.outcome == TAKEN and feed.wrong == 0:
        with db.writing(engine) as connection:
            mine = update(tables.partners).where(tables.partners.c.id == partner)
            connection.execute(mine.values(feed_etag=found.etag))
    return feed
