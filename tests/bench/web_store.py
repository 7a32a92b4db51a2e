"""A store to look at, as a console meets it after a year: `python -m tests.bench.web_store FOLDER` fills one.

The demo's shop with its simulated households, and readings drawn from a seed, none of them observed: the bathroom and
the bedroom of home-1 every two minutes for a year (a million readings), other homes for some days, showers that make
damp air, flagged values and samples declared lost among them; the weather outdoors by the hour. Readings come in as
batches, a day each, the clock stepping along, so that episodes, decisions and pushes are what the product makes of
them.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert, select

from aircue_cloud import consents, db, tables
from aircue_cloud.app import create_app
from aircue_cloud.config import Config
from aircue_cloud.demo import shop
from aircue_cloud.identity import gateway_keys
from aircue_cloud.layers import merging
from aircue_cloud.routes.services import Services, services
from aircue_cloud.weather import outdoor
from aircue_cloud.weather.outdoor import Hour
from aircue_gateway.batch import Batch, Channel, Columns, Loss, Status, Table, encode

GATEWAY, SEED = "gateway-1", 7
YEAR, DAY, HOUR = timedelta(days=365), timedelta(days=1), timedelta(hours=1)
SETTINGS: Mapping[str, Any] = {"quiet_hours": "", "linger_h": 24 * 30, "push_ttl_h": 72, "sign_in": "auto"}
CHANNELS = {
    "temperature": Channel(quantity="temperature", unit="Cel", scale=100),
    "humidity": Channel(quantity="humidity", unit="%RH", scale=100),
    "co2": Channel(quantity="co2", unit="ppm", scale=1),
    "battery": Channel(quantity="battery", unit="%EL", scale=1),
}
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Room:
    site: str
    node: str
    quantities: tuple[str, ...]
    every: timedelta
    since: timedelta
    showers: float = 0.0  # chance of one on a morning

    @property
    def key(self) -> str:
        return f"{self.site}/{self.node}"


def rooms(homes: int, dense: timedelta, span: timedelta) -> list[Room]:
    climate = ("temperature", "humidity")
    found = [
        Room(site="home-1", node="bathroom", quantities=climate, every=dense, since=span, showers=0.4),
        Room(site="home-1", node="bedroom", quantities=climate, every=dense, since=span),
    ]
    few = {"every": timedelta(minutes=5), "since": timedelta(days=10)}
    for number in range(2, homes + 1):
        site = f"home-{number}"
        found.append(Room(site=site, node="bathroom", quantities=climate, showers=0.5, **few))
        found.append(Room(site=site, node="living-room", quantities=(*climate, "co2", "battery"), **few))
    return found


class Air:
    """What is measured in a room: by day and season, with noise, and showers that fade."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._rng = np.random.default_rng([SEED, *room.key.encode()])

    def course(self, quantity: str, at_s: Floats, showers: Floats) -> Floats:
        year, day = 2 * np.pi * at_s / YEAR.total_seconds(), 2 * np.pi * at_s / DAY.total_seconds()
        noise = self._rng.normal(0, 1, len(at_s))
        courses = {
            "temperature": 20 - 2.5 * np.cos(year) - 1.2 * np.cos(day) + 0.15 * noise + 2.0 * showers,
            "humidity": 52 + 5 * np.cos(year) + 4 * np.sin(day) + 0.8 * noise + 40 * showers,
            "co2": 750 - 250 * np.cos(day) + 25 * noise,
            "battery": 100 - 60 * (at_s % YEAR.total_seconds()) / YEAR.total_seconds(),
        }
        return courses[quantity]

    def showers(self, at_s: Floats) -> Floats:
        """0 to 1; each lasts half an hour and fades away."""
        found = np.zeros(len(at_s))
        for day in np.unique(at_s // DAY.total_seconds()):
            if self._rng.random() < self._room.showers:
                since = at_s - day * DAY.total_seconds() - (6.5 + self._rng.random()) * 3600
                found += np.where(since < 0, 0, np.where(since < 1800, 1, np.exp(-(since - 1800) / 2400)))
        return np.minimum(found, 1.0)

    def group(self, start: datetime, end: datetime, first: int) -> Table:
        """first: the sequence of its first sample."""
        room, step_ms = self._room, self._room.every // timedelta(milliseconds=1)
        at_ms = np.arange(db.to_ms(start), db.to_ms(end), step_ms)
        showers = self.showers(at_ms / 1000)
        channels = tuple(CHANNELS[name] for name in room.quantities)
        values = [self.course(one.quantity, at_ms / 1000, showers) * one.scale for one in channels]
        statuses = [[Status.OK] * len(at_ms) for _ in channels]
        odd = int(self._rng.integers(len(at_ms)))
        values[0][odd] += 40 * channels[0].scale
        statuses[0][odd] = Status.SPIKE
        columns = Columns(
            sequences=range(first, first + len(at_ms)),
            uptimes_ms=[number * step_ms for number in range(first, first + len(at_ms))],
            measured_at_ms=at_ms.tolist(),
            received_at_ms=(at_ms + 400).tolist(),
            resolved=[False] * len(at_ms),
            values=[np.rint(one).astype(int).tolist() for one in values],
            statuses=statuses,
        )
        return Table(site=room.site, node=room.node, installation=1, boot=1, channels=channels, columns=columns)


class Filler:
    """Fills the store that a configuration opens, up to an instant."""

    def __init__(self, folder: Path, until: datetime, *, homes: int, dense: timedelta, span: timedelta) -> None:
        self._now = until - span
        self._until = until
        self._rooms = rooms(homes, dense, span)
        self._air = {room.key: Air(room) for room in self._rooms}
        self._first = {room.key: 1 for room in self._rooms}
        self._app = create_app(Config(data_dir=str(folder), **SETTINGS), clock=lambda: self._now)

    def fill(self) -> None:
        with self._app.app_context():
            known = services()
        self._shop(known)
        for number, start in zip(count(1), self._days(), strict=False):
            self._day(known, number, start)
        with db.writing(known.engine) as connection:
            _answers(connection)
        merging.merge_all(known.engine, known.lake, lambda: self._now)
        merging.forget_old(known.engine, known.lake, self._now + DAY)
        known.engine.dispose()

    def _days(self) -> Iterator[datetime]:
        while self._now < self._until:
            start = self._now
            self._now = min(start + DAY, self._until)
            yield start

    def _shop(self, known: Services) -> None:
        with db.writing(known.engine) as connection:
            shop.fill(connection, SEED, lambda _: None, until=self._until)
            gateway_keys.add(connection, GATEWAY, self._now)
            said = {"purpose": "marketing", "data_category": "sensor", "channel": "in-app", "granted": True}
            for number, site in enumerate(sorted({room.site for room in self._rooms})):
                household = f"h{number + 10:03}" if site != "home-1" else "fern"
                row = {"id": site, "household": household, "tz": "Europe/London", "area": _area(number)}
                changed = ["household", "tz", "area"]
                connection.execute(db.insert_or_update(connection, tables.sites, changed), [row])
                consents.record(connection, household, now=self._now, **said)  # type: ignore[arg-type]  # its own names
            outdoor.store(connection, _outdoors(self._until), "file", self._now)

    def _day(self, known: Services, number: int, start: datetime) -> None:
        groups = tuple(self._groups(start))
        lost = (
            ()
            if number % 50
            else (
                Loss(node="bathroom", installation=1, boot=9, first=number, last=number + 4, samples=5, where="node"),
            )
        )
        batch = Batch(
            gateway=GATEWAY,
            epoch="0badcafe",
            sequence=number,
            sealed_at_ms=db.to_ms(self._now),
            groups=groups,
            losses=lost,
        )
        known.intake.take(GATEWAY, encode(batch))
        while known.layers.work():
            pass
        known.layers.decide_due()

    def _groups(self, start: datetime) -> Iterator[Table]:
        for room in self._rooms:
            since = max(start, self._until - room.since)
            if since < self._now:
                group = self._air[room.key].group(since, self._now, self._first[room.key])
                self._first[room.key] += len(group.columns.sequences)
                yield group


def _area(number: int) -> str:
    """London, and other places some way off."""
    return f"{51.5 + number % 4 * 0.4:.1f},{-0.1 + number // 4 * 0.7:.1f}"


def _outdoors(until: datetime) -> Iterator[Hour]:
    last = until.replace(minute=0, second=0, microsecond=0)
    for hours in range(int(YEAR / HOUR)):
        at = last - hours * HOUR
        year, day = at.timestamp() / YEAR.total_seconds(), at.timestamp() / DAY.total_seconds()
        warm = 11 - 7 * np.cos(2 * np.pi * year) - 3 * np.cos(2 * np.pi * day)
        damp = 78 - 10 * np.sin(2 * np.pi * day)
        yield Hour(
            area=_area(0),
            hour=at,
            temperature=round(float(warm), 1),
            humidity=round(float(damp), 1),
            condition="cloudy",
        )


def _answers(connection: Any) -> None:
    """Of the pushes, every third is clicked and every ninth leads to a purchase an hour later. Simulated."""
    table = tables.pushes.c
    rows = connection.execute(
        select(tables.pushes).where(table.person.is_not(None)).order_by(table.created_at, table.id)
    )
    found = []
    for number, row in enumerate(rows.mappings().all()):
        for kind, each, later in (("click", 3, timedelta(minutes=9)), ("purchase", 9, HOUR)):
            if number % each == 0:
                at = row["created_at"] + later
                found.append(
                    {
                        "person": row["person"],
                        "product": row["product"],
                        "kind": kind,
                        "weight": 1.0,
                        "at": at,
                        "pushed": True,
                        "push": row["id"],
                    }
                )
    if found:
        connection.execute(insert(tables.interactions), found)


def configured(folder: Path) -> Path:
    """The file that `aircue-cloud serve` opens such a store with, on a free port."""
    lines = [f'data_dir = "{folder}"', "port = 0"]
    lines += [
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in SETTINGS.items()
    ]
    path = folder.parent / f"{folder.name}.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """FOLDER [MINUTES between two samples [DAYS]]"""
    folder = Path(sys.argv[1]).resolve()
    minutes, days = (float(word) for word in (*sys.argv[2:4], *("2", "365")[len(sys.argv[2:4]) :]))
    span = timedelta(days=days)
    Filler(folder, datetime.now(UTC), homes=8, dense=timedelta(minutes=minutes), span=span).fill()
    sys.stdout.write(f"{configured(folder)}\n")


if __name__ == "__main__":
    main()
