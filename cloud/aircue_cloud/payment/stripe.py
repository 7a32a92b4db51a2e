"""Stripe: hosted Checkout, its webhooks, refunds. Apple Pay comes with it: Checkout offers it by itself to shoppers
whose browser has it, once it is on in Stripe's dashboard.

Formats: docs.stripe.com/api/checkout/sessions, /webhooks#verify-manually, /currencies.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from aircue_cloud.payment import amounts, asking, keys
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
from aircue_cloud.shop import money

API = "https://api.stripe.com"
API_VERSION = "2024-06-20"
TOLERANCE_S = 300
SCHEME = "v1"
_MOST = 100  # refunds of one payment that are listed

# Where Stripe counts otherwise than ISO 4217. ISK and UGX have no decimals there either, but are sent with two zeros.
_ZERO = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
_THREE = ("BHD", "JOD", "KWD", "OMR", "TND")
_USUAL = 2
_DECIMALS = {**dict.fromkeys(_ZERO, 0), **dict.fromkeys(_THREE, 3), "ISK": 2, "UGX": 2}

_KINDS: Mapping[str, Kind] = {
    "checkout.session.completed": PAID,
    "checkout.session.async_payment_succeeded": PAID,
    "checkout.session.async_payment_failed": FAILED,
    "checkout.session.expired": FAILED,
}
_REFUNDS: Mapping[str, Kind] = {"succeeded": REFUNDED, "pending": PENDING, "requires_action": PENDING}
_SOURCES = {
    "secret_key": "Stripe Dashboard > Developers > API keys, sk_live_... or sk_test_...",
    "webhook_secret": "Stripe Dashboard > Developers > Webhooks > your endpoint > Signing secret, whsec_...",
}


@dataclass(frozen=True, kw_only=True)
class StripeSettings:
    """[payment.stripe]. Of each secret either the file or the name of the environment variable that holds it."""

    secret_key_file: str = ""
    secret_key_env: str = ""
    webhook_secret_file: str = ""
    webhook_secret_env: str = ""
    api_url: str = API


def open_provider(opening: Opening) -> "Stripe":
    settings = keys.settings(opening, StripeSettings, _SOURCES)
    return Stripe(
        http=opening.http,
        secret_key=keys.secret(opening, "secret_key"),
        webhook_secret=keys.secret(opening, "webhook_secret"),
        api=keys.url(opening, "api_url", settings.api_url),
    )


def units(amount_minor: int, currency: str) -> int:
    """An amount as Stripe counts it. Refused where it cannot be charged.

    >>> units(1999, "EUR"), units(500, "JPY"), units(5, "UGX"), units(5120, "KWD"), units(700, "MGA")
    (1999, 500, 500, 5120, 7)
    """
    if currency not in _DECIMALS and (currency not in money.CODES or money.exponent(currency) != _USUAL):
        raise Refused(f"Stripe takes no {currency:.3}")
    found = amounts.units(amount_minor, currency, _DECIMALS.get(currency, _USUAL))
    if currency in _THREE and found % 10:
        raise Refused(f"Stripe takes amounts of {currency} whose last digit is 0, not {found}: round the price")
    return found


def minor(found: int, currency: str) -> int:
    """ValueError where our minor unit is too coarse for it."""
    return amounts.rescaled(found, _DECIMALS.get(currency, _USUAL), money.exponent(currency))


def verify(secret: str, header: str, body: bytes, now: datetime) -> None:
    """The header Stripe-Signature: a time, and a signature under each secret that is valid just now. NotGenuine."""
    pairs = [item.strip().partition("=") for item in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit():
        raise NotGenuine("format: Stripe-Signature without one time")
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    signatures = [value.encode() for name, _, value in pairs if name == SCHEME]
    if not [one for one in signatures if hmac.compare_digest(one, expected)]:
        raise NotGenuine("signature: none of Stripe-Signature's is under our signing secret")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_S:
        raise NotGenuine(f"time: it was signed more than {TOLERANCE_S} s from now")


@dataclass(frozen=True, kw_only=True)
class Stripe:
    """provider_reference: of the Checkout Session. Secrets are not in repr()."""

    http: Http
    secret_key: str
    webhook_secret: str
    api: str = API
    name: str = "stripe"

    def __repr__(self) -> str:
        return f"Stripe({self.api})"

    def begin(self, asked: Asked) -> Begun:
        session = self._made("/v1/checkout/sessions", _session(asked), f"begin-{asked.payment}")
        with asking.well_formed(ProviderDown):
            return Begun(provider_reference=str(session["id"]), redirect_url=str(session["url"]))

    def read(self, callback: Callback, now: datetime) -> Told | None:
        verify(self.webhook_secret, callback.headers.get("stripe-signature", ""), callback.body, now)
        event = asking.parsed(callback.body, NotGenuine)
        with asking.well_formed():
            kind, at = str(event["type"]), _at(event["created"])
            said, message = event["data"]["object"], str(event["id"])
            if kind in _KINDS:
                return _of_session(said, _KINDS[kind], message, at) if _is_ours(said) else None
            with asking.unsettled():
                return self._of_refund(kind, said, message, at)

    def look(self, payment: str, provider_reference: str) -> Told | None:
        with asking.unsettled(), asking.well_formed(ProviderDown):
            session = self._session_of(payment, provider_reference)
            if session is None:
                return None
            kind: Kind = FAILED if session["status"] == "expired" else PAID
            told = _of_session(session, kind, f"look-{session['id']}", _at(session["created"]))
            return self._with_refunds(told, session) if told.kind == PAID else told

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        session = self._session_of(payment, provider_reference)
        if session is None or not session.get("payment_intent"):
            raise Refused(f"Stripe knows no payment under {provider_reference or payment}")
        form = {
            "payment_intent": str(session["payment_intent"]),
            "amount": str(units(amount_minor, currency)),
            "metadata[payment]": payment,
        }
        made = self._made("/v1/refunds", form, key)
        with asking.well_formed(ProviderDown):
            kind = _REFUNDS.get(str(made["status"]))
            if kind is None:
                raise Refused(f"Stripe: the refund {made['id']} is {made['status']}")
            told = _refunded(made, session, f"{made['id']}-{kind}", _at(made["created"]))
            return told if kind == REFUNDED else _still(told)

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        return (200 if accepted else 400), "text/plain", b""

    def _of_refund(self, kind: str, said: Mapping[str, Any], event: str, at: datetime) -> Told | None:
        """Stripe says of a charge how much of it is refunded by now; which refund that was it has to be asked."""
        if kind not in ("charge.refunded", "refund.updated") or not said.get("payment_intent"):
            return None
        intent = str(said["payment_intent"])
        made = self._last_of(intent, int(said["amount_refunded"])) if kind == "charge.refunded" else said
        if made["status"] != "succeeded":
            return None
        session = self._session_with(intent)
        return _refunded(made, session, event, at) if session is not None and _is_ours(session) else None

    def _last_of(self, intent: str, amount_refunded: int) -> Mapping[str, Any]:
        """The refund that made the sum so high."""
        total = 0
        for made in self._refunds(intent):
            total += int(made["amount"])
            if total == amount_refunded:
                return made
        raise ProviderDown(f"Stripe: the refunds of {intent} do not add up to {amount_refunded} yet")

    def _refunds(self, intent: str) -> list[Mapping[str, Any]]:
        """Those that are done or under way, the first first."""
        found = self._got("/v1/refunds", {"payment_intent": intent, "limit": str(_MOST)})
        with asking.well_formed(ProviderDown):
            made = [one for one in (found or {})["data"] if one["status"] in _REFUNDS]
            made.reverse()  # Stripe lists the latest first, and counts in whole seconds
            return sorted(made, key=lambda one: int(one["created"]))

    def _with_refunds(self, told: Told, session: Mapping[str, Any]) -> Told:
        intent = session.get("payment_intent")
        made = [one for one in self._refunds(str(intent)) if one["status"] == "succeeded"] if intent else []
        found = tuple(Refund(id=str(one["id"]), amount_minor=minor(int(one["amount"]), told.currency)) for one in made)
        return Told(**{**vars(told), "refunds": found})

    def _session_of(self, payment: str, reference: str) -> dict[str, Any] | None:
        """By its id; by our metadata where we never heard that, which only finds what somebody has tried to pay."""
        if reference:
            return self._got(f"/v1/checkout/sessions/{quote(reference, safe='')}", {})
        found = self._got("/v1/payment_intents/search", {"query": f"metadata['payment']:'{_quoted(payment)}'"})
        with asking.well_formed(ProviderDown):
            intents = (found or {"data": []})["data"]
            return self._session_with(str(intents[0]["id"])) if intents else None

    def _session_with(self, intent: str) -> dict[str, Any] | None:
        found = self._got("/v1/checkout/sessions", {"payment_intent": intent})
        with asking.well_formed(ProviderDown):
            sessions: list[dict[str, Any]] = (found or {"data": []})["data"]
            return sessions[0] if sessions else None

    def _got(self, path: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        url = f"{self.api}{path}" + (f"?{urlencode(query)}" if query else "")
        answered = asking.ask(self.http, "GET", url, self._headers())
        return None if answered.status == 404 else _taken(answered)

    def _made(self, path: str, form: Mapping[str, str], key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": key}
        return _taken(
            asking.ask(self.http, "POST", self.api + path, self._headers() | headers, urlencode(form).encode())
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret_key}", "Stripe-Version": API_VERSION}


def _taken(answered: Answered) -> dict[str, Any]:
    found = asking.document(answered)
    if answered.status >= 300:
        error = found.get("error")
        reason = (error.get("code") or error.get("type")) if isinstance(error, dict) else None
        raise Refused(f"Stripe answered {answered.status}: {reason or 'no reason'}")
    return found


def _session(asked: Asked) -> dict[str, str]:
    return {
        "mode": "payment",
        "client_reference_id": asked.payment,
        "success_url": asked.return_url,
        "cancel_url": asked.cancel_url,
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": asked.currency.lower(),
        "line_items[0][price_data][unit_amount]": str(units(asked.amount_minor, asked.currency)),
        "line_items[0][price_data][product_data][name]": asked.description,
        "metadata[payment]": asked.payment,
        "metadata[order]": str(asked.order_number),
        "payment_intent_data[metadata][payment]": asked.payment,
    }


def _is_ours(session: Mapping[str, Any]) -> bool:
    """The same account may sell elsewhere too."""
    return "payment" in (session.get("metadata") or {})


def _of_session(session: Mapping[str, Any], kind: Kind, event: str, at: datetime) -> Told:
    """A session that is through and not paid waits for a bank."""
    paid = session["payment_status"] != "unpaid"
    currency = str(session["currency"]).upper()
    return Told(
        event=event,
        payment=str(session.get("client_reference_id") or ""),
        provider_reference=str(session["id"]),
        kind=kind if kind == FAILED or paid else PENDING,
        amount_minor=minor(int(session["amount_total"]), currency),
        currency=currency,
        at=at,
    )


def _refunded(made: Mapping[str, Any], session: Mapping[str, Any], event: str, at: datetime) -> Told:
    currency = str(made["currency"]).upper()
    return Told(
        event=event,
        payment=str(session.get("client_reference_id") or ""),
        provider_reference=str(session["id"]),
        kind=REFUNDED,
        amount_minor=minor(int(made["amount"]), currency),
        currency=currency,
        at=at,
        refund=str(made["id"]),
    )


def _still(told: Told) -> Told:
    return Told(**{**vars(told), "kind": PENDING})


def _at(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _quoted(said: str) -> str:
    """Inside the quotation marks of Stripe's search language."""
    return said.replace("\\", "\\\\").replace("'", "\\'")
