"""What the database knows of the homes that are decided about, read at once for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from aircue_cloud import db, tables
from aircue_cloud.decision import kill_switch, preferences
from aircue_cloud.decision.candidates import MARGIN, Product
from aircue_cloud.decision.policy import CHANNEL, COOLDOWN, DATA_CATEGORY, GHOST, PURPOSE, SEND, WEEK
from aircue_cloud.decision.preferences import NO_WISHES, NOTHING_SAID, Preferences, Wishes
from aircue_cloud.decision.shopping import BEHAVIOUR
from aircue_cloud.homes import personalisation
from aircue_cloud.recommender.asked import Described

OFFERED = (SEND, GHOST)  # one that is held out counts as if it had been sent
_HOUR_MS = 3_600_000
_FRESH = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Offered:
    """A push that went out, or would have but for the holdout. unit: whom the caps are of."""

    push: str
    unit: str
    kind: str
    category: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Shopped:
    """A purchase, a return, or a "not for me"."""

    product: str
    category: str
    name: str
    kind: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Known:
    """By site: household and zone. By household: consent to pushes from the air, agreed (the channels through which),
    people, offered and shopped, latest first. agreeing: households that let their behaviour be used. By site and node:
    flags of the latest readings (with the quantity), falls in degrees Celsius. catalogue: ids of all products.
    remedies: by category. decided: pushes that were sent or held out before."""

    switched_off: str | None
    sites: Mapping[str, tuple[str | None, str]]
    consent: Mapping[str, bool]
    agreed: Mapping[str, Set[str]]
    agreeing: Set[str]
    people: Mapping[str, Sequence[str]]
    said: Mapping[tuple[str, str], Preferences]
    offered: Mapping[str, list[Offered]]
    decided: set[str]
    shopped: Mapping[str, Sequence[Shopped]]
    episodes: Mapping[tuple[str, str, str], Sequence[Any]]
    flags: Mapping[tuple[str, str, str], str]
    falls: Mapping[tuple[str, str], float]
    catalogue: Sequence[str] = ()
    remedies: Mapping[str, Sequence[tuple[Product, Described]]] = field(default_factory=dict)

    def wishes(self, household: str, person: str | None) -> Wishes:
        if not self.said:
            return NO_WISHES
        mine = self.said.get((preferences.PERSON, person or ""), NOTHING_SAID)
        return Wishes(person=mine, household=self.said.get((preferences.HOUSEHOLD, household), NOTHING_SAID))

    def note(self, household: str, offered: Offered) -> None:
        """What was just decided counts for what is decided next."""
        self.offered.setdefault(household, []).insert(0, offered)  # type: ignore[attr-defined]  # a defaultdict
        self.decided.add(offered.push)


def look(
    connection: Connection, cases: Sequence[tuple[str, str, datetime]], categories: Sequence[str], now: datetime
) -> Known:
    """cases: site, node and confirming instant of each episode. categories: of all remedies that may be offered. Of a
    household that does not agree, nothing is read of what its people did."""
    sites = sorted({site for site, _, _ in cases})
    homes = _sites(connection, sites)
    households = _locked(connection, sorted({household for household, _ in homes.values() if household is not None}))
    people = _people(connection, households)
    everybody = sorted(person for some in people.values() for person in some)
    offered = _offered(connection, households, now)
    said = _said(connection, households)
    agreeing = [household for household in households if said.consent.get(household)]
    catalogue, remedies = _products(connection, categories) if agreeing else ((), {})
    return Known(
        switched_off=kill_switch.switched_off(connection),
        sites=homes,
        consent=said.consent,
        agreed=said.agreed,
        agreeing=said.agreeing,
        people=people,
        said=preferences.everybody(connection, everybody, households),
        offered=offered,
        decided={one.push for some in offered.values() for one in some},
        shopped=_shopped(connection, agreeing) if agreeing else {},
        episodes=_episodes(connection, sites, min((at for _, _, at in cases), default=now)),
        flags=_flags(connection, sites),
        falls=_falls(connection, cases),
        catalogue=catalogue,
        remedies=remedies,
    )


def _sites(connection: Connection, sites: Sequence[str]) -> dict[str, tuple[str | None, str]]:
    table = tables.sites.c
    rows = connection.execute(select(table.id, table.household, table.tz).where(table.id.in_(sites)))
    return {row.id: (row.household, row.tz) for row in rows}


def _locked(connection: Connection, households: Sequence[str]) -> list[str]:
    """Whoever else decides about one of them waits for this transaction: the caps are counted by one at a time. SQLite
    has one writer anyhow."""
    table = tables.households.c
    query = select(table.id).where(table.id.in_(households)).order_by(table.id).with_for_update()
    return list(connection.execute(query).scalars())


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What each household said last; no, while nothing may be fitted to it. As consents.granted and granting have it,
    for many at once."""

    consent: Mapping[str, bool]
    agreed: Mapping[str, Set[str]]
    agreeing: Set[str]


