"""What became of a parcel, from what its carrier told, in whatever order and how often it told it. Pure.

The nine states are those that AfterShip gives every carrier's own. A course is a function of the set of events alone:
they are put in the order in which they happened, of one instant the further one last; then

- what only announces a parcel (Pending, InfoReceived) says nothing of one that moved already;
- a delivered parcel stays delivered, but for an Exception after it: it went back;
- all else: the last one holds.

A parcel of which nothing was heard for 30 days is Expired, until something is heard again; a delivered one is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

PENDING, ANNOUNCED, MOVING, OUT = "Pending", "InfoReceived", "InTransit", "OutForDelivery"
ATTEMPTED, WAITING = "AttemptFail", "AvailableForPickup"
EXCEPTION, EXPIRED, DELIVERED = "Exception", "Expired", "Delivered"
# The further one of two that are told of the same instant stands later.
STATES = (PENDING, ANNOUNCED, EXPIRED, MOVING, OUT, ATTEMPTED, WAITING, EXCEPTION, DELIVERED)
SILENCE = timedelta(days=30)
_RANKS = {state: rank for rank, state in enumerate(STATES)}
_BEFORE = frozenset({PENDING, ANNOUNCED})
COMING = frozenset({PENDING, ANNOUNCED, MOVING, OUT, ATTEMPTED, WAITING})


@dataclass(frozen=True, kw_only=True)
class Event:
    """key: the same for the same event, however often it is told. expected_at: when the carrier then meant to come."""

    key: str
    at: datetime
    state: str
    expected_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Course:
    """heard_at: None where nothing was. delivered_at: None unless it stays delivered."""

    state: str = PENDING
    heard_at: datetime | None = None
    expected_at: datetime | None = None
    delivered_at: datetime | None = None


def course(events: Iterable[Event]) -> Course:
    """
    >>> from datetime import UTC
    >>> at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    >>> late = Event(key="1", at=at, state=MOVING)
    >>> early = Event(key="2", at=at + timedelta(days=1), state=DELIVERED)
    >>> course([early, late, early]).state
    'Delivered'
    """
    found = Course()
    for event in in_order(events):
        found = _after(found, event)
    return found


def in_order(events: Iterable[Event]) -> list[Event]:
    """As they happened; one that was told twice is one. Of two that bear one key, the one that sorts first."""
    by_key: dict[str, Event] = {}
    for event in sorted(events, key=_place):
        by_key.setdefault(event.key, event)
    return sorted(by_key.values(), key=_place)


def _place(event: Event) -> tuple[datetime, int, str, str]:
    return event.at, _RANKS[event.state], event.key, "" if event.expected_at is None else event.expected_at.isoformat()


def _after(before: Course, event: Event) -> Course:
    state = event.state if _holds(before.state, event.state) else before.state
    arrived = event.at if before.delivered_at is None else before.delivered_at
    return Course(
        state=state,
        heard_at=event.at,
        expected_at=before.expected_at if event.expected_at is None else event.expected_at,
        delivered_at=arrived if state == DELIVERED else None,
    )


def _holds(before: str, state: str) -> bool:
    if before == DELIVERED:
        return state == EXCEPTION
    return state not in _BEFORE or _RANKS[before] <= _RANKS[state]


def standing(state: str, heard_at: datetime, now: datetime) -> str:
    """With its silence."""
    return EXPIRED if state != DELIVERED and now - heard_at >= SILENCE else state


def delay(
    promised_at: datetime | None, expected_at: datetime | None, delivered_at: datetime | None, now: datetime
) -> timedelta | None:
    """How much later than promised it came or, as far as is known now, will come at the earliest; zero for in time.
    None where nothing was promised."""
    if promised_at is None:
        return None
    comes = delivered_at if delivered_at is not None else max(now, expected_at or now)
    return max(comes - promised_at, timedelta())
