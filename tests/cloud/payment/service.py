"""A provider on loopback, and the one way out to it. What it is asked is kept; what it answers the simulated providers
beside this file decide (stripe_service.py and its like), which check our signatures with code of their own."""

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from aircue_cloud.payment.provider import Answered, Asked, Callback, Opening, ProviderDown

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PAYMENT = "3f2b8a10-6d1e-4c52-9f0a-7be1c02d9a44"


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in small letters
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(kw_only=True)
class Service:
    """faults: how the next requests end, one each: a status instead of an answer; "lost": done, but nobody hears of it;
    "before": nothing was done."""

    answer: Callable[[Request], Answer]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    faults: list[int | str] = field(default_factory=list)

    def posted(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.method == "POST" and urlsplit(one.path).path == path]

    def handle(self, request: Request) -> Answer | None:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            return None
        answered = self.answer(request)
        if isinstance(fault, int):
            return fault, {}, b"{}"
        return None if fault == "lost" else answered


@contextmanager
def serving(answer: Callable[[Request], Answer]) -> Iterator[Service]:
    service = Service(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found = service.handle(Request(method=self.command, path=self.path, headers=headers, body=body))
            self.close_connection = True
            if found is None:
                return
            self.send_response(found[0])
            for name, value in {**found[1], "Content-Length": str(len(found[2]))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found[2])

        do_GET = do_POST = _handle  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, kw_only=True)
class LoopbackHttp:
    """moved: URLs of the internet, and where they are on loopback."""

    moved: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        parts = urlsplit(self.moved.get(url, url))
        assert parts.hostname == "127.0.0.1", url
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=30)
        try:
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body=body, headers=dict(headers))
            answered = connection.getresponse()
            small = {name.lower(): value for name, value in answered.getheaders()}
            return Answered(status=answered.status, headers=small, body=answered.read())
        except (http.client.HTTPException, OSError) as error:
            raise ProviderDown(type(error).__name__) from error
        finally:
            connection.close()


def opening(table: dict[str, Any], folder: Path, moved: dict[str, str] | None = None) -> Opening:
    return Opening(
        table=table,
        where="cloud.toml [payment.x]",
        folder=folder,
        base_url="https://shop.example",
        notify_url="https://shop.example/callbacks/x",
        environment="test",
        http=LoopbackHttp(moved=moved or {}),
        clock=lambda: NOW,
    )


def asked(amount_minor: int = 12900, currency: str = "EUR", payment: str = PAYMENT) -> Asked:
    return Asked(
        payment=payment,
        order_number=1042,
        amount_minor=amount_minor,
        currency=currency,
        description="Order 1042: Dehumidifier, 除湿机 & more",
        return_url="https://shop.example/orders/1042?paid=maybe",
        cancel_url="https://shop.example/orders/1042",
        notify_url="https://shop.example/callbacks/x",
    )


def called(headers: Mapping[str, str], body: bytes, at: datetime = NOW) -> Callback:
    return Callback(headers={k.lower(): v for k, v in headers.items()}, body=body, query={}, received_at=at)


def flipped(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One of its own for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(name: str) -> str:
    return key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(name: str) -> str:
    return key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
