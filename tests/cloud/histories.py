"""Histories of one person to play the policy against, and a judge of what was sent that knows the rules in their plain
form alone: it reads the wall clock, counts days and hours, and shares no code with the policy."""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from aircue_cloud.decision.candidates import Candidate, Choice, Product
from aircue_cloud.decision.policy import Facts, decide
from aircue_cloud.decision.preferences import Preferences, Wishes
from aircue_cloud.decision.settings import Caps, Settings

MINUTE = timedelta(minutes=1)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Kiritimati",  # +14:00
    "Asia/Kathmandu",  # +05:45
    "Australia/Lord_Howe",
    "America/Havana",
    "Mars/Olympus",  # nobody knows it
    None,
)
# Shortly before clocks change in one of these zones, and a day like any other.
STARTS = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in ("2026-03-28T12:00", "2026-10-24T12:00", "2026-03-07T18:00", "2026-10-31T18:00", "2026-06-10T00:00")
)
WINDOWS = ("22:00-08:00", "20:00-10:00", "00:00-06:00", "02:30-03:30", "13:00-14:00", "23:59-00:01", "")
CAPS = (Caps(), Caps(day=2, week=5, apart_h=3.0), Caps(day=None, week=None, apart_h=None), Caps(day=0), Caps(week=1))
ONLY = Candidate(product=Product(id="p", name="P", category="dehumidifier", stock=1), affinity=1.0, lift=2.0, cost=0.2)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Something to push. cleared: after how many minutes the condition is over, None for never."""

    at: datetime
    ttl_min: int
    cleared_min: int | None
    kind: str = "marketing"


@dataclass(frozen=True, kw_only=True)
class History:
    """site_zone, own_zone: names, which may be of no zone."""

    own_zone: str | None
    site_zone: str
    store: Settings
    wanted: Sequence[Wanted]

    @property
    def wishes(self) -> Wishes:
        return Wishes(person=Preferences(timezone=self.own_zone))


@dataclass(frozen=True, kw_only=True)
class Sent:
    at: datetime
    wanted: Wanted


def play(history: History) -> list[Sent]:
    """What goes out, sends and ghosts alike; what is deferred comes again when its time has come."""
    queue = [(wanted.at, number) for number, wanted in enumerate(history.wanted)]
    heapq.heapify(queue)
    sent: list[Sent] = []
    while queue:
        now, number = heapq.heappop(queue)
        verdict = decide(_facts(history, history.wanted[number], now, sent))
        if verdict.until is not None:
            assert verdict.until > now
            heapq.heappush(queue, (verdict.until, number))
        if verdict.winner is not None:
            sent.append(Sent(at=now, wanted=history.wanted[number]))
    return sent


def _facts(history: History, wanted: Wanted, now: datetime, sent: Sequence[Sent]) -> Facts:
    place = history.wishes.place(history.site_zone, history.store)
    cleared = None if wanted.cleared_min is None else wanted.at + wanted.cleared_min * MINUTE
    return Facts(
        now=now,
        site="s",
        household="h",
        person="p",
        need="damp-air",
        kind=wanted.kind,
        episode=str(wanted.at),
        confirmed_at=wanted.at,
        push_ttl=wanted.ttl_min * MINUTE,
        cleared_at=cleared,
        consent=True,
        candidates=(ONLY,),
        choice=Choice(chosen=ONLY, propensity=1.0),
        zone=place.zone,
        zone_known=place.known,
        quiet=place.quiet,
        caps=history.store.caps,
        sent=tuple(one.at for one in sent if one.wanted.kind == "marketing"),
        holdout=history.store.holdout,
    )


# The judge.


def violations(history: History, sent: Sequence[Sent]) -> list[str]:
    where, hours = _place(history)
    marketing = [one for one in sent if one.wanted.kind == "marketing"]
    found = [*_expired(marketing), *_capped(marketing, history.store.caps, where)]
    return found + [f"{one.at} is quiet in {where}: {hours}" for one in marketing if _is_quiet(one.at, where, hours)]


def _place(history: History) -> tuple[ZoneInfo, str]:
    for name in (history.own_zone, history.site_zone):
        if name not in (None, "Mars/Olympus", "UTC"):
            return ZoneInfo(str(name)), history.store.quiet_hours
    hours = history.store.widest_quiet_hours if history.store.quiet_hours else ""
    return ZoneInfo(history.store.timezone), hours


def _is_quiet(at: datetime, where: ZoneInfo, hours: str) -> bool:
    if not hours:
        return False
    start, end = hours.split("-")
    wall = f"{at.astimezone(where):%H:%M}"
    return start <= wall < end if start < end else wall >= start or wall < end


def _expired(sent: Sequence[Sent]) -> Iterator[str]:
    for one in sent:
        minutes = min(
            one.wanted.ttl_min, one.wanted.ttl_min if one.wanted.cleared_min is None else one.wanted.cleared_min
        )
        if one.at >= one.wanted.at + minutes * MINUTE:
            yield f"{one.at} is too late for {one.wanted}"


def _capped(sent: Sequence[Sent], caps: Caps, where: ZoneInfo) -> Iterator[str]:
    times = sorted(one.at for one in sent)
    for number, at in enumerate(times):
        before = times[:number]
        day = sum(one.astimezone(where).date() == at.astimezone(where).date() for one in before)
        week = sum((at - one).total_seconds() < 7 * 86400 for one in before)
        if caps.day is not None and day >= caps.day:
            yield f"{at}: more than {caps.day} that day"
        if caps.week is not None and week >= caps.week:
            yield f"{at}: more than {caps.week} in seven days"
        if before and (at - before[-1]).total_seconds() < (caps.apart_h or 0) * 3600:
            yield f"{at}: too soon after {before[-1]}"


# Drawn for the bench; hypothesis draws its own.


def draw(rng: random.Random) -> History:
    start = rng.choice(STARTS)
    wanted = [
        Wanted(
            at=start + rng.randrange(12 * 1440) * MINUTE,
            ttl_min=rng.choice((1, 60, 600, 1440, 4320)),
            cleared_min=rng.choice((None, None, 0, 30, 600)),
            kind=rng.choice(("marketing",) * 5 + ("service", "safety")),
        )
        for _ in range(rng.randrange(1, 30))
    ]
    store = Settings(
        quiet_hours=rng.choice(WINDOWS),
        timezone=rng.choice(("UTC", "Europe/Berlin")),
        caps=rng.choice(CAPS),
        holdout=rng.choice((0.0, 1.0)),
        need_holdout=0.0,
    )
    site = rng.choice(("UTC", "Asia/Kathmandu", "Mars/Olympus", "Europe/Berlin"))
    return History(own_zone=rng.choice(ZONES), site_zone=site, store=store, wanted=wanted)
