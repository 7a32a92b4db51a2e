"""Alipay, against a simulated gateway on loopback that checks our signature and signs its answers' very characters."""

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests.cloud.payment import service
from tests.cloud.payment.service import NOW, PAYMENT, Answer, Request, Service, asked, called, flipped, opening, serving

from aircue_cloud.payment import alipay
from aircue_cloud.payment.alipay import Alipay
from aircue_cloud.payment.provider import Callback, NotGenuine, ProviderDown, Refused

APP, SELLER = "2021000122671080", "2088721996721370"
NUMBER = PAYMENT.replace("-", "")


def sign(content: str, owner: str = "alipay") -> str:
    return base64.b64encode(service.key(owner).sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def checked(parameters: Mapping[str, str]) -> dict[str, Any]:
    """What a request asks, if our key signed it: `&` between what is not empty, in the order of names."""
    pairs = sorted((name, value) for name, value in parameters.items() if value and name != "sign")
    content = "&".join("=".join(pair) for pair in pairs)
    public = service.key("shop").public_key()
    public.verify(base64.b64decode(parameters["sign"]), content.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert parameters["sign_type"] == "RSA2"
    assert parameters["charset"] == "utf-8"
    assert parameters["timestamp"] == "2026-11-22 20:00:00"  # GMT+8
    found: dict[str, Any] = json.loads(parameters["biz_content"])
    return found


class SimulatedAlipay:
    def __init__(self) -> None:
        self.trades: dict[str, dict[str, str]] = {}
        self.refunds: dict[tuple[str, str], str] = {}

    def answer(self, request: Request) -> Answer:
        parameters = {**dict(parse_qsl(urlsplit(request.path).query)), **dict(parse_qsl(request.body.decode()))}
        said = checked(parameters)
        assert parameters["app_id"] == APP
        found = {
            "alipay.trade.query": self._query,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refunded,
        }[parameters["method"]](said)
        return response(parameters["method"], found)

    def pay(self, url: str) -> None:
        parameters = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        said = checked(parameters)
        self.trades[said["out_trade_no"]] = {
            "trade_no": "2026112222001468450512505578",
            "trade_status": "TRADE_SUCCESS",
            "total_amount": said["total_amount"],
            "send_pay_date": "2026-11-22 20:01:02",
        }

    def _query(self, said: Mapping[str, str]) -> dict[str, str]:
        trade = self.trades.get(said["out_trade_no"])
        return {"out_trade_no": said["out_trade_no"], **trade} if trade else {"sub_code": "ACQ.TRADE_NOT_EXIST"}

    def _refund(self, said: Mapping[str, str]) -> dict[str, str]:
        key = (said["out_trade_no"], said["out_request_no"])
        if said["out_trade_no"] not in self.trades:
            return {"sub_code": "ACQ.TRADE_NOT_EXIST"}
        new = key not in self.refunds
        self.refunds.setdefault(key, said["refund_amount"])
        return {"fund_change": "Y" if new else "N", "refund_fee": "999.99"}  # a sum, which is not to be believed in

    def _refunded(self, said: Mapping[str, str]) -> dict[str, str]:
        amount = self.refunds.get((said["out_trade_no"], said["out_request_no"]))
        return {"refund_amount": amount, "refund_status": "REFUND_SUCCESS"} if amount else {}


def response(method: str, said: Mapping[str, str], owner: str = "alipay") -> Answer:
    """With a space where JSON allows one, which written anew would be gone."""
    code = {"code": "40004", "msg": "Business Failed"} if "sub_code" in said else {"code": "10000", "msg": "成功"}
    raw = json.dumps({**code, **said, "sign": "of no meaning"}, ensure_ascii=False)
    text = f'{{"{method.replace(".", "_")}_response":{raw},"sign":"{sign(raw, owner)}"}}'
    return 200, {"Content-Type": "text/html;charset=utf-8"}, text.encode()


NOTICE = {
    "notify_time": "2026-11-22 20:01:05",
    "notify_type": "trade_status_sync",
    "notify_id": "2026112200222200105068450559358070",
    "app_id": APP,
    "seller_id": SELLER,
    "charset": "utf-8",
    "version": "1.0",
    "sign_type": "RSA2",
    "trade_no": "2026112222001468450512505578",
    "out_trade_no": NUMBER,
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "129.00",
    "gmt_payment": "2026-11-22 20:01:02",
    "subject": "Order 1042: 除湿机 50% + 1 = more",
    "fund_bill_list": '[{"amount":"129.00","fundChannel":"ALIPAYACCOUNT"}]',
    "passback_params": "",
}


def told(owner: str = "alipay", **changed: str) -> Callback:
    said = {**NOTICE, **changed}
    content = "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name] and name != "sign_type")
    return called({}, urlencode({**said, "sign": sign(content, owner)}).encode())


@pytest.fixture
def simulated() -> SimulatedAlipay:
    return SimulatedAlipay()


@pytest.fixture
def running(simulated: SimulatedAlipay) -> Iterator[Service]:
    with serving(simulated.answer) as found:
        yield found


@pytest.fixture
def provider(running: Service, tmp_path: Path) -> Alipay:
    (tmp_path / "shop.pem").write_text(service.private_pem("shop"))
    bare = "".join(service.public_pem("alipay").splitlines()[1:-1])  # as Alipay's console hands it out
    (tmp_path / "alipay.txt").write_text(bare)
    table = {
        "app_id": APP,
        "seller_id": SELLER,
        "private_key_file": "shop.pem",
        "alipay_public_key_file": "alipay.txt",
        "gateway": f"{running.url}/gateway.do",
    }
    return alipay.open_provider(opening(table, tmp_path))


@pytest.mark.parametrize(
    ("page", "method", "product"),
    [
        ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ],
)
def test_a_payment_begins_with_a_signed_page_and_without_asking_anybody(
    provider: Alipay, running: Service, page: str, method: str, product: str
) -> None:
    begun = provider.begin(asked(12900, "CNY"))
    assert begun == provider.begin(asked(12900, "CNY"))
    assert begun.redirect_url == begun.fields["page"]
    assert running.requests == []
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(begun.fields[page]).query).items()}
    said = checked(parameters)
    assert (parameters["method"], said["product_code"]) == (method, product)
    assert (parameters["notify_url"], parameters["return_url"]) == (asked().notify_url, asked().return_url)
    assert (said["out_trade_no"], said["total_amount"], begun.provider_reference) == (NUMBER, "129.00", NUMBER)
    assert said["subject"] == "Order 1042: Dehumidifier, 除湿机   more"  # it may hold no &
    assert ("quit_url" in said) == (page == "wap")


