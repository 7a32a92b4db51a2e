"""PayPal, against a simulated one on loopback that signs with a certificate of a root of its own."""

import base64
import datetime as dt
import json
import subprocess
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.cloud.payment import published, service
from tests.cloud.payment.service import NOW, PAYMENT, Answer, Request, Service, asked, called, flipped, opening, serving

from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import paypal
from aircue_cloud.payment.paypal import PayPal
from aircue_cloud.payment.provider import Callback, NotGenuine, ProviderDown, Refund, Refused

CERTIFICATE_URL = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
NAME = "messageverificationcerts.sandbox.paypal.com"
WEBHOOK = "8PT597110X687430LKGECATA"
USER, SECRET = "client-of-the-shop", "secret-of-the-shop"
DAY = timedelta(days=1)


@cache
def root() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root of a simulated world")])
    builder = _certificate(name, name, "root", 3650 * DAY).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return builder.add_extension(usage, critical=True).sign(service.key("root"), hashes.SHA256())


@cache
def leaf(name: str = NAME, signer: str = "root", owner: str = "paypal") -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(service.key(signer).public_key())
    builder = (
        _certificate(subject, root().subject, owner, 30 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authority, critical=False)
    )
    return builder.sign(service.key(signer), hashes.SHA256()).public_bytes(Encoding.PEM)


def _certificate(subject: x509.Name, issuer: x509.Name, owner: str, days: timedelta) -> x509.CertificateBuilder:
    public = service.key(owner).public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - days)
        .not_valid_after(NOW + days)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


class SimulatedPayPal:
    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, Answer] = {}
        self.certificate = leaf()
        self.tokens = 0
        self.captures = 0
        self.refunds = 0
        self.declines = False

    def answer(self, request: Request) -> Answer:
        path = urlsplit(request.path).path
        if path == "/certificate":
            return 200, {"Content-Type": "application/x-pem-file"}, self.certificate
        if path == "/v1/oauth2/token":
            return self._token(request)
        if request.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return _json(401, {"name": "AUTHENTICATION_FAILURE"})
        if request.method == "GET":
            return self._got(path)
        key = f"{path} {request.headers['paypal-request-id']}"
        if key not in self.by_key:
            self.by_key[key] = self._made(path, json.loads(request.body))
        return self.by_key[key]

    def _token(self, request: Request) -> Answer:
        basic = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        if request.headers["authorization"] != f"Basic {basic}" or request.body != b"grant_type=client_credentials":
            return _json(401, {"error": "invalid_client"})
        self.tokens += 1
        return _json(200, {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 32400})

    def _got(self, path: str) -> Answer:
        last = path.rpartition("/")[2]
        if "/captures/" in path:
            found = [one for one in map(_capture, self.orders.values()) if one and one["id"] == last]
            return _json(200, found[0]) if found else _json(404, {"name": "RESOURCE_NOT_FOUND"})
        return _json(200, self.orders[last]) if last in self.orders else _json(404, {"name": "RESOURCE_NOT_FOUND"})

    def _made(self, path: str, said: dict[str, Any]) -> Answer:
        if path == "/v2/checkout/orders":
            return _json(200, self._order(said))
        if path.endswith("/capture"):
            return self._captured(self.orders[path.split("/")[-2]])
        return _json(201, self._refund(path.split("/")[-2], said))

    def _order(self, said: dict[str, Any]) -> dict[str, Any]:
        assert said["intent"] == "CAPTURE"
        name = f"5O1{len(self.orders) + 1}"
        links = [{"rel": "payer-action", "href": f"https://www.sandbox.paypal.com/checkoutnow?token={name}"}]
        made = {"id": name, "status": "PAYER_ACTION_REQUIRED", "links": links, "create_time": "2026-11-22T12:00:00Z"}
        return self.orders.setdefault(name, {**made, **said})

    def _captured(self, order: dict[str, Any]) -> Answer:
        if order["status"] == "COMPLETED":
            return _json(422, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "ORDER_ALREADY_CAPTURED"}]})
        if self.declines or order["status"] != "APPROVED":
            order["status"] = "PAYER_ACTION_REQUIRED"
            return _json(422, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "INSTRUMENT_DECLINED"}]})
        unit = order["purchase_units"][0]
        self.captures += 1
        capture = {
            "id": f"3C6{self.captures}",
            "status": "COMPLETED",
            "amount": unit["amount"],
            "custom_id": unit["custom_id"],
            "supplementary_data": {"related_ids": {"order_id": order["id"]}},
            "create_time": "2026-11-22T12:01:00Z",
        }
        unit["payments"] = {"captures": [capture], "refunds": []}
        order["status"] = "COMPLETED"
        return _json(201, order)

    def _refund(self, capture: str, said: dict[str, Any]) -> dict[str, Any]:
        order = next(one for one in self.orders.values() if (_capture(one) or {}).get("id") == capture)
        self.refunds += 1
        href = f"https://api.sandbox.paypal.com/v2/payments/captures/{capture}"
        made = {
            "id": f"1JU{self.refunds}",
            "status": "COMPLETED",
            "create_time": "2026-11-22T13:00:00Z",
            "links": [{"rel": "up", "href": href}],
            **said,
        }
        order["purchase_units"][0]["payments"]["refunds"].append(made)
        return made


