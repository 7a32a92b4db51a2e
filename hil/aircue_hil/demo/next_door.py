"""Other homes have a damp bathroom on the same day: who is offered something, who is left alone, and why.

Their readings are simulated and handed to the cloud as a gateway hands them in, without boards; all from there on
is the cloud's own. One home gets an offer, and on the next day, with a damp bathroom again, no second one.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aircue_gateway.batch import Batch, Channel, Group, Sample, Status, encode
from aircue_hil.demo.cloud import Cloud
from aircue_hil.demo.plan import NEXT_DOOR


class Neighbour(NamedTuple):
    """As the cloud's demo shop knows them (aircue_cloud.demo.neighbours)."""

    household: str
    person: str
    site: str


NEIGHBOURS = (
    Neighbour("ash", "ash-mira", "home-3"),
    Neighbour("cedar", "cedar-joon", "home-4"),
    Neighbour("elm", "elm-rosa", "home-5"),
    Neighbour("rowan", "rowan-piet", "home-6"),
)
WET = "ash"
ASLEEP = "cedar-joon"
UNWILLING = ("birch", "birch-ines")
_ROOM = "bathroom"
_DAMP = tuple([85.0] * 25 + [60.0] * 15)  # %RH, a minute each: a shower, and an open window after it
_DECIDED_WITHIN_S = 20.0
_LOOK_EVERY_S = 0.05
_DAY = timedelta(days=1)

Homes = dict[str, dict[str, Any]]


def batch(sites: Iterable[str], end: datetime, day: int) -> bytes:
    """Damp bathrooms at these sites, up to an instant. day: from 1 on; each has samples and a batch of its own."""
    begin_ms = int(end.timestamp() - 60 * len(_DAMP)) * 1000
    groups = tuple(_group(site, begin_ms, day) for site in sites)
    sealed = round(end.timestamp() * 1000)
    return encode(Batch(gateway=NEXT_DOOR, epoch="00000001", sequence=day, sealed_at_ms=sealed, groups=groups))


def _group(site: str, begin_ms: int, day: int) -> Group:
    samples = tuple(_sample(minute, value, begin_ms, day) for minute, value in enumerate(_DAMP))
    channel = Channel(quantity="humidity", unit="%RH", scale=100)
    return Group(site=site, node=_ROOM, installation=_installation(site), boot=1, channels=(channel,), samples=samples)


def _installation(site: str) -> int:
    return int(site.rpartition("-")[2])


def _sample(minute: int, value: float, begin_ms: int, day: int) -> Sample:
    at_ms = begin_ms + minute * 60_000
    return Sample(
        sequence=day * 1000 + minute,
        uptime_ms=(day * 1000 + minute) * 60_000,
        measured_at_ms=at_ms,
        received_at_ms=at_ms + 500,
        clock="node",
        values=(round(value * 100),),
        statuses=(Status.OK,),
    )


def asleep(now: datetime) -> dict[str, str]:
    """Quiet hours around an instant."""
    return {"timezone": "UTC", "quiet_hours": f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=6):%H:%M}"}


async def play(cloud: Cloud, key: str, say: Callable[[str], None]) -> Homes:
    """What became of each home. `next_day`: why there was no second offer."""
    now = datetime.now(UTC)
    await asyncio.to_thread(cloud.prefer, ASLEEP, asleep(now))
    say(f"next door {len(NEIGHBOURS)} more bathrooms were damp (simulated, without boards)")
    await asyncio.to_thread(cloud.hand_in, batch([one.site for one in NEIGHBOURS], now - _DAY, 1), key)
    people = {one.household: one.person for one in NEIGHBOURS}
    first = {home: await _decided(cloud, person, []) for home, person in people.items()}
    say(f"the next day the bathroom of {WET} is damp again")
    await asyncio.to_thread(cloud.hand_in, batch([_site(WET)], now, 2), key)
    again = await _decided(cloud, people[WET], first[WET])
    household, person = UNWILLING
    first[household] = await asyncio.to_thread(cloud.why, person)
    homes = {home: await _told(cloud, home, lines) for home, lines in first.items()}
    homes[WET]["next_day"] = again[0]
    for line in _summary(homes):
        say(line)
    return homes


def _site(household: str) -> str:
    return next(one.site for one in NEIGHBOURS if one.household == household)


async def _decided(cloud: Cloud, person: str, before: list[str]) -> list[str]:
    """The words of the latest decision about somebody, as soon as it is another than before."""
    end = time.monotonic() + _DECIDED_WITHIN_S
    while True:
        lines = await asyncio.to_thread(cloud.why, person)
        if lines and lines != before:
            return lines
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was decided about {person} within {_DECIDED_WITHIN_S:g} s; see cloud.log")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _told(cloud: Cloud, household: str, lines: list[str]) -> dict[str, Any]:
    pushes = await asyncio.to_thread(cloud.inbox, household)
    offers = [f"{one['category']}: {one['text']} {one['reason']}" for one in pushes]
    return {"offers": offers, "why": lines[0] if lines else ""}


def _summary(homes: Homes) -> Iterable[str]:
    for household, one in sorted(homes.items()):
        yield f"{household}, offers: {len(one['offers'])}. {one['why']}"
    yield f"{WET}, the next day: {homes[WET]['next_day']}"
