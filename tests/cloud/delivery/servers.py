"""Servers that stand in for a push service or somebody's own, on loopback with TLS of their own."""

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.cloud.stage import NOW

from aircue_cloud.delivery.endpoints import Gate, Ip

HOST = "push.example"


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpsServer:
    """Notes what comes, and answers as told. silent: takes requests and says nothing. content: what is served under an
    ETag. address: of the last client's target."""

    status: int = 201
    answer_headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    content: bytes = b""
    got: list[Request] = field(default_factory=list)
    port: int = 0
    ca: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/in/1?a=b"

    def gate(self, *answers: str, timeout_s: float = 5.0) -> Gate:
        """Lets through what the product's own never would: this server. answers: of DNS, one after the other."""
        told = list(answers) or ["127.0.0.1"]

        def resolve(host: str, _: int) -> list[str]:
            assert host == HOST
            return [told.pop(0) if len(told) > 1 else told[0]]

        return Gate(
            ports=frozenset({self.port}),
            permits=is_loopback,
            resolve=resolve,
            tls=lambda: ssl.create_default_context(cafile=self.ca),
            timeout_s=timeout_s,
        )


def is_loopback(ip: Ip) -> bool:
    return ip == ip_address("127.0.0.1")


@contextmanager
def https(folder: Path, **options: Any) -> Iterator[HttpsServer]:
    told = HttpsServer(**options)
    told.ca = certificate(folder, HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(told.ca)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(told: HttpsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.got.append(Request(self.path, headers, body))
            if told.silent:
                self.rfile.read(1)  # until the other side hangs up
                return
            self.send_response(told.status)
            for name, value in {"Content-Length": "0", **told.answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.got.append(Request(self.path, headers, b""))
            etag = f'"{hashlib.sha256(told.content).hexdigest()[:16]}"'
            is_same = headers.get("if-none-match") == etag
            self.send_response(304 if is_same else told.status)
            length = {} if is_same else {"Content-Length": str(len(told.content))}
            for name, value in {"ETag": etag, **length, **told.answer_headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if not is_same:
                self.wfile.write(told.content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def certificate(folder: Path, host: str) -> Path:
    """Key and certificate in one file, of somebody who vouches for themselves."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=4000))
        .not_valid_after(NOW + timedelta(days=4000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = folder / f"{host}.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(pem))
    return path
