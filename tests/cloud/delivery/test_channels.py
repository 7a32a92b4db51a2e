"""Channels against what they talk to: a browser's keys, real servers for mail, signatures checked by others."""

import base64
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from standardwebhooks import Webhook, WebhookVerificationError
from tests.cloud.delivery.mail import OnFreePort
from tests.cloud.delivery.servers import HttpsServer, certificate, https
from tests.cloud.delivery.stage import HOUR, notice
from tests.cloud.stage import NOW

from aircue_cloud.delivery import email, web_push, webhook
from aircue_cloud.delivery.channel import Failed, Gone, Handed, Refused, Unknown
from aircue_cloud.delivery.email import EmailChannel, EmailSettings
from aircue_cloud.delivery.web_push import WebPushChannel
from aircue_cloud.delivery.webhook import WebhookChannel
from aircue_cloud.errors import SettingsError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    with https(tmp_path_factory.mktemp("tls")) as started:
        yield started


@pytest.fixture(autouse=True)
def fresh(server: HttpsServer) -> None:
    server.status, server.answer_headers = 201, {}
    server.got.clear()


# Web Push.


class Browser:
    """As one subscribes and decrypts."""

    def __init__(self, server: HttpsServer) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": encoded(point), "auth": encoded(self.auth)}
        self.address = {"endpoint": server.url, "keys": keys}

    def read(self, body: bytes) -> Any:
        return json.loads(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pushing(server: HttpsServer, folder: Path) -> WebPushChannel:
    return WebPushChannel(gate=server.gate(), key=web_push.vapid_key(folder), contact="mailto:air@shop.example")


def test_a_browser_can_read_what_is_pushed_and_nobody_else(server: HttpsServer, tmp_path: Path) -> None:
    browser, now = Browser(server), datetime.now(UTC)
    said = notice(expires_at=now + HOUR)
    assert isinstance(pushing(server, tmp_path).hand_over(said, browser.address, now), Handed)
    [request] = server.got
    found = browser.read(request.body)
    assert (found["id"], found["title"], found["reason"]) == (said.id, said.title, said.reason)
    assert [one["action"] for one in found["actions"]] == ["buy", "stop"]
    assert said.title.encode() not in request.body
    with pytest.raises(http_ece.ECEException):
        Browser(server).read(request.body)


def test_a_push_carries_its_seconds_and_its_episode(server: HttpsServer, tmp_path: Path) -> None:
    browser, channel = Browser(server), pushing(server, tmp_path)
    channel.hand_over(notice(), browser.address, NOW + HOUR / 2)
    channel.hand_over(notice(id="other", episode="e-1"), browser.address, NOW)
    channel.hand_over(notice(episode="e-2"), browser.address, NOW)
    assert [one.headers["ttl"] for one in server.got] == ["1800", "3600", "3600"]
    first, same, other = (one.headers["topic"] for one in server.got)
    assert first == same != other
    assert len(first) <= 32


def test_the_push_service_can_check_who_sends(server: HttpsServer, tmp_path: Path) -> None:
    """RFC 8292: a JWT under ES256 for this very service, not longer than a day, by the key that browsers were given."""
    channel, now = pushing(server, tmp_path), datetime.now(UTC)
    channel.hand_over(notice(expires_at=now + HOUR), Browser(server).address, now)
    scheme, _, rest = server.got[0].headers["authorization"].partition(" ")
    parts = dict(one.strip().split("=", 1) for one in rest.split(","))
    head, claims, signature = parts["t"].split(".")
    assert (scheme, parts["k"]) == ("vapid", channel.public_key)
    assert json.loads(decoded(head)) == {"typ": "JWT", "alg": "ES256"}
    said = json.loads(decoded(claims))
    assert (said["aud"], said["sub"]) == (f"https://push.example:{server.port}", "mailto:air@shop.example")
    assert now < datetime.fromtimestamp(said["exp"], UTC) <= now + timedelta(days=1)
    raw = decoded(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(parts["k"]))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))