def _capture(order: dict[str, Any]) -> dict[str, Any] | None:
    found = order["purchase_units"][0].get("payments", {}).get("captures", [])
    return found[0] if found else None


def _json(status: int, said: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(said).encode()


def event(kind: str, said: dict[str, Any]) -> bytes:
    message = {"id": "WH-1", "create_time": "2026-11-22T11:59:58.5Z", "event_type": kind, "resource": said}
    return json.dumps(message).encode()


def headers(body: bytes, owner: str = "paypal", webhook: str = WEBHOOK, **other: str) -> dict[str, str]:
    said = {"id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55", "time": "2026-11-22T11:59:59Z", **other}
    message = "|".join((said["id"], said["time"], webhook, str(zlib.crc32(body)))).encode()
    signature = service.key(owner).sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "PayPal-Transmission-Id": said["id"],
        "PayPal-Transmission-Time": said["time"],
        "PayPal-Transmission-Sig": base64.b64encode(signature).decode(),
        "PayPal-Cert-Url": said.get("url", CERTIFICATE_URL),
        "PayPal-Auth-Algo": "SHA256withRSA",
    }


def told(body: bytes) -> Callback:
    return called(headers(body), body)


@pytest.fixture
def simulated() -> SimulatedPayPal:
    return SimulatedPayPal()


@pytest.fixture
def running(simulated: SimulatedPayPal) -> Iterator[Service]:
    with serving(simulated.answer) as found:
        yield found


