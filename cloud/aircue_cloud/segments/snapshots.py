"""Who is in which segment on a day: made from the database, and kept, so that days can be compared.

Only of people who agree: to their shopping being used for what they bought, to the air at home being used for what is
measured there. Every day of the last five weeks is kept, and of the time before the first of each month.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select

from aircue_cloud import consents, db, tables
from aircue_cloud.homes import personalisation
from aircue_cloud.outcomes import observed
from aircue_cloud.segments import profiles, rfm
from aircue_cloud.segments.profiles import BEHAVIOUR, CLIMATE, DEVICES, NEED, REGION, RFM, SENSOR
from aircue_cloud.segments.rfm import Scored, Spent

DAYS_KEPT = timedelta(days=35)
MONTHS_KEPT = timedelta(days=400)
_AT_ONCE = 500
_S, _R = tables.segment_snapshots.c, tables.segment_runs.c
Content = dict[str, Any]


def refresh(engine: Engine, now: datetime) -> int:
    """Makes the snapshot of this day, anew where there is one; how many people are in it."""
    with db.reading(engine) as connection:
        found = made(connection, now)
    with db.writing(engine) as connection:
        _store(connection, found, now)
    return len(found)


def is_due(connection: Connection, now: datetime) -> bool:
    return latest(connection) != day_of(now)


def latest(connection: Connection) -> str | None:
    """The day of the last snapshot."""
    found: str | None = connection.execute(select(func.max(_R.day))).scalar_one()
    return found


def days(connection: Connection) -> list[str]:
    """Of which there are snapshots, the latest first."""
    return list(connection.execute(select(_R.day).order_by(_R.day.desc())).scalars())


def day_of(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def _store(connection: Connection, found: Mapping[str, Content], now: datetime) -> None:
    day = day_of(now)
    gone = [one for one in days(connection) if one == day or not _is_kept(date.fromisoformat(one), now)]
    connection.execute(delete(tables.segment_snapshots).where(_S.day.in_(gone)))
    connection.execute(delete(tables.segment_runs).where(_R.day.in_(gone)))
    still = set(connection.execute(select(tables.people.c.id)).scalars())  # somebody may have been erased meanwhile
    rows = [{"day": day, "person": one, "document": content} for one, content in found.items() if one in still]
    if rows:
        connection.execute(insert(tables.segment_snapshots), rows)
    connection.execute(insert(tables.segment_runs), {"day": day, "made_at": now, "people": len(rows)})


def _is_kept(day: date, now: datetime) -> bool:
    age = now.astimezone(UTC).date() - day
    return age <= DAYS_KEPT or (day.day == 1 and age <= MONTHS_KEPT)


def made(connection: Connection, now: datetime) -> dict[str, Content]:
    """By person: segments, by profile; and what the scores follow from."""
    found: dict[str, Content] = defaultdict(lambda: {"segments": {}})
    for one in scores(connection, now):
        content = found[one.customer.person]
        content["segments"][RFM] = [one.segment]
        content["rfm"] = _told(one)
    homes = people_by_home(connection, BEHAVIOUR)
    for home, owned in _owned(connection, homes).items():
        for person in homes[home]:
            found[person]["segments"][DEVICES] = owned
    homes = people_by_home(connection, SENSOR)
    for home, segments in _of_homes(connection, homes, now):
        for person in homes[home]:
            found[person]["segments"].update(segments)
    return {person: found[person] for person in sorted(found)}


def _told(one: Scored) -> Content:
    customer = one.customer
    return {
        "recency_days": one.recency_days,
        "days": customer.days,
        "spent_minor": customer.minor,
        "currency": customer.currency,
        "scores": list(one.scores),
    }


def people_by_home(connection: Connection, category: str) -> dict[str, list[str]]:
    """Those whose data of this category may be used."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(_using(category).order_by(tables.people.c.id)):
        found[row.household].append(row.id)
    return dict(found)


def using(connection: Connection, category: str, persons: Sequence[str]) -> set[str]:
    """Of these people those whose data of this category may be used."""
    found: set[str] = set()
    for start in range(0, len(persons), _AT_ONCE):
        some = tables.people.c.id.in_(persons[start : start + _AT_ONCE])
        found.update(row.id for row in connection.execute(_using(category).where(some)))
    return found


def _using(category: str) -> Select[Any]:
    table = tables.people.c
    agreeing = consents.granting(purpose="marketing", data_category=category)
    query = select(table.id, table.household).where(table.household.in_(agreeing))
    return query.where(personalisation.willing()) if category == BEHAVIOUR else query


def scores(connection: Connection, now: datetime) -> list[Scored]:
    """Of everybody who agrees and has bought something and kept it."""
    today = now.astimezone(UTC).date()
    return rfm.scored(rfm.customers(spent(connection, now)), today, rfm.shipped())


