"""Sales and experiments: a history that was made up, told with its labels and never of few households."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.cloud.conftest import bare_cloud
from tests.cloud.stage import NOW, Cloud, product
from tests.cloud.web import shop
from tests.cloud.web.hands import NASTY, hands, is_clean, words, wrong

from aircue_cloud import tables
from aircue_cloud.outcomes.analysis import Analysis
from aircue_cloud.outcomes.attribution import Order, Push
from aircue_cloud.outcomes.observed import Record
from aircue_cloud.outcomes.report import Reported
from aircue_cloud.outcomes.sample_ratio import check
from aircue_cloud.outcomes.whole import Costs
from aircue_cloud.web.views import assumptions, experiments, sales

UTC_ZONE = ZoneInfo("UTC")
FREE = Costs(margin=None, per_send=0.0, fixed=0.0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """For tests that change nothing in it."""
    made = bare_cloud(tmp_path_factory.mktemp("shop") / "data")
    shop.fill(made.engine)
    yield made
    made.engine.dispose()


def order(home: int, at: datetime, amount: int = 1000, category: str = "fan") -> Order:
    return Order(household=f"h{home}", person=f"h{home}-1", product="p", category=category, at=at, amount=amount)


def push(home: int, at: datetime) -> Push:
    return Push(id=f"p{home}", household=f"h{home}", need="heat", category="fan", delivered_at=at)


def record(orders: list[Order], pushes: list[Push]) -> Record:
    sent = {(one.household, one.need): [one.delivered_at] for one in pushes}
    return Record(entries=[], orders=orders, pushes=pushes, sent=sent, currency="EUR")


def test_months_are_local_and_those_without_an_order_stand_there_too() -> None:
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    found = sales.build(record([order(1, late), order(2, NOW)], []), {}, 3, FREE, ZoneInfo("Europe/Berlin"), NOW)
    assert [(f"{one.begin:%b}", one.orders, one.revenue) for one in found.months] == [
        ("Sep", 0, 0), ("Oct", 0, 0), ("Nov", 2, 2000),
    ]  # fmt: skip


def test_a_channel_is_told_of_20_households_and_no_other_figure_gives_fewer_away() -> None:
    def told(pushed: int) -> tuple[dict[str, int | None], int | None]:
        pushes = [push(n, NOW - timedelta(days=1)) for n in range(pushed)]
        orders = [order(n, NOW) for n in range(60)]
        found = sales.build(record(orders, pushes), {f"p{n}": "e-mail" for n in range(60)}, 6, FREE, UTC_ZONE, NOW)
        return {one.name: one.orders for one in found.channels}, found.months[-1].associated

    assert told(20) == ({"no push": 40, "e-mail": 20}, 20_000)
    assert told(19) == ({"no push": None, "e-mail": None}, None)
    assert told(0) == ({"no push": 60}, 0)


def test_before_and_after_are_whole_months_and_carry_their_label() -> None:
    def month(number: int) -> datetime:
        return datetime(2026, number, 15, tzinfo=UTC)

    first = [order(1, month(number), 100) for number in (4, 5, 6)]
    after = [order(1, month(number), 150) for number in (8, 9)]
    aside = [order(1, month(3), 9999), order(1, month(7), 9999), order(1, month(11), 9999)]
    costs = Costs(margin=0.5, per_send=5.0, fixed=0.0)
    found = sales.build(record([*aside, *first, *after], [push(1, month(7)), push(2, month(8))]), {}, 12, costs,
                        UTC_ZONE, NOW).compared  # fmt: skip
    assert found is not None
    assert (len(found.pairs), found.before, found.after) == (3, 300, 300)
    assert found.ratio_of_sums == 0.0
    assert found.cost == 5.0
    assert found.roi_of_sums == -1.0
    assert found.label == "before/after, not causal"
    none = sales.build(record(first, []), {}, 12, costs, UTC_ZONE, NOW)
    assert (none.compared, none.why_not) == (None, "no push was sent yet")


def test_the_sales_page_adds_up_and_labels_what_is_not_causal(filled: Cloud) -> None:
    page = filled.app.test_client().get("/console/sales?margin=30&per_send=0.5")
    assert page.status_code == 200
    text = words(page)
    assert text.count("before/after, not causal") == 2
    assert "iROI (randomised)" in text
    assert page.text.count('<svg class="chart"') == 2
    months = _file(filled, "/console/sales?format=csv&table=months")
    categories = _file(filled, "/console/sales?format=csv&table=categories")
    assert months[0] == ["Month", "Orders", "Revenue", "After a push (associated)"]
    assert sum(int(row[2]) for row in months[1:]) == sum(int(row[2]) for row in categories[1:]) > 0
    assert is_clean(page)


def test_the_effect_page_has_both_kinds_of_figure_and_labels_them(filled: Cloud) -> None:
    page = filled.app.test_client().get("/console/effect?margin=30&per_send=0.5&fixed=100")
    assert page.status_code == 200
    text = words(page)
    assert "against those held out (randomised)" in text
    assert text.count("before/after, not causal") >= 6
    assert page.text.count('<svg class="chart"') == 2
    months = _file(filled, "/console/effect?margin=30&per_send=0.5&fixed=100&format=csv&table=months")
    assert months[0] == ["Month", "Held against", "Before", "After", "Change", "Pushes", "Cost", "ROI"]
    assert len(months) > 2
    assert all(all(row) for row in months[1:])
    assert is_clean(page)


def _file(cloud: Cloud, path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(cloud.app.test_client().get(path).text)))


@pytest.mark.parametrize("path", ["sales", "experiments"])
def test_what_cannot_be_reckoned_with_is_said_beside_its_field(filled: Cloud, path: str) -> None:
    page = filled.app.test_client().get(f"/console/{path}?margin=130&per_send=nan&fixed=%3Cb%3E&months=7&currency=e")
    assert page.status_code == 200
    assert set(wrong(page)) == {"margin", "per_send", "fixed"}
    assert "percent from 0 to 100" in wrong(page)["margin"]
    assert is_clean(page)
    assert assumptions.read({"months": "7"}).errors == {"months": "'7': expected one of 6, 12, 24"}


def test_experiments_say_the_split_first_and_no_number_without_its_interval(filled: Cloud) -> None:
    page = filled.app.test_client().get("/console/experiments?margin=30&per_send=0.5")
    text = words(page)
    assert text.index("All pushes") < text.index("Split") < text.index("Effect a household") < text.index("Damp air")
    rows = _file(filled, "/console/experiments?margin=30&per_send=0.5&format=csv&table=need-damp-air-effect")
    by_name = {row[0]: row for row in rows[1:]}
    for name in (
        "Effect a household",
        "Effect, looked at any time",
        "Effect, of the holdout's mean",
        "iROI (randomised)",
    ):
        assert all(by_name[name][1:4]), name
    assert "power 80 %" in by_name["Smallest effect this could see"][4]


def test_a_broken_split_blocks_every_effect() -> None:
    broken = Reported(experiment="global", analysis=Analysis(split=check(700, 500, 0.7), effect=None))
    [found] = experiments.shown([broken], {}, "EUR")
    assert found.blocked is not None
    assert "58.33% of the households are in treatment where 70.00% were drawn" in found.blocked
    assert (found.figures, found.chart, found.verdict) == ((), None, "")
    [whole] = experiments.shown([replace(broken, analysis=None, hidden="few")], {}, "EUR")
    assert (whole.hidden, whole.split) == ("few", None)


def test_a_broken_split_is_blocked_on_the_page(cloud_of_few: Cloud) -> None:
    """Half of the held out are missing: nothing is told of what is left."""
    text = words(cloud_of_few.app.test_client().get("/console/experiments?margin=30&per_send=0.5"))
    assert "sample ratio mismatch" in text
    assert "no effect is told" in text
    overall, need = text.split("Damp air", 1)
    assert "Effect a household" not in overall
    assert "Effect a household" in need  # drawn among the treated alone, where nobody is missing


@pytest.fixture
def cloud_of_few(bare: Cloud) -> Cloud:
    shop.fill(bare.engine, homes=500, missing=True)
    return bare


@pytest.mark.parametrize("path", ["sales", "experiments"])
def test_a_shop_without_orders_is_told_the_next_step(bare: Cloud, path: str) -> None:
    page = bare.app.test_client().get(f"/console/{path}")
    assert page.status_code == 200
    assert "POST /api/v1/events" in words(page)


def test_a_category_from_outside_is_text(bare: Cloud) -> None:
    bare.add(tables.households, {"id": "a", "name": "a"})
    bare.add(tables.people, {"id": "a-1", "household": "a", "name": "a"})
    bare.add(tables.products, product("p", NASTY), product("f", "=1+1"))
    said = {"person": "a-1", "kind": "purchase", "weight": 8.0, "at": NOW}
    bare.add(tables.interactions, {**said, "product": "p"}, {**said, "product": "f"})
    assert is_clean(bare.app.test_client().get("/console/sales"))
    assert _file(bare, "/console/sales?format=csv&table=categories")[2][0] == "'=1+1"


def test_a_viewer_may_look_and_a_stranger_may_not(bare: Cloud) -> None:
    mine = hands(bare, "viewer")
    assert [mine.get(f"/console/{path}").status_code for path in ("sales", "effect", "experiments")] == [200] * 3
    stranger = bare.app.test_client().get("/console/sales")
    assert stranger.status_code in (302, 401)


def test_the_effect_page_says_why_it_tells_nothing(cloud: Cloud) -> None:
    cloud.add(tables.products, product("p1", "fan"))
    assert "Nothing was bought yet" in words(cloud.app.test_client().get("/console/effect"))
    cloud.add(tables.households, {"id": "h", "name": "h"})
    cloud.add(tables.people, {"id": "h-1", "household": "h", "name": "A"})
    bought = {"person": "h-1", "product": "p1", "kind": "purchase", "weight": 5.0, "at": NOW}
    cloud.add(tables.interactions, bought)
    assert "Before and after: not told, no push was sent yet" in words(cloud.app.test_client().get("/console/effect"))
