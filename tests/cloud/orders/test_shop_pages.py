"""Paying on the shop's pages: from the cart or an offer to a paid order, and what each page says and does not say."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.cloud.orders.stage import STOCK, Shop, Shopper, open_shop, reference_in

from aircue_cloud import db, tables
from aircue_cloud.storefront import scan_code


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = open_shop(tmp_path / "shop")
    yield found
    found.engine.dispose()


@pytest.fixture
def ada(shop: Shop) -> Shopper:
    return Shopper(shop.cloud, "ada-1")


def ordered(ada: Shopper, pieces: int = 1) -> str:
    """The path of the sandbox's page that an order leads to."""
    ada.post("/cart", product="fan", add="yes", quantity=str(pieces))
    token, seen = ada.order()
    there = ada.post("/orders", token=token, seen=seen, currency="EUR", provider="sandbox").headers["Location"]
    return there.removeprefix("http://localhost")


def test_from_the_cart_to_a_paid_order(shop: Shop, ada: Shopper) -> None:
    there = ordered(ada, 2)
    assert "Nothing is charged" in ada.get(there)
    back = ada.post(there, answer="pay").headers["Location"]
    page = ada.get(back)
    assert "has not confirmed the payment yet" in page
    assert "Thank you" not in page, "coming back proves nothing"
    assert shop.acts("purchase") == []
    state = ada.client.get(f"{back}/state").get_json()
    shop.sandbox.deliver(shop.cloud.clock())
    assert "Thank you for your order" in ada.get(back)
    assert ada.client.get(f"{back}/state").get_json() != state
    assert "Paid." in ada.get("/orders")
    assert shop.acts("purchase") == [("fan", 2)]


def test_what_a_phones_program_opens_is_a_code_to_scan(shop: Shop, ada: Shopper) -> None:
    path = ada.post(ordered(ada), answer="leave").headers["Location"].removeprefix("http://localhost").partition("?")[0]
    assert 'class="scan"' not in ada.get(path)
    begun = "weixin://wxpay/bizpayurl?pr=NwY5Mz9&groupid=00"
    with db.writing(shop.engine) as connection:
        connection.execute(update(tables.payments).values(redirect_url=begun))
    page = ada.get(path)
    [code] = re.findall(r'<svg[^>]*class="scan".*?</svg>', page, re.DOTALL)
    assert code == scan_code.drawn(begun)
    assert 'aria-label="Code to pay with"' in page
    assert html.escape(begun) in page, "for who reads the page on the phone itself"
    assert scan_code.drawn("https://pay.example/1") is scan_code.drawn("") is None


