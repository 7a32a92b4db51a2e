"""Stripe, against a simulated one on loopback that knows idempotency keys, sessions, intents and refunds."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.cloud.payment.service import NOW, PAYMENT, Answer, Request, Service, asked, called, flipped, opening, serving

from aircue_cloud.payment import stripe
from aircue_cloud.payment.provider import Asked, Callback, NotGenuine, ProviderDown, Refund, Refused
from aircue_cloud.payment.stripe import Stripe

SECRET = "sk_test_51"
SIGNING = "whsec_of_the_endpoint"
AT = int(NOW.timestamp())


class SimulatedStripe:
    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []
        self.by_key: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {SECRET}" or "stripe-version" not in request.headers:
            return _json(401, {"error": {"type": "invalid_request_error"}})
        path = urlsplit(request.path).path
        if request.method == "POST":
            return self._made(path, request)
        if path == "/v1/refunds":
            found = [one for one in self.refunds if one["payment_intent"] == request.query["payment_intent"]]
            return _json(200, {"data": found[::-1]})
        if path == "/v1/payment_intents/search":
            return self._searched(request.query["query"])
        if path == "/v1/checkout/sessions":
            intent = request.query["payment_intent"]
            return _json(200, {"data": [one for one in self.sessions.values() if one["payment_intent"] == intent]})
        session = self.sessions.get(path.rpartition("/")[2])
        return _json(200, session) if session else _json(404, {"error": {"code": "resource_missing"}})

    def _searched(self, query: str) -> Answer:
        hits = [one for one in self.sessions.values() if query == f"metadata['payment']:'{one['client_reference_id']}'"]
        return _json(200, {"data": [{"id": one["payment_intent"]} for one in hits if one["payment_intent"]]})

    def _made(self, path: str, request: Request) -> Answer:
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        key = request.headers["idempotency-key"]
        if key not in self.by_key:
            form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
            self.by_key[key] = self._session(form) if path == "/v1/checkout/sessions" else self._refund(form)
        return _json(200, self.by_key[key])

    def _session(self, form: dict[str, str]) -> dict[str, Any]:
        made = {
            "id": f"cs_test_{len(self.sessions) + 1}",
            "url": f"https://checkout.stripe.com/c/pay/cs_test_{len(self.sessions) + 1}",
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "client_reference_id": form["client_reference_id"],
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "metadata": {"payment": form["metadata[payment]"], "order": form["metadata[order]"]},
            "created": AT,
        }
        return self.sessions.setdefault(made["id"], made)

    def _refund(self, form: dict[str, str]) -> dict[str, Any]:
        number = len(self.refunds) + 1
        made = {
            "id": f"re_{number}",
            "status": "succeeded",
            "amount": int(form["amount"]),
            "currency": next(one["currency"] for one in self.sessions.values()),
            "payment_intent": form["payment_intent"],
            "created": AT,
        }
        self.refunds.append(made)
        return made

    def pay(self, session: str) -> dict[str, Any]:
        found = self.sessions[session]
        found |= {"status": "complete", "payment_status": "paid", "payment_intent": f"pi_{session}"}
        return found


def _json(status: int, said: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(said).encode()


def signed(body: bytes, at: int = AT, secret: str = SIGNING, scheme: str = "v1") -> str:
    return f"t={at},{scheme}={hmac.new(secret.encode(), b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def event(kind: str, said: dict[str, Any], name: str = "evt_1") -> bytes:
    return json.dumps({"id": name, "type": kind, "created": AT, "data": {"object": said}}).encode()


def told(body: bytes) -> Callback:
    return called({"Stripe-Signature": signed(body)}, body)


@pytest.fixture
def simulated() -> SimulatedStripe:
    return SimulatedStripe()


@pytest.fixture
def service(simulated: SimulatedStripe) -> Iterator[Service]:
    with serving(simulated.answer) as running:
        yield running


@pytest.fixture
def provider(service: Service, tmp_path: Path) -> Stripe:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    (tmp_path / "signing").write_text(f"{SIGNING}\n")
    table = {"secret_key_file": "key", "webhook_secret_file": "signing", "api_url": service.url}
    return stripe.open_provider(opening(table, tmp_path))


def test_a_payment_begins_as_a_session_of_the_whole_amount_with_our_id_in_it(
    provider: Stripe, service: Service, simulated: SimulatedStripe
) -> None:
    begun = provider.begin(asked())
    assert begun.redirect_url == "https://checkout.stripe.com/c/pay/cs_test_1"
    form = dict(parse_qsl(service.requests[0].body.decode()))
    assert form["mode"] == "payment"
    assert form["line_items[0][quantity]"] == "1"
    assert form["line_items[0][price_data][product_data][name]"] == asked().description
    assert form["payment_intent_data[metadata][payment]"] == PAYMENT
    assert form["success_url"] == asked().return_url
    session = simulated.sessions[begun.provider_reference]
    assert (session["amount_total"], session["currency"], session["client_reference_id"]) == (12900, "eur", PAYMENT)


@pytest.mark.parametrize("fault", ["lost", "before", 500, 503, 429, 409])
def test_a_payment_that_was_begun_twice_is_one_session(
    provider: Stripe, service: Service, simulated: SimulatedStripe, fault: int | str
) -> None:
    service.faults.append(fault)
    with pytest.raises(ProviderDown):
        provider.begin(asked())
    begun = provider.begin(asked())
    assert list(simulated.sessions) == [begun.provider_reference]
    assert len({one.headers["idempotency-key"] for one in service.requests}) == 1


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("checkout.session.completed", "paid", "paid"),
        ("checkout.session.completed", "unpaid", "pending"),
        ("checkout.session.async_payment_succeeded", "paid", "paid"),
        ("checkout.session.async_payment_failed", "unpaid", "failed"),
        ("checkout.session.expired", "unpaid", "failed"),
    ],
)
def test_a_webhook_says_how_the_payment_stands(
    provider: Stripe, simulated: SimulatedStripe, kind: str, status: str, expected: str
) -> None:
    session = simulated.pay(provider.begin(asked()).provider_reference) | {"payment_status": status}
    found = provider.read(told(event(kind, session)), NOW)
    assert found is not None
    assert (found.kind, found.event, found.payment, found.amount_minor) == (expected, "evt_1", PAYMENT, 12900)
    assert (found.currency, found.provider_reference, found.at) == ("EUR", "cs_test_1", NOW)


def test_another_amount_currency_or_payment_is_told_on_as_it_was_signed(
    provider: Stripe, simulated: SimulatedStripe
) -> None:
    """Whether it fits the order the ledger decides."""
    session = simulated.pay(provider.begin(asked()).provider_reference)
    wrong = session | {"amount_total": 1, "currency": "usd", "client_reference_id": "another"}
    found = provider.read(told(event("checkout.session.completed", wrong)), NOW)
    assert found is not None
    assert (found.amount_minor, found.currency, found.payment) == (1, "USD", "another")


def test_what_is_none_of_ours_is_genuine_and_of_no_interest(provider: Stripe, simulated: SimulatedStripe) -> None:
    session = simulated.pay(provider.begin(asked()).provider_reference)
    assert provider.read(told(event("customer.created", {"id": "cus_1"})), NOW) is None
    others = session | {"metadata": {}}
    assert provider.read(told(event("checkout.session.completed", others)), NOW) is None


def test_any_flipped_byte_of_a_webhook_is_refused(provider: Stripe, simulated: SimulatedStripe) -> None:
    body = event("checkout.session.completed", simulated.pay(provider.begin(asked()).provider_reference))
    header = signed(body)
    assert provider.read(called({"Stripe-Signature": header}, body), NOW) is not None
    for at in range(len(body)):
        with pytest.raises(NotGenuine):
            provider.read(called({"Stripe-Signature": header}, flipped(body, at)), NOW)
    for at in range(len(header)):
        changed = flipped(header.encode(), at).decode("latin-1")
        with pytest.raises(NotGenuine):
            provider.read(called({"Stripe-Signature": changed}, body), NOW)


def test_the_same_event_written_anew_is_refused(provider: Stripe, simulated: SimulatedStripe) -> None:
    body = event("checkout.session.completed", simulated.pay(provider.begin(asked()).provider_reference))
    anew = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert json.loads(anew) == json.loads(body)
    with pytest.raises(NotGenuine, match="signature"):
        provider.read(called({"Stripe-Signature": signed(body)}, anew), NOW)


@pytest.mark.parametrize(("seconds", "taken"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_webhook_holds_for_five_minutes_either_way(provider: Stripe, seconds: int, taken: bool) -> None:
    message = told(event("customer.created", {}))
    now = NOW + timedelta(seconds=seconds)
    if taken:
        assert provider.read(message, now) is None
    else:
        with pytest.raises(NotGenuine, match="time"):
            provider.read(message, now)


def test_while_secrets_change_one_of_several_signatures_is_enough_and_v0_never_is(provider: Stripe) -> None:
    body = event("customer.created", {})
    good, other = signed(body), signed(body, secret="whsec_old")
    both = f"{other},{good.partition(',')[2]}"
    assert provider.read(called({"Stripe-Signature": both}, body), NOW) is None
    for header in (other, signed(body, scheme="v0"), "", "t=1", f"{good},t=1", good.replace("t=", "t=-")):
        with pytest.raises(NotGenuine):
            provider.read(called({"Stripe-Signature": header}, body), NOW)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"type":1}', b"\xff", b"[" * 5000])
def test_a_signed_body_that_is_no_event_is_refused(provider: Stripe, body: bytes) -> None:
    with pytest.raises(NotGenuine, match="format"):
        provider.read(told(body), NOW)


def test_looking_finds_what_was_paid_and_given_back(provider: Stripe, simulated: SimulatedStripe) -> None:
    reference = provider.begin(asked()).provider_reference
    open_ = provider.look(PAYMENT, reference)
    assert open_ is not None
    assert open_.kind == "pending"
    simulated.pay(reference)
    provider.refund(PAYMENT, reference, 900, "EUR", "refund-1")
    found = provider.look(PAYMENT, reference)
    assert found is not None
    assert (found.kind, found.amount_minor, found.payment) == ("paid", 12900, PAYMENT)
    assert found.refunds == (Refund(id="re_1", amount_minor=900),)
    simulated.sessions[reference] |= {"status": "expired", "payment_status": "unpaid"}
    gone = provider.look(PAYMENT, reference)
    assert gone is not None
    assert gone.kind == "failed"


def test_looking_without_a_reference_finds_what_was_paid(provider: Stripe, simulated: SimulatedStripe) -> None:
    reference = provider.begin(asked()).provider_reference
    assert provider.look(PAYMENT, "") is None
    simulated.pay(reference)
    found = provider.look(PAYMENT, "")
    assert found is not None
    assert (found.kind, found.provider_reference) == ("paid", reference)
    assert provider.look(PAYMENT, "cs_unknown") is None


def test_the_same_refund_twice_is_one_and_told_under_one_id(
    provider: Stripe, service: Service, simulated: SimulatedStripe
) -> None:
    reference = provider.begin(asked()).provider_reference
    simulated.pay(reference)
    service.faults += ["", "lost"]
    with pytest.raises(ProviderDown):
        provider.refund(PAYMENT, reference, 900, "EUR", "refund-1")
    first = provider.refund(PAYMENT, reference, 900, "EUR", "refund-1")
    second = provider.refund(PAYMENT, reference, 100, "EUR", "refund-2")
    assert [one["amount"] for one in simulated.refunds] == [900, 100]
    assert (first.kind, first.refund, first.amount_minor) == ("refunded", "re_1", 900)
    assert (second.refund, second.amount_minor) == ("re_2", 100)


def test_a_webhook_of_a_refund_names_the_one_that_made_the_sum(provider: Stripe, simulated: SimulatedStripe) -> None:
    """In any order; Stripe's message has the sum alone."""
    reference = provider.begin(asked()).provider_reference
    intent = simulated.pay(reference)["payment_intent"]
    for amount in (900, 100, 900):
        provider.refund(PAYMENT, reference, amount, "EUR", f"refund-{len(simulated.refunds)}")
    for total, expected in ((1900, ("re_3", 900)), (900, ("re_1", 900)), (1000, ("re_2", 100))):
        charge = {"payment_intent": intent, "amount_refunded": total, "currency": "eur"}
        found = provider.read(told(event("charge.refunded", charge)), NOW)
        assert found is not None
        assert (found.kind, found.payment, found.provider_reference) == ("refunded", PAYMENT, reference)
        assert (found.refund, found.amount_minor) == expected
    with pytest.raises(ProviderDown):
        provider.read(told(event("charge.refunded", charge | {"amount_refunded": 5})), NOW)


