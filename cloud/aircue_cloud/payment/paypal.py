"""PayPal: Orders v2, captured by us as soon as the shopper has agreed, its webhooks, refunds.

Formats: developer.paypal.com/docs/api/orders/v2, /docs/api/payments/v2, /api/rest/webhooks/rest (verification by
oneself: the signature is over `transmission id|time|webhook id|CRC-32 of the body`).
"""

import base64
import json
import ssl
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import amounts, asking, keys, signatures
from aircue_cloud.payment.provider import (
    FAILED,
    PAID,
    PENDING,
    REFUNDED,
    Answered,
    Asked,
    Begun,
    Callback,
    Http,
    Kind,
    NotGenuine,
    Opening,
    ProviderDown,
    Refund,
    Refused,
    Told,
)

APIS = {"live": "https://api-m.paypal.com", "sandbox": "https://api-m.sandbox.paypal.com"}
ALGORITHM = "sha256withrsa"
_HOST = ".paypal.com"
_CERTIFICATES = 8  # kept at most
_LONGEST = 127  # of a description
_NEVER = datetime.min.replace(tzinfo=UTC)
_EARLY = timedelta(minutes=1)  # a token is drawn anew before it ends

# developer.paypal.com/reference/currency-codes: what it takes, and with how many decimals.
_DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR"), 2),
    **dict.fromkeys(("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"), 2),
    **dict.fromkeys(("HUF", "JPY", "TWD"), 0),
}

_APPROVED = "CHECKOUT.ORDER.APPROVED"
_CAPTURES: Mapping[str, Kind] = {
    "PAYMENT.CAPTURE.COMPLETED": PAID,
    "PAYMENT.CAPTURE.PENDING": PENDING,
    "PAYMENT.CAPTURE.DENIED": FAILED,
    "PAYMENT.CAPTURE.DECLINED": FAILED,
}
_GIVEN_BACK = ("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED")
_STATUSES: Mapping[str, Kind] = {
    **dict.fromkeys(("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"), PAID),
    **dict.fromkeys(("DECLINED", "FAILED"), FAILED),
}
_REFUNDS: Mapping[str, Kind] = {"COMPLETED": REFUNDED, "PENDING": PENDING}
_SOURCES = {
    "client_id": "developer.paypal.com > Apps & Credentials > your app",
    "client_secret": "developer.paypal.com > Apps & Credentials > your app > Secret",
    "webhook_id": "developer.paypal.com > Apps & Credentials > your app > Webhooks, once the callback URL is there",
}


@dataclass(frozen=True, kw_only=True)
class PayPalSettings:
    """[payment.paypal]. mode: live or sandbox. trust_file: certificates (PEM) that PayPal's is trusted by, instead of
    this machine's. api_url: another one than the mode's."""

    client_id: str
    webhook_id: str
    client_secret_file: str = ""
    client_secret_env: str = ""
    mode: str = "live"
    trust_file: str = ""
    api_url: str = ""


def open_provider(opening: Opening) -> "PayPal":
    settings = keys.settings(opening, PayPalSettings, _SOURCES)
    if settings.mode not in APIS:
        raise SettingsError(f"{opening.where}: key 'mode' is {settings.mode!r}, expected {' or '.join(APIS)}")
    api = keys.url(opening, "api_url", settings.api_url or APIS[settings.mode])
    secret = keys.secret(opening, "client_secret")
    trusted = _trusted(opening, settings.trust_file)
    if not trusted:
        raise SettingsError(f"{opening.where}: key 'trust_file' is missing: this machine trusts no certificates itself")
    return PayPal(
        http=opening.http,
        webhook_id=settings.webhook_id,
        trusted=trusted,
        api=api,
        session=_Session(http=opening.http, api=api, user=settings.client_id, secret=secret, clock=opening.clock),
    )


def _trusted(opening: Opening, file: str) -> Sequence[x509.Certificate]:
    if not file:
        return system_trust()
    said = keys.read_file(opening, "trust_file", file)
    return keys.loaded(opening, "trust_file", _certificates, said, "certificates in PEM")


def system_trust() -> list[x509.Certificate]:
    """What this machine trusts; one that cannot be read is left out."""
    found = [_certificate_of(der) for der in ssl.create_default_context().get_ca_certs(binary_form=True)]
    return [one for one in found if one is not None]