def test_a_form_that_is_sent_twice_is_one_order_and_one_payment(shop: Shop, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes")
    token, seen = ada.order()
    first = ada.post("/orders", token=token, seen=seen).headers["Location"]
    assert ada.post("/orders", token=token, seen=seen).headers["Location"] == first
    assert (shop.count(tables.orders), shop.count(tables.payments), shop.stock()) == (1, 1, STOCK - 1)


def test_who_leaves_or_fails_may_try_again_or_cancel(shop: Shop, ada: Shopper) -> None:
    there = ordered(ada)
    left = ada.post(there, answer="leave").headers["Location"]
    assert "came back without paying" in ada.get(left.removeprefix("http://localhost"))
    ada.post(there, answer="fail")
    shop.sandbox.deliver(shop.cloud.clock())
    path = left.removeprefix("http://localhost").partition("?")[0]
    assert "did not go through" in ada.get(path)
    again = ada.post(f"{path}/pay", provider="sandbox").headers["Location"].removeprefix("http://localhost")
    assert reference_in(again) != reference_in(there)
    assert "cancelled" in ada.post(f"{path}/cancel").headers["Location"]
    assert "Cancelled." in ada.get(path)
    assert shop.stock() == STOCK
    assert "not possible any more" in ada.get(ada.post(f"{path}/cancel").headers["Location"])
    ada.post(again, answer="pay")
    shop.sandbox.deliver(shop.cloud.clock())
    assert "Paid." in ada.get(path), "money that came after all is said"


def test_another_persons_order_is_not_found(shop: Shop, ada: Shopper) -> None:
    path = ada.post(ordered(ada), answer="pay").headers["Location"]
    bob = Shopper(shop.cloud, "bob-1")
    bob.get(path, 404)
    bob.get(f"{path}/state", 404)
    bob.post(f"{path}/pay", 404)
    bob.post(f"{path}/cancel", 404)
    assert bob.get("/orders").count("Fan") == 0
    Shopper(shop.cloud).get(path, 401)
    for unknown in ("/orders/none", "/orders/%00"):
        ada.get(unknown, 404)


def test_a_refund_is_seen(shop: Shop, ada: Shopper) -> None:
    order = shop.paid(("fan", 2))
    shop.refund(order, 5000, "a")
    page = ada.get(f"/orders/{order.id}")
    assert "partly given back" in page
    assert "€50.00" in page
    shop.refund(order, None, "b")
    assert "on its way back to you" in ada.get(f"/orders/{order.id}")


def test_the_amount_is_never_the_forms(shop: Shop, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes")
    token, seen = ada.order()
    ada.post("/orders", token=token, seen=seen, amount_minor="1", total="1", price_minor="1")
    assert [row["amount_minor"] for row in shop.cloud.rows(tables.payments)] == [9900]


def test_a_way_of_paying_that_is_off_is_refused(shop: Shop, ada: Shopper) -> None:
    ada.post("/cart", product="fan", add="yes")
    token, seen = ada.order()
    for provider in ("stripe", "on-delivery", "x"):
        ada.post("/orders", 422, token=token, seen=seen, provider=provider)
    assert shop.count(tables.orders) == 0


def test_each_currency_is_an_order_of_its_own(shop: Shop, ada: Shopper) -> None:
    row = {"id": "yen", "name": "Yen", "category": "fan", "price_minor": 1200, "currency": "JPY", "stock": 5}
    shop.cloud.add(tables.products, row)
    ada.post("/cart", product="fan", add="yes")
    ada.post("/cart", product="yen", add="yes")
    page = ada.get("/cart")
    assert page.count('action="/orders"') == 2
    token, seen = ada.order()
    ada.post("/orders", 409, token=token, seen=seen)
    ada.post("/orders", token=token, seen=seen, currency="EUR")
    assert [row["product"] for row in shop.cloud.rows(tables.cart_lines)] == ["yen"]


def test_the_page_of_the_sandbox_takes_its_own_answers_alone(shop: Shop, ada: Shopper) -> None:
    there = ordered(ada)
    ada.post(there, 422, answer="double")
    ada.get("/sandbox/pay/main.none", 404)
    elsewhere = {"Origin": "https://evil.example"}
    assert ada.client.post(there, data={"answer": "pay"}, headers=elsewhere).status_code == 403
    ada.post(there, answer="pay")
    ada.post(there, answer="fail")
    assert "decided about" in ada.get(there)
    shop.sandbox.deliver(shop.cloud.clock())
    assert shop.acts("purchase") == [("fan", 1)]


def test_both_languages_say_how_it_stands(shop: Shop, ada: Shopper) -> None:
    path = ada.post(ordered(ada), answer="pay").headers["Location"]
    assert "尚未确认付款" in ada.get(path, language="zh")
    shop.sandbox.deliver(shop.cloud.clock())
    assert "已付款" in ada.get(path, language="zh")


def test_a_card_number_in_a_review_is_refused_and_written_nowhere(shop: Shop, ada: Shopper) -> None:
    answer = ada.post("/products/fan/reviews", 422, stars="4", text="I paid with 4242 4242 4242 4242", token="a" * 32)
    assert "looks like a card number" in answer.text
    assert "4242" not in answer.text
    assert shop.cloud.rows(tables.interactions) == []
