"""Orders and payments: whether any order is ever paid twice, whether the ledger ever differs from the provider's truth,
and how many orders a second go from the API to paid.

Two server processes share one store. Each of 100 orders is told paid by 50 callbacks at once, half to either process,
while the shopper's browser comes back; the callbacks are signed as the sandbox signs. The histories are generated: of
each order what its provider told arrives in any order, several times, tampered with, with wrong amounts, or not at all;
then the reconciler asks.

    python -m tests.bench.shop_orders
"""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
from sqlalchemy import Engine, func, select

from aircue_cloud import db, stores, tables
from aircue_cloud.config import Config, load
from aircue_cloud.identity import sessions
from aircue_cloud.orders import book, ledger, paying, placing, reading, reconciling
from aircue_cloud.orders.paying import Urls
from aircue_cloud.orders.placing import Wanted
from aircue_cloud.orders.reading import Order
from aircue_cloud.payment import provider, sandbox, switched_on
from aircue_cloud.payment.provider import Answered, Callback, NotGenuine, Refund, Told
from aircue_cloud.payment.sandbox import Sandbox

ORDERS, AT_ONCE, SERVERS = 100, 50, 2
HISTORIES = 300
SPEED_ORDERS, HANDS = 200, 8
PRICE = 1999
URLS = Urls(returns="http://127.0.0.1/", cancels="http://127.0.0.1/", notifies="http://127.0.0.1/PROVIDER")
WAITS = timedelta(minutes=30)


def measured(say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """paid_more_than_once, ledger_mismatches: both 0 when all is well. orders_per_s: placed through the API to paid."""
    with tempfile.TemporaryDirectory(prefix="aircue-bench-") as folder:
        config = _config(Path(folder))
        engine = _filled(config)
        try:
            with _serving(Path(folder), SERVERS) as urls:
                twice = _paid_more_than_once(engine, config, urls, say)
                speed = _orders_per_s(engine, config, urls[0], say)
            differing = _ledger_mismatches(engine, config, say)
        finally:
            engine.dispose()
    return {"paid_more_than_once": twice, "ledger_mismatches": differing, "orders_per_s": round(speed, 1)}


def _config(folder: Path) -> Config:
    path = folder / "cloud.toml"
    path.write_text(
        f'port = 0\ndata_dir = "{folder / "data"}"\nrequests_per_minute = 1000000\n'
        "[payment]\nreconcile_s = 0\n[payment.sandbox]\n[delivery]\nin_server = false\n"
    )
    return load(path)


def _filled(config: Config) -> Engine:
    engine = stores.open_database(config.place("main"))
    with db.writing(engine) as connection:
        connection.execute(tables.households.insert(), {"id": "ada", "name": "Ada's"})
        connection.execute(tables.people.insert(), {"id": "ada-1", "household": "ada", "name": "Ada"})
        row = {"id": "fan", "name": "Fan", "category": "fan", "price_minor": PRICE, "currency": "EUR"}
        connection.execute(tables.products.insert(), row | {"stock": 1_000_000})
    return engine


@contextmanager
def _serving(folder: Path, count: int) -> Iterator[list[str]]:
    command = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(folder / "cloud.toml")]
    programs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=(folder / f"{number}.log").open("w"), text=True)
        for number in range(count)
    ]
    try:
        yield [_announced(program) for program in programs]
    finally:
        for program in programs:
            program.send_signal(signal.SIGTERM)
        for program in programs:
            program.wait(timeout=60)


