"""A crowd of shoppers that was made up: homes with a person each, what they bought, and air that is damp in some."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from tests.cloud.stage import NOW, Cloud, product

from aircue_cloud import consents, db, tables

DAY = timedelta(days=1)
COUNT = 120
PRODUCTS = (("purifier", "air-purifier", 20_000), ("filter", "filter", 3_000), ("hood", "filter", 2_500),
            ("lamp", "lighting", 4_000), ("rug", "rug", 5_000), ("vase", "decoration", 1_500))  # fmt: skip


def home(number: int) -> str:
    return f"h{number:03d}"


def person(number: int) -> str:
    return f"{home(number)}-1"


def fill(cloud: Cloud, count: int = COUNT, now: datetime = NOW) -> None:
    """By number: every third home is damp on half of the days; every second has a purifier, and of these two thirds its
    filter and hood in the same basket; ten homes buy a filter alone, ten a hood; all buy a lamp, a rug or a vase."""
    with db.writing(cloud.engine) as connection:
        for table, rows in _rows(count, now):
            connection.execute(insert(table), rows)


def agree(connection: Any, household: str, category: str, *, granted: bool) -> None:
    how = {"purpose": "marketing", "data_category": category, "channel": "in-app"}
    consents.record(connection, household, granted=granted, now=NOW, **how)


def _rows(count: int, now: datetime) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    numbers = range(count)
    yield tables.products, [{**product(id_, kind), "price_minor": price} for id_, kind, price in PRODUCTS]
    yield tables.households, [{"id": home(n), "name": home(n)} for n in numbers]
    yield tables.people, [{"id": person(n), "household": home(n), "name": "A"} for n in numbers]
    yield tables.sites, [_site(n) for n in numbers]
    yield tables.node_state, [_state(n, now) for n in numbers]
    yield tables.episodes, [_episode(n, day, now) for n in numbers if n % 3 == 0 for day in range(0, 28, 2)]
    yield tables.weather, [_hour(area, hour, now) for area in ("51.5,-0.1", "39.9,116.4") for hour in range(24)]
    yield tables.consents, [_agreed(n, category) for n in numbers for category in ("behaviour", "sensor")]
    yield tables.interactions, [row for n in numbers for row in _bought(n, now)]


def _site(n: int) -> dict[str, Any]:
    tz, area = (("Europe/London", "51.5,-0.1"), ("Asia/Shanghai", "39.9,116.4"))[n % 2]
    return {"id": f"site-{n}", "household": home(n), "tz": tz, "area": area}


def _filled(table: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Whatever else a row needs, empty."""
    empty = {"TEXT": "", "BOOLEAN": False}
    rest = {
        column.name: None
        if column.nullable
        else empty.get(str(column.type), NOW if "Moment" in repr(column.type) else 0)
        for column in table.columns
    }
    return rest | row


def _state(n: int, now: datetime) -> dict[str, Any]:
    row = {"site": f"site-{n}", "node": "bathroom", "quantity": "humidity", "measured_at": now}
    return _filled(tables.node_state, row)


def _agreed(n: int, category: str) -> dict[str, Any]:
    said = {"household": home(n), "purpose": "marketing", "data_category": category, "channel": "in-app"}
    return {**said, "granted": True, "at": NOW, "receipt": f"{home(n)}-{category}", "document": None}


def _episode(n: int, day: int, now: datetime) -> dict[str, Any]:
    at = now - DAY * day
    row = {"id": f"e-{n}-{day}", "need": "damp-air", "site": f"site-{n}", "node": "bathroom", "quantity": "humidity"}
    return _filled(tables.episodes, row | {"started_at": at, "confirmed_at": at, "ended_at": at, "open": False})


def _hour(area: str, hour: int, now: datetime) -> dict[str, Any]:
    warm = 12.0 if area.startswith("51") else -3.0
    at = (now - timedelta(hours=hour)).replace(minute=0, second=0, microsecond=0)
    return {"area": area, "hour": at, "source": "told", "temperature": warm, "told_at": now}


def _bought(n: int, now: datetime) -> Iterator[dict[str, Any]]:
    if n % 2 == 0:
        basket = ["purifier", "filter", "hood"] if n % 6 else ["purifier"]
        yield from (act(n, item, now - DAY * (10 + n % 7)) for item in basket)
    if n % 12 in (1, 3):
        yield act(n, "filter" if n % 12 == 1 else "hood", now - DAY * (10 + n % 7) - timedelta(hours=5))
    for time in range(1 + n % 4):
        yield act(n, ("lamp", "rug", "vase")[(n + time) % 3], now - DAY * (1 + (n * 5) % 90 + 20 * time))


def act(n: int, item: str, at: datetime, kind: str = "purchase") -> dict[str, Any]:
    return {"person": person(n), "product": item, "kind": kind, "weight": 1.0, "at": at}
