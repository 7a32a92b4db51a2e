"""What people want of pushes: a person's word goes before the household's, and that before the store's.

Stopped and snoozed needs, and topics that are switched off, add up: either's word is enough to be left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Connection, bindparam, select

from aircue_cloud import db, tables
from aircue_cloud.decision import local_time
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.settings import Caps, Settings
from aircue_cloud.fields import Body, Id, Line, Moment, Reason, changed

PERSON, HOUSEHOLD = KINDS = ("person", "household")
ANY = "*"
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """None, or no key: nothing was said. caps: of those keys that were. topics: need or * -> channel or * -> whether.
    snoozed: need or * -> until when."""

    timezone: str | None = None
    quiet_hours: str | None = None
    language: str | None = None
    caps: Mapping[str, float | None] = field(default_factory=dict)
    topics: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    stopped: Sequence[str] = ()
    snoozed: Mapping[str, datetime] = field(default_factory=dict)

    def has_stopped(self, need: str) -> bool:
        return need in self.stopped

    def has_muted(self, need: str, channel: str) -> bool:
        """What names the need and the channel goes before what names all."""
        if not self.topics:
            return False
        for topic in (need, ANY):
            for one in (channel, ANY):
                said = self.topics.get(topic, {}).get(one)
                if said is not None:
                    return not said
        return False

    def snoozed_until(self, need: str) -> datetime | None:
        if not self.snoozed:
            return None
        return max((at for topic, at in self.snoozed.items() if topic in (need, ANY)), default=None)


NOTHING_SAID = Preferences()


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """A person's and their household's preferences."""

    person: Preferences = NOTHING_SAID
    household: Preferences = NOTHING_SAID

    def has_stopped(self, need: str) -> bool:
        return self.person.has_stopped(need) or self.household.has_stopped(need)

    def has_muted(self, need: str, channel: str) -> bool:
        return self.person.has_muted(need, channel) or self.household.has_muted(need, channel)

    def snoozed_until(self, need: str) -> datetime | None:
        mine, ours = self.person.snoozed_until(need), self.household.snoozed_until(need)
        return mine if ours is None else ours if mine is None else max(mine, ours)

    def leaves_room(self, need: str, channel: str, now: datetime) -> bool:
        """Whether they would have an offer about the need now."""
        until = self.snoozed_until(need)
        return not (self.has_stopped(need) or self.has_muted(need, channel)) and (until is None or until <= now)

    def language(self, store: Settings) -> str:
        return self.person.language or self.household.language or store.language

    def caps(self, store: Settings) -> Caps:
        said = {**self.household.caps, **self.person.caps}
        return replace(store.caps, **said) if said else store.caps  # type: ignore[arg-type]  # CAPS are its fields

    def place(self, site_zone: str, store: Settings) -> "Place":
        """Where their clock stands. A zone that nobody knows is the store's, and quiet hours are its widest then."""
        for name in (
            self.person.timezone,
            self.household.timezone,
            None if site_zone == local_time.UNSAID else site_zone,
        ):
            zone = None if name is None else local_time.zone(name)
            if zone is not None:
                return Place(zone=zone, known=True, quiet=self._quiet(store.quiet_hours))
        zone = local_time.zone(store.timezone)
        assert zone is not None, "checked when the configuration was read"
        widest = Window.read(store.widest_quiet_hours) if store.quiet_hours else None
        return Place(zone=zone, known=False, quiet=widest or self._quiet(store.quiet_hours))

    def _quiet(self, store: str) -> Window | None:
        said = (self.person.quiet_hours, self.household.quiet_hours, store)
        return Window.read(next(text for text in said if text is not None))


@dataclass(frozen=True, kw_only=True)
class Place:
    """known: whether the zone is theirs and not the store's."""

    zone: Any
    known: bool
    quiet: Window | None


NO_WISHES = Wishes()

# Kept.


_SAID = select(tables.preferences).where(
    tables.preferences.c.kind == bindparam("kind"),
    tables.preferences.c.subject.in_(bindparam("subjects", expanding=True)),
)


def load(connection: Connection, kind: str, subjects: Sequence[str]) -> dict[str, Preferences]:
    """Of those who said anything."""
    found = {}
    for first in range(0, len(subjects), _AT_ONCE):
        some = subjects[first : first + _AT_ONCE]
        for row in connection.execute(_SAID, {"kind": kind, "subjects": some}).mappings():
            found[row["subject"]] = _preferences(dict(row))
    return found


