"""Whether what a need asks for besides its trigger holds, by what is known now. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from aircue_cloud.decision import local_time
from aircue_cloud.needs.also import CALENDAR, FORECAST, FRESH_S, ROOM, SKIP, Also, Audience

MET, UNMET, MISSING, STALE, SKIPPED = "met", "unmet", "missing", "stale", "skipped"
_PASSES = (MET, SKIPPED)


class Fact(Struct, frozen=True, kw_only=True):
    """at: since when it is known, from which freshness counts. of: of a forecast, the hour it speaks of."""

    value: float
    at: datetime
    of: datetime | None = None


Known = Mapping[tuple[str, str], Sequence[Fact]]  # by source and quantity; of a forecast every hour, else the latest


class Met(Struct, frozen=True, kw_only=True):
    """condition: in words. value: what was found. at: since when that is known. wait_s: over 0, it is worth asking
    again after so long."""

    condition: str
    result: str
    value: float | str | None = None
    at: datetime | None = None
    wait_s: float = 0.0

    @property
    def passes(self) -> bool:
        return self.result in _PASSES


def judged(also: Also, known: Known, now: datetime, zone: ZoneInfo) -> Met:
    if also.source == CALENDAR:
        return _calendar(also, now, zone)
    found = _found(also, known, now)
    if not found:
        return _met(also, SKIPPED if also.on_missing == SKIP else MISSING)
    fresh = [fact for fact in found if now - fact.at <= timedelta(seconds=also.fresh_s)]
    if not fresh:
        return _met(also, SKIPPED if also.on_missing == SKIP else STALE, found[-1])
    holding = next((fact for fact in fresh if _holds(also, fact.value)), None)
    return _met(also, UNMET, fresh[-1]) if holding is None else _met(also, MET, holding)


def _found(also: Also, known: Known, now: datetime) -> Sequence[Fact]:
    facts = known.get((also.source, also.quantity), ())
    if also.source == FORECAST:
        until = now + timedelta(hours=also.within_h)
        facts = [fact for fact in facts if fact.of is not None and now < fact.of <= until]
    return [*_differences(facts, also, known, now)] if also.minus_room else facts


def _differences(facts: Sequence[Fact], also: Also, known: Known, now: datetime) -> Iterator[Fact]:
    """To the room; nothing where the room's own is not fresh."""
    inside = known.get((ROOM, also.quantity), ())
    if inside and now - inside[-1].at <= timedelta(seconds=FRESH_S[ROOM]):
        for fact in facts:
            yield Fact(value=fact.value - inside[-1].value, at=fact.at, of=fact.of)


def _holds(also: Also, value: float) -> bool:
    """Strictly: 80 is not above 80."""
    return (also.above is None or value > also.above) and (also.below is None or value < also.below)


def _calendar(also: Also, now: datetime, zone: ZoneInfo) -> Met:
    local = now.astimezone(zone)
    month = not also.months or local.month in also.months
    hour = also.hours is None or local_time.quiet_until(also.hours, zone, now) is not None
    return _met(also, MET if month and hour else UNMET, value=f"{local:%Y-%m-%d %H:%M} {zone.key}")


def _met(also: Also, result: str, fact: Fact | None = None, value: str | None = None) -> Met:
    found = value if fact is None else round(fact.value, 3)
    at = None if fact is None else fact.at
    return Met(condition=said(also), result=result, value=found, at=at, wait_s=also.wait_s)


def said(also: Also) -> str:
    """
    >>> said(Also(source="outdoor", quantity="absolute_humidity", below=-1.0, minus_room=True))
    'outdoor absolute humidity less that of the room, below -1'
    >>> said(Also(source="forecast", quantity="rain", above=0.5, within_h=3))
    'forecast rain within 3 h, above 0.5'
    """
    if also.source == CALENDAR:
        return ", ".join(_dates(also))
    what = f"{also.source} {also.quantity.replace('_', ' ').replace('-', ' ')}"
    what += " less that of the room" if also.minus_room else ""
    what += f" within {also.within_h} h" if also.within_h else ""
    bounds = (("above", also.above), ("below", also.below))
    return f"{what}, {' and '.join(f'{side} {bound:g}' for side, bound in bounds if bound is not None)}"


def _dates(also: Also) -> Iterator[str]:
    if also.months:
        yield f"month one of {', '.join(map(str, also.months))}"
    if also.hours is not None:
        yield f"time within {also.hours}"


class Reader(Struct, frozen=True, kw_only=True):
    """Who would get a push. area: of the site. owned: categories of what the household has. audiences: names of those
    the person is in."""

    language: str
    zone: str
    zone_known: bool
    area: str | None
    owned: frozenset[str]
    audiences: frozenset[str] = frozenset()


def audience(wanted: Audience, reader: Reader) -> tuple[Met, ...]:
    """One line for each thing that is asked for."""
    return tuple(_asked(wanted, reader))


def _asked(wanted: Audience, reader: Reader) -> Iterator[Met]:
    if wanted.languages:
        yield _one(
            f"language one of {', '.join(wanted.languages)}", reader.language in wanted.languages, reader.language
        )
    if wanted.zones:
        fits = reader.zone_known and any(_in_zone(reader.zone, zone) for zone in wanted.zones)
        yield _one(f"zone one of {', '.join(wanted.zones)}", fits, reader.zone if reader.zone_known else None)
    if wanted.areas:
        yield _one(f"area one of {', '.join(wanted.areas)}", reader.area in wanted.areas, reader.area)
    for category in wanted.owns:
        yield _one(f"has a product of category {category}", category in reader.owned)
    for category in wanted.lacks:
        yield _one(f"has no product of category {category}", category not in reader.owned)
    if wanted.audiences:
        inside = sorted(reader.audiences & frozenset(wanted.audiences))
        yield _one(f"audience one of {', '.join(wanted.audiences)}", bool(inside), inside[0] if inside else None)


def _in_zone(zone: str, wanted: str) -> bool:
    return zone.startswith(wanted.removesuffix("*")) if wanted.endswith("/*") else zone == wanted


def _one(condition: str, fits: bool, value: str | None = None) -> Met:
    return Met(condition=condition, result=MET if fits else UNMET, value=value)
