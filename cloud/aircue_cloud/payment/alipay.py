"""Alipay: its pages on a computer and on a phone, notifications, questions and refunds, signed RSA2.

Formats: opendocs.alipay.com/common/02kf5q (signing), /common/02mse7 (verifying), /open/270/105899 (pages and
notifications). Amounts are in yuan with two decimals, times those of China, GMT+8.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from aircue_cloud.payment import amounts, asking, keys, signatures, trade_numbers
from aircue_cloud.payment.provider import (
    FAILED,
    PAID,
    PENDING,
    REFUNDED,
    Asked,
    Begun,
    Callback,
    Http,
    Kind,
    NotGenuine,
    Opening,
    ProviderDown,
    Refused,
    Told,
)

GATEWAY = "https://openapi.alipay.com/gateway.do"
CURRENCY = "CNY"
CHINA = timezone(timedelta(hours=8))
_TIME = "%Y-%m-%d %H:%M:%S"
_LONGEST = 256  # of a subject
_NOT_IN_SUBJECTS = re.compile(r"[/=&]")
_SIGNED = "RSA2"
_DONE = "10000"
_UNKNOWN = ("ACQ.TRADE_NOT_EXIST",)
_DOWN = ("20000", "ACQ.SYSTEM_ERROR", "aop.ACQ.SYSTEM_ERROR", "isp.unknow-error")
_STATUSES: Mapping[str, Kind] = {
    "TRADE_SUCCESS": PAID,
    "TRADE_FINISHED": PAID,
    "WAIT_BUYER_PAY": PENDING,
    "TRADE_CLOSED": FAILED,
}
_PAGES = (  # name, method, product
    ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
)
_SOURCES = {
    "app_id": "open.alipay.com > Console > your app > APPID",
    "seller_id": "b.alipay.com > Account centre > PID, 2088...",
    "private_key": "made by you with Alipay's key tool, whose public half is entered at open.alipay.com",
    "alipay_public_key": "open.alipay.com > Console > your app > Interface signing > Alipay public key",
}


@dataclass(frozen=True, kw_only=True)
class AlipaySettings:
    """[payment.alipay]. alipay_public_key_file: Alipay's, not the one that belongs to private_key."""

    app_id: str
    seller_id: str
    alipay_public_key_file: str
    private_key_file: str = ""
    private_key_env: str = ""
    gateway: str = GATEWAY


def open_provider(opening: Opening) -> "Alipay":
    settings = keys.settings(opening, AlipaySettings, _SOURCES)
    said = keys.secret(opening, "private_key")
    theirs = keys.read_file(opening, "alipay_public_key_file", settings.alipay_public_key_file)
    return Alipay(
        http=opening.http,
        clock=opening.clock,
        app_id=settings.app_id,
        seller_id=settings.seller_id,
        key=keys.loaded(opening, "private_key", signatures.private_key, said, "an RSA private key"),
        theirs=keys.loaded(opening, "alipay_public_key_file", signatures.public_key, theirs, "Alipay's public key"),
        gateway=keys.url(opening, "gateway", settings.gateway),
    )


def content(parameters: Mapping[str, str], without: Sequence[str] = ("sign",)) -> str:
    """What is signed: by name, values as they are, empty ones left out.

    >>> content({"b": "2 =", "a": "1", "c": "", "sign": "x"})
    'a=1&b=2 ='
    """
    return "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if _counts(parameters, name, without))


def _counts(parameters: Mapping[str, str], name: str, without: Sequence[str]) -> bool:
    return name not in without and parameters[name] != ""


def answer_in(text: str, name: str) -> tuple[str, str]:
    """The very characters of one answer within a response, which the signature is over, and the signature. ValueError.

    >>> answer_in('{"a_response":{"code": "1"},"sign":"x"}', "a_response")
    ('{"code": "1"}', 'x')
    """
    found: dict[str, str] = {}
    at, decoder = _past(text, 0, "{"), json.JSONDecoder()
    while True:
        key, at = decoder.raw_decode(text, _past(text, at))
        start = _past(text, at, ":")
        _, at = decoder.raw_decode(text, start)
        found.setdefault(str(key), text[start:at])
        at = _past(text, at)
        if text[at] == "}":
            break
        at = _past(text, at, ",")
    return found[name], str(json.loads(found.get("sign", '""')))