def _certificate_of(der: bytes) -> x509.Certificate | None:
    """None too for one that the next cryptography will not read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        try:
            return x509.load_der_x509_certificate(der)
        except (ValueError, CryptographyDeprecationWarning):
            return None


def _certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def signed(transmission: str, time: str, webhook_id: str, body: bytes) -> bytes:
    """What PayPal signs of a message."""
    return f"{transmission}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def check_certificate_url(url: str) -> None:
    """Anybody may name one in a header: only PayPal's own are fetched. NotGenuine."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotGenuine("certificate: its URL is none") from error
    plain = url.isascii() and not any(sign <= " " or sign in "\\\x7f" for sign in url)
    host = (parts.hostname or "").endswith(_HOST)
    if not plain or parts.scheme != "https" or not host or "@" in parts.netloc or port not in (None, 443):
        raise NotGenuine(f"certificate: its URL is not https://...{_HOST}/...")


def key_of(pem: bytes, trusted: Sequence[x509.Certificate], now: datetime) -> RSAPublicKey:
    """Of the first certificate, which the others and what is trusted vouch for just now. NotGenuine."""
    try:
        leaf, *others = x509.load_pem_x509_certificates(pem)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        name = next(one for one in names.get_values_for_type(x509.DNSName) if one.endswith(_HOST))
        verifier = PolicyBuilder().store(Store(list(trusted))).time(now).build_server_verifier(x509.DNSName(name))
        verifier.verify(leaf, others)
    except (ValueError, x509.ExtensionNotFound, StopIteration, VerificationError) as error:
        raise NotGenuine(f"certificate: it is not PayPal's, or not valid now ({type(error).__name__})") from error
    key = leaf.public_key()
    if not isinstance(key, RSAPublicKey):
        raise NotGenuine("certificate: it holds no RSA key")
    return key


@dataclass(kw_only=True)
class _Session:
    """An access token, drawn when there is none that holds (OAuth 2, client credentials)."""

    http: Http
    api: str
    user: str
    secret: str = field(repr=False)
    clock: Callable[[], datetime]
    token: str = field(default="", repr=False)
    ends: datetime = _NEVER
    lock: Lock = field(default_factory=Lock, repr=False)

    def bearer(self) -> str:
        with self.lock:
            if self.clock() >= self.ends:
                self._draw()
            return self.token

    def forget(self, token: str) -> None:
        with self.lock:
            if token == self.token:
                self.ends = _NEVER

    def _draw(self) -> None:
        basic = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.api}/v1/oauth2/token"
        answered = asking.ask(self.http, "POST", url, headers, b"grant_type=client_credentials")
        if answered.status != 200:
            raise Refused(f"PayPal answered {answered.status} to client_id and client_secret: look them up again")
        found = asking.document(answered)
        with asking.well_formed(ProviderDown):
            self.token = str(found["access_token"])
            self.ends = self.clock() + timedelta(seconds=int(found["expires_in"])) - _EARLY


