"""Orders at the desk: over the API, on the console's page and by command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cloud.orders.stage import STOCK, Shop, open_shop
from werkzeug.test import TestResponse

from aircue_cloud import db, tables
from aircue_cloud.cli import main
from aircue_cloud.identity import keys

BODY: dict[str, Any] = {"key": "k-1", "person": "ada-1", "lines": [{"product": "fan", "quantity": 2}]}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = open_shop(tmp_path / "shop")
    yield found
    found.engine.dispose()


def post(shop: Shop, path: str, body: dict[str, Any], status: int) -> Any:
    answer = shop.cloud.app.test_client().post(f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_an_existing_shop_places_an_order_and_sees_it_paid(shop: Shop) -> None:
    placed = post(shop, "orders", BODY | {"provider": "sandbox", "return_url": "https://shop.example/thanks"}, 201)
    assert (placed["state"], placed["total_minor"], placed["received_minor"]) == ("placed", 19800, 0)
    [payment] = placed["payments"]
    assert payment["pay_url"].startswith("http://localhost/sandbox/pay/main.")
    page = payment["pay_url"].removeprefix("http://localhost")
    back = shop.cloud.app.test_client().post(page, data={"answer": "pay"})
    assert back.headers["Location"] == "https://shop.example/thanks"
    shop.sandbox.deliver(shop.cloud.clock())
    found = shop.cloud.get(f"orders/{placed['id']}")
    assert (found["state"], found["received_minor"]) == ("paid", 19800)
    assert [one["kind"] for one in found["ledger"]] == ["placed", "reserved", "begun", "paid"]
    assert post(shop, "orders", BODY | {"provider": "sandbox"}, 200)["id"] == placed["id"]
    assert shop.count(tables.payments) == 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"person": "nobody"}, 422, "a person that is known"),
        ({"lines": []}, 422, "length >= 1"),
        ({"lines": [{"product": "fan", "quantity": 6}]}, 409, "not so many pieces"),
        ({"lines": [{"product": "none", "quantity": 1}]}, 409, "not known"),
        ({"lines": [{"product": "fan", "quantity": 1}] * 2}, 422, "each of another product"),
        ({"lines": [{"product": "fan", "quantity": 1, "price_minor": 1}]}, 422, "price_minor"),
        ({"provider": "stripe"}, 422, "one of sandbox"),
        ({"return_url": "javascript:alert(1)"}, 422, "http"),
    ],
)
def test_what_is_no_order_is_refused_and_takes_nothing(
    shop: Shop, changes: dict[str, Any], status: int, said: str
) -> None:
    assert said in str(post(shop, "orders", BODY | changes, status))
    assert (shop.stock(), shop.count(tables.orders)) == (STOCK, 0)


def test_another_order_under_the_same_key_is_a_conflict(shop: Shop) -> None:
    post(shop, "orders", BODY, 201)
    post(shop, "orders", BODY | {"lines": [{"product": "fan", "quantity": 1}]}, 409)
    assert shop.stock() == STOCK - 2


def test_orders_are_listed_from_the_latest_on(shop: Shop) -> None:
    numbers = [shop.place(person=person).number for person in ("ada-1", "bob-1", "ada-1")]
    first = shop.cloud.get("orders?limit=2")
    assert [one["number"] for one in first["orders"]] == numbers[:0:-1]
    rest = shop.cloud.get(f"orders?before={first['next']}&limit=2")
    assert ([one["number"] for one in rest["orders"]], rest["next"]) == (numbers[:1], None)
    assert [one["number"] for one in shop.cloud.get("orders?person=bob-1")["orders"]] == [numbers[1]]
    assert shop.cloud.get("orders?state=paid")["orders"] == []
    assert shop.cloud.app.test_client().get("/api/v1/orders?state=odd").status_code == 400


def test_a_refund_over_the_api_is_one_under_its_key(shop: Shop) -> None:
    order = shop.paid()
    path = f"orders/{order.id}/refunds"
    first = post(shop, path, {"key": "r", "amount_minor": 900}, 200)
    assert (first["state"], first["order"]["state"], first["order"]["refunded_minor"]) == (
        "refunded",
        "part-refunded",
        900,
    )
    assert post(shop, path, {"key": "r", "amount_minor": 900}, 200)["order"]["refunded_minor"] == 900
    post(shop, path, {"key": "s", "amount_minor": 9001}, 409)
    post(shop, path, {"key": "s", "amount_minor": 0}, 422)
    post(shop, "orders/none/refunds", {"key": "s"}, 404)
    assert post(shop, path, {"key": "rest"}, 200)["order"]["state"] == "refunded"


def test_each_thing_needs_its_scope(shop: Shop) -> None:
    order = shop.paid()
    asked = [("GET", "orders", None, "orders:read"), ("POST", "orders", BODY, "orders:write"),
             ("POST", f"orders/{order.id}/refunds", {"key": "r"}, "refunds:write")]  # fmt: skip
    scopes = [scope for *_, scope in asked]
    with db.writing(shop.engine) as connection:
        held = {
            one: keys.add(connection, "partner", one.replace(":", "-"), frozenset({one}), shop.cloud.clock())
            for one in scopes
        }
    for method, path, body, needed in asked:
        for scope, key in held.items():
            answer = call(shop, method, path, body, key)
            assert (answer.status_code == 403) is (scope != needed), (path, scope, answer.text)


def call(shop: Shop, method: str, path: str, body: Any, key: str) -> TestResponse:
    headers = {"Authorization": f"Bearer {key}"}
    return shop.cloud.app.test_client().open(f"/api/v1/{path}", method=method, json=body, headers=headers)


# The console.


def test_the_console_shows_an_order_and_gives_money_back(shop: Shop) -> None:
    order, client = shop.paid(("fan", 2)), shop.cloud.app.test_client()
    page = client.get("/console/orders").text
    assert (str(order.number) in page, "2 Fan" in page, "No alarm" in page) == (True, True, True)
    path = f"/console/orders/{order.id}"
    assert "Give back" in client.get(path).text
    for amount in ("1.001", "x", "-1", "NaN", "1e99"):
        assert client.post(f"{path}/refund", data={"sure": "yes", "key": "a", "amount": amount}).status_code == 422
    assert client.post(f"{path}/refund", data={"key": "a"}).status_code == 422
    assert client.post(f"{path}/refund", data={"sure": "yes", "key": "a", "amount": "12.50"}).status_code == 303
    assert shop.ledger(order).kept == 19800 - 1250
    assert "part-refunded" in client.get("/console/orders").text
    assert client.post(f"{path}/cancel").status_code == 422
    assert client.get("/console/orders/none").status_code == 404
    csv = client.get(f"{path}?format=csv&table=ledger").text
    assert "refunded,-1250" in csv


def test_a_viewer_sees_orders_and_changes_none(shop: Shop) -> None:
    from aircue_cloud.identity.scopes import ROLES

    assert "orders:read" in ROLES["viewer"]
    assert not {"orders:write", "refunds:write"} & ROLES["viewer"]


def test_the_console_shows_what_raised_an_alarm(shop: Shop) -> None:
    order = shop.place()
    shop.sandbox.settings.faults.append("wrong-amount")
    shop.sandbox.answer(shop.begin(order), "pay")
    shop.sandbox.deliver(shop.cloud.clock())
    client = shop.cloud.app.test_client()
    assert "paid 9901 EUR where 9900 EUR" in client.get("/console/orders").text
    assert "paid 9901 EUR where 9900 EUR" in client.get(f"/console/orders/{order.id}").text


# Commands.


def test_commands_list_show_refund_and_reconcile(shop: Shop, tmp_path: Path) -> None:
    order, waiting = shop.paid(), shop.place()
    shop.sandbox.answer(shop.begin(waiting), "pay")
    config = tmp_path / "cloud.toml"
    url = f'database_url = "{shop.cloud.database_url}"\n' if shop.cloud.database_url else ""
    config.write_text(f'data_dir = "{tmp_path / "shop"}"\n{url}[payment.sandbox]\n')

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["orders", *words, "--config", str(config)])
        assert result.exit_code == code, result.output
        return result.output

    assert str(order.number) in run("list", "--state", "paid")
    assert "kept 99.00 EUR" in run("show", str(order.number))
    assert "paid" in run("show", order.id)
    assert "is not known" in run("show", "7", code=1)
    assert "refunded" in run("refund", str(order.number), "--minor", "900", "--key", "a")
    assert "9001 cannot be given back" in run("refund", str(order.number), "--minor", "9001", "--key", "b", code=1)
    found = dict(line.split() for line in run("reconcile").splitlines())
    assert found["found"] == "1"
    assert shop.now(waiting).state == "paid"