@pytest.mark.parametrize(
    ("status", "expected"),
    [("TRADE_SUCCESS", "paid"), ("TRADE_FINISHED", "paid"), ("WAIT_BUYER_PAY", "pending"), ("TRADE_CLOSED", "failed")],
)
def test_a_notification_says_how_the_payment_stands(provider: Alipay, status: str, expected: str) -> None:
    paid = {} if expected == "paid" else {"gmt_payment": ""}
    found = provider.read(told(trade_status=status, **paid), NOW)
    assert found is not None
    assert (found.kind, found.payment, found.provider_reference) == (expected, PAYMENT, NUMBER)
    assert (found.amount_minor, found.currency, found.event) == (12900, "CNY", NOTICE["notify_id"])
    if expected == "paid":
        assert found.at == datetime(2026, 11, 22, 12, 1, 2, tzinfo=UTC)


def test_another_amount_or_payment_is_told_on_as_it_was_signed(provider: Alipay) -> None:
    found = provider.read(told(total_amount="0.01", out_trade_no="20190815155618536-564-57"), NOW)
    assert found is not None
    assert (found.amount_minor, found.payment) == (1, "20190815155618536-564-57")


@pytest.mark.parametrize("name", ["app_id", "seller_id"])
def test_what_is_signed_for_somebody_else_is_refused(provider: Alipay, name: str) -> None:
    with pytest.raises(NotGenuine, match=f"{name}: it is signed"):
        provider.read(told(**{name: "2088000000000000"}), NOW)


