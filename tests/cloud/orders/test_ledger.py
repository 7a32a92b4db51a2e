"""The ledger alone: what follows from events in whatever order they came."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from aircue_cloud.orders import cards, ledger
from aircue_cloud.orders.ledger import Event, Judged, Ledger, Payment
from aircue_cloud.payment.provider import Kind, Refund, Told

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TOTAL = 9900
PLACED = (Event(kind=ledger.PLACED), Event(kind=ledger.RESERVED))


def begun(*payments: str) -> Ledger:
    return Ledger(TOTAL, (*PLACED, *(Event(kind=ledger.BEGUN, payment=one) for one in payments)))


def told(
    kind: Kind, payment: str = "p", amount: int = TOTAL, refund: str = "", currency: str = "EUR", **more: Any
) -> Told:
    event = more.pop("event", f"{kind}-{payment}-{refund}-{amount}")
    return Told(
        event=event,
        payment=payment,
        provider_reference=f"their-{payment}",
        kind=kind,
        amount_minor=amount,
        currency=currency,
        at=AT,
        refund=refund,
        **more,
    )


def judged(before: Ledger, said: Told) -> Judged:
    return ledger.judge(before, Payment(id=said.payment, amount_minor=TOTAL, currency="EUR"), said)


def after(before: Ledger, *said: Told) -> Ledger:
    for one in said:
        before = before.and_(*judged(before, one).events)
    return before


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ([], "placed"),
        ([told("pending")], "placed"),
        ([told("failed")], "placed"),
        ([told("paid")], "paid"),
        ([told("failed"), told("paid")], "paid"),
        ([told("paid"), told("failed")], "paid"),
        ([told("paid"), told("refunded", amount=1, refund="a")], "part-refunded"),
        ([told("refunded", amount=1, refund="a"), told("paid")], "part-refunded"),
        ([told("paid"), told("refunded", refund="a")], "refunded"),
        ([told("refunded", refund="a"), told("paid")], "refunded"),
        ([told("refunded", refund="a")], "placed"),
        ([told("paid"), told("paid", "q"), told("refunded", "q", refund="a")], "paid"),
    ],
    ids=lambda said: "-".join(one.kind for one in said) if isinstance(said, list) else None,
)
def test_the_state_is_what_the_money_says(said: list[Told], state: str) -> None:
    found = after(begun("p", "q"), *said)
    assert found.state == state


def test_stock_goes_back_with_the_last_payment_that_could_bring_money() -> None:
    one_left = after(begun("p", "q"), told("failed", "p"))
    assert one_left.holds_stock
    assert not after(one_left, told("failed", "q")).holds_stock
    assert after(one_left, told("paid", "q")).holds_stock


def test_a_look_brings_the_charge_and_every_refund_of_it() -> None:
    refunds = (Refund(id="a", amount_minor=100), Refund(id="b", amount_minor=200))
    found = after(begun("p"), told("paid", refunds=refunds))
    assert (found.kept, found.state) == (TOTAL - 300, "part-refunded")
    assert judged(found, told("paid", refunds=refunds)).events == ()


def test_a_refund_whose_amount_changes_raises_an_alarm() -> None:
    found = after(begun("p"), told("paid"), told("refunded", amount=100, refund="a"))
    assert "is now said to be of 200" in judged(found, told("refunded", amount=200, refund="a")).alarm


def test_what_is_asked_back_counts_until_it_is_refused_or_done() -> None:
    asked = Event(kind=ledger.REFUND_ASKED, amount_minor=-4000, payment="p", reference="k")
    waiting = after(begun("p"), told("paid")).and_(asked)
    assert (waiting.refundable("p"), [one.key for one in waiting.under_way]) == (TOTAL - 4000, ["k"])
    refused = waiting.and_(Event(kind=ledger.REFUND_REFUSED, payment="p", reference="k"))
    assert (refused.refundable("p"), refused.under_way) == (TOTAL, ())
    sent = waiting.and_(Event(kind=ledger.REFUND_SENT, payment="p", reference="k", detail="their-r"))
    assert [one.is_sent for one in sent.under_way] == [True]
    done = after(sent, told("refunded", amount=4000, refund="their-r"))
    assert (done.refundable("p"), done.under_way, done.kept) == (TOTAL - 4000, (), TOTAL - 4000)


@pytest.mark.parametrize(
    ("events", "paying", "cancelling"),
    [
        ((), "", ""),
        ((Event(kind=ledger.CANCELLED),), "the order is cancelled", "the order is cancelled"),
        ((Event(kind=ledger.AGREED),), "the order is to be paid on delivery", ""),
        ((Event(kind=ledger.PAID, payment="p", amount_minor=TOTAL),), "the order is paid", "the order is paid"),
    ],
)
def test_what_may_still_be_done(events: tuple[Event, ...], paying: str, cancelling: str) -> None:
    found = begun("p").and_(*events)
    assert (ledger.against_paying(found), ledger.against_cancelling(found)) == (paying, cancelling)


# Histories: whatever a provider's truth is, in whatever order, how often and beside what else it is told.


@dataclass(frozen=True)
class Truth:
    """Of one payment at its provider. refunds: amounts by id."""

    paid: bool
    failed_first: bool
    refunds: dict[str, int]

    def messages(self) -> list[Told]:
        said = [told("pending")]
        said += [told("failed")] if self.failed_first or not self.paid else []
        said += [told("paid")] if self.paid else []
        return said + [told("refunded", amount=amount, refund=id_) for id_, amount in self.refunds.items()]

    def looked(self) -> Told:
        refunds = tuple(Refund(id=id_, amount_minor=amount) for id_, amount in self.refunds.items())
        return told("paid" if self.paid else "failed", refunds=refunds)


@some.composite
def truths(draw: some.DrawFn) -> Truth:
    paid = draw(some.booleans())
    amounts = draw(some.lists(some.integers(1, TOTAL // 3), max_size=3)) if paid else []
    return Truth(paid, draw(some.booleans()), {f"r-{place}": amount for place, amount in enumerate(amounts)})


def wrong(said: Told) -> Told:
    return replace(said, amount_minor=said.amount_minor + TOTAL, event=f"wrong {said.event}")


@some.composite
def histories(draw: some.DrawFn) -> tuple[Truth, list[Told], bool]:
    """The truth, what arrives of it (some is lost, some comes often, some is wrong), and whether anything was lost."""
    truth = draw(truths())
    whole = truth.messages()
    arriving = [one for one in whole if draw(some.booleans())]
    many = [one for one in arriving for _ in range(draw(some.integers(1, 3)))]
    amiss = [
        wrong(one) for one in draw(some.lists(some.sampled_from(whole), max_size=3)) if one.kind in ("paid", "refunded")
    ]
    return truth, draw(some.permutations([*many, *amiss])), len(arriving) < len(whole)


@given(histories())
def test_after_every_history_and_a_look_the_ledger_is_the_providers_truth(
    history: tuple[Truth, list[Told], bool],
) -> None:
    truth, arrived, lost = history
    found = after(begun("p"), *arrived)
    if lost:
        found = after(found, truth.looked())
    assert found.received == ({"p": TOTAL} if truth.paid else {})
    assert found.refunds == {("p", id_): amount for id_, amount in truth.refunds.items()}
    assert found.kept == (TOTAL - sum(truth.refunds.values()) if truth.paid else 0)


@given(histories())
def test_what_is_wrong_is_an_alarm_and_nothing_else(history: tuple[Truth, list[Told], bool]) -> None:
    _, arrived, _ = history
    found = begun("p")
    for said in arrived:
        verdict = judged(found, said)
        if said.event.startswith("wrong"):
            assert (verdict.events, bool(verdict.alarm)) == ((), True)
        found = found.and_(*verdict.events)
    assert 0 <= found.refunded("p") <= TOTAL


@pytest.mark.parametrize(
    "number", ["4242424242424242", "4242 4242 4242 4242", "4000-0566-5566-5556", "378282246310005", "6304000000000000"]
)
def test_what_could_be_a_card_number_is_seen_and_masked(number: str) -> None:
    assert cards.holds_one(f"my card is {number}.")
    assert cards.masked(f"my card is {number}.") == f"my card is {cards.MASK}."


@pytest.mark.parametrize("text", ["4242424242424241", "order 1001 of 2026-11-22", "123456789012", "4" * 20, ""])
def test_other_numbers_are_let_through(text: str) -> None:
    assert not cards.holds_one(text)
    assert cards.masked(text) == text
