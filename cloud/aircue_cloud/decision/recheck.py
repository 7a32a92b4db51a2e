"""Whether a push that was decided on is still wanted, asked right before it is handed to a channel."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from aircue_cloud import consents, tables
from aircue_cloud.decision import kill_switch, local_time, preferences
from aircue_cloud.decision.policy import CHANNEL, DATA_CATEGORY, PURPOSE, URGENT
from aircue_cloud.decision.preferences import Wishes
from aircue_cloud.decision.settings import Settings

GONE = "the push is no longer there"
_USUAL = Settings()


class Deferred(str):
    """Why not now; until: from when on it may be asked again."""

    until: datetime

    def __new__(cls, until: datetime, reason: str) -> "Deferred":
        made = super().__new__(cls, reason)
        made.until = until
        return made


@dataclass(frozen=True, kw_only=True)
class _Asked:
    push: Row[Any]
    wishes: Wishes
    now: datetime
    settings: Settings


def still_wanted(
    connection: Connection,
    push_id: str,
    now: datetime,
    settings: Settings = _USUAL,
    channel: str = CHANNEL,
) -> str | None:
    """None: go. Otherwise the reason why not; a Deferred where it may be asked again later. Holdout and caps were
    settled when the slot was taken."""
    row = connection.execute(_push(push_id)).one_or_none()
    if row is None:
        return GONE
    off = kill_switch.switched_off(connection)
    if off is not None:
        return f"all pushes are stopped ({off})"
    if not _agreed(connection, row.household, channel):
        return "the household's agreement was withdrawn"
    wishes = Wishes(
        person=preferences.of(connection, preferences.PERSON, row.person or ""),
        household=preferences.of(connection, preferences.HOUSEHOLD, row.household),
    )
    asked = _Asked(push=row, wishes=wishes, now=now, settings=settings)
    return _over(asked) or _unwanted(asked, channel) or _quiet(asked)


def _push(push_id: str) -> Select[Any]:
    push, episode, site = tables.pushes.c, tables.episodes.c, tables.sites.c
    columns = (push.household, push.person, push.need, push.kind, push.expires_at, push.withdrawn_at)
    return (
        select(*columns, episode.ended_at, episode.withdrawn, site.tz)
        .join(tables.episodes, episode.id == push.episode)
        .join(tables.sites, site.id == episode.site)
        .where(push.id == push_id)
    )


def _agreed(connection: Connection, household: str, channel: str) -> bool:
    """To sensor data for marketing in the app, and through this channel."""
    asked = {"purpose": PURPOSE, "data_category": DATA_CATEGORY}
    return all(consents.granted(connection, household, channel=one, **asked) is True for one in {CHANNEL, channel})


def _over(asked: _Asked) -> str | None:
    push = asked.push
    if push.withdrawn_at is not None:
        return "the push was withdrawn"
    if push.withdrawn or (push.ended_at is not None and push.ended_at + asked.settings.linger <= asked.now):
        return "the condition is over"
    return "the offer has expired" if push.expires_at is not None and push.expires_at <= asked.now else None


def _unwanted(asked: _Asked, channel: str) -> str | None:
    if asked.wishes.has_stopped(asked.push.need) or asked.wishes.has_muted(asked.push.need, channel):
        return f"offers about {asked.push.need} were switched off"
    until = asked.wishes.snoozed_until(asked.push.need)
    if until is not None and asked.now < until:
        return _later(asked, until, f"left alone about {asked.push.need}")
    return None


def _quiet(asked: _Asked) -> str | None:
    place = asked.wishes.place(asked.push.tz, asked.settings)
    if place.quiet is None or asked.push.kind in URGENT:
        return None
    until = local_time.quiet_until(place.quiet, place.zone, asked.now)
    return None if until is None else _later(asked, until, f"quiet hours ({place.quiet}, {place.zone.key})")


def _later(asked: _Asked, until: datetime, reason: str) -> str:
    """What would be over by then is not put off."""
    if asked.push.expires_at is not None and until >= asked.push.expires_at:
        return f"{reason}, and by then the offer is over"
    return Deferred(until, reason)