@dataclass(frozen=True, kw_only=True)
class PayPal:
    """provider_reference: of the order at PayPal."""

    http: Http
    webhook_id: str
    trusted: Sequence[x509.Certificate] = field(repr=False)
    session: _Session
    api: str = APIS["live"]
    certificates: dict[str, bytes] = field(default_factory=dict, repr=False)
    name: str = "paypal"

    def begin(self, asked: Asked) -> Begun:
        order = self._made("/v2/checkout/orders", _order(asked), f"begin-{asked.payment}")
        with asking.well_formed(ProviderDown):
            links = {str(link["rel"]): str(link["href"]) for link in order["links"]}
            where = links.get("payer-action") or links["approve"]
            return Begun(provider_reference=str(order["id"]), redirect_url=where)

    def read(self, callback: Callback, now: datetime) -> Told | None:
        self._verify(callback, now)
        event = asking.parsed(callback.body, NotGenuine)
        with asking.well_formed():
            kind, said, message = str(event["event_type"]), event["resource"], str(event["id"])
            at = _at(event["create_time"])
            if kind in _CAPTURES:
                return _of_capture(said, _CAPTURES[kind], message, at)
            with asking.unsettled():
                if kind in _GIVEN_BACK:
                    return self._given_back(said, message, at)
                return self._approved(str(said["id"]), message) if kind == _APPROVED else None

    def look(self, payment: str, provider_reference: str) -> Told | None:
        """An order that the shopper has agreed to is captured on the way. One whose beginning was not heard the end of
        cannot be paid: nobody was sent there, and none but we capture."""
        with asking.unsettled(), asking.well_formed(ProviderDown):
            order = self._order_of(provider_reference) if provider_reference else None
            if order is not None and order.get("status") == "APPROVED":
                order = self._captured(provider_reference)
            return None if order is None else _of_order(order, f"look-{order['id']}")

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        order = self._order_of(provider_reference) if provider_reference else None
        capture = None if order is None else _capture_in(order)
        if capture is None:
            raise Refused(f"PayPal knows no payment under {provider_reference or payment}")
        said = {"amount": _amount(amount_minor, currency), "custom_id": payment}
        made = self._made(f"/v2/payments/captures/{_safe(capture['id'])}/refund", said, key)
        with asking.well_formed(ProviderDown):
            kind = _REFUNDS.get(str(made["status"]))
            if kind is None:
                raise Refused(f"PayPal: the refund {made['id']} is {made['status']}")
            at = _at(made.get("update_time") or made.get("create_time") or self.session.clock().isoformat())
            return _refunded(made, kind, payment, provider_reference, f"{made['id']}-{kind}", at)

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        return (200 if accepted else 400), "text/plain", b""

    def _verify(self, callback: Callback, now: datetime) -> None:
        said = {name: callback.headers.get(f"paypal-{name}", "") for name in _HEADERS}
        missing = [f"paypal-{name}" for name, value in said.items() if not value]
        if missing:
            raise NotGenuine(f"format: no {', '.join(missing)}")
        if said["auth-algo"].lower() != ALGORITHM:
            raise NotGenuine("format: PayPal-Auth-Algo is not SHA256withRSA")
        message = signed(said["transmission-id"], said["transmission-time"], self.webhook_id, callback.body)
        key = key_of(self._certificate(said["cert-url"]), self.trusted, now)
        signatures.verify(key, message, said["transmission-sig"])

    def _certificate(self, url: str) -> bytes:
        """Kept, and checked anew each time."""
        check_certificate_url(url)
        if url not in self.certificates:
            answered = asking.ask(self.http, "GET", url, {"Accept": "application/x-pem-file"})
            if answered.status != 200:
                raise NotGenuine(f"certificate: PayPal answered {answered.status} to its URL")
            if len(self.certificates) >= _CERTIFICATES:
                self.certificates.clear()
            self.certificates[url] = answered.body
        return self.certificates[url]

    def _approved(self, reference: str, message: str) -> Told | None:
        """Captured at once; another shop's of the same account is left alone."""
        order = self._order_of(reference)
        if order is None or not _is_ours(order):
            return None
        if order.get("status") == "APPROVED":
            order = self._captured(reference)
        return None if order is None else _of_order(order, message)

    def _given_back(self, said: Mapping[str, Any], message: str, at: datetime) -> Told | None:
        """Whose payment a refund belongs to, its capture says."""
        up = next(str(link["href"]) for link in said["links"] if link["rel"] == "up")
        capture = self._got(f"/v2/payments/captures/{_safe(urlsplit(up).path.rpartition('/')[2])}")
        if capture is None or "custom_id" not in capture:
            return None
        return _refunded(said, REFUNDED, str(capture["custom_id"]), _order_id(capture), message, at)

    def _order_of(self, reference: str) -> dict[str, Any] | None:
        return self._got(f"/v2/checkout/orders/{_safe(reference)}")

    def _captured(self, reference: str) -> dict[str, Any] | None:
        """The same key whoever asks for it, so that it is captured once. Where it cannot be (captured already, the
        shopper's card declined, not agreed to after all), the order itself says how it stands."""
        path = f"/v2/checkout/orders/{_safe(reference)}"
        answered = self._asked("POST", f"{path}/capture", {}, f"capture-{reference}")
        return self._order_of(reference) if answered.status == 422 else _taken(answered)

    def _got(self, path: str) -> dict[str, Any] | None:
        answered = self._asked("GET", path)
        return None if answered.status == 404 else _taken(answered)

    def _made(self, path: str, said: Mapping[str, Any], key: str) -> dict[str, Any]:
        return _taken(self._asked("POST", path, said, key))

    def _asked(self, method: str, path: str, said: Mapping[str, Any] | None = None, key: str = "") -> Answered:
        """Once more where the token is no longer taken."""
        body = b"" if said is None else json.dumps(said).encode()
        named = {"Content-Type": "application/json", "PayPal-Request-Id": key, "Prefer": "return=representation"}
        for _ in range(2):
            token = self.session.bearer()
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(named if key else {})}
            answered = asking.ask(self.http, method, self.api + path, headers, body)
            if answered.status != 401:
                return answered
            self.session.forget(token)
        raise Refused("PayPal takes no token of ours: look client_id and client_secret up again")


