"""Clients that wait for their inbox and are slow, or gone: the real server goes on serving everybody else."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.cloud.stage import DAMP, DRY, batch, humidity
from tests.system.cloud_process import HTTP, PLAIN, Server, command

pytestmark = pytest.mark.system

CLIENTS = 12  # more than the server has threads, and more than it lets wait
WAIT_S = 25
PERSON = "fern-emil"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text("port = 0\nthreads = 8\npush_ttl_h = 876000\n" + PLAIN, encoding="utf-8")
    return path


@pytest.fixture
def server(config: Path) -> Iterator[Server]:
    running = Server(config)
    yield running
    assert running.stop() == 0


def signed_in(server: Server, config: Path) -> str:
    """The cookie of somebody who followed a link of theirs."""
    link = urlsplit(command(config, "person", "link", PERSON))
    pressed = HTTP.request("POST", f"{server.url}{link.path}", headers={"Origin": server.url}, redirect=False)
    assert pressed.status == 303
    found = re.match(r"[^;]+", pressed.headers["Set-Cookie"])
    assert found is not None
    return found.group()


def inbox(server: Server, cookie: str, query: str = "") -> dict[str, Any]:
    answer = HTTP.request("GET", f"{server.url}/api/v1/me/inbox{query}", headers={"Cookie": cookie})
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


def asking(server: Server, cookie: str, version: str) -> socket.socket:
    """A client that has asked, and reads nothing yet."""
    parts = urlsplit(server.url)
    client = socket.create_connection((parts.hostname, parts.port), timeout=60)
    path = f"/api/v1/me/inbox?version={version}&wait={WAIT_S}"
    head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode())
    return client


def answer(client: socket.socket) -> dict[str, Any]:
    """A byte at a time, as a slow client reads."""
    told = b""
    while part := client.recv(1):
        told += part
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    found: dict[str, Any] = json.loads(body)
    return found


def test_slow_and_vanished_clients_cost_nobody_else_their_push(config: Path, server: Server) -> None:
    key = command(config, "gateway", "add", "gw-1")
    command(config, "demo-data")
    assert server.post(batch(humidity(DRY)), key).status == 200
    server.visible(20)
    cookie = signed_in(server, config)
    version = inbox(server, cookie)["version"]
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            asking(server, cookie, version).close()  # gone before the answer
        slow = [stack.enter_context(asking(server, cookie, version)) for _ in range(CLIENTS)]
        assert server.get("/").status == 200
        assert server.post(batch(humidity(dict(enumerate(DAMP, 20))), sequence=2), key).status == 200
        wait_for_news(server, cookie, version)
        [push] = server.get("/api/v1/households/fern/inbox").json()["pushes"]
        # Those that found no place to wait were answered before there was anything.
        assert all({one["id"] for one in answer(client)["pushes"]} <= {push["id"]} for client in slow)
    assert server.get("/offers").status == 401


def wait_for_news(server: Server, cookie: str, version: str) -> None:
    """As the page's script does: asks again until there is something new."""
    end = time.monotonic() + 60
    while inbox(server, cookie, f"?version={version}&wait=1")["version"] == version:
        assert time.monotonic() < end
