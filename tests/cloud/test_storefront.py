"""The shop's pages: what they show to whom, carts and orders, reviews, and what no page does."""

import doctest
import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cloud.conftest import bare_cloud
from tests.cloud.shopper import Shopper, act, furnish, say
from tests.cloud.stage import DAMP, NOW, Cloud, batch, humidity, product

from aircue_cloud import db, tables
from aircue_cloud.recommender.explanations import Reason, explanation
from aircue_cloud.rights import small_groups
from aircue_cloud.routes import language
from aircue_cloud.storefront import formats, reasons, shelf
from aircue_cloud.storefront.home import deeds
from aircue_cloud.texts import of

NASTY = '"><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}'
TOKEN = "0123456789abcdef" * 2
OPEN = ("/", "/products", "/products/fan")
OWN = ("/cart", "/favourites", "/orders", "/offers", "/me", "/me/preferences", "/me/data", "/me/data/erase")


@pytest.fixture
def shop(cloud: Cloud) -> Cloud:
    furnish(cloud)
    return cloud


@pytest.fixture
def ada(shop: Cloud) -> Shopper:
    return Shopper(shop, "ada-1")


def names(page: str) -> list[str]:
    """Products on a page, in order."""
    return re.findall(r'class="tile" data-product="([^"]*)"', page)


# Who sees what.


def test_anybody_sees_what_is_popular_labelled_as_such(shop: Cloud) -> None:
    page = Shopper(shop).get("/")
    assert names(page)[0] == "fan"
    assert "Not personalised: what many people turn to" in page
    assert "Because" not in page
    assert "form_word" not in page


def test_somebody_sees_what_was_measured_at_home_and_what_helps(shop: Cloud, ada: Shopper) -> None:
    assert shop.post(batch(humidity(DAMP))).status_code == 200
    page = ada.get("/")
    sentence = "Your bathroom was above 80 % humidity for 10 h today (it measured 85 %)."
    assert page.count(sentence) > 1, "in the home's own part, and as a reason"
    assert names(page)[1] == "drymax", "popular first, then the remedy with the largest lift"
    assert re.search(rf'data-product="drymax".*?<p class="why">{re.escape(sentence)}', page, re.DOTALL)
    assert "您的浴室今天共有10小时湿度高于80%" in ada.get("/", language="zh-CN")
    assert "Because you" not in ada.get("/?view=popular")
    assert sentence not in ada.get("/?view=popular")


@pytest.mark.parametrize("how", ["consent", "person", "household"])
def test_consent_that_is_taken_back_and_a_no_to_personalisation_hold_at_once(
    shop: Cloud, ada: Shopper, how: str
) -> None:
    shop.post(batch(humidity(DAMP)))
    assert "above 80 %" in ada.get("/")
    if how == "consent":
        ada.post("/me/data/consents", purpose="marketing", category="sensor", channel="in-app", granted="no")
    elif how == "person":
        ada.post("/me/personalisation", personalised="off")
    else:
        shop.app.test_client().put("/api/v1/households/ada/personalisation", json={"personalised": False})
    page = ada.get("/")
    assert "above 80 %" not in page
    if how != "consent":
        assert names(page) == names(Shopper(shop).get("/"))
        assert "Not personalised" in page
    assert "No offers." in ada.get("/offers")


def test_what_somebody_did_is_the_reason_only_where_that_is_agreed_to(shop: Cloud, ada: Shopper) -> None:
    act(shop, "ada-1", "lamp", "click")
    act(shop, "ada-1", "lamp", "purchase")
    with db.reading(shop.engine) as connection:
        did = deeds(connection, "ada-1", ["lamp", "rug"])
    assert did == {"lamp": "purchase"}
    own = explanation("rug", "history", [Reason(kind="own", amount=0.4, product="lamp")])
    words = {"names": {"lamp": "Lamp"}, "deeds": did, "said": {}}
    assert reasons.sentences(own, reasons.Words(t=of("en"), **words)) == ["Because you bought Lamp."]
    assert reasons.sentences(own, reasons.Words(t=of("zh"), **words)) == ["因为您买过Lamp。"]
    against = explanation("rug", "history", [Reason(kind="own", amount=-0.4, product="lamp")])
    assert reasons.sentences(against, reasons.Words(t=of("en"), **words)) == ["It is in the shop."]
    soon = explanation("rug", "history", [Reason(kind="need", amount=0.4, need="damp-air")])
    assert "likely at your home" in reasons.sentences(soon, reasons.Words(t=of("en"), **words))[0]


def test_the_price_is_the_same_for_everybody(shop: Cloud, ada: Shopper) -> None:
    shop.post(batch(humidity(DAMP)))
    prices = {
        tuple(re.findall(r'<p class="price">([^<]*)', who.get("/products/drymax")))
        for who in (Shopper(shop), ada, Shopper(shop, "bob-1"))
    }
    assert prices == {("€99.00",)}


