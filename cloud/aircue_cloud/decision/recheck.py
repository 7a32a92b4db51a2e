"""Whether a push that was decided on is still wanted, asked right before it is handed to a channel.

Many are asked about at once; `marks` then says in one short query whether anything was said since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision import kill_switch, local_time, preferences
from aircue_cloud.decision.policy import CHANNEL, DATA_CATEGORY, PURPOSE, URGENT
from aircue_cloud.decision.preferences import NOTHING_SAID, Preferences, Wishes
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
    connection: Connection, asked: Sequence[tuple[str, str]], now: datetime, settings: Settings = _USUAL
) -> list[str | None]:
    """Of each push and channel None: go. Otherwise the reason why not; a Deferred where it may be asked again later.
    Holdout and caps were settled when the slot was taken."""
    if not asked:
        return []
    pushes = {row.id: row for row in connection.execute(_PUSHES, {"ids": sorted({push for push, _ in asked})})}
    homes = sorted({row.household for row in pushes.values()})
    people = sorted({row.person for row in pushes.values() if row.person is not None})
    said = _Said(
        off=kill_switch.switched_off(connection),
        agreed=consents.granted_by_many(connection, homes, purpose=PURPOSE, data_category=DATA_CATEGORY),
        preferences=preferences.everybody(connection, people, homes),
    )
    return [_answer(pushes.get(push), channel, said, now, settings) for push, channel in asked]


@dataclass(frozen=True, kw_only=True)
class _Said:
    """off: why nothing is pushed at all. agreed: by household and channel."""

    off: str | None
    agreed: Mapping[str, Mapping[str, bool]]
    preferences: Mapping[tuple[str, str], Preferences]

    def wishes(self, push: Row[Any]) -> Wishes:
        mine = self.preferences.get((preferences.PERSON, push.person or ""), NOTHING_SAID)
        return Wishes(
            person=mine, household=self.preferences.get((preferences.HOUSEHOLD, push.household), NOTHING_SAID)
        )


def _answer(push: Row[Any] | None, channel: str, said: _Said, now: datetime, settings: Settings) -> str | None:
    if push is None:
        return GONE
    if said.off is not None:
        return f"all pushes are stopped ({said.off})"
    # To sensor data for marketing in the app, and through this channel.
    agreed = said.agreed.get(push.household, {})
    if not all(agreed.get(one) for one in (CHANNEL, channel)):
        return "the household's agreement was withdrawn"
    asked = _Asked(push=push, wishes=said.wishes(push), now=now, settings=settings)
    return _over(asked) or _unwanted(asked, channel) or _quiet(asked)


def _pushes() -> Select[Any]:
    push, episode, site = tables.pushes.c, tables.episodes.c, tables.sites.c
    columns = (push.id, push.household, push.person, push.need, push.kind, push.expires_at, push.withdrawn_at)
    return (
        select(*columns, episode.ended_at, episode.withdrawn, site.tz)
        .join(tables.episodes, episode.id == push.episode)
        .join(tables.sites, site.id == episode.site)
        .where(push.id.in_(bindparam("ids", expanding=True)))
    )


_PUSHES = _pushes()


def _marks() -> Select[Any]:
    """Instants and numbers that change with every word that can end a push or put it off."""
    push, episode, people, said = tables.pushes.c, tables.episodes.c, tables.people.c, tables.preferences.c
    of_person = and_(said.kind == preferences.PERSON, said.subject == push.person)
    of_home = and_(said.kind == preferences.HOUSEHOLD, said.subject == push.household)
    unwilling = and_(people.household == push.household, people.impersonal_since.is_not(None))
    parts = (
        select(func.max(tables.consents.c.id)).where(tables.consents.c.household == push.household),
        select(tables.households.c.impersonal_since).where(tables.households.c.id == push.household),
        select(func.count()).select_from(tables.people).where(unwilling),
        select(said.changed_at).where(of_person),
        select(said.changed_at).where(of_home),
        select(tables.switches.c.on).where(tables.switches.c.name == kill_switch.SWITCH),
    )
    states = (push.id, push.withdrawn_at, episode.ended_at, episode.withdrawn)
    return (
        select(*states, *(part.scalar_subquery() for part in parts))
        .join(tables.episodes, episode.id == push.episode)
        .where(push.id.in_(bindparam("ids", expanding=True)))
    )


_MARKS = _marks()


def marks(connection: Connection, pushes: Sequence[str]) -> dict[str, object]:
    """By push: another as soon as the answer may be another for any reason but that time went by."""
    return {row[0]: tuple(row[1:]) for row in connection.execute(_MARKS, {"ids": sorted(set(pushes))})}


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