def test_any_flipped_byte_of_a_notification_is_refused(provider: Alipay) -> None:
    """Or says the same: base64 has bits at its end that say nothing."""
    body = told().body.replace(b"&passback_params=", b"")
    before = provider.read(called({}, body), NOW)
    assert before is not None
    taken = []
    for at in range(len(body)):
        try:
            taken.append(provider.read(called({}, flipped(body, at)), NOW))
        except NotGenuine:
            continue
    assert taken in ([], [before])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("total_amount", "0.01"),
        ("notify_time", "2026-11-22 20:01:06"),
        ("gmt_payment", "2026-11-22 20:01:03"),
        ("notify_id", "1"),
        ("passback_params", "x"),
        ("more", "x"),
        ("sign_type", "RSA"),
        ("sign", ""),
    ],
)
def test_a_parameter_that_was_changed_or_added_is_refused(provider: Alipay, name: str, value: str) -> None:
    said = dict(parse_qsl(told().body.decode(), keep_blank_values=True)) | {name: value}
    with pytest.raises(NotGenuine):
        provider.read(called({}, urlencode(said).encode()), NOW)


def test_values_are_signed_unescaped_and_in_any_order_and_empty_ones_do_not_count(provider: Alipay) -> None:
    said = dict(parse_qsl(told().body.decode(), keep_blank_values=True))
    shuffled = dict(reversed(said.items()))
    for body in (urlencode(shuffled), urlencode(said, quote_via=quote), urlencode({**said, "body": ""})):
        assert provider.read(called({}, body.encode()), NOW) is not None
    with pytest.raises(NotGenuine, match="format"):
        provider.read(called({}, told().body + b"&total_amount=0.01"), NOW)


def test_a_values_escapes_written_anew_are_refused(provider: Alipay) -> None:
    """The JSON within a notification, put together again by somebody who took it apart."""
    said = dict(parse_qsl(told().body.decode(), keep_blank_values=True))
    said["fund_bill_list"] = json.dumps(json.loads(said["fund_bill_list"]))
    with pytest.raises(NotGenuine, match="signature"):
        provider.read(called({}, urlencode(said).encode()), NOW)


def test_another_key_and_our_own_are_refused(provider: Alipay) -> None:
    for owner in ("shop", "thief"):
        with pytest.raises(NotGenuine, match="signature"):
            provider.read(told(owner), NOW)


def test_alipay_repeats_for_a_day_so_that_an_old_notification_is_one_all_the_same(provider: Alipay) -> None:
    assert provider.read(told(), NOW + timedelta(hours=25)) == provider.read(told(), NOW)


@pytest.mark.parametrize("body", [b"", b"\xff=1", b"{}", b"a", b"sign=%ff&sign_type=RSA2"])
def test_a_body_that_is_no_notification_is_refused(provider: Alipay, body: bytes) -> None:
    with pytest.raises(NotGenuine):
        provider.read(called({}, body), NOW)


def test_what_is_none_of_our_trades_is_genuine_and_of_no_interest(provider: Alipay) -> None:
    assert provider.read(told(notify_type="servicemarket_order_notify"), NOW) is None


def test_looking_finds_what_was_paid(provider: Alipay, simulated: SimulatedAlipay) -> None:
    assert provider.look(PAYMENT, "") is None
    url = provider.begin(asked(12900, "CNY")).redirect_url
    assert url is not None
    simulated.pay(url)
    found = provider.look(PAYMENT, NUMBER)
    assert found is not None
    assert (found.kind, found.payment, found.amount_minor, found.currency) == ("paid", PAYMENT, 12900, "CNY")
    assert found.at == datetime(2026, 11, 22, 12, 1, 2, tzinfo=UTC)
    for status, expected in (("WAIT_BUYER_PAY", "pending"), ("TRADE_CLOSED", "failed")):
        simulated.trades[NUMBER] = {"trade_status": status, "total_amount": "129.00"}
        other = provider.look(PAYMENT, NUMBER)
        assert other is not None
        assert other.kind == expected


def test_a_trade_that_was_closed_by_giving_all_of_it_back_was_paid(
    provider: Alipay, simulated: SimulatedAlipay
) -> None:
    simulated.trades[NUMBER] = {
        "trade_status": "TRADE_CLOSED",
        "total_amount": "129.00",
        "send_pay_date": "2026-11-22 20:01:02",
    }
    found = provider.look(PAYMENT, NUMBER)
    assert found is not None
    assert found.kind == "paid"


