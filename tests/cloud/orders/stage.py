"""A shop whose way of paying is the sandbox; what it calls back with goes straight into the application."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select
from tests.cloud.conftest import bare_cloud
from tests.cloud.shopper import Shopper
from tests.cloud.stage import Cloud, product

from aircue_cloud import db, tables
from aircue_cloud.orders import book, ledger, paying, placing, reading, reconciling
from aircue_cloud.orders.ledger import Ledger
from aircue_cloud.orders.paying import Urls
from aircue_cloud.orders.placing import Wanted
from aircue_cloud.orders.reading import Order
from aircue_cloud.payment.provider import Answered
from aircue_cloud.payment.sandbox import Sandbox

ORIGIN = "http://localhost"
URLS = Urls(
    returns=f"{ORIGIN}/orders/ORDER",
    cancels=f"{ORIGIN}/orders/ORDER?said=left",
    notifies=f"{ORIGIN}/api/v1/payments/PROVIDER/callback/main",
)
WAITS = timedelta(minutes=30)
STOCK = 5


@dataclass
class IntoTheApplication:
    """Http without a network. sent: every request, with its answer's status."""

    cloud: Cloud
    sent: list[tuple[bytes, Mapping[str, str], int]] = field(default_factory=list)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        parts = urlsplit(url)
        client = self.cloud.app.test_client()
        answer = client.open(f"{parts.path}?{parts.query}", method=method, headers=dict(headers), data=body)
        self.sent.append((body, dict(headers), answer.status_code))
        return Answered(answer.status_code, {}, answer.data)


@dataclass
class Shop:
    cloud: Cloud
    http: IntoTheApplication
    numbers: Any = field(default_factory=itertools.count)

    @property
    def sandbox(self) -> Sandbox:
        found = self.cloud.services.payments.providers["sandbox"]
        assert isinstance(found, Sandbox)
        return found

    @property
    def engine(self) -> Any:
        return self.cloud.engine

    def place(self, *wanted: tuple[str, int], person: str = "ada-1") -> Order:
        lines = [Wanted(product=name, quantity=pieces) for name, pieces in wanted or [("fan", 1)]]
        with db.writing(self.engine) as connection:
            now = self.cloud.clock()
            return placing.place(connection, person, f"token-{next(self.numbers)}", lines, now, WAITS)[0]

    def begin(self, order: Order) -> str:
        """The reference of the payment."""
        _, begun = paying.begin(self.engine, self.sandbox, order, URLS, self.cloud.clock(), WAITS)
        return begun.provider_reference

    def paid(self, *wanted: tuple[str, int]) -> Order:
        """An order that was paid for, and whose callback came."""
        order = self.place(*wanted)
        self.sandbox.answer(self.begin(order), "pay")
        self.sandbox.deliver(self.cloud.clock())
        return self.now(order)

    def now(self, order: Order) -> Order:
        with db.reading(self.engine) as connection:
            found = reading.one(connection, order.id)
        assert found is not None
        return found

    def ledger(self, order: Order) -> Ledger:
        with db.reading(self.engine) as connection:
            return book.ledger(connection, order)

    def kinds(self, order: Order) -> list[str]:
        return [one.kind for one in self.ledger(order).events]

    def refund(self, order: Order, amount: int | None = None, key: str = "k") -> str:
        providers = self.cloud.services.payments.providers
        return paying.refund(self.engine, providers, order, amount, key, self.cloud.clock())

    def reconcile(self, *, everything: bool = True) -> reconciling.Counts:
        providers = self.cloud.services.payments.providers
        return reconciling.reconcile(self.engine, providers, self.cloud.clock(), everything=everything)

    def later(self, **how: float) -> None:
        self.cloud.clock.now += timedelta(**how)

    def acts(self, kind: str) -> list[tuple[str, int]]:
        rows = [row for row in self.cloud.rows(tables.interactions) if row["kind"] == kind and row["event"]]
        return [(row["product"], row["quantity"]) for row in rows]

    def stock(self, name: str = "fan") -> int:
        with db.reading(self.engine) as connection:
            query = select(tables.products.c.stock).where(tables.products.c.id == name)
            return int(connection.execute(query).scalar_one())

    def alarms(self) -> list[str]:
        return [row["text"] for row in self.cloud.rows(tables.feed) if row["kind"] == "payment"]

    def count(self, table: Any) -> int:
        with db.reading(self.engine) as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def callback(self, body: bytes, headers: Mapping[str, str], provider: str = "sandbox") -> int:
        client = self.cloud.app.test_client()
        path = f"/api/v1/payments/{provider}/callback"
        return client.post(path, data=body, headers=dict(headers)).status_code


def open_shop(folder: Path, **payment: Any) -> Shop:
    """Two households of one person each, and fans and rugs. payment: of [payment.sandbox]."""
    cloud = bare_cloud(folder, payment={"sandbox": payment})
    cloud.add(tables.households, {"id": "ada", "name": "Ada's"}, {"id": "bob", "name": "Bob's"})
    people = [{"id": f"{home}-1", "household": home, "name": home.title()} for home in ("ada", "bob")]
    cloud.add(tables.people, *people)
    cloud.add(tables.products, product("fan", "fan", STOCK), product("rug", "rug", STOCK))
    http = IntoTheApplication(cloud)
    providers = cloud.services.payments.providers
    assert isinstance(providers, dict)
    sandbox = providers["sandbox"]
    assert isinstance(sandbox, Sandbox)
    providers["sandbox"] = replace(sandbox, http=http)
    return Shop(cloud=cloud, http=http)


def reference_in(path: str) -> str:
    found = re.search(r"/sandbox/pay/([^/?]+)$", path)
    assert found is not None, path
    return found[1]


__all__ = ["ORIGIN", "STOCK", "URLS", "WAITS", "Shop", "Shopper", "ledger", "open_shop", "reference_in"]