def test_a_refund_that_takes_its_time_is_pending_until_stripe_says_so(
    provider: Stripe, simulated: SimulatedStripe
) -> None:
    reference = provider.begin(asked()).provider_reference
    simulated.pay(reference)
    simulated.by_key["slow"] = simulated._refund({"amount": "900", "payment_intent": f"pi_{reference}"})
    simulated.refunds[0]["status"] = "pending"
    assert provider.refund(PAYMENT, reference, 900, "EUR", "slow").kind == "pending"
    assert provider.read(told(event("refund.updated", simulated.refunds[0])), NOW) is None
    simulated.refunds[0]["status"] = "succeeded"
    found = provider.read(told(event("refund.updated", simulated.refunds[0])), NOW)
    assert found is not None
    assert (found.kind, found.refund, found.amount_minor) == ("refunded", "re_1", 900)


def test_what_stripe_refuses_is_refused_and_says_why(provider: Stripe, service: Service) -> None:
    service.answer = lambda _: _json(402, {"error": {"code": "amount_too_small"}})
    with pytest.raises(Refused, match="402: amount_too_small"):
        provider.begin(asked())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}"])
def test_an_answer_that_is_none_may_have_been_done(provider: Stripe, service: Service, body: bytes) -> None:
    service.answer = lambda _: (200, {}, body)
    with pytest.raises(ProviderDown):
        provider.begin(asked())


