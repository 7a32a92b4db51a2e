"""Orders and payments through the sandbox: what is signed and what is not, what comes twice, late, wrong or never."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cloud.orders.stage import STOCK, Shop, Shopper, open_shop

from aircue_cloud import db, tables
from aircue_cloud.config import Config
from aircue_cloud.errors import SettingsError
from aircue_cloud.orders import ledger, paying, placing
from aircue_cloud.orders.paying import NotNow
from aircue_cloud.orders.placing import Conflict, Unfit, Wanted
from aircue_cloud.orders.stock import SoldOut
from aircue_cloud.payment import sandbox, switched_on
from aircue_cloud.payment.provider import ProviderDown, Told

Faulty = Callable[..., Shop]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = open_shop(tmp_path / "shop")
    yield found
    found.engine.dispose()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Faulty]:
    made: list[Shop] = []

    def make(*faults: str, **more: Any) -> Shop:
        made.append(open_shop(tmp_path / str(len(made)), faults=list(faults), **more))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


# The way of an order.


def test_an_order_that_is_paid_is_bought_once_and_its_stock_is_gone(shop: Shop) -> None:
    order = shop.place(("fan", 2), ("rug", 1))
    assert (order.state, order.total_minor, order.number) == ("placed", 29700, placing.FIRST)
    assert (shop.stock("fan"), shop.stock("rug"), shop.acts("purchase")) == (STOCK - 2, STOCK - 1, [])
    shop.sandbox.answer(shop.begin(order), "pay")
    assert shop.now(order).state == "placed", "what the shopper did is no proof"
    assert shop.sandbox.deliver(shop.cloud.clock()) == 1
    assert (shop.now(order).state, shop.now(order).expires_at) == ("paid", None)
    assert shop.acts("purchase") == [("fan", 2), ("rug", 1)]
    assert shop.kinds(order) == ["placed", "reserved", "begun", "paid"]
    shop.later(days=2)
    shop.reconcile()
    assert (shop.now(order).state, shop.stock("fan")) == ("paid", STOCK - 2)


def test_an_order_that_is_not_paid_in_time_ends_and_its_stock_comes_back(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    shop.begin(order)
    shop.later(minutes=31)
    assert shop.reconcile().expired == 1
    assert (shop.now(order).state, shop.stock()) == ("expired", STOCK)
    assert shop.reconcile().expired == 0
    assert shop.stock() == STOCK


def test_an_order_that_is_cancelled_gives_its_stock_back_once(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    paying.cancel(shop.engine, order, shop.cloud.clock())
    assert (shop.now(order).state, shop.stock()) == ("cancelled", STOCK)
    with pytest.raises(NotNow, match="the order is cancelled"):
        paying.cancel(shop.engine, order, shop.cloud.clock())
    with pytest.raises(NotNow):
        shop.begin(order)
    assert shop.stock() == STOCK


def test_a_failed_payment_gives_the_stock_back_and_another_one_takes_it_again(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    shop.sandbox.answer(shop.begin(order), "fail")
    shop.sandbox.deliver(shop.cloud.clock())
    assert (shop.now(order).state, shop.stock()) == ("placed", STOCK)
    shop.sandbox.answer(shop.begin(order), "pay")
    assert shop.stock() == STOCK - 2
    shop.sandbox.deliver(shop.cloud.clock())
    assert (shop.now(order).state, shop.stock()) == ("paid", STOCK - 2)


def test_what_others_bought_meanwhile_is_not_taken_again(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    shop.sandbox.answer(shop.begin(order), "fail")
    shop.sandbox.deliver(shop.cloud.clock())
    shop.place(("fan", STOCK))
    with pytest.raises(SoldOut):
        shop.begin(order)
    assert shop.stock() == 0


def test_money_that_comes_after_the_end_takes_the_stock_again(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    reference = shop.begin(order)
    shop.later(minutes=31)
    shop.reconcile(everything=False)
    shop.sandbox.answer(reference, "pay")
    shop.sandbox.deliver(shop.cloud.clock())
    assert (shop.now(order).state, shop.stock(), shop.alarms()) == ("paid", STOCK - 2, [])


def test_money_for_what_is_not_there_any_more_is_written_down_and_raises_an_alarm(shop: Shop) -> None:
    order = shop.place(("fan", 2))
    reference = shop.begin(order)
    shop.later(minutes=31)
    shop.reconcile(everything=False)
    shop.place(("fan", STOCK))
    shop.sandbox.answer(reference, "pay")
    shop.sandbox.deliver(shop.cloud.clock())
    assert (shop.now(order).state, shop.stock()) == ("paid", 0)
    assert "not enough left" in shop.alarms()[0]


def test_nobody_gets_more_than_there_is(shop: Shop) -> None:
    with pytest.raises(SoldOut):
        shop.place(("rug", 1), ("fan", STOCK + 1))
    assert (shop.stock("rug"), shop.stock("fan"), shop.count(tables.orders)) == (STOCK, STOCK, 0)


@pytest.mark.parametrize(
    "wanted", [[], [("fan", 1), ("fan", 1)], [("fan", 0)], [("fan", 10**6)], [("yen", 1), ("fan", 1)]]
)
def test_what_is_no_order_is_refused(shop: Shop, wanted: list[tuple[str, int]]) -> None:
    row = {"id": "yen", "name": "Yen", "category": "fan", "price_minor": 100, "currency": "JPY", "stock": 5}
    shop.cloud.add(tables.products, row)
    lines = [Wanted(product=name, quantity=pieces) for name, pieces in wanted]
    with pytest.raises(Unfit), db.writing(shop.engine) as connection:
        placing.place(connection, "ada-1", "t", lines, shop.cloud.clock(), timedelta(minutes=1))


def test_one_token_is_one_order_and_no_other_one(shop: Shop) -> None:
    lines = [Wanted(product="fan", quantity=1)]
    with db.writing(shop.engine) as connection:
        first = placing.place(connection, "ada-1", "t", lines, shop.cloud.clock(), timedelta(minutes=1))
        again = placing.place(connection, "ada-1", "t", lines, shop.cloud.clock(), timedelta(minutes=1))
    assert (first[0].id, first[1], again[1]) == (again[0].id, True, False)
    more = [Wanted(product="fan", quantity=2)]
    with pytest.raises(Conflict), db.writing(shop.engine) as connection:
        placing.place(connection, "ada-1", "t", more, shop.cloud.clock(), timedelta(minutes=1))
    assert shop.stock() == STOCK - 1


def test_beginning_again_leads_to_the_same_payment(shop: Shop) -> None:
    order = shop.place()
    assert shop.begin(order) == shop.begin(order)
    assert shop.count(tables.payments) == 1


# What a provider tells.


def signed(shop: Shop, order: Any, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """A callback that the sandbox did sign, about the order's payment."""
    with db.reading(shop.engine) as connection:
        payment = paying.payments_of(connection, order.id)[-1]
    said = {
        "id": "e-1",
        "kind": "paid",
        "payment": payment.id,
        "reference": payment.provider_reference,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "at": shop.cloud.clock().isoformat(),
    }
    body = json.dumps(said | changes).encode()
    return body, {sandbox.HEADER: sandbox.signature(shop.sandbox.key, body, shop.cloud.clock())}


