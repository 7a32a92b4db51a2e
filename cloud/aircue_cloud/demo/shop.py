"""Fills a database with the demo: its catalogue, its simulated households and people, their consents and history."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, select

from aircue_cloud import db, tables
from aircue_cloud.decision.policy import CHANNEL
from aircue_cloud.demo import catalogue, neighbours, together
from aircue_cloud.demo.behaviour import DAYS, Act, Shop, Shopper
from aircue_cloud.recommender.weights import WEIGHTS

HOUSEHOLDS = 160
_NAMESPACE = uuid.UUID("5c1f2bb4-6a0b-4f5e-9d2f-7f3f6d1c9a10")
_SIZES = ((1, 2, 3, 4, 5), (0.22, 0.34, 0.22, 0.16, 0.06))  # people in a household, and how often
_NAMES = ("Ada", "Ben", "Cora", "Dario", "Elin", "Farah", "Gus", "Hana", "Ivo", "June", "Kofi", "Lena", "Milo", "Otto")


@dataclass(frozen=True, kw_only=True)
class Home:
    """A household that the demo's sensors belong to. sensors: whether its air may be used for marketing."""

    household: str
    name: str
    site: str
    tz: str
    sensors: bool
    people: tuple[Shopper, ...]


HOMES = (
    Home(
        household="fern",
        name="Fern (simulated)",
        site="home-1",
        tz="Europe/London",
        sensors=True,
        people=(
            Shopper(id="fern-nora", household="fern", name="Nora", purse=2.0, loves=("lighting", "bedding", "dryer")),
            Shopper(id="fern-emil", household="fern", name="Emil", purse=-2.0, loves=("kitchen", "bags", "fan")),
        ),
    ),
    Home(
        household="birch",
        name="Birch (simulated)",
        site="home-2",
        tz="Europe/Berlin",
        sensors=False,
        people=(
            Shopper(id="birch-ines", household="birch", name="Ines", purse=0.5, loves=("plants", "air-purifier")),
            Shopper(id="birch-tom", household="birch", name="Tom", purse=-1.0, loves=("books", "tea-and-coffee")),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Filled:
    """Rows that were new."""

    products: int = 0
    households: int = 0
    people: int = 0
    consents: int = 0
    interactions: int = 0


def fill(connection: Connection, seed: int, progress: Callable[[str], None], until: datetime | None = None) -> Filled:
    """Writes the demo inside the connection's transaction; where it is there already, nothing changes.

    until: the end of the simulated half year, the last midnight UTC unless given.
    """
    if _is_there(connection):
        progress("demo: already there, nothing to do")
        return Filled()
    end = until if until is not None else datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rng = np.random.default_rng(seed)
    progress(f"demo: simulating {HOUSEHOLDS} households, {DAYS} days, {len(catalogue.products())} products")
    shoppers = _shoppers(rng)
    acts = Shop(shoppers, catalogue.products(), end, rng).history()
    filled = _write(connection, shoppers, acts, list(_consents(shoppers, end, seed, rng)), end)
    progress("demo: " + ", ".join(f"{count} {name}" for name, count in asdict(filled).items()))
    return filled


def _is_there(connection: Connection) -> bool:
    ids = [shopper.id for home in HOMES for shopper in home.people]
    return connection.execute(select(tables.people.c.id).where(tables.people.c.id.in_(ids))).first() is not None


def _shoppers(rng: np.random.Generator) -> list[Shopper]:
    """The people of the demo's homes, then of the other households."""
    sizes, chances = _SIZES
    shoppers = [shopper for home in HOMES for shopper in home.people]
    for number in range(len(HOMES), HOUSEHOLDS):
        household = f"h{number:03d}"
        for member in range(int(rng.choice(sizes, p=chances))):
            name = _NAMES[rng.integers(len(_NAMES))]
            shoppers.append(Shopper(id=f"{household}-{member + 1}", household=household, name=name))
    return shoppers


def _consents(
    shoppers: Sequence[Shopper], end: datetime, seed: int, rng: np.random.Generator
) -> Iterator[dict[str, Any]]:
    """Most households let their shopping be used for marketing, fewer their air; who did not agree has no row."""
    asked = end - timedelta(days=DAYS + 1)
    homes = {home.household: home for home in HOMES}
    for household in dict.fromkeys(shopper.household for shopper in shoppers):
        draws = rng.random(2)
        home = homes.get(household)
        answers = {
            "behaviour": bool(draws[0] < 0.9) if home is None else True,
            "sensor": bool(draws[1] < 0.6) if home is None else home.sensors,
        }
        for category in [name for name, agreed in answers.items() if agreed]:
            yield {
                "household": household,
                "purpose": "marketing",
                "data_category": category,
                "channel": CHANNEL,
                "granted": True,
                "at": asked,
                "receipt": str(uuid.uuid5(_NAMESPACE, f"{seed}/{household}/marketing/{category}/{CHANNEL}")),
            }


def _write(
    connection: Connection,
    shoppers: Sequence[Shopper],
    acts: Sequence[Act],
    consents: list[dict[str, Any]],
    end: datetime,
) -> Filled:
    households = dict.fromkeys(shopper.household for shopper in shoppers)
    names = {home.household: home.name for home in HOMES}
    rows = [{"id": household, "name": names.get(household, f"{household} (simulated)")} for household in households]
    people = [_person_row(shopper) for shopper in shoppers] + neighbours.person_rows() + together.person_rows()
    next_door = neighbours.interaction_rows(catalogue.products(), end)
    next_door += together.interaction_rows(catalogue.products(), end)
    asked = end - timedelta(days=DAYS + 1)
    agreed = [*consents, *neighbours.consent_rows(asked), *together.consent_rows(asked)]
    others = neighbours.household_rows() + together.household_rows()
    filled = Filled(
        products=_add(connection, tables.products, [_product_row(product) for product in catalogue.products()]),
        households=_add(connection, tables.households, rows + others),
        people=_add(connection, tables.people, people),
        consents=_add(connection, tables.consents, agreed),
        interactions=_add(connection, tables.interactions, [_interaction_row(act) for act in acts] + next_door),
    )
    _link_sites(connection)
    return filled


def _add(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    connection.execute(db.insert_absent(connection, table), rows)
    return len(rows)


def _link_sites(connection: Connection) -> None:
    """A site may be there already: its readings can come before anybody says whose home it is."""
    rows = [{"id": home.site, "household": home.household, "tz": home.tz} for home in HOMES] + neighbours.site_rows()
    connection.execute(db.insert_or_update(connection, tables.sites, ["household", "tz"]), rows)


def _product_row(product: catalogue.Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name,
        "category": product.category,
        "price_minor": product.price_minor,
        "currency": catalogue.CURRENCY,
        "stock": product.stock,
        "description": product.description,
        "attributes": product.attributes,
    }


def _person_row(shopper: Shopper) -> dict[str, Any]:
    return {"id": shopper.id, "household": shopper.household, "name": shopper.name}


def _interaction_row(act: Act) -> dict[str, Any]:
    event = act.event
    return {
        "person": event.person,
        "product": event.product,
        "kind": event.kind,
        "weight": WEIGHTS[event.kind],
        "rating": event.stars,
        "text": act.text,
        "at": event.at,
        "pushed": False,
    }