def _past(text: str, at: int, sign: str = "") -> int:
    """Where the next thing begins, behind white space and one sign."""
    while text[at] in " \t\r\n":
        at += 1
    if not sign:
        return at
    if text[at] != sign:
        raise ValueError(f"no {sign} at {at}")
    return _past(text, at + 1)


@dataclass(frozen=True, kw_only=True)
class Alipay:
    """provider_reference: out_trade_no, ours, as Alipay has none before somebody pays."""

    http: Http
    clock: Callable[[], datetime]
    app_id: str
    seller_id: str
    key: RSAPrivateKey = field(repr=False)
    theirs: RSAPublicKey = field(repr=False)
    gateway: str = GATEWAY
    name: str = "alipay"

    def begin(self, asked: Asked) -> Begun:
        """Nothing is sent: the shopper carries our signature there. On a phone: fields["wap"]."""
        urls = {name: self._page(asked, method, product) for name, method, product in _PAGES}
        return Begun(provider_reference=trade_numbers.of(asked.payment), redirect_url=urls["page"], fields=urls)

    def read(self, callback: Callback, now: datetime) -> Told | None:
        """What is signed has no time that a repetition would be known by: Alipay repeats one for a day."""
        said = _form(callback.body)
        self._verify(said)
        with asking.well_formed():
            if said.get("notify_type") != "trade_status_sync":
                return None
            if "gmt_refund" in said or amounts.minor(said.get("refund_fee") or "0", CURRENCY):
                with asking.unsettled():
                    return self._of_refund(said)
            return _of_trade(said, said["notify_id"], _at(said.get("gmt_payment") or said["notify_time"]))

    def look(self, payment: str, provider_reference: str) -> Told | None:
        with asking.unsettled(), asking.well_formed(ProviderDown):
            number = trade_numbers.of(payment)
            found = self._asked("alipay.trade.query", {"out_trade_no": number})
            if found is None:
                return None
            at = _at(found["send_pay_date"]) if found.get("send_pay_date") else self.clock()
            return _of_trade({**found, "out_trade_no": found.get("out_trade_no", number)}, f"look-{number}", at)

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        """out_request_no, which Alipay knows a refund by, is the key."""
        number = trade_numbers.of(payment)
        said = {"out_trade_no": number, "refund_amount": _yuan(amount_minor, currency), "out_request_no": key}
        made = self._asked("alipay.trade.refund", said)
        if made is None:
            raise Refused(f"Alipay knows no payment under {number}")
        done = made.get("fund_change") == "Y" or self._refund_of(number, key) is not None
        return Told(
            event=f"{key}-{REFUNDED if done else PENDING}",
            payment=payment,
            provider_reference=number,
            kind=REFUNDED if done else PENDING,
            amount_minor=amount_minor,
            currency=currency,
            at=self.clock(),
            refund=key,
        )

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        """Seven letters and nothing else, or it comes again."""
        return 200, "text/plain", b"success" if accepted else b"fail"

    def _page(self, asked: Asked, method: str, product: str) -> str:
        said = {
            "out_trade_no": trade_numbers.of(asked.payment),
            "total_amount": _yuan(asked.amount_minor, asked.currency),
            "subject": _NOT_IN_SUBJECTS.sub(" ", asked.description)[:_LONGEST],
            "product_code": product,
            **({"quit_url": asked.cancel_url} if product == "QUICK_WAP_WAY" else {}),
        }
        more = {"return_url": asked.return_url, "notify_url": asked.notify_url, "biz_content": _json(said)}
        return f"{self.gateway}?{urlencode(self._signed(method, more))}"

    def _signed(self, method: str, more: Mapping[str, str]) -> dict[str, str]:
        parameters = {
            "app_id": self.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": _SIGNED,
            "timestamp": self.clock().astimezone(CHINA).strftime(_TIME),
            "version": "1.0",
            **more,
        }
        return {**parameters, "sign": signatures.sign(self.key, content(parameters).encode())}

    def _verify(self, said: Mapping[str, str]) -> None:
        if said.get("sign_type") != _SIGNED or said.get("charset", "utf-8").lower() != "utf-8":
            raise NotGenuine("format: neither signed RSA2 nor in UTF-8")
        signatures.verify(self.theirs, content(said, ("sign", "sign_type")).encode(), said.get("sign", ""))
        for name, ours in (("app_id", self.app_id), ("seller_id", self.seller_id)):
            if said.get(name) != ours:
                raise NotGenuine(f"{name}: it is signed, and for somebody else")

    def _asked(self, method: str, said: Mapping[str, str]) -> dict[str, Any] | None:
        """None where there is no such trade."""
        signed = self._signed(method, {"biz_content": _json(said)})
        body = urlencode({"biz_content": signed.pop("biz_content")}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        answered = asking.ask(self.http, "POST", f"{self.gateway}?{urlencode(signed)}", headers, body)
        found = self._answer(answered.body, f"{method.replace('.', '_')}_response")
        return _taken(found)

    def _answer(self, body: bytes, name: str) -> dict[str, Any]:
        """An answer without our method's name, or without a signature, is no answer."""
        with asking.well_formed(ProviderDown):
            raw, sign = answer_in(body.decode("utf-8").strip(), name)
        try:
            signatures.verify(self.theirs, raw.encode(), sign)
        except NotGenuine as error:
            raise ProviderDown(f"Alipay's answer is not signed by Alipay: {error}") from error
        return asking.parsed(raw.encode(), ProviderDown)

    def _of_refund(self, said: Mapping[str, str]) -> Told | None:
        """A notification says how much is refunded by now; how much that time it has to be asked."""
        made = self._refund_of(said["out_trade_no"], said["out_biz_no"]) if said.get("out_biz_no") else None
        if made is None:
            return None
        return Told(
            event=said["notify_id"],
            payment=trade_numbers.payment(said["out_trade_no"]),
            provider_reference=said["out_trade_no"],
            kind=REFUNDED,
            amount_minor=amounts.minor(str(made["refund_amount"]), CURRENCY),
            currency=CURRENCY,
            at=_at(said.get("gmt_refund") or said["notify_time"]),
            refund=said["out_biz_no"],
        )

    def _refund_of(self, number: str, request: str) -> dict[str, Any] | None:
        """None: it has not come about, or not yet."""
        found = self._asked("alipay.trade.fastpay.refund.query", {"out_trade_no": number, "out_request_no": request})
        done = found is not None and "refund_amount" in found
        return found if done and (found or {}).get("refund_status", "REFUND_SUCCESS") == "REFUND_SUCCESS" else None


def _taken(found: dict[str, Any]) -> dict[str, Any] | None:
    code, reason = str(found.get("code")), str(found.get("sub_code", ""))
    if code == _DONE:
        return found
    if reason in _UNKNOWN:
        return None
    if code in _DOWN or reason in _DOWN:
        raise ProviderDown(f"Alipay answered {code} {reason}")
    raise Refused(f"Alipay answered {code}: {reason:.60}")


def _form(body: bytes) -> dict[str, str]:
    with asking.well_formed():
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("a parameter twice")
    return dict(pairs)


def _of_trade(said: Mapping[str, Any], event: str, at: datetime) -> Told:
    """What is closed after it was paid was given back."""
    paid = said.get("gmt_payment") or said.get("send_pay_date")
    kind = _STATUSES[str(said["trade_status"])]
    return Told(
        event=event,
        payment=trade_numbers.payment(str(said["out_trade_no"])),
        provider_reference=str(said["out_trade_no"]),
        kind=PAID if paid and kind == FAILED else kind,
        amount_minor=amounts.minor(str(said["total_amount"]), CURRENCY),
        currency=str(said.get("trans_currency") or CURRENCY),
        at=at,
    )


def _yuan(amount_minor: int, currency: str) -> str:
    if currency != CURRENCY:
        raise Refused(f"Alipay takes {CURRENCY} here, not {currency:.3}")
    return amounts.text(amount_minor, currency, 2)


def _json(said: Mapping[str, str]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _at(said: str) -> datetime:
    """Some carry thousandths."""
    return datetime.strptime(said[:19], _TIME).replace(tzinfo=CHINA).astimezone(UTC)