_HEADERS = ("transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo")


def _order(asked: Asked) -> dict[str, Any]:
    unit = {
        "reference_id": asked.payment,
        "custom_id": asked.payment,
        "description": asked.description[:_LONGEST],
        "amount": _amount(asked.amount_minor, asked.currency),
    }
    shown = {
        "return_url": asked.return_url,
        "cancel_url": asked.cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    return {
        "intent": "CAPTURE",
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": shown}},
    }


def _amount(amount_minor: int, currency: str) -> dict[str, str]:
    if currency not in _DECIMALS:
        raise Refused(f"PayPal takes no {currency:.3}: it takes {', '.join(sorted(_DECIMALS))}")
    return {"currency_code": currency, "value": amounts.text(amount_minor, currency, _DECIMALS[currency])}


def _taken(answered: Answered) -> dict[str, Any]:
    if answered.status >= 300:
        raise Refused(f"PayPal answered {answered.status}: {', '.join(_issues(answered)) or 'no reason'}")
    return asking.document(answered)


def _issues(answered: Answered) -> list[str]:
    found = asking.document(answered)
    details = found.get("details")
    issues = [str(one.get("issue")) for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    return issues or [str(found["name"])] if "name" in found or issues else []


def _is_ours(order: Mapping[str, Any]) -> bool:
    unit = order["purchase_units"][0]
    return "custom_id" in unit and unit["custom_id"] == unit.get("reference_id")


def _capture_in(order: Mapping[str, Any]) -> dict[str, Any] | None:
    with asking.well_formed(ProviderDown):
        found: list[dict[str, Any]] = order["purchase_units"][0].get("payments", {}).get("captures", [])
        return found[0] if found else None


def _of_order(order: Mapping[str, Any], event: str) -> Told:
    """What was captured counts; before that, what the order is worth."""
    unit = order["purchase_units"][0]
    capture = _capture_in(order)
    said = unit if capture is None else capture
    before: Kind = FAILED if order["status"] == "VOIDED" else PENDING
    kind = before if capture is None else _STATUSES.get(str(capture["status"]), PENDING)
    currency = str(said["amount"]["currency_code"])
    made = unit.get("payments", {}).get("refunds", ()) if kind == PAID else ()
    return Told(
        event=event,
        payment=str(unit.get("custom_id", "")),
        provider_reference=str(order["id"]),
        kind=kind,
        amount_minor=amounts.minor(str(said["amount"]["value"]), currency),
        currency=currency,
        at=_at(said.get("create_time") or order["create_time"]),
        refunds=tuple(_refund_in(one, currency) for one in made if one["status"] == "COMPLETED"),
    )


def _refund_in(made: Mapping[str, Any], currency: str) -> Refund:
    if made["amount"]["currency_code"] != currency:
        raise ValueError("a refund in another currency")
    return Refund(id=str(made["id"]), amount_minor=amounts.minor(str(made["amount"]["value"]), currency))


def _of_capture(capture: Mapping[str, Any], kind: Kind, event: str, at: datetime) -> Told | None:
    """None: of another shop of the same account."""
    if "custom_id" not in capture:
        return None
    currency = str(capture["amount"]["currency_code"])
    return Told(
        event=event,
        payment=str(capture["custom_id"]),
        provider_reference=_order_id(capture),
        kind=kind,
        amount_minor=amounts.minor(str(capture["amount"]["value"]), currency),
        currency=currency,
        at=at,
    )


def _order_id(capture: Mapping[str, Any]) -> str:
    return str(capture.get("supplementary_data", {}).get("related_ids", {}).get("order_id", ""))


def _refunded(made: Mapping[str, Any], kind: Kind, payment: str, reference: str, event: str, at: datetime) -> Told:
    currency = str(made["amount"]["currency_code"])
    return Told(
        event=event,
        payment=payment,
        provider_reference=reference,
        kind=kind,
        amount_minor=amounts.minor(str(made["amount"]["value"]), currency),
        currency=currency,
        at=at,
        refund=str(made["id"]),
    )


def _at(said: Any) -> datetime:
    found = datetime.fromisoformat(str(said))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.astimezone(UTC)


def _safe(said: Any) -> str:
    return quote(str(said), safe="")
