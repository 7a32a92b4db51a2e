"""WeChat Pay, against a simulated one on loopback that checks our signature and signs its answers."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.cloud.payment import service
from tests.cloud.payment.service import NOW, PAYMENT, Answer, Request, Service, asked, called, flipped, opening, serving

from aircue_cloud.payment import wechat
from aircue_cloud.payment.provider import Callback, NotGenuine, ProviderDown, Refused
from aircue_cloud.payment.wechat import WeChat

APP, MERCHANT, SERIAL = "wxd678efh567hg6787", "1230000109", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
API_KEY = "0123456789abcdef0123456789ABCDEF"
PLATFORM = "PUB_KEY_ID_0112300001092026112200211100000000"
NUMBER = PAYMENT.replace("-", "")
AT = int(NOW.timestamp())
_AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(?P<mchid>\d+)",nonce_str="(?P<nonce>\w{32})",timestamp="(?P<at>\d{10})",'
    r'serial_no="(?P<serial>\w+)",signature="(?P<signature>[^"]+)"'
)


def sign(message: bytes, owner: str = "wechat") -> str:
    return base64.b64encode(service.key(owner).sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def signed(body: bytes, at: int = AT, owner: str = "wechat", serial: str = PLATFORM) -> dict[str, str]:
    nonce = "nonce-of-theirs"
    return {
        "Wechatpay-Timestamp": str(at),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": sign(b"%d\n%s\n%s\n" % (at, nonce.encode(), body), owner),
        "Wechatpay-Serial": serial,
    }


def check(request: Request) -> None:
    """Signed by our key over the request as it arrived."""
    found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
    assert found is not None, request.headers["authorization"]
    assert (found["mchid"], found["serial"]) == (MERCHANT, SERIAL)
    message = f"{request.method}\n{request.path}\n{found['at']}\n{found['nonce']}\n".encode() + request.body + b"\n"
    public = service.key("shop").public_key()
    public.verify(base64.b64decode(found["signature"]), message, padding.PKCS1v15(), hashes.SHA256())


class SimulatedWeChat:
    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.status = "SUCCESS"

    def answer(self, request: Request) -> Answer:
        check(request)
        path = urlsplit(request.path).path
        if request.method == "GET":
            assert request.query == {"mchid": MERCHANT}
            order = self.orders.get(path.rpartition("/")[2])
            return response(order) if order else response({"code": "ORDER_NOT_EXIST"}, 404)
        said = json.loads(request.body)
        return self._refund(said) if path == "/v3/refund/domestic/refunds" else self._order(path, said)

    def _order(self, path: str, said: dict[str, Any]) -> Answer:
        assert (said["appid"], said["mchid"]) == (APP, MERCHANT)
        number = said["out_trade_no"]
        assert re.fullmatch(r"[0-9a-zA-Z_\-|*]{6,32}", number)
        self.orders.setdefault(number, order(amount=said["amount"], out_trade_no=number, trade_state="NOTPAY"))
        way = path.rpartition("/")[2]
        return response(
            {
                "native": {"code_url": "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"},
                "jsapi": {"prepay_id": "wx201410272009395522657a690389285100"},
                "h5": {"h5_url": "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx20"},
            }[way]
        )

    def _refund(self, said: dict[str, Any]) -> Answer:
        assert said["amount"]["total"] == self.orders[said["out_trade_no"]]["amount"]["total"]
        key = said["out_refund_no"]
        if key not in self.refunds:
            number = f"503{len(self.refunds) + 1}"
            self.refunds[key] = {**said, "refund_id": number, "success_time": "2026-11-22T20:30:00+08:00"}
        return response({**self.refunds[key], "status": self.status})

    def pay(self) -> dict[str, Any]:
        self.orders[NUMBER] |= {"trade_state": "SUCCESS", "success_time": "2026-11-22T20:01:02+08:00"}
        return self.orders[NUMBER]


def order(**changed: Any) -> dict[str, Any]:
    return {
        "appid": APP,
        "mchid": MERCHANT,
        "out_trade_no": NUMBER,
        "transaction_id": "1217752501201407033233368018",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-22T20:01:02+08:00",
        "amount": {"total": 12900, "payer_total": 12000, "currency": "CNY", "payer_currency": "CNY"},
        **changed,
    }


def refund(**changed: Any) -> dict[str, Any]:
    return {
        "mchid": MERCHANT,
        "out_trade_no": NUMBER,
        "out_refund_no": "refund-1",
        "refund_id": "5031",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-22T20:30:00+08:00",
        "amount": {"total": 12900, "refund": 900, "payer_total": 12900, "payer_refund": 900},
        **changed,
    }


def response(said: Mapping[str, Any], status: int = 200) -> Answer:
    body = json.dumps(said, ensure_ascii=False).encode()
    return status, {"Content-Type": "application/json", **signed(body)}, body


def event(said: Mapping[str, Any], kind: str = "TRANSACTION.SUCCESS", key: str = API_KEY, **other: str) -> bytes:
    nonce, associated = "fdasflkja484", "transaction"
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), json.dumps(said).encode(), associated.encode())
    resource = {
        "original_type": "transaction",
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": associated,
        "nonce": nonce,
        **other,
    }
    message = {"id": "EV-2018022511223320873", "create_time": "2026-11-22T20:01:03+08:00", "event_type": kind}
    return json.dumps({**message, "resource_type": "encrypt-resource", "resource": resource}).encode()


def told(body: bytes) -> Callback:
    return called(signed(body), body)


@pytest.fixture
def simulated() -> SimulatedWeChat:
    return SimulatedWeChat()


@pytest.fixture
def running(simulated: SimulatedWeChat) -> Iterator[Service]:
    with serving(simulated.answer) as found:
        yield found


@pytest.fixture
def provider(running: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeChat:
    monkeypatch.setenv("WECHAT_KEY", API_KEY)
    (tmp_path / "shop.pem").write_text(service.private_pem("shop"))
    (tmp_path / "wechat.pem").write_text(service.public_pem("wechat"))
    table = {
        "app_id": APP,
        "merchant_id": MERCHANT,
        "merchant_serial": SERIAL,
        "private_key_file": "shop.pem",
        "api_v3_key_env": "WECHAT_KEY",
        "platform_keys": {PLATFORM: "wechat.pem"},
        "api_url": running.url,
    }
    return wechat.open_provider(opening(table, tmp_path))


def test_a_payment_begins_with_a_code_to_scan(provider: WeChat, running: Service, simulated: SimulatedWeChat) -> None:
    begun = provider.begin(asked(12900, "CNY"))
    assert begun.redirect_url == "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"
    assert begun.provider_reference == NUMBER
    said = json.loads(running.requests[0].body)
    assert said["amount"] == {"total": 12900, "currency": "CNY"}
    assert (said["notify_url"], said["description"]) == (asked().notify_url, asked().description)
    assert running.requests[0].path == "/v3/pay/transactions/native"


def test_on_a_phone_and_inside_wechat(provider: WeChat, running: Service) -> None:
    begun = provider.begin_on_phone(asked(12900, "CNY"), "203.0.113.7")
    url = urlsplit(str(begun.redirect_url))
    assert url.hostname == "wx.tenpay.com"
    assert url.query.endswith("redirect_url=https%3A%2F%2Fshop.example%2Forders%2F1042%3Fpaid%3Dmaybe")
    assert json.loads(running.requests[0].body)["scene_info"]["payer_client_ip"] == "203.0.113.7"
    fields = provider.begin_in_wechat(asked(12900, "CNY"), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").fields
    assert json.loads(running.requests[1].body)["payer"] == {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}
    message = f"{APP}\n{AT}\n{fields['nonceStr']}\nprepay_id=wx201410272009395522657a690389285100\n"
    assert fields["signType"] == "RSA"
    assert (fields["appId"], fields["timeStamp"], fields["package"]) == (APP, str(AT), message.split("\n")[3])
    public = service.key("shop").public_key()
    public.verify(base64.b64decode(fields["paySign"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("fault", ["lost", "before", 500, 503, 429])
def test_a_payment_that_was_begun_twice_is_one_order(
    provider: WeChat, running: Service, simulated: SimulatedWeChat, fault: int | str
) -> None:
    running.faults.append(fault)
    with pytest.raises(ProviderDown):
        provider.begin(asked(12900, "CNY"))
    provider.begin(asked(12900, "CNY"))
    assert list(simulated.orders) == [NUMBER]
    assert len({one.headers["authorization"] for one in running.requests}) == 2  # a nonce is used once


def test_a_notification_says_what_was_paid(provider: WeChat) -> None:
    found = provider.read(told(event(order())), NOW)
    assert found is not None
    assert (found.kind, found.payment, found.provider_reference) == ("paid", PAYMENT, NUMBER)
    assert (found.amount_minor, found.currency, found.event) == (12900, "CNY", "EV-2018022511223320873")
    assert found.at == datetime(2026, 11, 22, 12, 1, 2, tzinfo=UTC)


def test_another_amount_currency_or_payment_is_told_on_as_it_was_signed(provider: WeChat) -> None:
    wrong = order(amount={"total": 1, "currency": "HKD"}, out_trade_no="1217752501201407033233368018")
    found = provider.read(told(event(wrong)), NOW)
    assert found is not None
    assert (found.amount_minor, found.currency, found.payment) == (1, "HKD", "1217752501201407033233368018")


@pytest.mark.parametrize("changed", [{"mchid": "1900000001"}, {"appid": "wx000"}])
def test_what_is_signed_for_somebody_else_is_refused(provider: WeChat, changed: dict[str, str]) -> None:
    with pytest.raises(NotGenuine, match="merchant"):
        provider.read(told(event(order(**changed))), NOW)


def test_a_refund_s_notification(provider: WeChat) -> None:
    found = provider.read(told(event(refund(), "REFUND.SUCCESS")), NOW)
    assert found is not None
    assert (found.kind, found.refund, found.amount_minor) == ("refunded", "5031", 900)
    assert (found.currency, found.payment) == ("CNY", PAYMENT)
    assert provider.read(told(event(refund(), "REFUND.ABNORMAL")), NOW) is None
    assert provider.read(told(event({}, "PAYSCORE.USER_OPEN_SERVICE")), NOW) is None


def test_any_flipped_byte_of_body_time_nonce_signature_or_serial_is_refused(provider: WeChat) -> None:
    body = event(order())
    good = signed(body)
    for at in range(len(body)):
        with pytest.raises(NotGenuine, match="signature"):
            provider.read(called(good, flipped(body, at)), NOW)
    for name, value in good.items():
        for at in range(len(value) - 3):  # the last letter of base64 has bits that say nothing
            with pytest.raises(NotGenuine):
                provider.read(called({**good, name: flipped(value.encode(), at).decode()}, body), NOW)
        with pytest.raises(NotGenuine, match=f"format: no {name}"):
            provider.read(called({k: v for k, v in good.items() if k != name}, body), NOW)


def test_the_same_notification_written_anew_is_refused(provider: WeChat) -> None:
    body = event(order())
    anew = json.dumps(json.loads(body), separators=(",", ":")).encode()
    with pytest.raises(NotGenuine, match="signature"):
        provider.read(called(signed(body), anew), NOW)


@pytest.mark.parametrize(("seconds", "taken"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_a_notification_holds_for_five_minutes_either_way(provider: WeChat, seconds: int, taken: bool) -> None:
    message, now = told(event(order())), NOW + timedelta(seconds=seconds)
    if taken:
        assert provider.read(message, now) is not None
    else:
        with pytest.raises(NotGenuine, match="time"):
            provider.read(message, now)


def test_another_key_our_own_and_a_serial_that_nobody_knows_are_refused(provider: WeChat) -> None:
    body = event(order())
    for owner in ("shop", "thief"):
        with pytest.raises(NotGenuine, match="signature"):
            provider.read(called(signed(body, owner=owner), body), NOW)
    with pytest.raises(NotGenuine, match="serial"):
        provider.read(called(signed(body, serial="PUB_KEY_ID_0"), body), NOW)


@pytest.mark.parametrize(
    "other",
    [
        {"nonce": "fdasflkja485"},
        {"associated_data": "refund"},
        {"algorithm": "AEAD_SM4_GCM"},
        {"ciphertext": "AAAA"},
        {"ciphertext": "?"},
        {"nonce": ""},
    ],
)
def test_a_resource_that_is_not_sealed_as_it_says_is_refused(provider: WeChat, other: dict[str, str]) -> None:
    with pytest.raises(NotGenuine):
        provider.read(told(event(order(), **other)), NOW)


def test_a_resource_under_another_key_is_refused(provider: WeChat) -> None:
    with pytest.raises(NotGenuine, match="APIv3"):
        provider.read(told(event(order(), key=API_KEY[::-1])), NOW)


@pytest.mark.parametrize("amount", [{"total": "12900"}, {"total": 129.0}, {"total": -1}, {"total": True}, {}])
def test_an_amount_that_is_no_number_of_fen_is_refused(provider: WeChat, amount: dict[str, Any]) -> None:
    with pytest.raises(NotGenuine, match="format"):
        provider.read(told(event(order(amount=amount))), NOW)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"id":1}', b"\xff"])
def test_a_signed_body_that_is_no_notification_is_refused(provider: WeChat, body: bytes) -> None:
    with pytest.raises(NotGenuine, match="format"):
        provider.read(told(body), NOW)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("SUCCESS", "paid"), ("REFUND", "paid"), ("USERPAYING", "pending"), ("CLOSED", "failed"), ("PAYERROR", "failed")],
)
def test_looking_says_how_the_payment_stands(
    provider: WeChat, simulated: SimulatedWeChat, state: str, expected: str
) -> None:
    assert provider.look(PAYMENT, "") is None
    simulated.orders[NUMBER] = order(trade_state=state)
    found = provider.look(PAYMENT, NUMBER)
    assert found is not None
    assert (found.kind, found.payment, found.amount_minor, found.currency) == (expected, PAYMENT, 12900, "CNY")


def test_looking_at_what_nobody_has_paid_yet(provider: WeChat, simulated: SimulatedWeChat) -> None:
    waiting = order(trade_state="NOTPAY")
    simulated.orders[NUMBER] = {k: v for k, v in waiting.items() if k not in ("amount", "success_time")}
    found = provider.look(PAYMENT, "")
    assert found is not None
    assert (found.kind, found.amount_minor) == ("pending", 0)


def test_the_same_refund_twice_is_one_and_told_under_one_id(
    provider: WeChat, running: Service, simulated: SimulatedWeChat
) -> None:
    provider.begin(asked(12900, "CNY"))
    with pytest.raises(Refused, match="paid"):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    simulated.pay()
    running.faults += ["", "lost"]
    with pytest.raises(ProviderDown):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    found = provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    assert (found.kind, found.refund, found.amount_minor, found.payment) == ("refunded", "5031", 900, PAYMENT)
    assert [one["amount"]["refund"] for one in simulated.refunds.values()] == [900]


def test_a_refund_that_takes_its_time_is_pending_and_one_that_fails_is_refused(
    provider: WeChat, simulated: SimulatedWeChat
) -> None:
    provider.begin(asked(12900, "CNY"))
    simulated.pay()
    simulated.status = "PROCESSING"
    assert provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1").kind == "pending"
    simulated.status = "ABNORMAL"
    with pytest.raises(Refused, match="ABNORMAL"):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    with pytest.raises(Refused, match="64"):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "x" * 65)


def test_an_answer_that_wechat_pay_did_not_sign_is_none(
    provider: WeChat, running: Service, simulated: SimulatedWeChat
) -> None:
    body = json.dumps(order()).encode()
    wrong: list[Answer] = [
        (200, {}, body),
        (200, signed(body, owner="thief"), body),
        (200, signed(body), body.replace(b"12900", b"12901")),
        (200, signed(body, at=AT - 301), body),
        (200, signed(b""), b""),
    ]
    for answer in wrong:
        running.answer = lambda _, said=answer: said  # type: ignore[misc]
        with pytest.raises(ProviderDown):
            provider.look(PAYMENT, NUMBER)


def test_an_answer_about_somebody_elses_order_is_none(provider: WeChat, simulated: SimulatedWeChat) -> None:
    simulated.orders[NUMBER] = order(mchid="1900000001")
    with pytest.raises(ProviderDown, match="merchant"):
        provider.look(PAYMENT, NUMBER)


def test_what_wechat_pay_refuses_is_refused_and_says_why(provider: WeChat, running: Service) -> None:
    running.answer = lambda _: response({"code": "PARAM_ERROR", "message": "参数错误"}, 400)
    with pytest.raises(Refused, match="400: PARAM_ERROR"):
        provider.begin(asked(12900, "CNY"))


def test_only_yuan_are_taken(provider: WeChat, running: Service) -> None:
    with pytest.raises(Refused, match="CNY"):
        provider.begin(asked(12900, "EUR"))
    assert running.requests == []


def test_replies_and_nothing_secret_in_what_is_printed(provider: WeChat) -> None:
    assert provider.reply(True) == (200, "application/json", b"")
    status, kind, body = provider.reply(False)
    assert (status, kind, json.loads(body)["code"]) == (400, "application/json", "FAIL")
    assert API_KEY not in repr(provider)


def test_openssl_agrees_on_what_we_sign(provider: WeChat, running: Service, tmp_path: Path) -> None:
    provider.begin(asked(12900, "CNY"))
    (request,) = running.requests
    found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
    assert found is not None
    (tmp_path / "signature").write_bytes(base64.b64decode(found["signature"]))
    message = f"POST\n/v3/pay/transactions/native\n{AT}\n{found['nonce']}\n".encode() + request.body + b"\n"
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "key.pem").write_text(service.public_pem("shop"))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"]
    assert "OK" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
