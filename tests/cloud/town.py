"""Homes in a database of their own, and episodes as the layers find them: what deciding needs, without the layers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, update
from tests.cloud.stage import NOW, FixedAffinity, product

from aircue_cloud import consents, db, tables
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.decision.settings import Settings
from aircue_cloud.delivery.inbox import Push
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs import needs
from aircue_cloud.needs.needs import Needs

NEEDS = needs.load()
PLAIN = Settings(quiet_hours="", holdout=0.0, need_holdout=0.0, explore=False)
SHOP = (
    ("drymax", "dehumidifier"),
    ("tumble", "dryer"),
    ("salt", "moisture-absorber"),
    ("breeze", "fan"),
    ("polar", "air-conditioner"),
    ("ember", "heater"),
)


@dataclass
class Town:
    engine: Engine
    affinity: FixedAffinity = field(default_factory=FixedAffinity)
    settings: Settings = PLAIN
    needs: Needs = NEEDS

    def __post_init__(self) -> None:
        self.add(tables.products, *(product(id_, category) for id_, category in SHOP))

    def home(self, name: str, *people: str, tz: str = "Europe/Berlin", agrees: bool | None = True) -> None:
        """A household of this name, its people, and a site `name-home`."""
        self.add(tables.households, {"id": name, "name": name})
        for person in people:
            self.add(tables.people, {"id": person, "household": name, "name": person})
        self.add(tables.sites, {"id": f"{name}-home", "household": name, "tz": tz})
        if agrees is not None:
            self.consent(name, granted=agrees)

    def consent(self, household: str, *, granted: bool) -> None:
        said = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": granted}
        with db.writing(self.engine) as connection:
            consents.record(connection, household, now=NOW, **said)  # type: ignore[arg-type]  # its own names

    def add(self, table: Any, *rows: dict[str, Any]) -> None:
        with db.writing(self.engine) as connection:
            connection.execute(insert(table), list(rows))

    def episode(self, household: str, need: str = "damp-air", at: datetime = NOW, number: int = 1) -> Started:
        """One that was confirmed a minute ago and lasts."""
        rule = NEEDS.by_name[need].rule
        confirmed, began = at - timedelta(minutes=1), at - timedelta(minutes=16)
        row = {"id": f"{household}-{need}-{number}", "need": need, "site": f"{household}-home", "node": "bathroom"}
        key = {"confirmed_installation": 1, "confirmed_boot": 1, "confirmed_sequence": number}
        times = {"started_at": began, "confirmed_at": confirmed, "peak": 85.0, "open": True, "withdrawn": False}
        self.add(tables.episodes, row | key | times | {"quantity": rule.quantity})
        return Started(
            id=row["id"],
            rule=rule,
            series=Series(site=row["site"], node="bathroom", quantity=rule.quantity),
            confirmed=Point(db.to_ms(confirmed), 1, 1, number, 85.0),
            held_s=900.0,
            started_at=began,
        )

    def end(self, episode: str, at: datetime) -> None:
        change = update(tables.episodes).where(tables.episodes.c.id == episode).values(open=False, ended_at=at)
        with db.writing(self.engine) as connection:
            connection.execute(change)

    def decider(self, **changes: Any) -> Decider:
        return Decider(needs=self.needs, source=self.affinity, settings=self.settings, **changes)

    def decide(self, *episodes: Started, at: datetime = NOW, **changes: Any) -> list[Push]:
        """As one tick."""
        with db.writing(self.engine) as connection:
            return self.decider(**changes).about(connection, episodes, at)

    def due(self, at: datetime) -> list[Push]:
        with db.writing(self.engine) as connection:
            return self.decider().due(connection, at)

    def decisions(self) -> Sequence[dict[str, Any]]:
        with db.reading(self.engine) as connection:
            rows = connection.execute(select(tables.decisions).order_by(tables.decisions.c.id)).mappings()
            return [dict(row) for row in rows]

    def outcomes(self) -> list[tuple[str, str]]:
        """Each with the gate that held it, or ""."""
        return [(row["outcome"], _held_by(row)) for row in self.decisions()]


def _held_by(row: dict[str, Any]) -> str:
    return next((gate["gate"] for gate in row["trace"]["gates"] if gate["result"] == "fail"), "")
