"""Clients of the live page that are slow, or gone: they keep nobody else waiting."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.cloud.stage import DAMP, DRY, batch, humidity
from tests.system.cloud_process import HTTP, PLAIN, Server, command

pytestmark = pytest.mark.system

MANY = 40  # ten times as many as there are threads
GONE = struct.pack("ii", 1, 0)  # no lingering: what is not read yet is thrown away


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    config = tmp_path / "cloud.toml"
    config.write_text("port = 0\nthreads = 4\n" + PLAIN, encoding="utf-8")
    running = Server(config)
    key = command(config, "gateway", "add", "gw-1")
    assert running.post(batch(humidity([*DRY, *DAMP])), key).status == 200
    running.visible(40)
    yield running
    assert running.stop() == 0


def opened(server: Server, said: bytes) -> socket.socket:
    parts = urlsplit(server.url)
    found = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30)
    found.sendall(said)
    return found


def asked(server: Server) -> bytes:
    return f"GET /console/live HTTP/1.1\r\nHost: {urlsplit(server.url).netloc}\r\n\r\n".encode()


def is_served(server: Server) -> bool:
    live = HTTP.request("GET", f"{server.url}/console/live", headers={"Accept": "text/html"})
    again = HTTP.request("GET", f"{server.url}/console/live", headers={"If-None-Match": live.headers["ETag"]})
    return live.status == 200 and b"bathroom" in live.data and again.status in (200, 304)


def test_who_says_half_a_request_or_reads_nothing_keeps_nobody_waiting(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(MANY):
            stack.enter_context(opened(server, asked(server)[:-2]))  # its end never comes
            stack.enter_context(opened(server, asked(server)))  # what comes is never read
        assert is_served(server)


def test_who_vanishes_leaves_nothing_behind(server: Server) -> None:
    for _ in range(MANY):
        gone = opened(server, asked(server))
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, GONE)
        gone.close()
    assert is_served(server)
    assert json.loads(server.get("/api/v1/status").data)["readings"] == 40