def of(connection: Connection, kind: str, subject: str) -> Preferences:
    return load(connection, kind, [subject]).get(subject, NOTHING_SAID)


_NAMES = ("timezone", "quiet_hours", "language", "caps", "topics", "stopped")


def _preferences(row: Mapping[str, Any]) -> Preferences:
    snoozed = {topic: datetime.fromisoformat(at) for topic, at in row["snoozed"].items()}
    return Preferences(snoozed=snoozed, **{name: row[name] for name in _NAMES})


def store(connection: Connection, kind: str, subject: str, said: Preferences, now: datetime) -> None:
    values = {name: getattr(said, name) for name in _NAMES} | {"stopped": list(said.stopped)}
    values["snoozed"] = {topic: at.isoformat() for topic, at in said.snoozed.items()}
    row = {"kind": kind, "subject": subject, **values, "changed_at": now}
    connection.execute(db.insert_or_update(connection, tables.preferences, [*values, "changed_at"]), [row])


def stop(connection: Connection, kind: str, subject: str, need: str, now: datetime) -> None:
    """No more offers about a need."""
    said = of(connection, kind, subject)
    store(connection, kind, subject, replace(said, stopped=sorted({*said.stopped, need})), now)


def snooze(connection: Connection, kind: str, subject: str, need: str, until: datetime, now: datetime) -> None:
    """No offers about a need, or about any (*), for a while."""
    said = of(connection, kind, subject)
    store(connection, kind, subject, replace(said, snoozed={**said.snoozed, need: until}), now)


def everybody(
    connection: Connection, people: Sequence[str], households: Sequence[str]
) -> dict[tuple[str, str], Preferences]:
    """By (kind, subject), of those who said anything."""
    found = {(PERSON, one): said for one, said in load(connection, PERSON, people).items()}
    return found | {(HOUSEHOLD, one): said for one, said in load(connection, HOUSEHOLD, households).items()}


# At the API.

Cap: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
Topics: TypeAlias = dict[Id, dict[Id, bool]]


class CapsBody(Body):
    """day, week: marketing pushes at most; apart_h: hours between two. null: no limit; 0: none at all."""

    day: Cap | UnsetType | None = UNSET
    week: Cap | UnsetType | None = UNSET
    apart_h: Annotated[float, Meta(ge=0, le=8760)] | UnsetType | None = UNSET


class PreferencesPatch(Body):
    """null: nothing is said, and the household's or the store's holds. topics: need or * -> channel or * -> whether."""

    timezone: Line | UnsetType | None = UNSET
    quiet_hours: Line | UnsetType | None = UNSET
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}$(?!\n)")] | UnsetType | None = UNSET
    caps: CapsBody | UnsetType | None = UNSET
    topics: Topics | UnsetType = UNSET
    stopped: list[Id] | UnsetType = UNSET
    snoozed: dict[Id, Moment] | UnsetType = UNSET


class PreferencesDocument(Struct, kw_only=True, frozen=True):
    timezone: str | None
    quiet_hours: str | None
    language: str | None
    caps: dict[str, float | None]
    topics: dict[str, dict[str, bool]]
    stopped: list[str]
    snoozed: dict[str, datetime]


def document(said: Preferences) -> PreferencesDocument:
    plain = {topic: dict(channels) for topic, channels in said.topics.items()}
    rest = {name: getattr(said, name) for name in ("timezone", "quiet_hours", "language")}
    return PreferencesDocument(
        caps=dict(said.caps), topics=plain, stopped=list(said.stopped), snoozed=dict(said.snoozed), **rest
    )


def patched(before: Preferences, body: PreferencesPatch) -> Preferences | Reason:
    """What holds after the change, or why it is none."""
    said = changed(body)
    reason = _zone_amiss(said.get("timezone")) or _window_amiss(said.get("quiet_hours"))
    if reason is not None:
        return reason
    if "caps" in said:
        said["caps"] = {} if body.caps is None or isinstance(body.caps, UnsetType) else changed(body.caps)
    return replace(before, **said)


def _zone_amiss(name: str | None) -> Reason | None:
    if name is None or local_time.zone(name) is not None:
        return None
    expected = "a time zone of the IANA database, such as Europe/Berlin"
    return Reason(field="timezone", found=name, expected=expected, remedy="send its name as the database spells it")


def _window_amiss(text: str | None) -> Reason | None:
    try:
        Window.read(text or "")
    except ValueError:
        expected = 'a window of local time such as 22:00-08:00, or "" for none'
        return Reason(field="quiet_hours", found=str(text), expected=expected, remedy="send two times of one day")
    return None