@pytest.fixture
def provider(running: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PayPal:
    monkeypatch.setenv("PAYPAL_SECRET", SECRET)
    (tmp_path / "trust.pem").write_bytes(root().public_bytes(Encoding.PEM))
    table = {
        "client_id": USER,
        "client_secret_env": "PAYPAL_SECRET",
        "webhook_id": WEBHOOK,
        "mode": "sandbox",
        "trust_file": "trust.pem",
        "api_url": running.url,
    }
    return paypal.open_provider(opening(table, tmp_path, {CERTIFICATE_URL: f"{running.url}/certificate"}))


@pytest.fixture
def approved(provider: PayPal, simulated: SimulatedPayPal) -> str:
    """An order that the shopper has agreed to at PayPal."""
    reference = provider.begin(asked()).provider_reference
    simulated.orders[reference]["status"] = "APPROVED"
    return reference


def test_a_payment_begins_as_an_order_with_our_id_in_it(provider: PayPal, simulated: SimulatedPayPal) -> None:
    begun = provider.begin(asked())
    assert begun.redirect_url == f"https://www.sandbox.paypal.com/checkoutnow?token={begun.provider_reference}"
    order = simulated.orders[begun.provider_reference]
    (unit,) = order["purchase_units"]
    assert unit["amount"] == {"currency_code": "EUR", "value": "129.00"}
    assert unit["custom_id"] == PAYMENT
    context = order["payment_source"]["paypal"]["experience_context"]
    assert (context["return_url"], context["cancel_url"]) == (asked().return_url, asked().cancel_url)


@pytest.mark.parametrize("fault", ["lost", "before", 500, 503, 429])
def test_a_payment_that_was_begun_twice_is_one_order(
    provider: PayPal, running: Service, simulated: SimulatedPayPal, fault: int | str
) -> None:
    provider.session.bearer()
    running.faults.append(fault)
    with pytest.raises(ProviderDown):
        provider.begin(asked())
    begun = provider.begin(asked())
    assert list(simulated.orders) == [begun.provider_reference]
    assert len({one.headers["paypal-request-id"] for one in running.posted("/v2/checkout/orders")}) == 1


def test_an_order_that_was_agreed_to_is_captured_once_whoever_asks_and_whatever_is_lost(
    provider: PayPal, running: Service, simulated: SimulatedPayPal, approved: str
) -> None:
    running.faults += ["", "lost"]
    with pytest.raises(ProviderDown):
        provider.look(PAYMENT, approved)
    simulated.orders[approved]["status"] = "APPROVED"  # as if the question had overtaken the capture
    for _ in range(2):
        found = provider.look(PAYMENT, approved)
        assert found is not None
        assert (found.kind, found.amount_minor, found.currency) == ("paid", 12900, "EUR")
        assert (found.payment, found.provider_reference) == (PAYMENT, approved)
    notice = provider.read(told(event("CHECKOUT.ORDER.APPROVED", {"id": approved})), NOW)
    assert notice is not None
    assert (notice.kind, notice.event) == ("paid", "WH-1")
    assert simulated.captures == 1


def test_the_webhook_of_an_agreement_captures_it(provider: PayPal, simulated: SimulatedPayPal, approved: str) -> None:
    found = provider.read(told(event("CHECKOUT.ORDER.APPROVED", {"id": approved})), NOW)
    assert found is not None
    assert (found.kind, simulated.captures) == ("paid", 1)


def test_another_shops_order_on_the_same_account_is_left_alone(
    provider: PayPal, simulated: SimulatedPayPal, approved: str
) -> None:
    del simulated.orders[approved]["purchase_units"][0]["reference_id"]
    assert provider.read(told(event("CHECKOUT.ORDER.APPROVED", {"id": approved})), NOW) is None
    assert provider.read(told(event("CHECKOUT.ORDER.APPROVED", {"id": "unknown"})), NOW) is None
    assert simulated.captures == 0


@pytest.mark.parametrize("kind", ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.REFUNDED"])
def test_a_webhook_that_needs_a_question_which_is_refused_comes_again(
    provider: PayPal, running: Service, simulated: SimulatedPayPal, approved: str, kind: str
) -> None:
    links = [{"rel": "up", "href": "https://api.sandbox.paypal.com/v2/payments/captures/3C61"}]
    message = told(event(kind, {"id": approved, "links": links}))
    simulated_answer = running.answer

    def refusing(request: Request) -> Answer:
        return _json(403, {"name": "NOT_AUTHORIZED"}) if "/v2/" in request.path else simulated_answer(request)

    running.answer = refusing
    with pytest.raises(ProviderDown, match="NOT_AUTHORIZED"):
        provider.read(message, NOW)


def test_a_card_that_is_declined_leaves_the_order_open(
    provider: PayPal, simulated: SimulatedPayPal, approved: str
) -> None:
    simulated.declines = True
    found = provider.look(PAYMENT, approved)
    assert found is not None
    assert (found.kind, found.amount_minor, simulated.captures) == ("pending", 12900, 0)


def test_looking_before_and_without_a_reference(provider: PayPal, simulated: SimulatedPayPal) -> None:
    reference = provider.begin(asked()).provider_reference
    found = provider.look(PAYMENT, reference)
    assert found is not None
    assert found.kind == "pending"
    simulated.orders[reference]["status"] = "VOIDED"
    gone = provider.look(PAYMENT, reference)
    assert gone is not None
    assert gone.kind == "failed"
    assert provider.look(PAYMENT, "") is None
    assert provider.look(PAYMENT, "unknown/../x") is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("COMPLETED", "paid"), ("PENDING", "pending"), ("DENIED", "failed"), ("DECLINED", "failed")],
)
def test_a_webhook_says_how_the_capture_stands(
    provider: PayPal, simulated: SimulatedPayPal, approved: str, kind: str, expected: str
) -> None:
    provider.look(PAYMENT, approved)
    capture = _capture(simulated.orders[approved])
    assert capture is not None
    found = provider.read(told(event(f"PAYMENT.CAPTURE.{kind}", capture)), NOW)
    assert found is not None
    assert (found.kind, found.payment, found.provider_reference) == (expected, PAYMENT, approved)
    assert (found.amount_minor, found.currency, found.event) == (12900, "EUR", "WH-1")
    assert found.at == dt.datetime(2026, 11, 22, 11, 59, 58, 500000, tzinfo=dt.UTC)


