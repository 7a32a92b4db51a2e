"""What the database knows of the homes that are decided about, read at once for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, or_, select

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import kill_switch, preferences
from aircue_cloud.decision.candidates import MARGIN, Product
from aircue_cloud.decision.policy import CHANNEL, COOLDOWN, DATA_CATEGORY, GHOST, PURPOSE, SEND, WEEK
from aircue_cloud.decision.preferences import NO_WISHES, NOTHING_SAID, Preferences, Wishes
from aircue_cloud.decision.shopping import BEHAVIOUR
from aircue_cloud.homes import personalisation
from aircue_cloud.logistics.reading import on_their_way_to
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
    flags of the latest readings (with the quantity), falls in degrees Celsius. coming: by household, products in
    parcels on their way to it. catalogue: ids of all products. remedies: by category. decided: pushes that were sent or
    held out before."""

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
    coming: Mapping[str, Set[str]] = field(default_factory=dict)
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
    asked = {"purpose": PURPOSE, "data_category": DATA_CATEGORY}
    said = consents.granted_by_many(connection, households, **asked)
    consent = {household: channels[CHANNEL] for household, channels in said.items() if CHANNEL in channels}
    agreeing = [household for household in households if consent.get(household)]
    catalogue, remedies = _products(connection, categories) if agreeing else ((), {})
    return Known(
        switched_off=kill_switch.switched_off(connection),
        sites=homes,
        consent=consent,
        agreed={home: {one for one, yes in channels.items() if yes} for home, channels in said.items()},
        agreeing=_agreeing(connection, households),
        people=people,
        said=preferences.everybody(connection, everybody, households),
        offered=offered,
        decided={one.push for some in offered.values() for one in some},
        shopped=_shopped(connection, agreeing) if agreeing else {},
        episodes=_episodes(connection, sites, min((at for _, _, at in cases), default=now)),
        flags=_flags(connection, sites),
        falls=_falls(connection, cases),
        coming=on_their_way_to(connection, agreeing, now) if agreeing else {},
        catalogue=catalogue,
        remedies=remedies,
    )


def _many(name: str) -> BindParameter[Any]:
    """Ids that a statement is told each time: SQLAlchemy builds a statement slowly, so each is built once."""
    return bindparam(name, expanding=True)


_SITES = select(tables.sites.c.id, tables.sites.c.household, tables.sites.c.tz).where(
    tables.sites.c.id.in_(_many("sites"))
)


def _sites(connection: Connection, sites: Sequence[str]) -> dict[str, tuple[str | None, str]]:
    return {id_: (household, zone) for id_, household, zone in connection.execute(_SITES, {"sites": sites})}


_H = tables.households.c
_LOCKED = select(_H.id).where(_H.id.in_(_many("homes"))).order_by(_H.id).with_for_update()


def _locked(connection: Connection, households: Sequence[str]) -> list[str]:
    """Whoever else decides about one of them waits for this transaction: the caps are counted by one at a time. SQLite
    has one writer anyhow."""
    return list(connection.execute(_LOCKED, {"homes": households}).scalars())


def _agreeing(connection: Connection, households: Sequence[str]) -> Set[str]:
    """To their behaviour being used, through whichever channel they said so."""
    said = consents.granted_by_many(connection, households, purpose=PURPOSE, data_category=BEHAVIOUR)
    return {household for household, channels in said.items() if any(channels.values())}


_PEOPLE = (
    select(tables.people.c.household, tables.people.c.id)
    .where(tables.people.c.household.in_(_many("homes")))
    .order_by(tables.people.c.id)
)


def _people(connection: Connection, households: Sequence[str]) -> dict[str, list[str]]:
    found = defaultdict(list)
    for household, person in connection.execute(_PEOPLE, {"homes": households}):
        found[household].append(person)
    return found


_D = tables.decisions.c
_OFFERED = (
    select(_D.household, _D.person, _D.push, _D.kind, _D.category, _D.at)
    .where(_D.household.in_(_many("homes")), _D.at > bindparam("since"), _D.outcome.in_(OFFERED))
    .order_by(_D.at.desc(), _D.id.desc())
)


def _offered(connection: Connection, households: Sequence[str], now: datetime) -> dict[str, list[Offered]]:
    """As far back as the cooldown and the caps look, latest first."""
    found = defaultdict[str, list[Offered]](list)
    since = now - max(COOLDOWN, WEEK) - timedelta(days=1)
    for row in connection.execute(_OFFERED, {"homes": households, "since": since}):
        unit = row.person or row.household
        one = Offered(push=row.push, unit=unit, kind=row.kind, category=row.category, at=row.at)
        found[row.household].append(one)
    return found