WRONG: list[dict[str, Any]] = [
    {"amount_minor": 9901},
    {"amount_minor": 0},
    {"amount_minor": -9900},
    {"currency": "USD"},
    {"payment": "no-such-payment"},
    {"kind": "refunded", "amount_minor": 9901, "refund": "r"},
    {"kind": "refunded", "currency": "USD", "refund": "r"},
    {"kind": "refunded", "amount_minor": -1, "refund": "r"},
]


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_what_is_signed_and_wrong_is_kept_changes_nothing_and_raises_an_alarm(
    shop: Shop, changes: dict[str, Any]
) -> None:
    order = shop.place()
    shop.begin(order)
    before = shop.ledger(order).events
    assert shop.callback(*signed(shop, order, **changes)) == 200, "sent again it would say the same"
    assert shop.ledger(order).events == before
    assert (shop.now(order).state, shop.stock(), shop.acts("purchase")) == ("placed", STOCK - 1, [])
    [row] = shop.cloud.rows(tables.callbacks)
    assert (row["verdict"], row["event"]) == ("alarm", "e-1")
    assert len(shop.alarms()) == 1
    shop.callback(*signed(shop, order, **changes))
    assert len(shop.alarms()) == 1


def test_one_flipped_byte_of_body_time_or_signature_is_refused(shop: Shop) -> None:
    order = shop.place()
    shop.begin(order)
    body, headers = signed(shop, order)
    mark = headers[sandbox.HEADER]
    for place in range(len(body)):
        assert shop_refuses(shop, flipped(body, place), mark), place
    for place in range(len(mark)):
        assert shop_refuses(shop, body, flipped(mark.encode(), place).decode("latin-1")), place
    assert shop.callback(flipped(body, 3), headers) == 400
    assert shop.now(order).state == "placed"
    assert shop.cloud.get("status")["forged_callbacks"] == 1
    assert shop.callback(body, headers) == 200
    assert shop.now(order).state == "paid"


