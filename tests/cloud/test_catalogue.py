"""The catalogue over HTTP."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.stage import Cloud
from werkzeug.test import TestResponse

from aircue_cloud import tables
from aircue_cloud.shop import money

LAMP = {"name": "Lamp", "category": "dehumidifier", "price_minor": 4900, "currency": "EUR", "stock": 3}


def put(cloud: Cloud, id_: str, **more: Any) -> TestResponse:
    return cloud.app.test_client().put(f"/api/v1/products/{id_}", json=LAMP | more)


def test_a_product_is_created_read_replaced_and_changed(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    made = put(cloud, "lamp-2", attributes={"colour": "red", "watts": 5, "dim": True, "m": 0.25})
    assert made.status_code == 201
    assert made.get_json() == {
        "id": "lamp-2",
        **LAMP,
        "exponent": 2,
        "description": "",
        "attributes": {"colour": "red", "watts": 5, "dim": True, "m": 0.25},
        "remedies": ["damp-air", "mould-risk"],
        "retired_at": None,
    }
    assert client.get("/api/v1/products/lamp-2").get_json() == made.get_json()
    again = put(cloud, "lamp-2", stock=0)
    assert (again.status_code, again.get_json()["stock"], again.get_json()["attributes"]) == (200, 0, {})
    patched = client.patch("/api/v1/products/lamp-2", json={"price_minor": 1})
    assert (patched.get_json()["price_minor"], patched.get_json()["name"]) == (1, "Lamp")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"currency": "JPY", "exponent": 2}, "exponent", "0, the exponent of JPY"),
        ({"currency": "KWD", "exponent": 2}, "exponent", "3, the exponent of KWD"),
        ({"currency": "eur"}, "currency", "one of AED"),
        ({"price_minor": -1}, "price_minor", ">= 0"),
        ({"stock": 2**31}, "stock", "<= 2147483647"),
        ({"attributes": {"a": [1]}}, "attributes", "bool"),
        ({"colour": "red"}, "colour", "attributes"),
        ({"name": ""}, "name", "length >= 1"),
    ],
)
def test_what_is_no_product_is_refused(cloud: Cloud, body: dict[str, Any], field: str, said: str) -> None:
    response = put(cloud, "new", **body)
    assert (response.status_code, response.get_json()["field"]) == (422, field)
    assert said in response.get_json()["expected"]
    assert cloud.app.test_client().get("/api/v1/products/new").status_code == 404


def test_a_patch_must_leave_the_exponent_right(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    assert client.patch("/api/v1/products/lamp", json={"exponent": 3}).status_code == 422
    assert client.patch("/api/v1/products/lamp", json={"currency": "KWD", "exponent": 3}).get_json()["exponent"] == 3


@pytest.mark.parametrize("id_", [".hidden", "a%20", "%00", "x" * 129, "a%0A"])
def test_an_id_that_would_not_survive_is_refused(cloud: Cloud, id_: str) -> None:
    assert put(cloud, id_).status_code == 422
    assert cloud.app.test_client().get(f"/api/v1/products/{id_}").status_code == 404


def test_a_retired_product_is_kept_but_no_longer_listed_or_in_stock(cloud: Cloud) -> None:
    client = cloud.app.test_client()
    assert client.delete("/api/v1/products/drymax").status_code == 204
    assert client.delete("/api/v1/products/drymax").status_code == 204
    shown = client.get("/api/v1/products/drymax").get_json()
    assert (shown["retired_at"], shown["stock"]) == ("2026-11-21T12:00:00Z", 0)
    assert "drymax" not in {one["id"] for one in cloud.get("products")["products"]}
    assert "drymax" in {one["id"] for one in cloud.get("products?retired=true")["products"]}
    assert put(cloud, "drymax").get_json()["retired_at"] is None
    assert client.delete("/api/v1/products/nothing").status_code == 404


def test_products_are_listed_page_by_page_and_by_what_they_remedy(cloud: Cloud) -> None:
    first = cloud.get("products?limit=3")
    assert [one["id"] for one in first["products"]] == ["drymax", "lamp", "salt"]
    assert [one["id"] for one in cloud.get(f"products?after={first['next']}")["products"]] == ["tumble"]
    remedies = [one["id"] for one in cloud.get("products?remedies=damp-air")["products"]]
    assert remedies == ["drymax", "salt", "tumble"]
    assert [one["id"] for one in cloud.get("products?category=lighting")["products"]] == ["lamp"]
    assert cloud.app.test_client().get("/api/v1/products?remedies=gloom").status_code == 400


def test_many_are_put_at_once_and_the_wrong_ones_listed(cloud: Cloud) -> None:
    lines = [LAMP | {"id": "one"}, LAMP | {"id": "two", "exponent": 0}, {"id": "three"}, LAMP | {"id": "one"}]
    response = cloud.app.test_client().put("/api/v1/products", json=lines)
    outcome = response.get_json()
    assert (response.status_code, outcome["stored"]) == (207, 2)
    assert [(one["index"], one["id"], one["reason"]["field"]) for one in outcome["rejected"]] == [
        (1, "two", "exponent"),
        (2, "three", "name"),
    ]
    again = cloud.app.test_client().put("/api/v1/products", json=lines[:1]).get_json()
    assert (again["stored"], again["duplicates"]) == (0, 1)
    assert len(cloud.rows(tables.products)) == 5


@given(st.sampled_from(money.CODES))
def test_amounts_of_a_currency_have_its_decimals_alone(code: str) -> None:
    agreed = [said for said in range(5) if money.disagreement(code, said) is None]
    assert agreed == [money.exponent(code)]


def test_exponents_are_those_of_iso_4217() -> None:
    """Published: the yen has no minor unit, the dinars of the Gulf have a thousand, the Unidad de Fomento four."""
    known = {
        "EUR": 2,
        "USD": 2,
        "JPY": 0,
        "KRW": 0,
        "ISK": 0,
        "HUF": 2,
        "KWD": 3,
        "BHD": 3,
        "TND": 3,
        "CLF": 4,
        "CLP": 0,
    }
    assert {code: money.exponent(code) for code in known} == known