def spent(connection: Connection, now: datetime) -> Iterator[Spent]:
    """Net of returns, by currency."""
    agreeing = {person for people in people_by_home(connection, BEHAVIOUR).values() for person in people}
    for currency in currencies(connection):
        for one in observed.orders(connection, currency, now):
            if one.person in agreeing:
                day = one.at.astimezone(UTC).date()
                yield Spent(person=one.person, day=day, minor=one.amount, currency=currency)


def currencies(connection: Connection) -> list[str]:
    """Of purchases."""
    table, products = tables.interactions.c, tables.products.c
    said = func.coalesce(table.currency, products.currency)
    query = select(said).join(tables.products, products.id == table.product).where(table.kind == "purchase").distinct()
    return sorted(str(one) for one in connection.execute(query).scalars())


def _owned(connection: Connection, homes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Categories of what each home bought more often than it gave it back."""
    table, products, people = tables.interactions.c, tables.products.c, tables.people.c
    query = (
        select(people.household, people.id, table.product, products.category, table.kind, func.count().label("times"))
        .join(tables.people, people.id == table.person)
        .join(tables.products, products.id == table.product)
        .where(table.kind.in_(("purchase", "return")))
        .group_by(people.household, people.id, table.product, products.category, table.kind)
    )
    kept: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in connection.execute(query):
        if row.id in homes.get(row.household, ()):
            kept[row.household, row.product, row.category] += row.times if row.kind == "purchase" else -row.times
    found: dict[str, set[str]] = {home: set() for home in homes}
    for (home, _, category), times in kept.items():
        if times > 0:
            found[home].add(category)
    return {home: sorted(categories) for home, categories in found.items()}


# Of homes.


def _of_homes(
    connection: Connection, homes: Mapping[str, Sequence[str]], now: datetime
) -> Iterator[tuple[str, dict[str, list[str]]]]:
    said = profiles.shipped()
    today = now.astimezone(UTC).date()
    since = datetime.combine(today - timedelta(days=said.days - 1), datetime.min.time(), UTC)
    measured, climates = _measured(connection, since), _climates(connection, since, now)
    felt = _felt(connection, since, now)
    needs = sorted({need for _, need in felt})
    for home, sites in _sites(connection, homes).items():
        found = {REGION: [sites[0].tz]}
        warm = [climates[site.area] for site in sites if site.area in climates]
        if warm:
            found[CLIMATE] = [profiles.level(warm[0], said.climate)]
        if any(site.id in measured for site in sites):
            for need in needs:
                days = profiles.days_felt(felt.get((home, need), ()), today, said.days)
                found[NEED + need] = [profiles.level(days / said.days, said.felt)]
        yield home, found


def _sites(connection: Connection, homes: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    table = tables.sites.c
    query = select(table.id, table.household, table.tz, table.area).where(table.household.is_not(None))
    found: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query.order_by(table.id)):
        if row.household in homes:
            found[row.household].append(row)
    return dict(found)


def _measured(connection: Connection, since: datetime) -> set[str]:
    """Sites that sent readings lately: of the others nobody knows what was felt."""
    table = tables.node_state.c
    return set(connection.execute(select(table.site).where(table.measured_at >= since).distinct()).scalars())


def _climates(connection: Connection, since: datetime, now: datetime) -> dict[str, float]:
    """Mean temperature by area, of the hours that anybody knows."""
    table = tables.weather.c
    hours = (table.hour >= since, table.hour <= now, table.temperature.is_not(None))
    of_hour = select(table.area, func.avg(table.temperature).label("mean")).where(*hours)
    each = of_hour.group_by(table.area, table.hour).subquery()
    query = select(each.c.area, func.avg(each.c.mean)).group_by(each.c.area)
    return {area: float(mean) for area, mean in connection.execute(query)}


def _felt(connection: Connection, since: datetime, now: datetime) -> dict[tuple[str, str], list[tuple[date, date]]]:
    """By household and need the days on which episodes began and ended."""
    table, sites = tables.episodes.c, tables.sites.c
    lately = (~table.withdrawn, table.ended_at.is_(None) | (table.ended_at >= since), table.started_at <= now)
    query = select(sites.household, table.need, table.started_at, table.ended_at).join(
        tables.sites, sites.id == table.site
    )
    found: dict[tuple[str, str], list[tuple[date, date]]] = defaultdict(list)
    for row in connection.execute(query.where(*lately, sites.household.is_not(None))):
        end = now if row.ended_at is None else row.ended_at
        found[row.household, row.need].append((row.started_at.astimezone(UTC).date(), end.astimezone(UTC).date()))
    return dict(found)
