"""How many decisions about pushes one process makes a second, each committed with its whole trace.

Simulated: homes, their people and what they agreed to, a catalogue with 24 remedies of damp air, and one episode of
damp air a home, as the layers find them. What is measured is the product's own code on the product's own tables: facts
are read for a tick at a time, as the layer worker does it, every decision goes through all gates, is drawn by Thompson
sampling, and is durable (SQLite, synchronous=FULL) with its gates, its scored candidates and its push. Interests come
from recent popularity, what serves while no model is trained; a trained model's own time is the recommender's bench.
"""

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Engine, func, insert, select

from aircue_cloud import consents, db, tables
from aircue_cloud.decision.affinity import Affinity
from aircue_cloud.decision.decisions import Decider
from aircue_cloud.decision.settings import Settings
from aircue_cloud.layers.course import Point
from aircue_cloud.layers.settling import Series, Started
from aircue_cloud.needs import needs

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOMES = 4000
TICK = 250  # episodes of one transaction
REMEDIES = 24
LEAST_GATES, LEAST_CANDIDATES = 9, 20
_CATEGORIES = ("dehumidifier", "dryer", "moisture-absorber")
_DAMP = needs.load()


class Untrained:
    def current(self) -> Affinity | None:
        return None


def figures(homes: int = HOMES, rounds: int = 3) -> dict[str, Any]:
    """decisions_per_s of wall time and of processor time, the best round's and the median's."""
    runs = [_run(homes) for _ in range(rounds)]
    best = max(runs, key=lambda one: one["decisions_per_s"])
    return {
        **best,
        "decisions_per_s_median": round(median(one["decisions_per_s"] for one in runs)),
        "decision_rounds": rounds,
    }


def _run(homes: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        engine = db.open_database(db.sqlite_url(str(Path(folder) / "bench.db")))
        try:
            return _measured(engine, _filled(engine, homes))
        finally:
            engine.dispose()


def _measured(engine: Engine, started: Sequence[Started]) -> dict[str, Any]:
    decider = Decider(needs=_DAMP, source=Untrained(), settings=Settings(timezone="Europe/Berlin"))
    wall, cpu = time.perf_counter(), time.process_time()
    pushes = 0
    for first in range(0, len(started), TICK):
        with db.writing(engine) as connection:
            pushes += len(decider.about(connection, started[first : first + TICK], NOW))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _check(engine, len(started))
    return {
        "decisions_per_s": round(len(started) / wall),
        "decisions_per_cpu_s": round(len(started) / cpu),
        "decisions_sent": pushes,
    }


def _check(engine: Engine, count: int) -> None:
    """That all of them are stored, each with the trace that was promised."""
    table = tables.decisions.c
    with db.reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(tables.decisions)).scalar_one() == count
        for trace in connection.execute(select(table.trace).limit(200)).scalars():
            assert len(trace["gates"]) >= LEAST_GATES
            assert len(trace["candidates"]) >= LEAST_CANDIDATES
            assert all("propensity" in one and "score" in one for one in trace["candidates"])


# What there is to decide about.


def _filled(engine: Engine, homes: int) -> list[Started]:
    with db.writing(engine) as connection:
        connection.execute(insert(tables.households), [{"id": f"h{n}", "name": ""} for n in range(homes)])
        people = [{"id": f"h{n}-{m}", "household": f"h{n}", "name": ""} for n in range(homes) for m in range(2)]
        connection.execute(insert(tables.people), people)
        sites = [{"id": f"s{n}", "household": f"h{n}", "tz": "Europe/Berlin"} for n in range(homes)]
        connection.execute(insert(tables.sites), sites)
        connection.execute(insert(tables.products), _catalogue())
        connection.execute(insert(tables.consents), [row for n in range(homes) for row in _consents(n)])
        connection.execute(insert(tables.interactions), [_interaction(n) for n in range(homes)])
        connection.execute(insert(tables.episodes), [_episode(n) for n in range(homes)])
    return [_started(n) for n in range(homes)]


def _catalogue() -> list[dict[str, Any]]:
    rest = {"price_minor": 9900, "currency": "EUR", "stock": 5, "description": "", "attributes": {}}
    remedies = [
        {"id": f"r{n:02}", "name": f"Remedy {n}", "category": _CATEGORIES[n % 3], **rest} for n in range(REMEDIES)
    ]
    return remedies + [{"id": f"o{n:03}", "name": f"Other {n}", "category": "books", **rest} for n in range(100)]


def _consents(home: int) -> list[dict[str, Any]]:
    said = {"purpose": "marketing", "channel": consents.CHANNELS[0], "granted": True, "at": NOW - timedelta(days=40)}
    return [
        {**said, "household": f"h{home}", "data_category": category, "receipt": f"{category}-{home}"}
        for category in ("sensor", "behaviour")
    ]


def _interaction(home: int) -> dict[str, Any]:
    product = f"r{home % REMEDIES:02}"
    at = NOW - timedelta(days=2 + home % 60)
    return {"person": f"h{home}-0", "product": product, "kind": "click", "weight": 1.0, "at": at, "pushed": False}


def _episode(home: int) -> dict[str, Any]:
    return {
        "id": f"e{home}",
        "need": "damp-air",
        "site": f"s{home}",
        "node": "bathroom",
        "quantity": "humidity",
        "started_at": NOW - timedelta(minutes=16),
        "confirmed_at": NOW - timedelta(minutes=1),
        "confirmed_installation": 1,
        "confirmed_boot": 1,
        "confirmed_sequence": 17,
        "peak": 85.0,
        "open": True,
    }


def _started(home: int) -> Started:
    return Started(
        id=f"e{home}",
        rule=_DAMP.by_name["damp-air"].rule,
        series=Series(site=f"s{home}", node="bathroom", quantity="humidity"),
        confirmed=Point(db.to_ms(NOW - timedelta(minutes=1)), 1, 1, 17, 85.0),
        held_s=900.0,
        started_at=NOW - timedelta(minutes=16),
    )
