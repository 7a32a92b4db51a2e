"""Past courses of what no room triggers, and what stood beside an episode, for a backtest: from the store, or of the
weather from a file.

Nothing is known to an instant that was told of a later one. What a source of the weather corrected afterwards is as it
stands today; what was forecast is not kept, so conditions of a forecast are not judged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.decision import preferences
from aircue_cloud.decision.known import Known
from aircue_cloud.decision.preferences import Wishes
from aircue_cloud.decision.settings import Settings
from aircue_cloud.decision.surrounding import Place, Surrounding
from aircue_cloud.errors import CommandError
from aircue_cloud.layers.course import Point
from aircue_cloud.needs.also import OUTDOOR, PERSON
from aircue_cloud.needs.backtest import Beside, Course, Facts, Household, Values
from aircue_cloud.needs.conditions import Fact
from aircue_cloud.needs.needs import REPLENISH, Need
from aircue_cloud.needs.nodes import OUTDOORS, wearer
from aircue_cloud.triggers import used_up, wearers
from aircue_cloud.weather import course
from aircue_cloud.weather.course import Told
from aircue_cloud.weather.errors import WeatherError
from aircue_cloud.weather.file import FileProvider

MOST_LOOKS = 400  # at what is used up: once a day, or rarer where that would be more
_DAY = timedelta(days=1)
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def of_store(
    connection: Connection, need: Need, site: str, whose: Household, since: datetime, now: datetime
) -> Iterator[Course]:
    """The courses at a site that may trigger a need, of all but rooms."""
    return _OF[need.source](connection, need, site, whose, since, now)


def _weather(
    connection: Connection, need: Need, site: str, _: Household, since: datetime, now: datetime
) -> Iterator[Course]:
    area = _area(connection, site)
    if area is not None:
        yield _of_weather(OUTDOORS, need, course.between(connection, [area], since, now)[area])


def _area(connection: Connection, site: str) -> str | None:
    table = tables.sites.c
    found: str | None = connection.execute(select(table.area).where(table.id == site)).scalar_one()
    return found


def _of_weather(node: str, need: Need, told: Sequence[Told]) -> Course:
    points = [(hour.hour.timestamp(), hour.values[need.quantity]) for hour in told if need.quantity in hour.values]
    return Course(node=node, values=_values(need, points))


def _values(need: Need, points: Sequence[tuple[float, float]]) -> Mapping[str, Values]:
    """Of one instant the first counts. Nobody flags what no sensor of ours measured."""
    at, value = np.array(points, dtype=np.float64).reshape(-1, 2).T
    new = np.diff(at, prepend=-np.inf) > 0
    return {need.rule.quantity: Values(at=at[new], value=value[new], trusted=np.ones(int(new.sum()), dtype=np.bool_))}


def _worn(
    connection: Connection, need: Need, _: str, whose: Household, since: datetime, now: datetime
) -> Iterator[Course]:
    """Of each of the household's people, where it agrees to the use of what they wear."""
    people = tables.people.c
    query = select(people.id).where(people.household == whose.name).order_by(people.id) if whose.given else None
    for person in () if query is None else connection.execute(query).scalars().all():
        points = wearers.agreed_points(connection, person, need.quantity, since, now)
        mine = preferences.of(connection, preferences.PERSON, person)
        wishes = Wishes(person=mine, household=whose.wishes.household)
        yield Course(node=wearer(person), values=_values(need, _seconds(points)), person=person, wishes=wishes)


def _seconds(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(one.at, one.value) for one in points]


def _used(
    connection: Connection, need: Need, _: str, whose: Household, since: datetime, now: datetime
) -> Iterator[Course]:
    """Looked at day by day, as it stood then: what was passed on one day stays so, though what is learnt later would
    move it. What was used up before that time has had its episode."""
    passed: dict[tuple[str, int], Point | None] = {}
    for at in _looks(since, now) if whose.given else ():
        for life in used_up.lives(connection, need, at):
            if life.household == whose.name:
                begins, *crossing = used_up.course(life, need, db.to_ms(at))
                key = (life.node, begins.at_ms)
                passed[key] = passed.get(key) or next(iter(crossing), None)
    for node in sorted({node for node, _ in passed}):
        mine = [(begins_ms, point) for (of, begins_ms), point in passed.items() if of == node]
        points = [pair for begins_ms, point in mine for pair in _life(begins_ms, point, db.to_ms(since))]
        yield Course(node=node, values=_values(need, sorted(points)))


def _life(begins_ms: int, passed: Point | None, since_ms: int) -> Iterator[tuple[float, float]]:
    yield (begins_ms - 1) / 1000, 0.0  # as the course that is followed has it
    yield begins_ms / 1000, 0.0
    if passed is not None and passed.at_ms >= since_ms:
        yield passed.at, passed.value


def _looks(since: datetime, now: datetime) -> Iterator[datetime]:
    step = max(_DAY, (now - since) / MOST_LOOKS)
    at = since
    while at < now:
        yield at
        at += step
    yield now


_Read = Callable[[Connection, Need, str, Household, datetime, datetime], Iterator[Course]]
_OF: Mapping[str, _Read] = {OUTDOOR: _weather, PERSON: _worn, REPLENISH: _used}


# Files.


def told_in(path: Path) -> Mapping[str, Sequence[Told]]:
    """By area, what a file tells of the weather. CommandError where it tells none."""
    try:
        hours = list(FileProvider(path=path).everything())
    except WeatherError as error:
        raise CommandError(str(error)) from error
    if not hours:
        raise CommandError(f"{path}: tells of no hour; a row each: area,hour,temperature,humidity,condition")
    best = {(hour.area, hour.hour): hour for hour in hours}
    return course.told(best, sorted({hour.area for hour in hours}), _FOR_EVER)


def of_file(need: Need, told: Mapping[str, Sequence[Told]]) -> Iterator[Course]:
    """An area stands for one home's."""
    for area, hours in told.items():
        yield _of_weather(OUTDOORS if len(told) == 1 else area, need, hours)


# What stood beside.


def beside_weather(told: Mapping[str, Sequence[Told]]) -> Beside:
    """Of a file that tells of one area; of several nobody knows in which the home lies."""
    if len(told) != 1:
        return Beside()
    [hours] = told.values()

    def known(now: datetime, _: str | None) -> Facts:
        found: dict[tuple[str, str], Sequence[Fact]] = {}
        for hour in hours:
            if hour.hour <= now:
                found |= {(OUTDOOR, name): [Fact(value=value, at=hour.hour)] for name, value in hour.values.items()}
        return found

    return Beside(sources=frozenset({OUTDOOR}), known=known)


def beside_store(connection: Connection, site: str, whose: Household, settings: Settings) -> Beside:
    """As decisions read it, of an instant of the past. What is worn, where the household agrees to it today."""
    household = whose.name if whose.given else None
    seen = Known(
        switched_off=None, sites={site: (household, whose.site_zone)}, consent={}, agreed={}, agreeing=frozenset(),
        people={}, said={}, offered={}, decided=set(), shopped={}, episodes={}, flags={}, falls={},
    )  # fmt: skip
    place = Place(household=household or "", site=site, node=OUTDOORS)

    def known(now: datetime, person: str | None) -> Facts:
        around = Surrounding(connection, seen, settings, now)
        return {**around.weather(place), **around.worn(place, person)}

    return Beside(sources=frozenset({OUTDOOR, PERSON}), known=known)