@pytest.mark.parametrize(
    ("minor", "currency", "sent"),
    [
        (1999, "EUR", 1999),
        (500, "JPY", 500),
        (5, "UGX", 500),
        (5, "ISK", 500),
        (5120, "KWD", 5120),
        (700, "MGA", 7),
        (104500, "HUF", 104500),
        (80045, "TWD", 80045),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(
    provider: Stripe, simulated: SimulatedStripe, minor: int, currency: str, sent: int
) -> None:
    """docs.stripe.com/currencies."""
    reference = provider.begin(asked(minor, currency)).provider_reference
    assert simulated.sessions[reference]["amount_total"] == sent
    found = provider.look(PAYMENT, reference)
    assert found is not None
    assert (found.amount_minor, found.currency) == (minor, currency)


@pytest.mark.parametrize(("minor", "currency"), [(5124, "KWD"), (750, "MGA"), (100, "CLF"), (100, "LYD"), (100, "XXX")])
def test_an_amount_that_stripe_cannot_charge_exactly_is_refused_before_it_is_asked(
    provider: Stripe, service: Service, minor: int, currency: str
) -> None:
    with pytest.raises(Refused):
        provider.begin(Asked(**{**vars(asked()), "amount_minor": minor, "currency": currency}))
    assert service.requests == []


def test_replies_and_nothing_secret_in_what_is_printed(provider: Stripe) -> None:
    assert provider.reply(True)[0] == 200
    assert provider.reply(False)[0] == 400
    assert SECRET not in repr(provider)
    assert SIGNING not in repr(provider)