def test_another_amount_currency_or_payment_is_told_on_as_it_was_signed(provider: PayPal) -> None:
    wrong = {"custom_id": "another", "amount": {"currency_code": "JPY", "value": "1"}}
    found = provider.read(told(event("PAYMENT.CAPTURE.COMPLETED", wrong)), NOW)
    assert found is not None
    assert (found.amount_minor, found.currency, found.payment) == (1, "JPY", "another")


def test_what_is_none_of_ours_is_genuine_and_of_no_interest(provider: PayPal) -> None:
    assert provider.read(told(event("BILLING.PLAN.CREATED", {"id": "P-1"})), NOW) is None
    others = {"amount": {"currency_code": "EUR", "value": "1.00"}}
    assert provider.read(told(event("PAYMENT.CAPTURE.COMPLETED", others)), NOW) is None


def test_a_flipped_byte_of_body_time_id_or_signature_is_refused(provider: PayPal) -> None:
    body = event("PAYMENT.CAPTURE.COMPLETED", {"custom_id": "x", "amount": {"currency_code": "EUR", "value": "1.00"}})
    good = headers(body)
    assert provider.read(called(good, body), NOW) is not None
    for at in range(0, len(body), 3):
        with pytest.raises(NotGenuine, match="signature"):
            provider.read(called(good, flipped(body, at)), NOW)
    for name in ("PayPal-Transmission-Id", "PayPal-Transmission-Time", "PayPal-Transmission-Sig"):
        for at in range(0, len(good[name]) - 3, 5):  # the last letter of base64 has bits that say nothing
            changed = {**good, name: flipped(good[name].encode(), at).decode()}
            with pytest.raises(NotGenuine):
                provider.read(called(changed, body), NOW)
    for name in good:
        with pytest.raises(NotGenuine):
            provider.read(called({k: v for k, v in good.items() if k != name}, body), NOW)


