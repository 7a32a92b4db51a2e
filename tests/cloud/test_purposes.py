"""Data of a category is used for a purpose only where that was agreed to: every way from what sensors measure, and from
what people did, to an offer, a model or a report."""

import ast
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

import aircue_cloud
from aircue_cloud import consents, db, tables
from aircue_cloud.decision import replenishing, shopping
from aircue_cloud.recommender import training
from aircue_cloud.recommender.asked import Described
from aircue_cloud.rights import reports

SENSOR, BEHAVIOUR = "sensor", "behaviour"


def say(cloud: Cloud, category: str, *, granted: bool) -> None:
    with db.writing(cloud.engine) as connection:
        how = {"purpose": "marketing", "data_category": category, "channel": "in-app"}
        consents.record(connection, "ada", granted=granted, now=NOW, **how)


@pytest.fixture
def known(cloud: Cloud) -> Cloud:
    """Ada's home was damp, a filter of hers has aged with its dust, and she bought; nothing is agreed to."""
    say(cloud, SENSOR, granted=False)
    say(cloud, BEHAVIOUR, granted=False)
    cloud.add(tables.products, product("filter", "filter") | {"attributes": {"lasts_days": 100}})
    bought = {"person": "ada-1", "product": "filter", "kind": "purchase", "weight": 8.0}
    cloud.add(tables.interactions, {**bought, "at": NOW - timedelta(days=89)})
    assert cloud.post(batch(humidity(DAMP))).status_code == 200
    return cloud


def offered(cloud: Cloud) -> bool:
    """The next episode leads to an offer."""
    course = {minute: 50.0 if minute < 80 else 85.0 for minute in range(30, 130)}
    assert cloud.post(batch(humidity(course), sequence=2)).status_code == 200
    return bool(cloud.rows(tables.pushes))


def evidenced(cloud: Cloud) -> bool:
    """Spells of damp air go into a model's lifts."""
    with db.reading(cloud.engine) as connection:
        willing = consents.granting(purpose="marketing", data_category=BEHAVIOUR).intersect(
            consents.granting(purpose="marketing", data_category=SENSOR)
        )
        return bool(training._spells(connection, willing, NOW.timestamp()))


def learnt(cloud: Cloud) -> bool:
    with db.reading(cloud.engine) as connection:
        try:
            return bool(training.consented_events(connection))
        except training.DatasetError:
            return False


def popular(cloud: Cloud) -> bool:
    with db.reading(cloud.engine) as connection:
        return bool(shopping.recent_popularity(connection, NOW).weights)


def aged(cloud: Cloud) -> bool:
    """Hours of the home's air are read for the wear of what it bought."""
    with db.reading(cloud.engine) as connection:
        return bool(replenishing._told(connection, "humidity", ["ada"], NOW))


def due(cloud: Cloud) -> bool:
    filters = [Described(id="filter", category="filter", price_minor=1, attributes={"lasts_days": 100})]
    with db.reading(cloud.engine) as connection:
        return replenishing.learn(connection, filters, NOW).due_at_home("ada", "filter", NOW) is not None


def reported(cloud: Cloud) -> bool:
    """Somebody is counted."""
    cloud.add(tables.people, *({"id": f"more-{n}", "household": "ada", "name": "More"} for n in range(20)))
    with db.writing(cloud.engine) as connection:
        groups = reports.report(connection, "needs-by-area", "2026-11", NOW + timedelta(days=30)).groups
    return any(group.total for group in groups)


WAYS: dict[str, tuple[Callable[[Cloud], bool], tuple[str, ...]]] = {
    "an offer": (offered, (SENSOR,)),
    "the evidence of a model's lifts": (evidenced, (SENSOR, BEHAVIOUR)),
    "what a model learns": (learnt, (BEHAVIOUR,)),
    "what is popular": (popular, (BEHAVIOUR,)),
    "how a filter ages": (aged, (SENSOR,)),
    "when something is used up": (due, (BEHAVIOUR,)),
    "a report": (reported, (SENSOR,)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("missing", [None, SENSOR, BEHAVIOUR])
def test_data_goes_this_way_only_with_all_the_agreements_it_needs(known: Cloud, way: str, missing: str | None) -> None:
    goes, needed = WAYS[way]
    for category in (SENSOR, BEHAVIOUR):
        say(known, category, granted=category != missing)
    assert goes(known) is (missing not in needed)


# Tables of what was measured around people.
MEASURED = {"observations", "hourly", "node_state", "episodes", "rule_states"}
USING = ("decision", "recommender", "delivery", "outcomes")
# Modules that read them and do not ask themselves, with who asked before.
ASKED_BEFORE = {"simulation/live.py": "makes up its homes, in a database of its own"}


def modules() -> Iterator[Path]:
    root = Path(aircue_cloud.__file__).parent
    for room in USING:
        yield from sorted((root / room).rglob("*.py"))
    yield root / "rights" / "reports.py"


def read_tables(tree: ast.AST) -> set[str]:
    """Those that are named as tables.NAME."""
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in found if isinstance(node.value, ast.Name) and node.value.id == "tables"}


def test_a_module_that_reads_what_was_measured_for_offers_models_or_reports_asks_for_consent() -> None:
    looked_at = []
    for path in modules():
        text = path.read_text()
        if read_tables(ast.parse(text)) & MEASURED:
            looked_at.append(path.name)
            asks = re.search(r"consents\.(granting|granted|granted_by_many)\(", text) is not None
            known = f"{path.parent.name}/{path.name}"
            assert asks or known in ASKED_BEFORE, (
                f"{known} reads measurements: ask consents, or say in this test who did"
            )
    assert {"training.py", "replenishing.py", "reports.py"} <= set(looked_at)
