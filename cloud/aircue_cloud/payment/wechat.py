"""WeChat Pay, API v3: orders (a code to scan, inside WeChat, a phone's browser), notifications, questions, refunds.

Formats: pay.weixin.qq.com/doc/v3/merchant: signing 4012365336, verifying 4013053420, decrypting 4012071382, ordering
4012791877. Amounts are in fen.
"""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from aircue_cloud.errors import SettingsError
from aircue_cloud.payment import asking, keys, signatures, trade_numbers
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
    Refused,
    Told,
)

API = "https://api.mch.weixin.qq.com"
CURRENCY = "CNY"
SCHEMA = "WECHATPAY2-SHA256-RSA2048"
TOLERANCE_S = 300
_KEY_BYTES = 32
_LONGEST = 127  # of a description
_MOST_BYTES = 64  # of a refund's number
_ALGORITHM = "AEAD_AES_256_GCM"
_STATES: Mapping[str, Kind] = {
    **dict.fromkeys(("SUCCESS", "REFUND"), PAID),
    **dict.fromkeys(("NOTPAY", "USERPAYING", "ACCEPT"), PENDING),
    **dict.fromkeys(("CLOSED", "REVOKED", "PAYERROR"), FAILED),
}
_REFUNDS: Mapping[str, Kind] = {"SUCCESS": REFUNDED, "PROCESSING": PENDING}
_SOURCES = {
    "app_id": "the app, mini program or official account that the merchant number is bound to, wx...",
    "merchant_id": "pay.weixin.qq.com > Account centre > Merchant information",
    "merchant_serial": "pay.weixin.qq.com > Account centre > API security > Merchant API certificate",
    "private_key": "apiclient_key.pem, which comes with the merchant API certificate",
    "api_v3_key": "pay.weixin.qq.com > Account centre > API security > APIv3 key, 32 characters that you choose",
    "platform_keys": "pay.weixin.qq.com > Account centre > API security > WeChat Pay public key: its id and its file",
}


@dataclass(frozen=True, kw_only=True)
class WeChatSettings:
    """[payment.wechat]. platform_keys: a file (public key or certificate, PEM) for each id or serial number that
    WeChat Pay signs under."""

    app_id: str
    merchant_id: str
    merchant_serial: str
    platform_keys: dict[str, str]
    private_key_file: str = ""
    private_key_env: str = ""
    api_v3_key_file: str = ""
    api_v3_key_env: str = ""
    api_url: str = API


def open_provider(opening: Opening) -> "WeChat":
    settings = keys.settings(opening, WeChatSettings, _SOURCES)
    api_key = keys.secret(opening, "api_v3_key").encode()
    if len(api_key) != _KEY_BYTES:
        raise SettingsError(f"{opening.where}: key 'api_v3_key' has {len(api_key)} characters, expected {_KEY_BYTES}")
    said = keys.secret(opening, "private_key")
    return WeChat(
        http=opening.http,
        clock=opening.clock,
        app_id=settings.app_id,
        merchant_id=settings.merchant_id,
        serial=settings.merchant_serial,
        key=keys.loaded(opening, "private_key", signatures.private_key, said, "an RSA private key"),
        api_key=api_key,
        platform={serial: _platform_key(opening, file) for serial, file in settings.platform_keys.items()},
        notify_url=opening.notify_url,
        api=keys.url(opening, "api_url", settings.api_url),
    )


def _platform_key(opening: Opening, file: Any) -> RSAPublicKey:
    said = keys.read_file(opening, "platform_keys", str(file))
    return keys.loaded(opening, "platform_keys", signatures.public_key, said, "WeChat Pay's public key or certificate")