def test_the_same_event_written_anew_or_for_another_webhook_is_refused(provider: PayPal) -> None:
    body = event("BILLING.PLAN.CREATED", {"id": "P-1", "amount": 20.0})
    anew = json.dumps(json.loads(body), separators=(",", ":")).encode()
    for message in (called(headers(body), anew), called(headers(body, webhook="ANOTHER"), body)):
        with pytest.raises(NotGenuine, match="signature"):
            provider.read(message, NOW)
    with pytest.raises(NotGenuine, match="Algo"):
        provider.read(called({**headers(body), "PayPal-Auth-Algo": "SHA1withRSA"}, body), NOW)


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https", "http"),
        "https://evil.example/api.sandbox.paypal.com",
        "https://api.sandbox.paypal.com.evil.example/",
        "https://evilpaypal.com/",
        "https://paypal.com@evil.example/",
        "https://user@api.paypal.com/",
        "https://api.paypal.com:8443/",
        "https://127.0.0.1/",
        "https://evil.example\\.paypal.com/",
        "https://evil.example/\t.paypal.com",
        "https://[::1/",
        "",
    ],
)
def test_a_certificate_is_fetched_from_nobody_but_paypal(provider: PayPal, running: Service, url: str) -> None:
    body = event("BILLING.PLAN.CREATED", {})
    with pytest.raises(NotGenuine):
        provider.read(called(headers(body, url=url), body), NOW)
    assert running.requests == []


@pytest.mark.parametrize(
    ("made", "owner"),
    [
        (lambda: leaf("evil.example"), "paypal"),
        (lambda: leaf("evilpaypal.com"), "paypal"),
        (lambda: leaf(NAME, "another root"), "paypal"),
        (lambda: leaf(owner="thief"), "paypal"),
        (lambda: b"no certificate", "paypal"),
        (lambda: published.certificate(published.PAYPAL_CERTIFICATE), "paypal"),
    ],
    ids=["another name", "a name that ends so", "another root", "another key", "none", "an old one"],
)
def test_a_certificate_that_is_not_vouched_for_is_refused(
    provider: PayPal, simulated: SimulatedPayPal, made: Callable[[], bytes], owner: str
) -> None:
    simulated.certificate = made()
    body = event("BILLING.PLAN.CREATED", {})
    with pytest.raises(NotGenuine):
        provider.read(called(headers(body, owner), body), NOW)


def test_a_certificate_is_fetched_once_and_its_days_are_asked_each_time(provider: PayPal, running: Service) -> None:
    body = event("BILLING.PLAN.CREATED", {})
    for _ in range(3):
        assert provider.read(told(body), NOW) is None
    assert [one.path for one in running.requests] == ["/certificate"]
    for days in (-31, 31):
        with pytest.raises(NotGenuine, match="certificate"):
            provider.read(told(body), NOW + days * DAY)


def test_a_certificate_that_cannot_be_had_now_is_no_verdict(provider: PayPal, running: Service) -> None:
    running.faults += ["before", 503]
    body = event("BILLING.PLAN.CREATED", {})
    for _ in range(2):
        with pytest.raises(ProviderDown):
            provider.read(told(body), NOW)
    assert provider.read(told(body), NOW) is None


def test_openssl_agrees_on_what_the_simulated_paypal_signs(tmp_path: Path) -> None:
    """So that the simulation and our code do not share a mistake."""
    body = event("BILLING.PLAN.CREATED", {})
    said = headers(body)
    message = f"{said['PayPal-Transmission-Id']}|{said['PayPal-Transmission-Time']}|{WEBHOOK}|{zlib.crc32(body)}"
    (tmp_path / "message").write_text(message)
    (tmp_path / "signature").write_bytes(base64.b64decode(said["PayPal-Transmission-Sig"]))
    (tmp_path / "key.pem").write_text(service.public_pem("paypal"))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"]
    assert "OK" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout


def test_the_same_refund_twice_is_one_and_told_under_one_id(
    provider: PayPal, running: Service, simulated: SimulatedPayPal, approved: str
) -> None:
    provider.look(PAYMENT, approved)
    running.faults += ["", "lost"]
    with pytest.raises(ProviderDown):
        provider.refund(PAYMENT, approved, 900, "EUR", "refund-1")
    found = provider.refund(PAYMENT, approved, 900, "EUR", "refund-1")
    assert (found.kind, found.refund, found.amount_minor, simulated.refunds) == ("refunded", "1JU1", 900, 1)
    looked = provider.look(PAYMENT, approved)
    assert looked is not None
    assert (looked.kind, looked.refunds) == ("paid", (Refund(id="1JU1", amount_minor=900),))
    made = simulated.orders[approved]["purchase_units"][0]["payments"]["refunds"][0]
    notice = provider.read(told(event("PAYMENT.CAPTURE.REFUNDED", made)), NOW)
    assert notice is not None
    assert (notice.kind, notice.refund, notice.amount_minor) == ("refunded", "1JU1", 900)
    assert (notice.payment, notice.provider_reference) == (PAYMENT, approved)


