"""Households of the demo that buy an air purifier with its filter and carbon sheets, so that baskets have something to
tell: simulated, and no more than that. Nobody's air is measured there."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from aircue_cloud.decision.policy import CHANNEL
from aircue_cloud.demo.catalogue import Product
from aircue_cloud.recommender.weights import WEIGHTS

COUNT = 48
_NAMESPACE = uuid.UUID("9f0f2a3e-6f0f-5d6c-9b7a-0d5b1f6f2c11")
_NAMES = ("Larch family air purifier", "Larch family replacement filter", "Carbon sheet for purifiers x 4")


def household(number: int) -> str:
    return f"t{number:03d}"


def household_rows() -> list[dict[str, Any]]:
    return [{"id": household(n), "name": f"{household(n)} (simulated)"} for n in range(COUNT)]


def person_rows() -> list[dict[str, Any]]:
    return [{"id": f"{household(n)}-1", "household": household(n), "name": "Sam"} for n in range(COUNT)]


def consent_rows(asked: datetime) -> Iterator[dict[str, Any]]:
    for number in range(COUNT):
        agreed = {"purpose": "marketing", "data_category": "behaviour", "channel": CHANNEL, "granted": True}
        receipt = str(uuid.uuid5(_NAMESPACE, household(number)))
        yield {"household": household(number), **agreed, "at": asked, "receipt": receipt}


def interaction_rows(products: Sequence[Product], end: datetime) -> list[dict[str, Any]]:
    """Over five months, at different hours; the simulated shop's end is a midnight."""
    by_name = {one.name: one.id for one in products}
    unsaid = {"rating": None, "text": None, "pushed": False}
    return [
        {
            "person": f"{household(number)}-1",
            "product": by_name[name],
            "kind": "purchase",
            "weight": WEIGHTS["purchase"],
            "at": end - timedelta(days=3 + number * 2, hours=2 + number % 12),
            **unsaid,
        }
        for number in range(COUNT)
        for name in _basket(number)
    ]


def _basket(number: int) -> Sequence[str]:
    """Of six households four buy all, the others one thing alone."""
    return _NAMES if number % 6 < 4 else (_NAMES[number // 6 % 3],)