_BEFORE = select(_D.push).where(_D.push.in_(_many("pushes")), _D.outcome.in_(OFFERED))


def decided_before(connection: Connection, pushes: Sequence[str]) -> set[str]:
    """Those of these pushes that were sent or held out, however long ago."""
    return set(connection.execute(_BEFORE, {"pushes": pushes}).scalars())


def _theirs() -> Select[Any]:
    """What households bought, gave back and turned down, latest first."""
    table, people, products = tables.interactions.c, tables.people.c, tables.products.c
    return (
        select(people.household, table.product, products.category, products.name, table.kind, table.at)
        .join(tables.people, people.id == table.person)
        .join(tables.products, products.id == table.product)
        .where(people.household.in_(_many("homes")), table.kind.in_(("purchase", "return", "dismissal")))
        .where(personalisation.willing())
        .order_by(table.at.desc(), table.id.desc())
    )


_SHOPPED = _theirs()


def _shopped(connection: Connection, households: Sequence[str]) -> dict[str, list[Shopped]]:
    found = defaultdict(list)
    for household, product, category, name, kind, at in connection.execute(_SHOPPED, {"homes": households}):
        found[household].append(Shopped(product=product, category=category, name=name, kind=kind, at=at))
    return found


_E = tables.episodes.c
_EPISODES = (
    select(_E.id, _E.site, _E.node, _E.need, _E.started_at, _E.ended_at, _E.withdrawn)
    .where(_E.site.in_(_many("sites")), or_(_E.ended_at.is_(None), _E.ended_at > bindparam("since")))
    .order_by(_E.started_at, _E.id)
)


def _episodes(connection: Connection, sites: Sequence[str], at: datetime) -> dict[tuple[str, str, str], list[Any]]:
    """By site, node and need: those that reach into the last two days before an instant, or past it."""
    found = defaultdict[tuple[str, str, str], list[Any]](list)
    for row in connection.execute(_EPISODES, {"sites": sites, "since": at - timedelta(days=2)}):
        found[row.site, row.node, row.need].append(row)
    return found


_S = tables.node_state.c
_FLAGS = select(_S.site, _S.node, _S.quantity, _S.flag).where(_S.site.in_(_many("sites")))


def _flags(connection: Connection, sites: Sequence[str]) -> dict[tuple[str, str, str], str]:
    rows = connection.execute(_FLAGS, {"sites": sites})
    return {(site, node, quantity): flag for site, node, quantity, flag in rows}


_WARMTH = select(_S.site, _S.node, _S.value, _S.scale, _S.measured_at).where(
    _S.site.in_(_many("sites")), _S.quantity == "temperature"
)


def _falls(connection: Connection, cases: Sequence[tuple[str, str, datetime]]) -> dict[tuple[str, str], float]:
    """By how much a room's latest temperature lies below the highest of the hour and the one before."""
    confirmed = {(site, node): at for site, node, at in cases}
    hours = tables.hourly.c
    sites = sorted({site for site, _ in confirmed})
    latest = {(row.site, row.node): row for row in connection.execute(_WARMTH, {"sites": sites})}
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


_P = tables.products.c
_CATALOGUE = select(_P.id).order_by(_P.id)
_SOLD = (
    select(_P.id, _P.name, _P.category, _P.stock, _P.price_minor, _P.attributes)
    .where(_P.category.in_(_many("categories")), _P.retired_at.is_(None))
    .order_by(_P.id)
)


def _products(
    connection: Connection, categories: Sequence[str]
) -> tuple[list[str], dict[str, list[tuple[Product, Described]]]]:
    """Ids of the whole catalogue, and what is sold by category."""
    catalogue = list(connection.execute(_CATALOGUE).scalars())
    found = defaultdict(list)
    for row in connection.execute(_SOLD, {"categories": categories}):
        told = Described(id=row.id, category=row.category, price_minor=row.price_minor, attributes=row.attributes)
        found[row.category].append((_product(row), told))
    return catalogue, found


def _product(row: Any) -> Product:
    share = row.attributes.get("margin", MARGIN)
    earned = row.price_minor * (share if isinstance(share, int | float) else MARGIN)
    return Product(id=row.id, name=row.name, category=row.category, stock=row.stock, margin_minor=earned)