def test_what_was_never_captured_cannot_be_refunded(provider: PayPal, simulated: SimulatedPayPal) -> None:
    reference = provider.begin(asked()).provider_reference
    for unknown in (reference, "", "unknown"):
        with pytest.raises(Refused, match="knows no payment"):
            provider.refund(PAYMENT, unknown, 900, "EUR", "refund-1")
    assert simulated.refunds == 0


def test_a_token_is_drawn_once_and_again_when_it_is_no_longer_taken(
    provider: PayPal, running: Service, simulated: SimulatedPayPal
) -> None:
    reference = provider.begin(asked()).provider_reference
    provider.look(PAYMENT, reference)
    assert len(running.posted("/v1/oauth2/token")) == 1
    simulated.tokens = 7
    assert provider.look(PAYMENT, reference) is not None
    assert len(running.posted("/v1/oauth2/token")) == 2


def test_what_paypal_refuses_is_refused_and_says_why(provider: PayPal, running: Service) -> None:
    provider.session.bearer()
    running.answer = lambda _: _json(422, {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "PAYEE_LOCKED"}]})
    with pytest.raises(Refused, match="422: PAYEE_LOCKED"):
        provider.begin(asked())
    running.answer = lambda _: _json(401, {"name": "AUTHENTICATION_FAILURE"})
    with pytest.raises(Refused, match="client_id"):
        provider.begin(asked())


@pytest.mark.parametrize(
    ("minor", "currency", "sent"),
    [(1999, "EUR", "19.99"), (5, "USD", "0.05"), (500, "JPY", "500"), (120000, "HUF", "1200"), (80000, "TWD", "800")],
)
def test_amounts_are_written_as_paypal_writes_them(
    provider: PayPal, simulated: SimulatedPayPal, minor: int, currency: str, sent: str
) -> None:
    reference = provider.begin(asked(minor, currency)).provider_reference
    amount = {"currency_code": currency, "value": sent}
    assert simulated.orders[reference]["purchase_units"][0]["amount"] == amount
    found = provider.look(PAYMENT, reference)
    assert found is not None
    assert (found.amount_minor, found.currency) == (minor, currency)


@pytest.mark.parametrize(("minor", "currency"), [(120050, "HUF"), (1000, "KWD"), (100, "XXX")])
def test_an_amount_that_paypal_cannot_charge_exactly_is_refused_before_it_is_asked(
    provider: PayPal, running: Service, minor: int, currency: str
) -> None:
    with pytest.raises(Refused):
        provider.begin(asked(minor, currency))
    assert running.requests == []


def test_replies_and_nothing_secret_in_what_is_printed(provider: PayPal) -> None:
    provider.session.bearer()
    assert (provider.reply(True)[0], provider.reply(False)[0]) == (200, 400)
    assert SECRET not in repr(provider)
    assert "token-1" not in repr(provider)


def test_without_a_trust_file_it_is_this_machine_that_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = tmp_path / "machine.pem"
    machine.write_bytes(root().public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(machine))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert paypal.system_trust() == [root()]
    machine.write_text("")
    monkeypatch.setenv("PAYPAL_SECRET", SECRET)
    table = {"client_id": USER, "client_secret_env": "PAYPAL_SECRET", "webhook_id": WEBHOOK}
    with pytest.raises(SettingsError, match="'trust_file' is missing"):
        paypal.open_provider(opening(table, tmp_path))
