"""Households of the demo that live next door: each has a damp bathroom too, and a reason of its own to be offered one
dehumidifier, or none. They have no history but what is said here, so the shop is the same with them and without."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aircue_cloud.decision.policy import CHANNEL
from aircue_cloud.demo.catalogue import Product
from aircue_cloud.recommender.weights import WEIGHTS

_NAMESPACE = uuid.UUID("0e4b7d0c-1f3a-5d0e-8a55-51f4a2c9d713")
DATA_CATEGORIES = ("behaviour", "sensor")  # that all of them let be used for marketing


@dataclass(frozen=True, kw_only=True)
class Did:
    """With the first product of a category, so many days before the end of the demo's history."""

    kind: str
    category: str
    days_ago: int


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    household: str
    person: str
    name: str
    site: str
    did: tuple[Did, ...] = ()


NEIGHBOURS = (
    # Wants no other remedy, so that the offer is a dehumidifier whatever the model of the day thinks.
    Neighbour(
        household="ash",
        person="ash-mira",
        name="Mira",
        site="home-3",
        did=(
            Did(kind="dismissal", category="dryer", days_ago=5),
            Did(kind="dismissal", category="moisture-absorber", days_ago=5),
        ),
    ),
    Neighbour(household="cedar", person="cedar-joon", name="Joon", site="home-4"),  # sleeps while the demo runs
    Neighbour(
        household="elm",
        person="elm-rosa",
        name="Rosa",
        site="home-5",
        did=(Did(kind="purchase", category="dehumidifier", days_ago=7),),
    ),
    Neighbour(household="rowan", person="rowan-piet", name="Piet", site="home-6"),  # by its name in the holdout of 10 %
)
ZONE = "Europe/Berlin"


def household_rows() -> list[dict[str, Any]]:
    return [{"id": one.household, "name": f"{one.household.title()} (simulated)"} for one in NEIGHBOURS]


def person_rows() -> list[dict[str, Any]]:
    return [{"id": one.person, "household": one.household, "name": one.name} for one in NEIGHBOURS]


def site_rows() -> list[dict[str, Any]]:
    return [{"id": one.site, "household": one.household, "tz": ZONE} for one in NEIGHBOURS]


def consent_rows(asked: datetime) -> Iterator[dict[str, Any]]:
    for one in NEIGHBOURS:
        for category in DATA_CATEGORIES:
            agreed = {"purpose": "marketing", "data_category": category, "channel": CHANNEL, "granted": True}
            receipt = str(uuid.uuid5(_NAMESPACE, f"{one.household}/{category}"))
            yield {"household": one.household, **agreed, "at": asked, "receipt": receipt}


def interaction_rows(products: Sequence[Product], end: datetime) -> list[dict[str, Any]]:
    first = {one.category: one.id for one in reversed(products)}
    unsaid = {"rating": None, "text": None, "pushed": False}
    return [
        {
            "person": one.person,
            "product": first[did.category],
            "kind": did.kind,
            "weight": WEIGHTS[did.kind],
            "at": end - timedelta(days=did.days_ago),
            **unsaid,
        }
        for one in NEIGHBOURS
        for did in one.did
    ]