def test_the_stores_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    first, again = (web_push.vapid_key(tmp_path).private_numbers() for _ in range(2))
    [path] = (tmp_path / "keys").iterdir()
    assert (first, path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (again, 0o600, 0o700)
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        web_push.vapid_key(tmp_path)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(201, Handed), (404, Gone), (410, Gone), (413, Refused), (302, Refused), (429, Failed), (503, Failed)],
)
def test_what_a_push_service_answers(server: HttpsServer, tmp_path: Path, status: int, expected: type) -> None:
    server.status = status
    assert isinstance(pushing(server, tmp_path).hand_over(notice(), Browser(server).address, NOW), expected)


def test_a_subscription_is_checked_when_it_is_saved(server: HttpsServer, tmp_path: Path) -> None:
    channel, good = pushing(server, tmp_path), Browser(server).address
    assert channel.amiss(good) is None
    keys = dict(good["keys"])  # type: ignore[call-overload]  # a dict of dicts
    bad: list[dict[str, Any]] = [
        {},
        {"endpoint": server.url},
        {**good, "more": 1},
        {**good, "endpoint": 5},
        {**good, "endpoint": "http://push.example/"},
        {**good, "endpoint": "https://push.example:1/"},
        {**good, "keys": {**keys, "auth": "c2hvcnQ"}},
        {**good, "keys": {**keys, "p256dh": encoded(b"\4" + bytes(64))}},
        {**good, "keys": {**keys, "p256dh": 7}},
    ]
    assert [address for address in bad if channel.amiss(address) is None] == []


# Webhooks.

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_webhook_is_signed_as_its_standard_says_and_keeps_its_id(server: HttpsServer) -> None:
    channel, now = WebhookChannel(gate=server.gate()), datetime.now(UTC)
    address = {"url": server.url, "secret": SECRET}
    for second in (0, 1):
        assert isinstance(channel.hand_over(notice(), address, now + timedelta(seconds=second)), Handed)
    first, again = server.got
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == notice().id
    document = Webhook(SECRET).verify(first.body, first.headers)
    assert (document["type"], document["data"]["id"]) == ("push.offered", notice().id)
    for broken in (first.body[:-1] + b" }", first.body.replace(b"drymax", b"drymix")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(broken, first.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook.draw_secret()).verify(first.body, first.headers)


def test_what_a_webhooks_receiver_answers(server: HttpsServer) -> None:
    channel, address = WebhookChannel(gate=server.gate()), {"url": server.url, "secret": SECRET}
    found = []
    for server.status in (204, 410, 307, 500, 429):
        server.answer_headers = {"Retry-After": "120"} if server.status == 429 else {}
        found.append(channel.hand_over(notice(), address, NOW))
    assert [type(one) for one in found] == [Handed, Gone, Refused, Failed, Failed]
    assert found[-1] == Failed(detail="status 429", wait=timedelta(minutes=2))


def test_an_endpoint_that_has_moved_to_a_private_address_gets_nothing(server: HttpsServer) -> None:
    channel = WebhookChannel(gate=server.gate("127.0.0.1", "10.0.0.8"))
    assert channel.amiss({"url": server.url, "secret": SECRET}) is None
    result = channel.hand_over(notice(), {"url": server.url, "secret": SECRET}, NOW)
    assert isinstance(result, Refused)
    assert "public internet" in result.detail
    assert server.got == []


# E-mail.

TO = {"email": "ada@home.example"}


class Mailbox:
    """A real SMTP server's. says: what it answers to a recipient; data_says: to the whole message."""

    def __init__(self) -> None:
        self.mail: list[Envelope] = []
        self.says, self.data_says = "250 OK", "250 OK"
        self.breaks = False

    async def handle_RCPT(self, server: SMTP, _: Session, envelope: Envelope, to: str, __: list[str]) -> str:  # noqa: N802
        envelope.rcpt_tos.append(to)
        return self.says

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mail.append(envelope)
        if self.breaks:
            assert server.transport is not None
            server.transport.abort()
        return self.data_says


@contextmanager
def mail_server(folder: Path, *, tls: bool = False) -> Iterator[tuple[Mailbox, EmailChannel]]:
    mailbox, context = Mailbox(), None
    trusting = ssl.create_default_context()
    if tls:
        pem = certificate(folder, "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        trusting = ssl.create_default_context(cafile=pem)
        trusting.check_hostname = False  # it is reached by its address
    controller = OnFreePort(mailbox, "127.0.0.1", 0, tls_context=context, require_starttls=tls, ready_timeout=60)
    controller.start()
    security = "starttls" if tls else "none"
    settings = EmailSettings(
        host="127.0.0.1", port=controller.port, sender="air@shop.example", security=security, timeout_s=5.0
    )
    try:
        yield mailbox, EmailChannel(settings=settings, tls=trusting)
    finally:
        controller.stop()


def read(envelope: Envelope) -> Message:
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, policy=default)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "starttls"])
def test_mail_arrives_with_its_words_and_one_click_to_be_left_alone(tmp_path: Path, tls: bool) -> None:
    with mail_server(tmp_path, tls=tls) as (mailbox, channel):
        assert isinstance(channel.hand_over(notice(title="Trockene Luft für Zoë"), TO, NOW), Handed)
    [envelope] = mailbox.mail
    message: Any = read(envelope)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("air@shop.example", ["ada@home.example"])
    assert message["Subject"] == "Trockene Luft für Zoë"
    assert message["Message-ID"] == f"<{notice().id}@shop.example>"
    assert message["List-Unsubscribe"] == "<https://air.example/unsubscribe/main.u>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = message.get_body(("plain",)).get_content()
    assert notice().reason in text
    assert "https://air.example/offers/main.b" in text
    assert "https://air.example/offers/main.s" in message.get_body(("html",)).get_content()