def test_the_same_refund_twice_is_one_and_told_under_one_id(
    provider: Alipay, running: Service, simulated: SimulatedAlipay
) -> None:
    simulated.pay(str(provider.begin(asked(12900, "CNY")).redirect_url))
    running.faults.append("lost")
    with pytest.raises(ProviderDown):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    found = provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")
    assert (found.kind, found.refund, found.amount_minor) == ("refunded", "refund-1", 900)
    assert simulated.refunds == {(NUMBER, "refund-1"): "9.00"}
    notice = provider.read(told(refund_fee="59.00", gmt_refund="2026-11-22 20:30:00.123", out_biz_no="refund-1"), NOW)
    assert notice is not None
    assert (notice.kind, notice.refund, notice.amount_minor) == ("refunded", "refund-1", 900)
    assert notice.at == datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
    unknown = told(refund_fee="59.00", gmt_refund="2026-11-22 20:30:00", out_biz_no="refund-2")
    assert provider.read(unknown, NOW) is None


def test_what_is_unknown_cannot_be_refunded(provider: Alipay) -> None:
    with pytest.raises(Refused, match="knows no payment"):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")


@pytest.mark.parametrize("fault", ["lost", "before", 500, 503])
def test_silence_is_no_answer(provider: Alipay, running: Service, fault: int | str) -> None:
    running.faults.append(fault)
    with pytest.raises(ProviderDown):
        provider.look(PAYMENT, NUMBER)


def test_an_answer_that_alipay_did_not_sign_is_none(
    provider: Alipay, running: Service, simulated: SimulatedAlipay
) -> None:
    simulated.pay(str(provider.begin(asked(12900, "CNY")).redirect_url))
    simulated_answer = running.answer
    status, headers, good = simulated_answer(_asked_of(provider, running))
    anew = json.dumps(json.loads(good), separators=(",", ":"), ensure_ascii=False).encode()
    other = response("alipay.trade.query", {"trade_status": "TRADE_SUCCESS"}, "thief")[2]
    wrong = [good.replace(b"129.00", b"129.01"), anew, other, b"", b"{}", b'{"sign":"x"}', b'{"error_response":{}}']
    for body in (*wrong, good.replace(b"trade_query", b"trade_close"), good[:-2]):
        assert body != good
        running.answer = lambda _, said=body: (status, headers, said)  # type: ignore[misc]
        with pytest.raises(ProviderDown):
            provider.look(PAYMENT, NUMBER)


def _asked_of(provider: Alipay, running: Service) -> Request:
    provider.look(PAYMENT, NUMBER)
    return running.requests[-1]


@pytest.mark.parametrize(
    ("code", "expected"), [("ACQ.SYSTEM_ERROR", ProviderDown), ("ACQ.SELLER_BALANCE_NOT_ENOUGH", Refused)]
)
def test_what_alipay_refuses_is_refused_and_its_faults_are_no_answer(
    provider: Alipay, running: Service, code: str, expected: type[Exception]
) -> None:
    running.answer = lambda _: response("alipay.trade.refund", {"sub_code": code})
    with pytest.raises(expected, match=code):
        provider.refund(PAYMENT, NUMBER, 900, "CNY", "refund-1")


def test_only_yuan_are_taken(provider: Alipay) -> None:
    with pytest.raises(Refused, match="CNY"):
        provider.begin(asked(12900, "EUR"))


def test_the_reply_is_exactly_success(provider: Alipay) -> None:
    assert provider.reply(True) == (200, "text/plain", b"success")
    assert provider.reply(False)[2] != b"success"


def test_openssl_agrees_on_what_we_sign(provider: Alipay, tmp_path: Path) -> None:
    parameters = dict(parse_qsl(urlsplit(str(provider.begin(asked(12900, "CNY")).redirect_url)).query))
    (tmp_path / "signature").write_bytes(base64.b64decode(parameters.pop("sign")))
    (tmp_path / "message").write_text("&".join(f"{name}={parameters[name]}" for name in sorted(parameters)))
    (tmp_path / "key.pem").write_text(service.public_pem("shop"))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "message"]
    assert "OK" in subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