def request_message(method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bytes:
    """What we sign of a request. path: with its query."""
    return "\n".join((method, path, timestamp, nonce, "")).encode() + body + b"\n"


def authorization(merchant_id: str, nonce: str, timestamp: str, serial: str, signature: str) -> str:
    said = {"mchid": merchant_id, "nonce_str": nonce, "timestamp": timestamp, "serial_no": serial}
    return f"{SCHEMA} " + ",".join(f'{name}="{value}"' for name, value in {**said, "signature": signature}.items())


def verify(platform: Mapping[str, RSAPublicKey], headers: Mapping[str, str], body: bytes, now: datetime) -> None:
    """A notification or a response. NotGenuine."""
    said = {name: headers.get(f"wechatpay-{name}", "") for name in ("timestamp", "nonce", "signature", "serial")}
    missing = [f"Wechatpay-{name.title()}" for name, value in said.items() if not value]
    if missing:
        raise NotGenuine(f"format: no {', '.join(missing)}")
    if said["serial"] not in platform:
        raise NotGenuine("serial: no key of platform_keys; is there a new one at pay.weixin.qq.com?")
    message = f"{said['timestamp']}\n{said['nonce']}\n".encode() + body + b"\n"
    signatures.verify(platform[said["serial"]], message, said["signature"])
    stamp = said["timestamp"]
    if not (stamp.isascii() and stamp.isdigit()) or abs(now.timestamp() - int(stamp)) > TOLERANCE_S:
        raise NotGenuine(f"time: it was signed more than {TOLERANCE_S} s from now")


def decrypt(api_key: bytes, nonce: str, ciphertext: str, associated: str) -> bytes:
    """AES-256-GCM; ciphertext in base64, its tag behind it. NotGenuine."""
    with asking.well_formed():
        sealed = base64.b64decode(ciphertext, validate=True)
        try:
            return AESGCM(api_key).decrypt(nonce.encode(), sealed, associated.encode())
        except InvalidTag as error:
            raise NotGenuine("signature: the resource is not sealed under our APIv3 key") from error


@dataclass(frozen=True, kw_only=True)
class WeChat:
    """provider_reference: out_trade_no, ours. platform: WeChat Pay's keys by id. notify_url: for refunds."""

    http: Http
    clock: Callable[[], datetime]
    app_id: str
    merchant_id: str
    serial: str
    key: RSAPrivateKey = field(repr=False)
    api_key: bytes = field(repr=False)
    platform: Mapping[str, RSAPublicKey] = field(repr=False)
    notify_url: str
    api: str = API
    draw: Callable[[], str] = field(default=lambda: secrets.token_hex(16), repr=False)
    name: str = "wechat"

    def begin(self, asked: Asked) -> Begun:
        """redirect_url is weixin://..., which a page shows as a code to scan."""
        begun = self._begun(asked, "native", {}, lambda made: {"code_url": str(made["code_url"])})
        return Begun(provider_reference=begun.provider_reference, redirect_url=begun.fields["code_url"])

    def begin_in_wechat(self, asked: Asked, openid: str) -> Begun:
        """Inside WeChat's own browser: the fields are for its WeixinJSBridge. openid: the shopper's to app_id."""
        more = {"payer": {"openid": openid}}
        return self._begun(asked, "jsapi", more, lambda made: self._bridge(str(made["prepay_id"])))

    def begin_on_phone(self, asked: Asked, address: str) -> Begun:
        """In a phone's browser, whose address WeChat Pay wants to know."""
        more = {"scene_info": {"payer_client_ip": address, "h5_info": {"type": "Wap"}}}
        begun = self._begun(asked, "h5", more, lambda made: {"h5_url": str(made["h5_url"])})
        url = f"{begun.fields['h5_url']}&redirect_url={quote(asked.return_url, safe='')}"
        return Begun(provider_reference=begun.provider_reference, redirect_url=url)

    def read(self, callback: Callback, now: datetime) -> Told | None:
        verify(self.platform, callback.headers, callback.body, now)
        said = asking.parsed(callback.body, NotGenuine)
        with asking.well_formed():
            event, kind, resource = str(said["id"]), str(said["event_type"]), said["resource"]
            if kind not in ("TRANSACTION.SUCCESS", "REFUND.SUCCESS"):
                return None
            found = asking.parsed(self._opened(resource), NotGenuine)
            self._check(found, NotGenuine)
            return _of_order(found, event) if kind == "TRANSACTION.SUCCESS" else _of_refund(found, REFUNDED, event)

    def look(self, payment: str, provider_reference: str) -> Told | None:
        with asking.unsettled(), asking.well_formed(ProviderDown):
            number = trade_numbers.of(payment)
            path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={quote(self.merchant_id, safe='')}"
            answered = self._asked("GET", path, None)
            if answered.status == 404:
                return None
            found = _taken(answered)
            self._check(found, ProviderDown)
            return _of_order({"success_time": self.clock().isoformat(), **found}, f"look-{number}")

    def refund(self, payment: str, provider_reference: str, amount_minor: int, currency: str, key: str) -> Told:
        """out_refund_no, which it knows a refund by, is the key. It wants to hear what the whole payment was."""
        whole = self.look(payment, provider_reference)
        if whole is None or whole.kind != PAID:
            raise Refused(f"WeChat Pay knows no payment of {payment} that was paid")
        if len(key.encode()) > _MOST_BYTES:
            raise Refused(f"the key of a refund has up to {_MOST_BYTES} characters at WeChat Pay")
        said = {
            "out_trade_no": trade_numbers.of(payment),
            "out_refund_no": key,
            "notify_url": self.notify_url,
            "amount": {"refund": _fen(amount_minor, currency), "total": whole.amount_minor, "currency": CURRENCY},
        }
        made = _taken(self._asked("POST", "/v3/refund/domestic/refunds", said))
        with asking.well_formed(ProviderDown):
            kind = _REFUNDS.get(str(made["status"]))
            if kind is None:
                raise Refused(f"WeChat Pay: the refund {made['refund_id']} is {made['status']}")
            told = {"success_time": self.clock().isoformat(), **made}
            return _of_refund(told, kind, f"{made['refund_id']}-{kind}")

    def reply(self, accepted: bool) -> tuple[int, str, bytes]:
        if accepted:
            return 200, "application/json", b""
        return 400, "application/json", b'{"code":"FAIL","message":"not accepted"}'

    def _begun(
        self, asked: Asked, way: str, more: Mapping[str, Any], fields: Callable[[Mapping[str, Any]], Mapping[str, str]]
    ) -> Begun:
        made = _taken(self._asked("POST", f"/v3/pay/transactions/{way}", {**self._order(asked), **more}))
        with asking.well_formed(ProviderDown):
            return Begun(provider_reference=trade_numbers.of(asked.payment), fields=fields(made))

    def _order(self, asked: Asked) -> dict[str, Any]:
        return {
            "appid": self.app_id,
            "mchid": self.merchant_id,
            "description": asked.description[:_LONGEST],
            "out_trade_no": trade_numbers.of(asked.payment),
            "notify_url": asked.notify_url,
            "amount": {"total": _fen(asked.amount_minor, asked.currency), "currency": CURRENCY},
        }

    def _bridge(self, prepay: str) -> dict[str, str]:
        said = {
            "appId": self.app_id,
            "timeStamp": self._stamp(),
            "nonceStr": self.draw(),
            "package": f"prepay_id={prepay}",
        }
        message = "".join(f"{value}\n" for value in said.values()).encode()
        return {**said, "signType": "RSA", "paySign": signatures.sign(self.key, message)}

    def _opened(self, resource: Mapping[str, Any]) -> bytes:
        if resource["algorithm"] != _ALGORITHM:
            raise ValueError(f"algorithm {resource['algorithm']!r:.40}")
        sealed, associated = str(resource["ciphertext"]), str(resource.get("associated_data") or "")
        return decrypt(self.api_key, str(resource["nonce"]), sealed, associated)

    def _check(self, found: Mapping[str, Any], error: type[NotGenuine] | type[ProviderDown]) -> None:
        """A refund's notification does not name the app."""
        if found["mchid"] != self.merchant_id or found.get("appid", self.app_id) != self.app_id:
            raise error("merchant: it is signed, and for somebody else")

    def _asked(self, method: str, path: str, said: Mapping[str, Any] | None) -> Answered:
        """A response that is not WeChat Pay's own is none; of its refusals not all are signed."""
        body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Authorization": self._authorized(method, path, body),
        }
        answered = asking.ask(self.http, method, self.api + path, headers, body)
        if answered.status < 300:
            try:
                verify(self.platform, answered.headers, answered.body, self.clock())
            except NotGenuine as error:
                raise ProviderDown(f"WeChat Pay's answer is not WeChat Pay's: {error}") from error
        return answered

    def _authorized(self, method: str, path: str, body: bytes) -> str:
        stamp, nonce = self._stamp(), self.draw()
        signature = signatures.sign(self.key, request_message(method, path, stamp, nonce, body))
        return authorization(self.merchant_id, nonce, stamp, self.serial, signature)

    def _stamp(self) -> str:
        return str(int(self.clock().timestamp()))


