"""Five homes with a wet bathroom, simulated: one gets one well-explained dehumidifier, and not a second one next day;
the others get none, and `why`, the API and the console say so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.conftest import bare_cloud
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

from aircue_cloud import tables
from aircue_cloud.outcomes import assignment

SHARE = 0.5
# Of each home: the gate that holds it, and what is said.
NONE = {
    "silent": ("consent", "has not agreed to the use of sensor data for marketing (in-app)"),
    "asleep": ("quiet-hours", "quiet hours (11:00-14:00, Europe/Berlin)"),
    "held": ("holdout", "is in the holdout (global)"),
    "served": ("rest", "bought Drymax against damp-air: none before 14 Dec 2026"),
}


def named(stem: str, arm: str) -> str:
    """A household of this name with a number, in that arm."""
    names = (f"{stem}-{n}" for n in range(1000))
    return next(name for name in names if assignment.arm(name, assignment.GLOBAL, SHARE) == arm)


@pytest.fixture
def homes() -> dict[str, str]:
    """Households by what they are here for."""
    return {stem: named(stem, "holdout" if stem == "held" else "treatment") for stem in ("wet", *NONE)}


@pytest.fixture
def street(tmp_path: Path, homes: dict[str, str]) -> Iterator[Cloud]:
    cloud = bare_cloud(tmp_path / "data", quiet_hours="22:00-08:00", holdout=SHARE)
    remedies = [product("drymax", "dehumidifier"), product("tumble", "dryer"), product("salt", "moisture-absorber")]
    cloud.add(tables.products, *remedies)
    for stem, household in homes.items():
        cloud.add(tables.households, {"id": household, "name": stem.title()})
        cloud.add(tables.people, {"id": f"{stem}-p", "household": household, "name": stem.title()})
        cloud.add(tables.sites, {"id": f"{stem}-site", "household": household, "tz": "Europe/Berlin"})
        if stem != "silent":
            cloud.consent(household, granted=True)
    quiet = {"quiet_hours": "11:00-14:00"}
    assert cloud.app.test_client().patch("/api/v1/people/asleep-p/preferences", json=quiet).status_code == 200
    last_week = {"person": "served-p", "product": "drymax", "kind": "purchase", "weight": 8.0}
    cloud.add(tables.interactions, last_week | {"at": NOW - timedelta(days=7)})
    yield cloud
    cloud.engine.dispose()


def shower(cloud: Cloud, homes: dict[str, str], minutes: range, sequence: int) -> None:
    """All bathrooms are above 80 % for twenty minutes; then they dry."""
    course = dict.fromkeys(minutes, 85.0) | dict.fromkeys(range(minutes.stop, minutes.stop + 20), 60.0)
    rooms = (humidity(course, site=f"{stem}-site", boot=boot) for boot, stem in enumerate(homes, 1))
    cloud.post(batch(*rooms, sequence=sequence))


def inbox(cloud: Cloud, household: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.get(f"households/{household}/inbox")["pushes"]
    return found


def why(cloud: Cloud, person: str) -> list[str]:
    """Of the latest decision."""
    lines: list[str] = cloud.get(f"why?person={person}")["answers"][0]["lines"]
    return lines


def test_a_wet_bathroom_brings_one_explained_offer_and_none_to_who_should_be_left_alone(
    street: Cloud, homes: dict[str, str]
) -> None:
    shower(street, homes, range(len(DAMP)), 1)
    [push] = inbox(street, homes["wet"])
    assert (push["product"], push["need"]) == ("drymax", "damp-air")
    assert push["reason"] == "Your bathroom was above 80 % humidity for 15 min today (it measured 85 %)."
    assert "Drymax was offered (in-app)" in why(street, "wet-p")[0]
    console = street.app.test_client().get("/console", headers={"Accept": "text/html"}).get_data(as_text=True)
    for stem, (gate, said) in NONE.items():
        assert inbox(street, homes[stem]) == [], stem
        lines = why(street, f"{stem}-p")
        assert said in lines[0], stem
        assert [line.split(":")[0] for line in lines if line.startswith("STOP")] == [f"STOP {gate}"]
        assert said.split(":")[0].lower() in console.lower(), stem

    street.clock.now += timedelta(days=1)
    shower(street, homes, range(60, 80), 2)
    assert [one["id"] for one in inbox(street, homes["wet"])] == [push["id"]]
    assert "was offered a product of category dehumidifier: none before 05 Dec 2026" in why(street, "wet-p")[0]


def test_who_was_asleep_gets_the_offer_when_they_wake(street: Cloud, homes: dict[str, str]) -> None:
    shower(street, homes, range(len(DAMP)), 1)
    assert street.layers.decide_due() == []
    street.clock.now += timedelta(hours=1)  # 14:00 in Berlin
    [push] = street.layers.decide_due()
    assert (push.household, push.person) == (homes["asleep"], "asleep-p")
    assert [one["id"] for one in inbox(street, homes["asleep"])] == [push.id]