def _said(connection: Connection, households: Sequence[str]) -> _Said:
    table, homes = tables.consents.c, tables.households.c
    asked = (table.purpose == PURPOSE, table.data_category.in_((DATA_CATEGORY, BEHAVIOUR)))
    mine = table.household.in_(households)
    last = select(func.max(table.id)).where(*asked, mine).group_by(table.household, table.data_category, table.channel)
    columns = (table.household, table.data_category, table.channel, table.granted)
    said = {(row[0], row[1], row[2]): row[3] for row in connection.execute(select(*columns).where(table.id.in_(last)))}
    unwilling = _those(connection, personalisation.unwilling().where(homes.id.in_(households)))
    shared = _those(connection, personalisation.shared_by_the_unwilling().where(homes.id.in_(households)))
    agreed = defaultdict[str, set[str]](set)
    for (household, category, channel), granted in said.items():
        if category == DATA_CATEGORY and granted and household not in shared:
            agreed[household].add(channel)
    answered = [home for home, category, channel in said if (category, channel) == (DATA_CATEGORY, CHANNEL)]
    behaviour = {home for (home, category, _), granted in said.items() if category == BEHAVIOUR and granted}
    return _Said(
        consent={home: CHANNEL in agreed[home] for home in answered}, agreed=agreed, agreeing=behaviour - unwilling
    )


def _those(connection: Connection, query: Select[str]) -> Set[str]:
    return frozenset(connection.execute(query).scalars())


def _people(connection: Connection, households: Sequence[str]) -> dict[str, list[str]]:
    table, found = tables.people.c, defaultdict(list)
    query = select(table.household, table.id).where(table.household.in_(households)).order_by(table.id)
    for household, person in connection.execute(query):
        found[household].append(person)
    return found


def _offered(connection: Connection, households: Sequence[str], now: datetime) -> dict[str, list[Offered]]:
    """As far back as the cooldown and the caps look, latest first."""
    table, found = tables.decisions.c, defaultdict[str, list[Offered]](list)
    columns = (table.household, table.person, table.push, table.kind, table.category, table.at)
    since = now - max(COOLDOWN, WEEK) - timedelta(days=1)
    query = select(*columns).where(table.household.in_(households), table.at > since, table.outcome.in_(OFFERED))
    for row in connection.execute(query.order_by(table.at.desc(), table.id.desc())):
        unit = row.person or row.household
        one = Offered(push=row.push, unit=unit, kind=row.kind, category=row.category, at=row.at)
        found[row.household].append(one)
    return found


def decided_before(connection: Connection, pushes: Sequence[str]) -> set[str]:
    """Those of these pushes that were sent or held out, however long ago."""
    table = tables.decisions.c
    query = select(table.push).where(table.push.in_(pushes), table.outcome.in_(OFFERED))
    return set(connection.execute(query).scalars())


