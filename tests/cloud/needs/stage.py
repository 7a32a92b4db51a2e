"""A home and a shop in which every need that ships leads to a product, and what happens there."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from tests.cloud.stage import NOW, Cloud, product

from aircue_cloud import consents, db, tables
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.needs import needs
from aircue_cloud.triggers.turn import Turn
from aircue_cloud.weather import outdoor
from aircue_cloud.weather.outdoor import Hour
from aircue_gateway.batch import Batch, Channel, Group, Sample, Status
from aircue_node.quantities import QUANTITIES

AREA = "52.5,13.4"
CATEGORIES = sorted({category for need in needs.load().by_name.values() for category in need.remedies})
EVERYTHING = ("sensor", "behaviour", "location", "activity", "body", "ambient")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def furnish(cloud: Cloud) -> Cloud:
    """Ada's home has an area, and she agreed to everything; the shop sells one product of each category."""
    with db.writing(cloud.engine) as connection:
        connection.execute(tables.sites.update().values(area=AREA, tz="Europe/Berlin"))
    cloud.add(tables.products, *(product(f"a-{category}", category) for category in CATEGORIES))
    cloud.add(tables.products, product("device", "air-purifier"), product("softener", "water-softener"))
    for category in EVERYTHING:
        agree(cloud, category)
    return cloud


def agree(cloud: Cloud, category: str, *, granted: bool = True) -> None:
    said = {"purpose": "marketing", "data_category": category, "channel": "in-app", "granted": granted}
    with db.writing(cloud.engine) as connection:
        consents.record(connection, "ada", **said, now=cloud.clock())  # type: ignore[arg-type]  # its own fields


def room(
    courses: Mapping[str, Iterable[float]], *, first: datetime, every: timedelta = MINUTE, number: int = 1
) -> Batch:
    """What the bathroom measured, and the gateway delivered in one batch."""
    channels = tuple(Channel(quantity=name, unit=QUANTITIES[name][0], scale=QUANTITIES[name][1]) for name in courses)
    scales = [channel.scale for channel in channels]
    samples = []
    for place, values in enumerate(zip(*courses.values(), strict=True)):
        at_ms = db.to_ms(first + place * every)
        fixed = tuple(round(value * scale) for value, scale in zip(values, scales, strict=True))
        samples.append(
            Sample(
                sequence=number * 100_000 + place, uptime_ms=at_ms % 2**40, measured_at_ms=at_ms, received_at_ms=at_ms,
                clock="node", values=fixed, statuses=(Status.OK,) * len(fixed),
            )
        )  # fmt: skip
    group = Group(site="home-1", node="bathroom", installation=7, boot=1, channels=channels, samples=tuple(samples))
    sealed_at_ms = samples[-1].measured_at_ms
    return Batch(
        gateway="gw-1", epoch="3f9c21d0", sequence=number, sealed_at_ms=sealed_at_ms, groups=(group,), losses=()
    )


def weather(cloud: Cloud, hours: Mapping[int, Mapping[str, Any]], source: str = "open-meteo-forecast") -> None:
    """By hours from now on, what a source says of each; temperature and humidity of a mild day where it says none."""
    start = cloud.clock().replace(minute=0, second=0, microsecond=0)
    usual = {"temperature": 15.0, "humidity": 60.0, "condition": "clear"}
    found = [Hour(area=AREA, hour=start + n * HOUR, **(usual | dict(said))) for n, said in hours.items()]
    with db.writing(cloud.engine) as connection:
        outdoor.store(connection, found, source, cloud.clock())


def turn(cloud: Cloud) -> list[Push]:
    """A look of the background, as one after a start."""
    return Turn(cloud.layers, cloud.clock).work()


def wear(cloud: Cloud, kind: str, course: Mapping[float, float | str], person: str = "ada-1") -> None:
    """By minutes from now on, what a wristband tells, each as it comes."""
    now = cloud.clock()
    body = [
        {
            "id": f"{person}-{kind}-{db.to_ms(now + minute * MINUTE)}",
            "person": person,
            "device": "band",
            "kind": kind,
            "at": (now + minute * MINUTE).isoformat(),
            ("area" if kind == "location" else "value"): value,
        }
        for minute, value in course.items()
    ]
    answer = cloud.app.test_client().post("/api/v1/observations", json=body)
    assert answer.status_code == 200, answer.text


def pass_time(cloud: Cloud, by: timedelta) -> None:
    cloud.clock.now += by


def due(cloud: Cloud) -> list[Push]:
    return cloud.layers.decide_due()


def buy(cloud: Cloud, what: str, *days: float, person: str = "ada-1") -> None:
    row = {"person": person, "product": what, "kind": "purchase", "weight": 8.0}
    cloud.add(tables.interactions, *({**row, "at": NOW - timedelta(days=one)} for one in days))


def pushes(cloud: Cloud, need: str | None = None) -> list[dict[str, Any]]:
    found = cloud.rows(tables.pushes)
    return [row for row in found if need in (None, row["need"])]


def episodes(cloud: Cloud, need: str) -> list[dict[str, Any]]:
    return sorted(
        (row for row in cloud.rows(tables.episodes) if row["need"] == need), key=lambda row: row["started_at"]
    )


def held_by(cloud: Cloud, need: str) -> list[tuple[str, str]]:
    """Of each decision about the need: the gate that held it, or "", and why."""
    table = tables.decisions
    with db.reading(cloud.engine) as connection:
        rows = connection.execute(select(table).where(table.c.need == need).order_by(table.c.id)).mappings().all()
    found = []
    for row in rows:
        failed = next((gate for gate in row["trace"]["gates"] if gate["result"] == "fail"), None)
        found.append(("" if failed is None else failed["gate"], row["reason"]))
    return found


def why(cloud: Cloud) -> str:
    answers = cloud.app.test_client().get("/api/v1/why?person=ada-1").get_json()
    return "\n".join(line for answer in answers["answers"] for line in answer["lines"])