def flipped(text: bytes, place: int) -> bytes:
    return text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]


def shop_refuses(shop: Shop, body: bytes, mark: str) -> bool:
    try:
        sandbox.verify(shop.sandbox.key, mark, body, shop.cloud.clock())
    except sandbox.NotGenuine:
        return True
    return False


def test_the_same_json_written_anew_is_refused(shop: Shop) -> None:
    order = shop.place()
    shop.begin(order)
    body, headers = signed(shop, order)
    assert shop.callback(json.dumps(json.loads(body), separators=(",", ":")).encode(), headers) == 400
    assert shop.now(order).state == "placed"


@pytest.mark.parametrize(("seconds", "status"), [(300, 200), (301, 400), (-300, 200), (-301, 400)])
def test_a_signature_holds_for_300_seconds(shop: Shop, seconds: int, status: int) -> None:
    order = shop.place()
    shop.begin(order)
    body, headers = signed(shop, order)
    shop.later(seconds=seconds)
    assert shop.callback(body, headers) == status


def test_a_callback_to_a_provider_that_is_not_switched_on_is_not_found(shop: Shop) -> None:
    assert [shop.callback(b"{}", {}, provider=name) for name in ("stripe", "on-delivery", "nothing")] == [404] * 3
    assert shop.callback(b"x" * (1024 * 1024 + 1), {}) == 413


def test_fifty_callbacks_at_once_and_the_way_back_are_one_paid_order(shop: Shop) -> None:
    ada = Shopper(shop.cloud, "ada-1")
    order = shop.place()
    shop.begin(order)
    body, headers = signed(shop, order)
    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(shop.callback, body, headers) for _ in range(50)]
        back = pool.submit(ada.get, f"/orders/{order.id}")
        statuses = {one.result() for one in answers}
    assert statuses == {200}
    assert "Order" in back.result()
    assert shop.kinds(order).count("paid") == 1
    assert shop.acts("purchase") == [("fan", 1)]
    assert (shop.now(order).state, shop.stock(), shop.count(tables.callbacks)) == ("paid", STOCK - 1, 1)


def test_the_same_news_under_fifty_ids_is_one_paid_order(shop: Shop) -> None:
    order = shop.place()
    shop.begin(order)
    told = [signed(shop, order, id=f"e-{number}") for number in range(50)]
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(lambda one: shop.callback(*one), told)) == {200}
    assert shop.kinds(order).count("paid") == 1
    assert shop.acts("purchase") == [("fan", 1)]


def test_two_payments_of_one_order_are_both_written_down_and_raise_an_alarm(shop: Shop) -> None:
    order = shop.place()
    shop.sandbox.answer(shop.begin(order), "fail")
    shop.sandbox.deliver(shop.cloud.clock())
    first = signed(shop, order, id="first")
    shop.later(seconds=1)  # the later payment is the last one
    shop.begin(order)
    assert shop.callback(*signed(shop, order, id="second")) == 200
    assert shop.callback(*first) == 200
    assert sum(shop.ledger(order).received.values()) == 2 * order.total_minor
    assert shop.acts("purchase") == [("fan", 1)]
    assert "paid a second time" in shop.alarms()[0]


# What goes wrong on the way.