def _announced(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    line = program.stdout.readline()
    found = next((word for word in line.split() if word.startswith("http://")), None)
    if found is None:
        raise RuntimeError(f"the server did not start: {line!r}")
    return found


def _sandbox(config: Config, clock: Callable[[], datetime]) -> Sandbox:
    found = switched_on.open_payments(config, config.place("main"), _Nowhere(), clock).providers["sandbox"]
    assert isinstance(found, Sandbox)
    return found


class _Nowhere:
    def request(self, method: str, url: str, headers: Any, body: bytes) -> Answered:
        raise provider.ProviderDown(f"{method} {url}: this bench makes its callbacks itself")


# Once, whatever comes at the same time.


def _paid_more_than_once(engine: Engine, config: Config, urls: list[str], say: Callable[[str], None]) -> int:
    bank = _sandbox(config, _now)
    again = urllib3.Retry(connect=5, read=5, status=0, redirect=0, allowed_methods=None)  # as providers do
    pool = urllib3.PoolManager(maxsize=2 * AT_ONCE, block=False, retries=again)
    with db.writing(engine) as connection:
        token = sessions.open_new(connection, sessions.SHOPPER, "ada-1", "127.0.0.1", _now())
    cookie = {"Cookie": f"aircue-shopper={token}"}
    tried, refused = 0, 0
    with ThreadPoolExecutor(AT_ONCE + 1) as hands:
        for number in range(ORDERS):
            order, payment = _begun(engine, bank, f"once-{number}")
            body = _message(payment, f"event-{number}")
            headers = {sandbox.HEADER: sandbox.signature(bank.key, body, _now()), "Content-Type": "application/json"}
            gate = threading.Barrier(AT_ONCE + 1)

            def call(place: int, body: bytes = body, headers: Any = headers, gate: Any = gate) -> int:
                gate.wait()
                path = "/api/v1/payments/sandbox/callback"
                return pool.request("POST", f"{urls[place % len(urls)]}{path}", body=body, headers=headers).status

            def back(order: Order = order, gate: Any = gate) -> int:
                gate.wait()
                return pool.request("GET", f"{urls[0]}/orders/{order.id}", headers=cookie).status

            answers = [hands.submit(call, place) for place in range(AT_ONCE)]
            answers.append(hands.submit(back))
            statuses = [one.result() for one in answers]
            tried, refused = tried + len(statuses), refused + sum(one != 200 for one in statuses)
    found = _times_paid(engine)
    twice = sum(times > 1 for times in found)
    say(f"orders {len(found)}, callbacks and returns {tried}, not answered with 200 {refused}, paid twice {twice}")
    if refused or len(found) != ORDERS or min(found) < 1:
        raise RuntimeError(f"{refused} requests were not taken, {found.count(0)} orders of {len(found)} are not paid")
    return twice


def _begun(engine: Engine, bank: Sandbox, token: str) -> tuple[Order, Any]:
    with db.writing(engine) as connection:
        order, _ = placing.place(connection, "ada-1", token, [Wanted(product="fan", quantity=1)], _now(), WAITS)
    paying.begin(engine, bank, order, URLS, _now(), WAITS)
    with db.reading(engine) as connection:
        return order, paying.payments_of(connection, order.id)[-1]


def _message(payment: Any, event: str) -> bytes:
    said = {
        "id": event,
        "kind": "paid",
        "payment": payment.id,
        "reference": payment.provider_reference,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "at": _now().isoformat(),
    }
    return json.dumps(said).encode()


def _times_paid(engine: Engine) -> list[int]:
    """Of each order the larger of its paid events and its purchases."""
    events, acts = tables.order_events.c, tables.interactions.c
    paid = func.count(events.id).filter(events.kind == ledger.PAID)
    with db.reading(engine) as connection:
        rows = dict(connection.execute(select(events.order, paid).group_by(events.order)).all())
        said = list(connection.execute(select(acts.event).where(acts.kind == "purchase")).scalars())
    bought = [one.removeprefix("order-")[:36] for one in said]
    return [max(times, bought.count(order)) for order, times in rows.items()]


# The provider's truth, whatever arrives of it.


@dataclass
class Bank:
    """A provider whose truth is known, and which is asked by the reconciler alone."""

    name: str = "sandbox"
    truths: dict[str, Told] = field(default_factory=dict)

    def look(self, payment: str, _reference: str) -> Told | None:
        return self.truths.get(payment)


def _ledger_mismatches(engine: Engine, config: Config, say: Callable[[str], None]) -> int:
    chance, bank, real = random.Random(20261122), Bank(), _sandbox(config, _now)
    before = _stock(engine)
    orders: list[tuple[Order, str]] = []
    counts = {"told": 0, "forged": 0, "wrong": 0, "lost": 0}
    for number in range(HISTORIES):
        order, payment = _begun(engine, real, f"history-{number}")
        orders.append((order, payment.id))
        _history(engine, real, bank, payment, chance, counts)
    reconciling.reconcile(engine, {"sandbox": bank}, _now() + WAITS / 2, everything=True)  # type: ignore[dict-item]
    while reconciling.reconcile(engine, {"sandbox": bank}, _now() + WAITS / 2).looked:  # type: ignore[dict-item]
        pass
    differing = sum(not _agrees(engine, order, bank.truths[payment]) for order, payment in orders)
    held = sum(_holds(engine, order) for order, _ in orders)
    lost = before - _stock(engine) != held
    say(f"histories {len(orders)}, {counts}, differing {differing}, stock {'differs' if lost else 'agrees'}")
    return differing + lost


def _history(
    engine: Engine, real: Sandbox, bank: Bank, payment: Any, chance: random.Random, counts: dict[str, int]
) -> None:
    whole = _truth(bank, payment, chance)
    arriving = [one for one in whole for _ in range(chance.choice((0, 1, 1, 3)))]
    counts["lost"] += len(whole) - len({one.event for one in arriving})
    amiss = [replace(one, amount_minor=one.amount_minor + PRICE, event=secrets.token_hex(8)) for one in whole
             if one.kind in ("paid", "refunded") and chance.random() < 0.3]  # fmt: skip
    counts["wrong"] += len(amiss)
    arriving += amiss
    chance.shuffle(arriving)
    for told in arriving:
        counts["told"] += 1
        body = json.dumps(_said(told)).encode()
        mark = sandbox.signature(real.key, body, _now())
        if chance.random() < 0.2:
            counts["forged"] += 1
            _take(engine, real, body.replace(b"paid", b"Paid", 1) + b" ", mark)
        _take(engine, real, body, mark)


def _truth(bank: Bank, payment: Any, chance: random.Random) -> list[Told]:
    """What the provider knows of it in the end, and each thing that it told on the way."""
    paid = chance.random() < 0.8
    refunds = tuple(
        Refund(id=secrets.token_hex(8), amount_minor=chance.randint(1, PRICE // 3))
        for _ in range(chance.choice((0, 0, 1, 2, 3)) if paid else 0)
    )
    plain = Told(
        event="",
        payment=payment.id,
        provider_reference=payment.provider_reference,
        kind=provider.PAID if paid else provider.FAILED,
        amount_minor=PRICE,
        currency="EUR",
        at=_now(),
    )
    bank.truths[payment.id] = replace(plain, refunds=refunds)
    told = [replace(plain, kind=provider.PENDING), plain]
    told += [replace(plain, kind=provider.REFUNDED, amount_minor=one.amount_minor, refund=one.id) for one in refunds]
    return [replace(one, event=secrets.token_hex(8)) for one in told]


def _said(told: Told) -> dict[str, Any]:
    names = ("kind", "payment", "amount_minor", "currency", "refund")
    own = {"id": told.event, "reference": told.provider_reference, "at": told.at.isoformat()}
    return {**{name: getattr(told, name) for name in names}, **own}


def _take(engine: Engine, real: Sandbox, body: bytes, mark: str) -> None:
    callback = Callback(headers={sandbox.HEADER: mark}, body=body, query={}, received_at=_now())
    try:
        told = real.read(callback, _now())
    except NotGenuine:
        return
    assert told is not None
    with db.writing(engine) as connection:
        paying.take(connection, "sandbox", told, "", _now())


def _agrees(engine: Engine, order: Order, truth: Told) -> bool:
    with db.reading(engine) as connection:
        found, now = book.ledger(connection, order), reading.one(connection, order.id)
    received = {truth.payment: PRICE} if truth.kind == provider.PAID else {}
    refunds = {(truth.payment, one.id): one.amount_minor for one in truth.refunds}
    kept = sum(received.values()) - sum(refunds.values())
    state = "placed" if not received else "paid" if kept == PRICE else "refunded" if kept <= 0 else "part-refunded"
    stored = None if now is None else now.state
    return (found.received, found.refunds, stored) == (received, refunds, state)


def _holds(engine: Engine, order: Order) -> int:
    with db.reading(engine) as connection:
        return int(book.ledger(connection, order).holds_stock)


def _stock(engine: Engine) -> int:
    with db.reading(engine) as connection:
        return int(connection.execute(select(tables.products.c.stock)).scalar_one())


# How many a second.


def _orders_per_s(engine: Engine, config: Config, url: str, say: Callable[[str], None]) -> float:
    """Through one server: the order placed over the API with its payment begun, then its callback."""
    bank = _sandbox(config, _now)
    pool = urllib3.PoolManager(maxsize=HANDS, block=True, retries=False)
    json_ = {"Content-Type": "application/json"}

    def buy(number: int) -> None:
        wanted = {"key": f"speed-{number}", "person": "ada-1", "provider": "sandbox"}
        body = json.dumps(wanted | {"lines": [{"product": "fan", "quantity": 1}]}).encode()
        placed = pool.request("POST", f"{url}/api/v1/orders", body=body, headers=json_)
        if placed.status != 201:
            raise RuntimeError(f"an order was answered with {placed.status}: {placed.data[:200]!r}")
        [payment] = placed.json()["payments"]
        reference = urlsplit(payment["pay_url"]).path.rpartition("/")[2]
        told = _message(_Row(provider_reference=reference, **{name: payment[name] for name in _ROW}), f"speed-{number}")
        headers = {**json_, sandbox.HEADER: sandbox.signature(bank.key, told, _now())}
        answer = pool.request("POST", f"{url}/api/v1/payments/sandbox/callback", body=told, headers=headers)
        if answer.status != 200:
            raise RuntimeError(f"a callback was answered with {answer.status}")

    with ThreadPoolExecutor(HANDS) as hands:
        begun = time.perf_counter()
        list(hands.map(buy, range(SPEED_ORDERS)))
        taken = time.perf_counter() - begun
    with db.reading(engine) as connection:
        paid = connection.execute(select(func.count()).where(tables.orders.c.state == ledger.PAID)).scalar_one()
    if paid != ORDERS + SPEED_ORDERS:
        raise RuntimeError(f"{paid} orders are paid where {ORDERS + SPEED_ORDERS} were")
    say(f"orders through the API {SPEED_ORDERS} in {taken:.1f} s")
    return SPEED_ORDERS / taken


_ROW = ("id", "amount_minor", "currency")


@dataclass(frozen=True, kw_only=True)
class _Row:
    id: str
    provider_reference: str
    amount_minor: int
    currency: str


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(lambda line: print(line, flush=True))) + os.linesep)
