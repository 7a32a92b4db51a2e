"""When a home is offered a consumable again: by what it bought, what its air was like, and what it agreed to."""

from datetime import timedelta

import pytest
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import replenishing
from aircue_cloud.recommender.asked import Described
from aircue_gateway.batch import Channel, Group, Sample, Status

FILTER = Described(id="larch", category="filter", price_minor=1990, attributes={"lasts_days": 240})
BAGS = Described(id="bags", category="moisture-absorber", price_minor=1090, attributes={"lasts_days": 60})
LAMP = Described(id="bulb", category="lighting", price_minor=390)


@pytest.fixture
def home(cloud: Cloud) -> Cloud:
    """Ada's, who agreed to her shopping being used, and Bob's next door."""
    for one in (FILTER, BAGS, LAMP):
        cloud.add(tables.products, {**product(one.id, one.category), "attributes": dict(one.attributes)})
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    cloud.add(tables.sites, {"id": "home-2", "household": "bob", "tz": "UTC"})
    for household, category in (("ada", "behaviour"), ("bob", "behaviour"), ("bob", "sensor")):
        agree(cloud, household, category)
    return cloud


def agree(cloud: Cloud, household: str, category: str, *, granted: bool = True) -> None:
    said = {"purpose": "marketing", "data_category": category, "channel": "in-app", "granted": granted}
    with db.writing(cloud.engine) as connection:
        consents.record(connection, household, **said, now=NOW)  # type: ignore[arg-type]  # the fields of a consent


def buy(cloud: Cloud, person: str, what: str, *days: float) -> None:
    row = {"person": person, "product": what, "kind": "purchase", "weight": 8.0}
    cloud.add(tables.interactions, *({**row, "at": NOW - timedelta(days=one)} for one in days))


def due(cloud: Cloud, person: str, what: Described, days: float = 0.0) -> float | None:
    with db.reading(cloud.engine) as connection:
        learnt = replenishing.learn(connection, [FILTER, BAGS, LAMP], NOW)
    return learnt.due(person, what.id, NOW + timedelta(days=days))


def dust(cloud: Cloud, site: str, level: float, days: int) -> None:
    """An hourly reading of so many days, as a gateway delivers them."""
    start_ms = db.to_ms(NOW - timedelta(days=days))
    samples = tuple(
        Sample(
            sequence=hour + 1, uptime_ms=hour * 3_600_000, measured_at_ms=start_ms + hour * 3_600_000,
            received_at_ms=start_ms + hour * 3_600_000, clock="node", values=(round(level * 10),),
            statuses=(Status.OK,),
        )
        for hour in range(24 * days)
    )  # fmt: skip
    channels = (Channel(quantity="pm25", unit="ug/m3", scale=10),)
    group = Group(site=site, node=f"{site}-air", installation=5, boot=1, channels=channels, samples=samples)
    assert cloud.post(batch(group, sequence=int(level))).status_code == 200


def test_what_ages_by_time_is_due_when_its_maker_says(home: Cloud) -> None:
    buy(home, "ada-1", "bags", 30)
    assert due(home, "ada-1", BAGS) == pytest.approx(0.5)
    assert due(home, "ada-1", BAGS, days=30) == pytest.approx(1.0)


def test_own_habit_outweighs_the_maker(home: Cloud) -> None:
    """Bags rated 60 days, bought every 10: (10 n + 3 m) / (n + 3) with m = (10 n + 3 * 60) / (n + 3)."""
    buy(home, "ada-1", "bags", *range(5, 205, 10))
    pooled = (19 * 10 + 3 * 60) / 22
    assert due(home, "ada-1", BAGS) == pytest.approx(5 / ((19 * 10 + 3 * pooled) / 22))


def test_a_second_one_on_the_same_day_is_no_sign_that_the_first_is_used_up(home: Cloud) -> None:
    buy(home, "ada-1", "bulb", 40, 39.99)
    assert due(home, "ada-1", LAMP) is None
    buy(home, "ada-1", "bulb", 20)
    assert due(home, "ada-1", LAMP) == pytest.approx(1.0)


def test_a_filter_ages_by_the_dust_its_home_has_seen(home: Cloud) -> None:
    """Bought on the same day: three times the dust, three times the age."""
    for person in ("ada-1", "bob-1"):
        buy(home, person, "larch", 20)
    even = due(home, "ada-1", FILTER)
    assert even == pytest.approx(20 / 240)
    dust(home, "home-1", 10.0, 20)
    dust(home, "home-2", 30.0, 20)
    ages = due(home, "ada-1", FILTER), due(home, "bob-1", FILTER)
    assert ages == pytest.approx((even * 10 / 20, even * 30 / 20), rel=0.01)


def test_the_air_of_a_home_that_did_not_agree_is_not_looked_at(home: Cloud) -> None:
    for person in ("ada-1", "bob-1"):
        buy(home, person, "larch", 20)
    dust(home, "home-1", 10.0, 20)
    dust(home, "home-2", 30.0, 20)
    agree(home, "bob", "sensor", granted=False)
    assert due(home, "bob-1", FILTER) == pytest.approx(20 / 240)


def test_nothing_is_due_that_nobody_bought_that_is_not_used_up_or_that_may_not_be_known(home: Cloud) -> None:
    buy(home, "ada-1", "bulb", 300)
    buy(home, "bob-1", "bags", 300)
    agree(home, "bob", "behaviour", granted=False)
    assert due(home, "ada-1", LAMP) is None, "nobody bought it twice and no maker says that it wears out"
    assert due(home, "ada-1", BAGS) is None
    assert due(home, "bob-1", BAGS) is None
    assert due(home, "nobody", BAGS) is None


@pytest.mark.parametrize(
    ("days", "hindrance"), [(70, None), (30, "the household has it already, and 50 % of its life has passed")]
)
def test_a_home_is_offered_again_what_it_has_nearly_used_up(home: Cloud, days: float, hindrance: str | None) -> None:
    buy(home, "ada-1", "bags", days)
    home.post(batch(humidity(DAMP)))
    [row] = home.get("decisions")["rows"]
    [bags] = [one for one in row["trace"]["candidates"] if one["product"] == "bags"]
    assert bags["due"] == pytest.approx(days / 60, rel=0.01)
    assert bags["hindrance"] == hindrance