@pytest.mark.parametrize("fault", ["duplicate", "reordered", "late", "tampered"])
def test_every_fault_that_tells_the_truth_ends_with_it(faulty: Faulty, fault: str) -> None:
    shop = faulty(fault)
    order = shop.place()
    shop.sandbox.answer(shop.begin(order), "pay")
    for _ in range(4):
        shop.sandbox.deliver(shop.cloud.clock())
        shop.later(seconds=60)
    assert (shop.now(order).state, shop.acts("purchase")) == ("paid", [("fan", 1)])
    assert shop.alarms() == []


@pytest.mark.parametrize("fault", ["lost", "wrong-amount", "wrong-currency", "unknown-order"])
def test_what_a_fault_keeps_away_the_reconciler_finds(faulty: Faulty, fault: str) -> None:
    shop = faulty(fault)
    order = shop.place()
    shop.sandbox.answer(shop.begin(order), "pay")
    shop.sandbox.deliver(shop.cloud.clock())
    assert shop.now(order).state == "placed"
    shop.later(seconds=61)
    assert shop.reconcile(everything=False).found == 1
    assert (shop.now(order).state, shop.acts("purchase")) == ("paid", [("fan", 1)])
    shop.later(seconds=61)
    assert shop.reconcile(everything=False).looked == 0


def test_the_reconciler_gives_callbacks_a_minute(shop: Shop) -> None:
    shop.begin(shop.place())
    shop.later(seconds=59)
    assert shop.reconcile(everything=False).looked == 0
    shop.later(seconds=1)
    assert shop.reconcile(everything=False).looked == 1
    assert shop.reconcile(everything=False).looked == 0


def test_a_payment_that_was_made_just_before_the_end_is_found_before_the_order_expires(faulty: Faulty) -> None:
    shop = faulty("lost")
    order = shop.place()
    shop.sandbox.answer(shop.begin(order), "pay")
    shop.later(minutes=31)
    counts = shop.reconcile(everything=False)
    assert (counts.found, counts.expired, shop.now(order).state) == (1, 0, "paid")


def test_a_provider_that_does_not_answer_is_asked_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.place()
    shop.sandbox.answer(shop.begin(order), "pay")
    with monkeypatch.context() as patch:
        patch.setattr(type(shop.sandbox), "look", down)
        assert shop.reconcile().unreached == 1
    assert shop.now(order).state == "placed"
    assert shop.reconcile().found == 1


def down(*_arguments: Any) -> Told:
    raise ProviderDown("sandbox did not answer")


# Giving back.


def test_a_refund_of_all_is_a_return_and_the_stock_stays_gone(shop: Shop) -> None:
    order = shop.paid(("fan", 2))
    assert shop.refund(order) == "refunded"
    assert (shop.now(order).state, shop.acts("return"), shop.stock()) == ("refunded", [("fan", 2)], STOCK - 2)
    shop.sandbox.deliver(shop.cloud.clock())
    shop.reconcile()
    assert shop.kinds(order).count("refunded") == 1, "the answer, the callback and a look name one refund"
    with pytest.raises(NotNow):
        shop.refund(order, key="another")


def test_a_part_is_given_back_and_no_more_than_was_paid(shop: Shop) -> None:
    order = shop.paid()
    assert shop.refund(order, 3000, "a") == "refunded"
    assert shop.refund(order, 3000, "a") == "refunded"
    assert (shop.now(order).state, shop.ledger(order).kept, shop.acts("return")) == ("part-refunded", 6900, [])
    for amount in (6901, 0, -1):
        with pytest.raises(NotNow):
            shop.refund(order, amount, f"key {amount}")
    shop.refund(order, None, "rest")
    assert (shop.now(order).state, shop.acts("return")) == ("refunded", [("fan", 1)])


def test_ten_refunds_of_all_at_once_are_one(shop: Shop) -> None:
    order = shop.paid()

    def ask(number: int) -> str:
        try:
            return shop.refund(order, None, str(number))
        except NotNow:
            return "not now"

    with ThreadPoolExecutor(10) as pool:
        said = sorted(pool.map(ask, range(10)))
    assert said == ["not now"] * 9 + ["refunded"]
    assert shop.ledger(order).kept == 0