@pytest.mark.parametrize("path", [*OPEN, *OWN])
def test_pages_have_no_markup_that_a_strict_policy_forbids(shop: Cloud, ada: Shopper, path: str) -> None:
    shop.post(batch(humidity(DAMP)))
    response = ada.client.get(path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(
        r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)|javascript:|https?://(?!www\.w3)", response.text
    )
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", OWN)
def test_a_persons_pages_ask_anybody_else_to_sign_in(shop: Cloud, path: str) -> None:
    page = Shopper(shop).get(path, 401)
    assert "Open the link that the shop sent you" in page
    assert "ada" not in page.lower()


def test_a_session_of_somebody_who_is_gone_is_nobodys(shop: Cloud) -> None:
    ghost = Shopper(shop, "nobody")
    assert "Not personalised" in ghost.get("/")
    ghost.get("/cart", 404)


# Writes.


def writes(cloud: Cloud) -> list[str]:
    rules = [rule for rule in cloud.app.url_map.iter_rules() if rule.endpoint.startswith(("shop", "me."))]
    found = [re.sub(r"<\w+>", "fan", rule.rule) for rule in rules if "POST" in (rule.methods or ())]
    return [path for path in found if path not in ("/language", "/me/link/fan")]


def test_every_form_is_refused_without_its_word_and_from_another_site(shop: Cloud, ada: Shopper) -> None:
    paths = writes(shop)
    assert len(paths) > 12
    before = {table.name: shop.rows(table) for table in (tables.cart_lines, tables.interactions, tables.consents)}
    for path in paths:
        for word in ("", "0" * 64):
            response = ada.client.post(path, data={"form_word": word, "word": "ERASE", "product": "fan"})
            assert response.status_code == 403, path
        away = {"Origin": "https://evil.example"}
        assert ada.client.post(path, data={"form_word": ada.word}, headers=away).status_code == 403, path
    assert {name: shop.rows(getattr(tables, name)) for name in before} == before


def test_what_shops_and_people_write_is_shown_and_never_run(shop: Cloud, ada: Shopper) -> None:
    row = product("nasty", "rug") | {"name": NASTY, "description": NASTY, "attributes": {NASTY: NASTY}}
    shop.add(tables.products, row)
    shop.add(tables.products, product("odd", NASTY.replace("/", "")))
    ada.post("/products/nasty/reviews", stars="1", text=NASTY, token=TOKEN)
    ada.post("/cart", product="nasty", add="yes")
    ada.post("/products/nasty/favourite", wanted="yes")
    for path in ("/products/nasty", "/products/odd", "/cart", "/favourites", "/", "/products?q=<script>", "/me/data"):
        page = ada.get(path)
        assert "<script>alert" not in page, path
        assert "<img" not in page, path
        assert "{49}" not in page, path
    assert "&lt;script&gt;alert(1)" in ada.get("/products/nasty")


def test_a_cart_holds_no_more_than_there_is(shop: Cloud, ada: Shopper) -> None:
    for _ in range(3):
        ada.post("/cart", product="fan", add="yes", quantity="2")
    assert [row["quantity"] for row in shop.rows(tables.cart_lines)] == [5]
    ada.post("/cart", product="fan", quantity="1")
    assert "€99.00" in ada.get("/cart")
    for quantity in ("-1", "1.5", "", "x", "100", "9" * 30, "²"):
        assert "whole number" in ada.post("/cart", 422, product="fan", quantity=quantity).text
    ada.post("/cart", 404, product="nothing", quantity="1")
    ada.post("/cart", product="fan", quantity="0")
    assert shop.rows(tables.cart_lines) == []


