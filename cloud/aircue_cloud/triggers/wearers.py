"""Episodes of what people wear, followed in the transaction that stores what a wearable told; only of households that
agree to its use. An episode is at the first of the household's sites, and names its wearer by no id."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from aircue_cloud import consents, db, tables
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs.needs import PERSON, Needs
from aircue_cloud.needs.nodes import wearer
from aircue_cloud.needs.quantities import CATEGORY
from aircue_cloud.triggers.following import follow as follow_courses
from aircue_cloud.triggers.following import point

PURPOSE = "marketing"
LOOKS_BACK = timedelta(days=2)  # what is told later than that is history, and triggers nothing
_AT_ONCE = 500


def follow_silent(connection: Connection, needs: Needs, now: datetime) -> list[Started]:
    """Ends the open episodes of which nothing more was told."""
    table, people = tables.episodes.c, tables.people.c
    open_ = (table.open, table.need.in_([need.name for need in needs.of(PERSON)]))
    query = (
        select(people.id, table.node, table.quantity, table.started_at)
        .join(tables.sites, tables.sites.c.id == table.site)
        .join(tables.people, people.household == tables.sites.c.household)
        .where(*open_)
    )
    rows = [row for row in connection.execute(query) if wearer(row.id) == row.node]
    told = {(row.id, row.quantity.rpartition(".")[2]) for row in rows}
    return follow(connection, needs, told, now, min((row.started_at for row in rows), default=now))


def follow(
    connection: Connection,
    needs: Needs,
    told: Collection[tuple[str, str]],
    now: datetime,
    since: datetime | None = None,
) -> list[Started]:
    """told: people and kinds of observations of which something was just stored. since: what was told before that is
    not looked at; LOOKS_BACK where nothing is said. The episodes that are new."""
    watching = needs.of(PERSON)
    watched = {need.quantity for need in watching}
    fit = sorted((person, kind) for person, kind in told if kind in watched)
    if not fit:
        return []
    people = sorted({person for person, _ in fit})
    sites = _sites(connection, people, sorted({kind for _, kind in fit}))
    person_of = {wearer(person): person for person in people}
    courses = []
    for person, kind in fit:
        points = _points(connection, person, kind, db.to_ms(since or now - LOOKS_BACK), db.to_ms(now))
        if points and person in sites[kind]:
            series = Series(site=sites[kind][person], node=wearer(person), quantity=f"{PERSON}.{kind}")
            courses.append((series, points))

    def read(series: Series, first_ms: int, last_ms: int) -> list[Point]:
        return _points(connection, person_of[series.node], series.quantity.rpartition(".")[2], first_ms, last_ms)

    alone = Needs({need.name: need for need in watching})
    return follow_courses(connection, alone, courses, read, db.to_ms(now), now)


def _sites(connection: Connection, people: Sequence[str], kinds: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    """By kind, the site of each of the people whose household agrees to its use."""
    table, sites = tables.people.c, tables.sites.c
    found: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    first = func.min(sites.id).label("site")
    for start in range(0, len(people), _AT_ONCE):
        for kind in kinds:
            agreed = consents.granting(purpose=PURPOSE, data_category=CATEGORY[kind])
            query = (
                select(table.id, first)
                .join(tables.sites, sites.household == table.household)
                .where(table.id.in_(people[start : start + _AT_ONCE]), table.household.in_(agreed))
                .group_by(table.id)
            )
            found[kind] |= {row.id: row.site for row in connection.execute(query)}
    return found


def _points(connection: Connection, person: str, kind: str, first_ms: int, last_ms: int) -> list[Point]:
    table = tables.observations.c
    span = (table.at >= db.from_ms(max(first_ms, 0)), table.at <= db.from_ms(last_ms))
    query = select(table.at, table.value).where(table.person == person, table.kind == kind, *span)
    return [point(db.to_ms(row.at), row.value) for row in connection.execute(query.order_by(table.at, table.id))]


def agreed_points(connection: Connection, person: str, kind: str, since: datetime, until: datetime) -> list[Point]:
    """What somebody's wearable told; nothing where the household does not agree to its use."""
    if person not in _sites(connection, [person], [kind])[kind]:
        return []
    return _points(connection, person, kind, db.to_ms(since), db.to_ms(until))
