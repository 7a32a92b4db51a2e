"""The gateway's HTTP client against real servers on loopback: TLS, its own CA, proxies, kept connections, waiting."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.node.certificates import Authority

from aircue_gateway.config import ConfigError, UplinkConfig
from aircue_gateway.spool.spool import Sealed
from aircue_gateway.uplink.http import Answer, Cloud, Refused, TryAgain, pool, refused, request

BATCH = Sealed(sequence=1, id="gw-1/e/1", body=b"\x02a batch")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class Server:
    """Notes every request, and answers as told."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[Any] = set()
        self.answer = (200, {}, b"{}")
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                server.connections.add(self.client_address)
                server.requests.append((self.command, self.path, dict(self.headers), body))
                status, headers, answer = server.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST  # noqa: N815 - as the base class has it

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
                """Keeps the test's output its own."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that trusts us not
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


CA = Authority("the house")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of a CA that no system trusts."""
    file = tmp_path / "ca.pem"
    file.write_bytes(CA.pem)
    return file


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Server]:
    made = Server(CA.server(tmp_path))
    yield made
    made.close()


def uplink(url: str, **fields: Any) -> UplinkConfig:
    return UplinkConfig(url=url, key="the-gateways-key", **fields)


def test_a_batch_goes_out_as_it_is_with_the_gateways_key(server: Server) -> None:
    assert Cloud(uplink(server.url + "/")).send(BATCH) == Answer(200, b"{}")
    [(method, path, headers, body)] = server.requests
    assert (method, path, body) == ("POST", "/api/v1/batches", BATCH.body)
    assert headers["Authorization"] == "Bearer the-gateways-key"
    assert "Content-Encoding" not in headers


def test_one_connection_serves_many_batches(server: Server) -> None:
    cloud = Cloud(uplink(server.url))
    for _ in range(5):
        cloud.send(BATCH)
        cloud.get_rules()
    assert (len(server.requests), len(server.connections)) == (10, 1)


def test_a_certificate_of_an_own_ca_is_taken_where_it_is_named(secure: Server, certificate: Path) -> None:
    assert Cloud(uplink(secure.url, ca=certificate)).send(BATCH).status == 200


def test_a_certificate_nobody_vouches_for_gets_neither_key_nor_batch(secure: Server) -> None:
    with pytest.raises(TryAgain, match="certificate"):
        Cloud(uplink(secure.url)).send(BATCH)
    assert secure.requests == []


def test_a_certificate_of_another_name_gets_neither_key_nor_batch(tmp_path: Path, certificate: Path) -> None:
    other = Server(CA.server(tmp_path, "127.0.0.9"))
    with pytest.raises(TryAgain, match="certificate"):
        Cloud(uplink(other.url, ca=certificate)).send(BATCH)
    other.close()
    assert other.requests == []


def test_a_store_may_have_a_certificate_of_the_systems_beside_an_own_ca_of_the_cloud(
    secure: Server, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """certificate stands in for what the system trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    own = tmp_path / "own.pem"
    own.write_bytes(Authority("another house").pem)
    store = pool(secure.url, own, or_system=True)
    assert request(store, "PUT", secure.url + "/x", b"", {}, 0.0).status == 200
    with pytest.raises(TryAgain, match="certificate"):
        request(pool(secure.url, own), "PUT", secure.url + "/x", b"", {}, 0.0)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_own_ca_that_cannot_be_read_ends_the_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"uplink\.ca.*ca\.pem.*PEM"):
        Cloud(uplink("https://127.0.0.1", ca=file))


def test_the_proxy_of_the_environment_is_used_and_its_exceptions_are_kept(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    Cloud(uplink("http://cloud.example")).send(BATCH)
    assert server.requests[0][1] == "http://cloud.example/api/v1/batches"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Cloud(uplink(server.url)).send(BATCH)
    assert server.requests[1][1] == "/api/v1/batches"


def test_no_redirect_carries_the_key_elsewhere(server: Server) -> None:
    server.answer = (302, {"Location": "http://127.0.0.1:1/"}, b"")
    assert Cloud(uplink(server.url)).send(BATCH).status == 302


def test_an_answer_without_end_is_cut_off(server: Server) -> None:
    server.answer = (200, {}, bytes(3_000_000))
    with pytest.raises(TryAgain, match="over 1048576 bytes"):
        Cloud(uplink(server.url)).send(BATCH)


def test_nobody_there_is_told_with_the_address(server: Server) -> None:
    with pytest.raises(TryAgain, match=r"http://127\.0\.0\.1:9/api/v1/batches"):
        Cloud(uplink("http://127.0.0.1:9")).send(BATCH)


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("999999999", 3600.0),
        ("Sat, 22 Nov 2025 12:01:30 GMT", 90.0),
        ("Sat, 22 Nov 2025 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(server: Server, header: str, after_s: float | None) -> None:
    server.answer = (429, {"Retry-After": header}, b"")
    noon_s = 1_763_812_800.0
    assert Cloud(uplink(server.url), lambda: noon_s).send(BATCH) == Answer(429, b"", after_s)


@pytest.mark.parametrize("status", [413, 429, 503])
def test_what_says_when_to_come_again_is_tried_again_then(status: int) -> None:
    with pytest.raises(TryAgain) as caught:
        refused(Answer(status, b"", 40.0))
    assert caught.value.after_s == 40.0


def test_a_batch_too_large_for_good_is_set_aside() -> None:
    assert isinstance(refused(Answer(413, b"")), Refused)