def test_a_refund_whose_answer_was_not_heard_is_asked_for_again_under_its_key(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = shop.paid()
    with monkeypatch.context() as patch:
        patch.setattr(type(shop.sandbox), "refund", down)
        assert shop.refund(order) == "pending"
    assert shop.now(order).state == "paid"
    with pytest.raises(NotNow):
        shop.refund(order, None, "another")
    assert shop.reconcile().refunds == 1
    assert shop.now(order).state == "refunded"
    assert shop.reconcile().refunds == 0


def test_a_refund_that_is_told_before_its_charge_leads_to_the_same_ledger(shop: Shop) -> None:
    order = shop.place()
    shop.begin(order)
    back = signed(shop, order, id="back", kind="refunded", refund="r-1")
    assert shop.callback(*back) == 200
    assert (shop.now(order).state, shop.acts("return")) == ("placed", [])
    assert shop.callback(*signed(shop, order, id="paid")) == 200
    assert (shop.now(order).state, shop.ledger(order).kept) == ("refunded", 0)
    assert (shop.acts("purchase"), shop.acts("return")) == ([("fan", 1)], [("fan", 1)])


# What never happens.


def test_the_sandbox_does_not_start_in_production(tmp_path: Path) -> None:
    config = Config(data_dir=str(tmp_path), environment="production", payment={"sandbox": {}})
    with pytest.raises(SettingsError, match=r"\[payment.sandbox\]: the sandbox charges nobody.*production"):
        switched_on.open_payments(config, config.place("main"), open_shop(tmp_path / "x").http, lambda: None)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("payment", "message"),
    [
        ({"sandbox": {"faults": ["gone"]}}, "unknown fault 'gone'; known faults: duplicate"),
        ({"sandbox": {"speed": 1}}, "unknown key 'speed'"),
        ({"bitcoin": {}}, "unknown key 'bitcoin'"),
        ({"unpaid_min": 0}, "unpaid_min is 1 to 43200"),
        ({"sandbox": 1}, "expected a table"),
    ],
)
def test_a_configuration_that_does_not_do_says_what_is_wrong(
    shop: Shop, tmp_path: Path, payment: dict[str, Any], message: str
) -> None:
    config = Config(data_dir=str(tmp_path), payment=payment)
    place = shop.cloud.services.place
    with pytest.raises(SettingsError, match=message):
        switched_on.open_payments(config, place, shop.http, shop.cloud.clock)


def test_without_a_provider_an_order_is_paid_on_delivery_unless_that_is_said_off(shop: Shop) -> None:
    def ways(**payment: Any) -> list[str]:
        config, place = Config(payment=payment), shop.cloud.services.place
        return list(switched_on.open_payments(config, place, shop.http, shop.cloud.clock).providers)

    assert ways() == ["on-delivery"]
    assert ways(sandbox={}) == ["sandbox"]
    assert ways(sandbox={}, on_delivery=True) == ["sandbox", "on-delivery"]
    with pytest.raises(SettingsError, match="nobody could pay"):
        ways(on_delivery=False)


def test_a_callback_names_no_card(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider says in its own words is masked before it is kept."""
    order = shop.place()
    why = "card 4242 4242 4242 4242 was declined"

    def refuse(*_: Any) -> Any:
        raise paying.Refused(why)

    monkeypatch.setattr(type(shop.sandbox), "begin", refuse)
    with pytest.raises(paying.Refused):
        shop.begin(order)
    details = [row["detail"] for row in shop.cloud.rows(tables.order_events) if row["kind"] == ledger.FAILED]
    assert details == ["card [card number] was declined"]
    assert (shop.now(order).state, shop.stock()) == ("placed", STOCK)


def test_a_store_that_was_erased_of_somebody_keeps_the_books_under_a_pseudonym(shop: Shop) -> None:
    from aircue_cloud.rights import erasure, subject

    order = shop.paid()
    with db.reading(shop.engine) as connection:
        who = subject.household(connection, shop.cloud.services.lake, "ada")
    proof = erasure.erase(shop.engine, who, [], "operator", shop.cloud.clock())
    assert proof.complete, proof.left
    assert shop.now(order).person == proof.pseudonym
    assert proof.kept["order_events"][0] == 4
    assert shop.refund(shop.now(order)) == "refunded"


def test_a_sandbox_keeps_its_key_to_itself(shop: Shop) -> None:
    assert shop.sandbox.key.hex() not in repr(shop.sandbox)
    assert repr(shop.sandbox.key) not in repr(replace(shop.sandbox))