def test_an_order_is_purchases_and_sent_twice_it_is_one(shop: Cloud, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes", quantity="2")
    ada.post("/cart", product="rug", add="yes", quantity="1")
    token, seen = ada.order()
    assert "pay when it is delivered" in ada.get("/cart")
    where = ada.post("/orders", token=token, seen=seen).headers["Location"]
    assert ada.post("/orders", token=token, seen=seen).headers["Location"] == where
    bought = [row for row in shop.rows(tables.interactions) if row["kind"] == "purchase"]
    assert [(row["product"], row["quantity"]) for row in bought] == [("fan", 2), ("rug", 1)]
    assert {row["price_minor"] for row in bought} == {9900}
    stock = {row["id"]: row["stock"] for row in shop.rows(tables.products)}
    assert (stock["fan"], stock["rug"]) == (3, 4)
    assert shop.rows(tables.cart_lines) == []
    assert "€297.00" in ada.get(where)
    assert ada.get("/orders").count("€198.00") == 1
    Shopper(shop, "bob-1").get(where, 404)
    assert "Fan" not in Shopper(shop, "bob-1").get("/orders")


def test_nothing_is_ordered_that_is_not_what_was_seen_or_not_there_any_more(shop: Cloud, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes")
    ada.post("/cart", product="rug", add="yes")
    token, seen = ada.order()
    with db.writing(shop.engine) as connection:
        connection.execute(tables.products.update().where(tables.products.c.id == "fan").values(price_minor=1))
    assert "has changed" in ada.post("/orders", 409, token=token, seen=seen).text
    token, seen = ada.order()
    with db.writing(shop.engine) as connection:
        connection.execute(tables.products.update().where(tables.products.c.id == "rug").values(stock=0))
    assert "Rug has fewer pieces" in ada.post("/orders", 409, token=token, seen=seen).text
    stock = {row["id"]: row["stock"] for row in shop.rows(tables.products)}
    assert stock["fan"] == 5, "what was taken before is put back"
    assert [row for row in shop.rows(tables.interactions) if row["kind"] == "purchase"] == []
    assert len(shop.rows(tables.cart_lines)) == 2
    ada.post("/orders", 422, token="short", seen=seen)


def test_a_token_makes_one_order_of_one_person(shop: Cloud, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes")
    token, seen = ada.order()
    where = ada.post("/orders", token=token, seen=seen).headers["Location"]
    bob = Shopper(shop, "bob-1")
    bob.post("/cart", product="fan", add="yes")
    _, seen = bob.order()
    assert bob.post("/orders", token=token, seen=seen).headers["Location"] != where
    bought = [row for row in shop.rows(tables.interactions) if row["kind"] == "purchase"]
    assert sorted(row["person"] for row in bought) == ["ada-1", "bob-1"]


# Reviews.


def test_ratings_are_drawn_towards_the_shops_mean_and_the_latest_word_of_each_counts(shop: Cloud, ada: Shopper) -> None:
    bob = Shopper(shop, "bob-1")
    act(shop, "ada-1", "fan", "purchase", quantity=1)
    for number, (who, name, stars) in enumerate(
        [(ada, "fan", "1"), (ada, "fan", "5"), (bob, "fan", "4"), (bob, "rug", "2")]
    ):
        shop.clock.now += timedelta(minutes=1)
        who.post(f"/products/{name}/reviews", stars=stars, text=f"said {number}", token=f"{number:032x}")
    overall = (1 + 5 + 4 + 2) / 4
    mean = (10 * overall + 5 + 4) / 12
    with db.reading(shop.engine) as connection:
        [found] = shelf.stars(connection, ["fan"]).values()
    assert (found.count, found.overall, found.mean) == (2, overall, pytest.approx(mean))
    page = ada.get("/products/fan")
    assert f"{mean:.1f}" in page
    assert "2 reviews" in page
    assert page.index("said 2") < page.index("said 1")
    assert "said 0" not in page
    assert page.count("Verified purchase") == 1
    assert "Ada" not in page.replace("Ada's", "").partition("<main")[2], "reviews name nobody"


def test_a_review_is_told_once_and_can_be_taken_back(shop: Cloud, ada: Shopper) -> None:
    for _ in range(2):
        ada.post("/products/fan/reviews", stars="4", text="hums softly", token=TOKEN)
    assert len([row for row in shop.rows(tables.interactions) if row["kind"] == "rating"]) == 1
    Shopper(shop, "bob-1").post("/products/fan/reviews", 409, stars="1", text="mine", token=TOKEN)
    assert "Remove my review" not in Shopper(shop, "bob-1").get("/products/fan")
    Shopper(shop, "bob-1").post("/products/fan/reviews/remove")
    assert "hums softly" in ada.get("/products/fan")
    ada.post("/products/fan/reviews/remove")
    assert "hums softly" not in ada.get("/products/fan")


@pytest.mark.parametrize(("stars", "text"), [("0", ""), ("6", ""), ("", ""), ("5", "x" * 2001), ("5", "a\0b")])
def test_a_review_that_is_none_is_refused_and_what_was_written_stays_in_the_form(
    shop: Cloud, ada: Shopper, stars: str, text: str
) -> None:
    answer = ada.post("/products/fan/reviews", 422, stars=stars, text=text or "kept words", token=TOKEN)
    assert 'role="alert"' in answer.text
    assert text or "kept words" in answer.text


def test_what_goes_with_a_product_is_said_from_twenty_people_on(shop: Cloud) -> None:
    for number in range(small_groups.K):
        shop.add(tables.people, {"id": f"b{number}", "household": "bob", "name": "B"})
        act(shop, f"b{number}", "fan", "purchase")
        assert "Goes well with" not in Shopper(shop).get("/products/fan") or number == small_groups.K - 1
        act(shop, f"b{number}", "rug", "purchase")
    assert "Goes well with" in Shopper(shop).get("/products/fan")
    say(shop, "bob", "behaviour", granted=False)
    assert "Goes well with" not in Shopper(shop).get("/products/fan")


# Following.


def test_what_is_looked_at_is_written_down_only_with_consent_and_once(shop: Cloud, ada: Shopper) -> None:
    def kinds() -> list[str]:
        return sorted(row["kind"] for row in shop.rows(tables.interactions) if row["person"] == "ada-1")

    assert "seen.js" not in ada.get("/")
    ada.seen("impression", "fan", "rug")
    ada.post("/cart", product="fan", add="yes")
    ada.post("/products/fan/favourite", wanted="yes")
    assert kinds() == []
    say(shop, "ada", "behaviour", granted=True)
    assert "seen.js" in ada.get("/")
    for _ in range(2):
        ada.seen("impression", "fan", "rug")
        ada.seen("click", "fan")
        ada.seen("view", "fan")
    ada.post("/cart", product="rug", add="yes")
    ada.post("/products/rug/favourite", wanted="yes")
    assert kinds() == ["cart", "click", "favourite", "impression", "impression", "view"]
    assert "seen" not in str([row["action"] for row in shop.rows(tables.audit)])
    say(shop, "ada", "behaviour", granted=False)
    ada.seen("view", "rug", view="b" * 32)
    assert len(kinds()) == 6
    ada.seen("purchase", "fan", status=422)
    ada.seen("view", "fan", view="no token", status=422)


def test_favourites_are_kept_and_let_go(shop: Cloud, ada: Shopper) -> None:
    ada.post("/products/fan/favourite", wanted="yes")
    assert "Fan" in ada.get("/favourites")
    assert 'aria-pressed="true"' in ada.get("/products/fan").partition("<footer")[0]
    assert "Fan" not in Shopper(shop, "bob-1").get("/favourites")
    away = ada.post("/products/fan/favourite", wanted="no", next="//evil.example/x").headers["Location"]
    assert away == "/products/fan"
    assert "Fan" not in ada.get("/favourites")


# Finding, language, switches.


def test_products_are_found_by_word_category_and_need(shop: Cloud) -> None:
    anybody = Shopper(shop)
    assert names(anybody.get("/products?q=DRY")) == ["drymax"]
    assert names(anybody.get("/products?category=fan")) == ["fan"]
    assert names(anybody.get("/products?need=damp-air")) == ["drymax", "salt", "tumble"]
    assert names(anybody.get("/products?q=%25")) == []
    assert "No product matches" in anybody.get("/products?q=nothing")
    anybody.get("/products?page=x", 400)
    shop.app.test_client().delete("/api/v1/products/fan")
    assert "No longer sold" in anybody.get("/products/fan")
    assert "fan" not in names(anybody.get("/"))
    anybody.get("/products/never", 404)


def test_the_language_is_the_browsers_until_it_is_switched(shop: Cloud) -> None:
    anybody = Shopper(shop)
    assert '<html lang="zh">' in anybody.get("/", language="fr;q=0.9, zh-CN;q=0.8, en;q=0.1")
    assert '<html lang="en">' in anybody.get("/", language="fr")
    assert anybody.post("/language", language="zh", next="/products?q=fan").headers["Location"] == "/products?q=fan"
    assert "全部商品" in anybody.get("/products", language="en")
    for away in ("https://evil.example", "//evil.example", "/\\evil.example", "/a\nb", ""):
        assert anybody.post("/language", language="en", next=away).headers["Location"] == "/me"
    assert '<html lang="en">' in anybody.get("/", language="zh")


def test_the_storefront_can_be_switched_off_and_a_persons_own_pages_stay(tmp_path: Path) -> None:
    cloud = bare_cloud(tmp_path / "off", storefront={"on": False})
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"})
    cloud.add(tables.people, {"id": "ada-1", "household": "ada", "name": "Ada"})
    ada = Shopper(cloud, "ada-1")
    assert ada.client.get("/").headers["Location"] == "/console"
    for path in ("/me", "/me/data", "/me/preferences", "/offers"):
        assert "/cart" not in ada.get(path)
    for path in ("/products", "/cart", "/favourites"):
        assert ada.client.get(path).status_code == 404
    ada.post("/me/sign-out")


def test_examples_in_the_storefront() -> None:
    for module in (formats, language):
        found = doctest.testmod(module)
        assert found.attempted
        assert found.failed == 0


def test_times_name_their_zone(shop: Cloud, ada: Shopper) -> None:
    with db.writing(shop.engine) as connection:
        connection.execute(tables.sites.update().values(tz="Asia/Kathmandu"))
    shop.post(batch(humidity(DAMP)))
    assert NOW.hour == 12
    assert "21 Nov 2026, 17:45 (Asia/Kathmandu)" in ada.get("/offers")
