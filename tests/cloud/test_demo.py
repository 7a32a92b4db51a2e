"""The demo's shop: what is in it, and that its simulated shoppers behave like shoppers."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, RowMapping, func, select

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import policy
from aircue_cloud.demo import catalogue, reviews, together
from aircue_cloud.demo.neighbours import NEIGHBOURS
from aircue_cloud.demo.shop import HOMES, Filled, fill
from aircue_cloud.needs import needs
from aircue_cloud.outcomes import assignment
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.recommender.training import train

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = (tables.products, tables.households, tables.people, tables.sites, tables.consents, tables.interactions)


def silent(_line: str) -> None:
    pass


def filled(path: Path, seed: int = 7) -> Engine:
    engine = db.open_database(db.sqlite_url(str(path)))
    with db.writing(engine) as connection:
        fill(connection, seed, silent, UNTIL)
    return engine


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return filled(tmp_path_factory.mktemp("demo") / "demo.db")


def rows(engine: Engine, table: Any) -> list[RowMapping]:
    with db.reading(engine) as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).mappings())


# The catalogue.


def test_the_catalogue_is_large_and_every_product_is_its_own() -> None:
    products = catalogue.products()
    assert len(products) >= 120
    assert len({product.category for product in products}) >= 20
    assert len({product.id for product in products}) == len({product.name for product in products}) == len(products)


def test_products_are_well_formed() -> None:
    for product in catalogue.products():
        assert product.tier in catalogue.TIERS, product
        assert product.price_minor >= 100, product
        assert product.stock >= 0, product
        assert all(value != "" for value in product.attributes.values()), product


def test_some_products_are_sold_out() -> None:
    assert 3 <= sum(product.stock == 0 for product in catalogue.products()) <= 12


def test_a_category_has_products_for_different_purses() -> None:
    for category in {product.category for product in catalogue.products()}:
        prices = [product.price_minor for product in catalogue.products() if product.category == category]
        assert len(prices) >= 5, category
        assert max(prices) >= 2 * min(prices), category


def test_every_remedy_of_every_need_is_in_stock() -> None:
    stocked = {product.category for product in catalogue.products() if product.stock > 0}
    for need in needs.load().by_name.values():
        assert set(need.remedies) <= stocked, need.name


def test_a_description_says_the_attributes_in_words() -> None:
    product = next(product for product in catalogue.products() if product.category == "dehumidifier")
    assert product.description == "10 litres of water a day, 38 dB, for rooms up to 20 m2."


# The simulated shoppers.


def test_the_shop_is_busy_enough_to_learn_from(shop: Engine) -> None:
    assert len(rows(shop, tables.households)) == 160 + len(NEIGHBOURS) + together.COUNT
    assert 350 <= len(rows(shop, tables.people)) <= 450
    assert 20_000 <= len(rows(shop, tables.interactions)) <= 45_000


def test_fewer_take_each_further_step(shop: Engine) -> None:
    kinds = Counter(row["kind"] for row in rows(shop, tables.interactions))
    assert kinds["click"] > 3 * kinds["cart"] > 3 * kinds["purchase"] > 3 * kinds["rating"] > 300
    assert kinds["click"] > kinds["favourite"] > kinds["purchase"]


def test_a_few_products_draw_most_of_the_looks(shop: Engine) -> None:
    looks = Counter(row["product"] for row in rows(shop, tables.interactions) if row["kind"] == "click")
    counts = sorted(looks.values(), reverse=True)
    assert sum(counts[: len(counts) // 5]) > 0.4 * sum(counts)
    assert len(looks) > 0.95 * len(catalogue.products())


def test_nobody_buys_what_is_sold_out(shop: Engine) -> None:
    sold_out = {product.id for product in catalogue.products() if product.stock == 0}
    bought = {
        row["product"] for row in rows(shop, tables.interactions) if row["kind"] in ("cart", "purchase", "rating")
    }
    assert not sold_out & bought


def test_the_text_of_a_rating_fits_its_stars(shop: Engine) -> None:
    rated = [row for row in rows(shop, tables.interactions) if row["kind"] == "rating"]
    assert {1, 2, 3, 4, 5} >= {row["rating"] for row in rated} >= {2, 3, 4, 5}  # hardly anybody gives one star
    for row in rated:
        openings = tuple(opening.split("{")[0] for opening in reviews.OPENINGS[row["rating"]])
        assert row["text"].startswith(openings), row
    assert all(row["text"] is None for row in rows(shop, tables.interactions) if row["kind"] != "rating")


def test_who_is_simulated_is_called_so(shop: Engine) -> None:
    assert all("(simulated)" in row["name"] for row in rows(shop, tables.households))


def test_history_ends_before_now_and_covers_half_a_year(shop: Engine) -> None:
    moments = [row["at"] for row in rows(shop, tables.interactions)]
    assert max(moments) < UNTIL
    assert 170 <= (max(moments) - min(moments)).days <= 181


def test_consents_have_receipts_and_the_demos_homes_answer_as_promised(shop: Engine) -> None:
    answers = rows(shop, tables.consents)
    assert len({row["receipt"] for row in answers}) == len(answers)
    given = {(row["household"], row["data_category"]) for row in answers if row["granted"]}
    assert {("fern", "behaviour"), ("fern", "sensor"), ("birch", "behaviour")} <= given
    homes = len(rows(shop, tables.households))
    assert 0.8 * homes < sum(category == "behaviour" for _, category in given) < homes
    assert 0.4 * homes < sum(category == "sensor" for _, category in given) < 0.8 * homes
    with db.reading(shop) as connection:
        asked = {"purpose": policy.PURPOSE, "data_category": policy.DATA_CATEGORY, "channel": policy.CHANNEL}
        assert consents.granted(connection, "fern", **asked) is True
        assert consents.granted(connection, "birch", **asked) is None
    next_door = {one.site: one.household for one in NEIGHBOURS}
    linked = {row["id"]: row["household"] for row in rows(shop, tables.sites)}
    assert linked == {"home-1": "fern", "home-2": "birch"} | next_door


def test_of_the_demos_homes_one_alone_is_held_out_by_the_usual_share() -> None:
    """So that a demo shows what that means, and offers to all others whatever they may be offered."""
    names = [home.household for home in HOMES] + [one.household for one in NEIGHBOURS]
    held = [name for name in names if assignment.arm(name, assignment.GLOBAL, 0.1) == assignment.HOLDOUT]
    assert held == ["rowan"]


def test_the_neighbours_add_what_they_did_and_nothing_else(shop: Engine) -> None:
    theirs = {one.person: one for one in NEIGHBOURS}
    category = {row["id"]: row["category"] for row in rows(shop, tables.products)}
    did = [(row["person"], row["kind"], category[row["product"]]) for row in rows(shop, tables.interactions)
           if row["person"] in theirs]  # fmt: skip
    assert sorted(did) == sorted((one.person, did.kind, did.category) for one in NEIGHBOURS for did in one.did)


def test_filling_twice_changes_nothing(tmp_path: Path) -> None:
    engine = filled(tmp_path / "demo.db")
    before = [rows(engine, table) for table in TABLES]
    with db.writing(engine) as connection:
        assert fill(connection, 8, silent) == Filled()
    assert [rows(engine, table) for table in TABLES] == before


def test_a_seed_always_draws_the_same_shop(shop: Engine, tmp_path: Path) -> None:
    again, other = filled(tmp_path / "again.db"), filled(tmp_path / "other.db", seed=8)
    for table in TABLES:
        assert rows(again, table) == rows(shop, table), table.name
    assert rows(other, tables.interactions) != rows(shop, tables.interactions)


def test_a_site_that_sent_readings_first_is_linked(tmp_path: Path) -> None:
    engine = db.open_database(db.sqlite_url(str(tmp_path / "demo.db")))
    with db.writing(engine) as connection:
        connection.execute(tables.sites.insert(), [{"id": "home-1", "household": None, "tz": "UTC"}])
        fill(connection, 7, silent, UNTIL)
        linked = connection.execute(select(tables.sites.c.household).where(tables.sites.c.id == "home-1")).scalar_one()
    assert linked == "fern"


# What is learnt from them.


QUICK = ("popularity", "item-knn", "own-frequency", "als")


def test_a_trained_model_beats_popularity_and_tells_the_demos_people_apart(shop: Engine, tmp_path: Path) -> None:
    with db.reading(shop) as connection:
        trained = train(connection, tmp_path, budget_s=0, families=QUICK)
    assert trained.active
    figures = trained.info.metrics
    for popularity in ("popularity", "recent-popularity"):
        assert figures["new_chosen_ndcg@10"] > 1.1 * figures[f"new_{popularity}_ndcg@10"]
        assert figures["repeat_chosen_ndcg@10"] > 1.1 * figures[f"repeat_{popularity}_ndcg@10"]
    recommender = Recommender.load(tmp_path)
    remedies = [product for product in catalogue.products() if product.category in ("dehumidifier", "dryer")]
    shares = recommender.affinity(["fern-nora", "fern-emil"], [product.id for product in remedies])
    prices = np.array([product.price_minor for product in remedies])
    mean_price = (shares @ prices) / shares.sum(axis=1)
    assert mean_price[0] > 1.3 * mean_price[1], "Nora buys what is good, Emil what is cheap"
    assert remedies[shares[0].argmax()] != remedies[shares[1].argmax()]


def test_people_who_do_not_consent_are_not_learnt_from(tmp_path: Path) -> None:
    engine = filled(tmp_path / "demo.db")
    with db.writing(engine) as connection:
        for household in connection.execute(select(tables.households.c.id)).scalars().all():
            how = {"purpose": "marketing", "data_category": "behaviour", "channel": "in-app"}
            consents.record(connection, household, granted=household == "fern", now=datetime.now(UTC), **how)
        count = connection.execute(
            select(func.count()).where(tables.interactions.c.person.in_(["fern-nora", "fern-emil"]))
        ).scalar_one()
    with db.reading(engine) as connection:
        trained = train(connection, tmp_path / "models", budget_s=0, families=QUICK)
    assert (trained.info.users, trained.info.interactions) == (2, count)