def _taken(answered: Answered) -> dict[str, Any]:
    found = asking.document(answered)
    if answered.status >= 300:
        raise Refused(f"WeChat Pay answered {answered.status}: {found.get('code', 'no reason')!s:.60}")
    return found


def _of_order(found: Mapping[str, Any], event: str) -> Told:
    """Before it is paid the amount may be missing."""
    kind = _STATES[str(found["trade_state"])]
    amount = found["amount"] if kind == PAID else {"total": 0, **found.get("amount", {})}
    return Told(
        event=event,
        payment=trade_numbers.payment(str(found["out_trade_no"])),
        provider_reference=str(found["out_trade_no"]),
        kind=kind,
        amount_minor=_whole(amount["total"]),
        currency=str(amount.get("currency", CURRENCY)),
        at=_at(found["success_time"]),
    )


def _of_refund(found: Mapping[str, Any], kind: Kind, event: str) -> Told:
    return Told(
        event=event,
        payment=trade_numbers.payment(str(found["out_trade_no"])),
        provider_reference=str(found["out_trade_no"]),
        kind=kind,
        amount_minor=_whole(found["amount"]["refund"]),
        currency=str(found["amount"].get("currency", CURRENCY)),
        at=_at(found["success_time"]),
        refund=str(found["refund_id"]),
    )


def _whole(said: Any) -> int:
    if type(said) is not int or said < 0:
        raise TypeError("an amount that is no whole number of fen")
    return said


def _fen(amount_minor: int, currency: str) -> int:
    if currency != CURRENCY:
        raise Refused(f"WeChat Pay takes {CURRENCY} here, not {currency:.3}")
    return amount_minor


def _at(said: Any) -> datetime:
    found = datetime.fromisoformat(str(said))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.astimezone(UTC)