def _shopped(connection: Connection, households: Sequence[str]) -> dict[str, list[Shopped]]:
    table, people, products = tables.interactions.c, tables.people.c, tables.products.c
    query = (
        select(people.household, table.product, products.category, products.name, table.kind, table.at)
        .join(tables.people, people.id == table.person)
        .join(tables.products, products.id == table.product)
        .where(people.household.in_(households), table.kind.in_(("purchase", "return", "dismissal")))
        .where(personalisation.willing())
        .order_by(table.at.desc(), table.id.desc())
    )
    found = defaultdict(list)
    for household, product, category, name, kind, at in connection.execute(query):
        found[household].append(Shopped(product=product, category=category, name=name, kind=kind, at=at))
    return found


def _episodes(connection: Connection, sites: Sequence[str], at: datetime) -> dict[tuple[str, str, str], list[Any]]:
    """By site, node and need: those that reach into the last two days before an instant, or past it."""
    table, found = tables.episodes.c, defaultdict[tuple[str, str, str], list[Any]](list)
    recent = or_(table.ended_at.is_(None), table.ended_at > at - timedelta(days=2))
    columns = (table.id, table.site, table.node, table.need, table.started_at, table.ended_at, table.withdrawn)
    query = select(*columns).where(table.site.in_(sites), recent).order_by(table.started_at)
    for row in connection.execute(query):
        found[row.site, row.node, row.need].append(row)
    return found


def _flags(connection: Connection, sites: Sequence[str]) -> dict[tuple[str, str, str], str]:
    table = tables.node_state.c
    query = select(table.site, table.node, table.quantity, table.flag).where(table.site.in_(sites))
    return {(row.site, row.node, row.quantity): row.flag for row in connection.execute(query)}


def _falls(connection: Connection, cases: Sequence[tuple[str, str, datetime]]) -> dict[tuple[str, str], float]:
    """By how much a room's latest temperature lies below the highest of the hour and the one before."""
    confirmed = {(site, node): at for site, node, at in cases}
    state, hours = tables.node_state.c, tables.hourly.c
    sites = sorted({site for site, _ in confirmed})
    columns = (state.site, state.node, state.value, state.scale, state.measured_at)
    query = select(*columns).where(state.site.in_(sites), state.quantity == "temperature")
    latest = {(row.site, row.node): row for row in connection.execute(query)}
    if not latest:
        return {}
    wanted = {db.to_ms(at) // _HOUR_MS for at in confirmed.values()}
    high = select(hours.site, hours.node, hours.hour, hours.high, hours.scale).where(
        hours.site.in_(sites), hours.quantity == "temperature", hours.hour.in_(wanted | {one - 1 for one in wanted})
    )
    found: dict[tuple[str, str], float] = {}
    for row in connection.execute(high):
        room = (row.site, row.node)
        last, at = latest.get(room), confirmed.get(room)
        if last is None or at is None or abs(last.measured_at - at) > _FRESH:
            continue
        if db.to_ms(at) // _HOUR_MS - row.hour in (0, 1):
            fall = row.high / row.scale - last.value / last.scale
            found[room] = max(found.get(room, 0.0), fall)
    return found


def _products(
    connection: Connection, categories: Sequence[str]
) -> tuple[list[str], dict[str, list[tuple[Product, Described]]]]:
    """Ids of the whole catalogue, and what is sold by category."""
    table = tables.products.c
    catalogue = list(connection.execute(select(table.id).order_by(table.id)).scalars())
    columns = (table.id, table.name, table.category, table.stock, table.price_minor, table.attributes)
    sold = (table.category.in_(categories), table.retired_at.is_(None))
    found = defaultdict(list)
    for row in connection.execute(select(*columns).where(*sold).order_by(table.id)):
        told = Described(id=row.id, category=row.category, price_minor=row.price_minor, attributes=row.attributes)
        found[row.category].append((_product(row), told))
    return catalogue, found


def _product(row: Any) -> Product:
    share = row.attributes.get("margin", MARGIN)
    earned = row.price_minor * (share if isinstance(share, int | float) else MARGIN)
    return Product(id=row.id, name=row.name, category=row.category, stock=row.stock, margin_minor=earned)