@pytest.mark.parametrize("title", ["Offer\r\nBcc: mallory@evil.example", "Offer\nX: 1", "Offer\r\n\r\n<b>body</b>"])
def test_a_title_cannot_write_headers_of_its_own(tmp_path: Path, title: str) -> None:
    with mail_server(tmp_path) as (mailbox, channel):
        assert isinstance(channel.hand_over(notice(title=title), TO, NOW), Refused)
    assert mailbox.mail == []


@pytest.mark.parametrize(
    "to",
    [
        "ada@home.example\r\nBcc: mallory@evil.example",
        "ada@home.example, mallory@evil.example",
        "<ada@home.example>",
        "ada@home",
        "ada home@x.example",
        "@home.example",
        "",
    ],
)
def test_what_is_no_single_mailbox_is_no_address(to: str) -> None:
    settings = EmailSettings(host="127.0.0.1", sender="air@shop.example", security="none")
    channel = EmailChannel(settings=settings)
    assert channel.amiss({"email": to}) is not None
    assert isinstance(channel.hand_over(notice(), {"email": to}, NOW), Refused)


def test_words_of_a_push_are_words_in_html_too(tmp_path: Path) -> None:
    with mail_server(tmp_path) as (mailbox, channel):
        channel.hand_over(notice(text="<script>alert(1)</script>", title="A & B"), TO, NOW)
    html = read(mailbox.mail[0]).get_body(("html",)).get_content()  # type: ignore[attr-defined]  # an EmailMessage
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_what_a_mail_server_says_is_told_apart_by_what_is_certain(tmp_path: Path) -> None:
    with mail_server(tmp_path) as (mailbox, channel):
        found = []
        for mailbox.says in ("550 no such mailbox", "450 busy", "554 never"):
            found.append(type(channel.hand_over(notice(), TO, NOW)))
        mailbox.says = "250 OK"
        for mailbox.data_says in ("554 spam", "451 later"):
            found.append(type(channel.hand_over(notice(), TO, NOW)))
        mailbox.breaks = True
        found.append(type(channel.hand_over(notice(), TO, NOW)))
    found.append(type(channel.hand_over(notice(), TO, NOW)))  # nobody listens
    assert found == [Gone, Failed, Refused, Refused, Failed, Unknown, Failed]


def test_mail_settings_that_could_not_work_are_told_at_start() -> None:
    good = EmailSettings(host="mail.example", sender="air@shop.example")
    email.check(good, "[delivery.email]")
    for changed, word in (
        ({"security": "none"}, "security"),
        ({"security": "ssl"}, "security"),
        ({"sender": "x"}, "sender"),
    ):
        with pytest.raises(SettingsError, match=word):
            email.check(EmailSettings(**{**vars(good), **changed}), "[delivery.email]")
