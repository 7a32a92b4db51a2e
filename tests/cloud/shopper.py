"""Somebody at the shop's pages, signed in or not, in a browser without a script."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from tests.cloud.stage import NOW, Cloud, product
from werkzeug.test import TestResponse

from aircue_cloud import consents, db, tables
from aircue_cloud.identity import sessions

ORIGIN = "http://localhost"


@dataclass
class Shopper:
    """person: "" for somebody who is not signed in."""

    cloud: Cloud
    person: str = ""
    client: FlaskClient = field(init=False)
    word: str = ""

    def __post_init__(self) -> None:
        self.client = self.cloud.app.test_client()
        if self.person:
            with db.writing(self.cloud.engine) as connection:
                token = sessions.open_new(connection, sessions.SHOPPER, self.person, "192.0.2.1", self.cloud.clock())
            self.client.set_cookie("aircue-shopper", token)
            self.word = sessions.form_word(token)

    def get(self, path: str, status: int = 200, language: str = "en") -> str:
        response = self.client.get(path, headers={"Accept-Language": language})
        assert response.status_code == status, response.text
        return response.text

    def post(self, path: str, status: int = 303, **fields: str) -> TestResponse:
        response = self.client.post(path, data={"form_word": self.word, **fields})
        assert response.status_code == status, response.text
        return response

    def seen(self, kind: str, *products: str, view: str = "a" * 32, status: int = 204) -> None:
        said = {"kind": kind, "view": view, "products": products}
        response = self.client.post("/seen", json=said, headers={"X-Form-Word": self.word})
        assert response.status_code == status, response.text

    def order(self) -> tuple[str, str]:
        """What the order form of the cart holds: token, seen."""
        page = self.get("/cart")
        return value(page, "token"), value(page, "seen")


def value(page: str, name: str) -> str:
    """Of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, page
    return found[1]


def say(cloud: Cloud, household: str, category: str, *, granted: bool, channel: str = "in-app") -> None:
    with db.writing(cloud.engine) as connection:
        how = {"purpose": "marketing", "data_category": category, "channel": channel}
        consents.record(connection, household, granted=granted, now=NOW, **how)


def act(cloud: Cloud, person: str, name: str, kind: str = "click", **more: Any) -> None:
    row = {"person": person, "product": name, "kind": kind, "weight": 1.0, "at": NOW}
    cloud.add(tables.interactions, row | more)


def furnish(cloud: Cloud) -> None:
    """A second household beside Ada's, a few things that everybody turns to, and a model that is popularity."""
    cloud.affinity.current = lambda: None  # type: ignore[method-assign]  # recent popularity stands in
    cloud.add(tables.households, {"id": "bob", "name": "Bob's"})
    cloud.add(tables.people, {"id": "bob-1", "household": "bob", "name": "Bob"})
    cloud.add(tables.products, product("fan", "fan"), product("rug", "rug"))
    say(cloud, "bob", "behaviour", granted=True)
    for _ in range(3):
        act(cloud, "bob-1", "fan")
