"""A cloud to test against: the real application on its own database and folder, with a clock that stands still."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from flask import Flask
from sqlalchemy import Engine, insert, select
from werkzeug.test import TestResponse

from aircue_cloud import consents, db
from aircue_cloud.decision.affinity import Affinity, ByRule
from aircue_cloud.layers.lake import asked
from aircue_cloud.layers.worker import Worker
from aircue_cloud.recommender.asked import NOTHING, Told
from aircue_cloud.recommender.explanations import Explanation, Reason, explanation
from aircue_cloud.routes.services import Services, services
from aircue_gateway.batch import Batch, Channel, Group, Loss, Sample, Status, encode

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
START_MS = db.to_ms(NOW - timedelta(hours=10))
INTERVAL_S = 60
UNITS = {"humidity": "%RH", "temperature": "Cel"}

Value = float | Status | None


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class FixedAffinity(ByRule):
    """The same for everybody, as told; one share for whatever it was not told of; lifts by the rules."""

    shares: dict[str, float] = field(default_factory=dict)
    version: str = "fixed"

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> npt.NDArray[np.float64]:
        return np.tile(np.array([self.shares.get(product, 0.01) for product in products]), (len(people), 1))

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        return explanation(product, "popularity", [Reason(kind="everybody", amount=self.shares.get(product, 0.01))])

    def current(self) -> Affinity | None:
        return self  # type: ignore[return-value]  # decisions ask it for no rankings


def sample(minute: int, values: Sequence[Value], scales: Sequence[int]) -> Sample:
    """The sample taken in a minute since START; None is a gap, a Status a value held back."""
    at_ms = START_MS + minute * INTERVAL_S * 1000
    statuses = [Status.GAP if value is None else value if isinstance(value, Status) else Status.OK for value in values]
    return Sample(
        sequence=minute + 1,
        uptime_ms=minute * INTERVAL_S * 1000,
        measured_at_ms=at_ms,
        received_at_ms=at_ms + 500,
        clock="node",
        values=tuple(
            round(value * scale) if isinstance(value, int | float) and not isinstance(value, Status) else None
            for value, scale in zip(values, scales, strict=True)
        ),
        statuses=tuple(statuses),
    )


def humidity(
    course: Mapping[int, Value] | Iterable[Value], *, site: str = "home-1", node: str = "bathroom", boot: int = 1
) -> Group:
    """Humidity by minute since START."""
    minutes = dict(course) if isinstance(course, Mapping) else dict(enumerate(course))
    return Group(
        site=site,
        node=node,
        installation=2779096485,
        boot=boot,
        channels=(Channel(quantity="humidity", unit="%RH", scale=100),),
        samples=tuple(sample(minute, [value], [100]) for minute, value in minutes.items()),
    )


def batch(*groups: Group, sequence: int = 1, gateway: str = "gw-1", losses: tuple[Loss, ...] = ()) -> Batch:
    return Batch(
        gateway=gateway,
        epoch="3f9c21d0",
        sequence=sequence,
        sealed_at_ms=START_MS,
        groups=groups,
        losses=losses,
    )


@dataclass
class Cloud:
    """The application, and shortcuts to what tests do with it."""

    app: Flask
    engine: Engine
    key: str
    clock: Clock
    affinity: FixedAffinity
    folder: Path  # of the store
    database_url: str = ""

    @property
    def services(self) -> Services:
        """Of the first store."""
        with self.app.app_context():
            return services()

    @property
    def layers(self) -> Worker:
        return self.services.layers

    def settle(self) -> None:
        """The layers take up what waits for them; no thread does it here."""
        while self.layers.work():
            pass

    def readings(self) -> list[dict[str, Any]]:
        """Everything in the lake, in the order of its ids."""
        self.settle()
        with db.reading(self.engine) as connection, self.layers.lake.open(connection) as opened:
            return list(asked(opened, "SELECT * FROM lake ORDER BY id").to_pylist())

    def post(self, content: Batch | bytes, key: str | None = None) -> TestResponse:
        data = encode(content) if isinstance(content, Batch) else content
        headers = {"Authorization": f"Bearer {key or self.key}"}
        response = self.app.test_client().post("/api/v1/batches", data=data, headers=headers)
        self.settle()
        return response

    def get(self, path: str, key: str | None = None) -> Any:
        self.settle()
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        response = self.app.test_client().get(f"/api/v1/{path}", headers=headers)
        assert response.status_code == 200, response.text
        return response.get_json()

    def rows(self, table: Any) -> list[dict[str, Any]]:
        self.settle()
        with db.reading(self.engine) as connection:
            ordered = select(table).order_by(*table.primary_key.columns)  # PostgreSQL has no order of its own
            return [dict(row) for row in connection.execute(ordered).mappings()]

    def add(self, table: Any, *rows: dict[str, Any]) -> None:
        with db.writing(self.engine) as connection:
            connection.execute(insert(table), list(rows))

    def consent(self, household: str, *, granted: bool = True, channel: str = "in-app") -> None:
        with db.writing(self.engine) as connection:
            consents.record(
                connection,
                household,
                purpose="marketing",
                data_category="sensor",
                channel=channel,
                granted=granted,
                now=self.clock(),
            )


def product(id_: str, category: str, stock: int = 5) -> dict[str, Any]:
    row = {"id": id_, "name": id_.title(), "category": category, "price_minor": 9900, "currency": "EUR", "stock": stock}
    return {**row, "description": "", "attributes": {}}


DAMP = [85.0] * 20
DRY = [60.0] * 20
