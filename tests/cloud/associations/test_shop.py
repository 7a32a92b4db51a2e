"""What goes well with a product: mined from a store's baskets, shown on its page, tested against homes that are not."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from tests.cloud.conftest import bare_cloud
from tests.cloud.segments import crowd
from tests.cloud.segments.crowd import act, home, person
from tests.cloud.shopper import Shopper
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.associations import experiment, offers, stored
from aircue_cloud.associations.mining import Terms
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, TREATMENT, arm
from aircue_cloud.outcomes.report import Terms as Reporting

BUYERS = 40  # of purifier, filter and hood in one basket


def mined(cloud: Cloud) -> Cloud:
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    stored.refresh(cloud.engine, NOW)
    return cloud


@pytest.fixture
def shop(bare: Cloud) -> Cloud:
    crowd.fill(bare)
    return mined(bare)


def goes_with(cloud: Cloud, product: str = "purifier") -> list[str]:
    answer = cloud.app.test_client().get(f"/api/v1/products/{product}/goes-with")
    assert answer.status_code == 200, answer.text
    return [one["products"][0] for one in answer.get_json()["goes_with"]]


def beside(page: str) -> list[str]:
    """The products in the block."""
    found = re.search(r'<section class="goes-with".*?</section>', page, re.DOTALL)
    return [] if found is None else re.findall(r'data-product="([^"]*)"', found[0])


# Mined.


def test_the_store_s_baskets_say_what_goes_with_what(shop: Cloud) -> None:
    found = shop.app.test_client().get("/api/v1/products/purifier/goes-with").get_json()
    assert [one["products"] for one in found["goes_with"]] == [["filter"], ["hood"]]
    assert [sorted(one["products"]) for one in found["bundles"]] == [["filter", "hood"]]
    [first, _] = found["goes_with"]
    assert first["confidence"] == round(BUYERS / 60, 2)
    assert first["false_share"] < 0.001
    assert first["price_minor"] == 3000
    assert found["bundles"][0]["price_minor"] == 5500


def test_who_owns_a_device_buys_what_it_uses_up(shop: Cloud) -> None:
    rules = shop.app.test_client().get("/api/v1/associations").get_json()["rules"]
    device = {(one["antecedent"], *one["consequent"]) for one in rules if one["kind"] == "device"}
    assert ("air-purifier", "filter") in device
    shop.add(tables.products, {**crowd.product("second", "air-purifier"), "price_minor": 100})
    assert goes_with(shop, "second") == ["filter", "hood"], "nobody bought this one yet; its category is enough"


@pytest.mark.parametrize("how", ["consent", "no"])
def test_whose_shopping_may_not_be_used_is_in_no_basket(bare: Cloud, how: str) -> None:
    """21 of the 40 take it back: the rest are too few."""
    crowd.fill(bare)
    buyers = [n for n in range(0, crowd.COUNT, 2) if n % 6][:21]
    with db.writing(bare.engine) as connection:
        for n in buyers:
            if how == "consent":
                crowd.agree(connection, home(n), "behaviour", granted=False)
            else:
                mine = update(tables.people).where(tables.people.c.id == person(n))
                connection.execute(mine.values(impersonal_since=NOW))
    assert goes_with(mined(bare)) == []


def test_what_was_given_back_was_not_bought(bare: Cloud) -> None:
    crowd.fill(bare)
    buyers = [n for n in range(0, crowd.COUNT, 2) if n % 6][:21]
    bare.add(tables.interactions, *(act(n, "filter", NOW, "return") for n in buyers))
    assert goes_with(mined(bare)) == ["hood"]


def test_nothing_is_told_before_it_was_mined_and_again_when_a_week_is_over(bare: Cloud) -> None:
    crowd.fill(bare)
    assert goes_with(bare) == []
    with db.reading(bare.engine) as connection:
        assert stored.is_due(connection, NOW)
    mined(bare)
    with db.reading(bare.engine) as connection:
        assert not stored.is_due(connection, NOW + timedelta(days=6))
        assert stored.is_due(connection, NOW + timedelta(days=7))
    stored.refresh(bare.engine, NOW, Terms(least=100))
    assert goes_with(bare) == [], "what was found before is gone"


# Ranked.


def change(cloud: Cloud, product: str, **values: Any) -> None:
    with db.writing(cloud.engine) as connection:
        connection.execute(update(tables.products).where(tables.products.c.id == product).values(**values))


def test_what_earns_more_comes_first(shop: Cloud) -> None:
    assert goes_with(shop) == ["filter", "hood"]
    change(shop, "hood", attributes={"margin": 0.9})
    assert goes_with(shop) == ["hood", "filter"]


@pytest.mark.parametrize("values", [{"stock": 0}, {"retired_at": NOW}])
def test_what_cannot_be_bought_is_not_shown(shop: Cloud, values: dict[str, Any]) -> None:
    change(shop, "filter", **values)
    assert goes_with(shop) == ["hood"]
    with db.reading(shop.engine) as connection:
        assert offers.bundles(connection, "purifier", 5) == []


def test_prices_of_two_currencies_make_no_bundle(shop: Cloud) -> None:
    change(shop, "hood", currency="JPY")
    with db.reading(shop.engine) as connection:
        assert offers.bundles(connection, "purifier", 5) == []


def test_a_product_that_is_not_known_is_404(shop: Cloud) -> None:
    assert shop.app.test_client().get("/api/v1/products/nothing/goes-with").status_code == 404


# On the page.


def test_everybody_sees_the_same(shop: Cloud) -> None:
    page = Shopper(shop).get("/products/purifier")
    assert beside(page) == ["filter", "hood"]
    assert "more often than chance explains" in page
    assert "Often bought with both of these at once:" in page
    assert beside(Shopper(shop, person(1)).get("/products/purifier")) == ["filter", "hood"]
    assert "次数多于偶然" in Shopper(shop).get("/products/purifier", language="zh-CN")


def test_without_a_finding_the_page_is_as_it_was(shop: Cloud) -> None:
    with db.writing(shop.engine) as connection:
        connection.execute(delete(tables.associations))
    page = Shopper(shop).get("/products/purifier")
    assert set(beside(page)) >= {"filter", "hood"}
    assert "Bought by the same people" in page


# The experiment.


@pytest.fixture
def tested(tmp_path: Any) -> Any:
    """Half of the homes are held out of bundles, and a tenth of everything."""
    made = bare_cloud(tmp_path / "data", holdout=0.1, need_holdout=0.5)
    crowd.fill(made)
    yield mined(made)
    made.engine.dispose()


def homes(cloud: Cloud, of_all: str, of_bundles: str) -> list[int]:
    """Numbers of the homes in these arms."""
    numbers = range(crowd.COUNT)
    return [
        n for n in numbers
        if arm(home(n), GLOBAL, 0.1) == of_all and arm(home(n), experiment.EXPERIMENT, 0.5) == of_bundles
    ]  # fmt: skip


def test_a_home_that_is_held_out_sees_none_and_both_arms_are_written_down_when_they_come(tested: Cloud) -> None:
    shown, held = homes(tested, TREATMENT, TREATMENT)[0], homes(tested, TREATMENT, HOLDOUT)[0]
    for _ in range(2):
        assert beside(Shopper(tested, person(shown)).get("/products/purifier")) == ["filter", "hood"]
        assert beside(Shopper(tested, person(held)).get("/products/purifier")) == []
    rows = {row["household"]: row for row in tested.rows(tables.bundle_exposures)}
    assert {name: row["shown"] for name, row in rows.items()} == {home(shown): True, home(held): False}
    assert rows[home(held)]["goes_with"] == ["filter", "hood"]
    arms = {row["household"]: row["arm"] for row in tested.rows(tables.assignments)}
    assert arms == {home(shown): TREATMENT, home(held): HOLDOUT}


def test_who_is_held_out_of_everything_sees_none_and_is_in_no_arm(tested: Cloud) -> None:
    never = homes(tested, HOLDOUT, TREATMENT)[0]
    assert beside(Shopper(tested, person(never)).get("/products/purifier")) == []
    assert tested.rows(tables.bundle_exposures) == tested.rows(tables.assignments) == []


def test_of_whom_nothing_may_be_written_down_nothing_is(tested: Cloud) -> None:
    held = homes(tested, TREATMENT, HOLDOUT)[0]
    with db.writing(tested.engine) as connection:
        crowd.agree(connection, home(held), "behaviour", granted=False)
    assert beside(Shopper(tested, person(held)).get("/products/purifier")) == ["filter", "hood"]
    assert beside(Shopper(tested).get("/products/purifier")) == ["filter", "hood"]
    assert tested.rows(tables.bundle_exposures) == []


def test_prices_are_the_same_in_both_arms(tested: Cloud) -> None:
    both = homes(tested, TREATMENT, TREATMENT)[0], homes(tested, TREATMENT, HOLDOUT)[0]
    pages = [Shopper(tested, person(n)).get("/products/filter") for n in both]
    assert len({re.search(r'<p class="price">([^<]*)', page)[1] for page in pages}) == 1  # type: ignore[index]


def reported(cloud: Cloud) -> Any:
    terms = Reporting(now=cloud.clock(), holdout=0.1, need_holdout=0.5)
    with db.reading(cloud.engine) as connection:
        return experiment.reported(connection, "EUR", terms)


def test_the_arms_are_compared_as_in_every_experiment_of_the_store(tested: Cloud) -> None:
    """Made up: every second home that is shown them buys a filter afterwards, of the others every sixth."""
    everybody = [n for n in range(crowd.COUNT) if arm(home(n), GLOBAL, 0.1) == TREATMENT]
    for n in everybody:
        Shopper(tested, person(n)).get("/products/purifier")
    assert "fewer than 20 households in an arm whose span is over" in str(reported(tested).hidden)
    shown = set(homes(tested, TREATMENT, TREATMENT))
    later = NOW + timedelta(days=3)
    buying = [n for place, n in enumerate(everybody) if place % (2 if n in shown else 6) == 0]
    tested.add(tables.interactions, *(act(n, "purifier", later) for n in buying))
    tested.clock.now = NOW + timedelta(days=30)
    found = reported(tested).analysis
    assert (found.split.treatment, found.split.holdout) == (len(shown), len(everybody) - len(shown))
    assert not found.split.broken
    assert found.effect.uplift.difference.low > 0
