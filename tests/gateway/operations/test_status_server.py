"""The local page over HTTP: read by whoever stands before the machine, and by nothing that came through a browser."""

import asyncio
import json
from http.client import HTTPConnection
from typing import Any

import pytest
from tests.gateway.operations.snapshots import snapshot

from aircue_gateway.config import StatusConfig
from aircue_gateway.operations.status_server import StatusServer


def asked(port: int, *paths: str, host: str = "127.0.0.1", **fields: Any) -> list[tuple[int, str]]:
    """Status and body of each path, from a server that is up for it."""

    async def story() -> list[tuple[int, str]]:
        async def now() -> dict[str, Any]:
            return snapshot(**fields)

        server = StatusServer(StatusConfig(port=port), now)
        server.start()
        try:
            return [await asyncio.to_thread(_get, port, path, host) for path in paths]
        finally:
            await asyncio.to_thread(server.stop)

    return asyncio.run(asyncio.wait_for(story(), 20))


def _get(port: int, path: str, host: str) -> tuple[int, str]:
    line = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", path, headers={"Host": host})
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


def test_the_page_the_figures_and_the_metrics_are_there(free_port: int) -> None:
    page, figures, metrics, health = asked(free_port, "/", "/status.json", "/metrics?x=1", "/health")
    assert page[0] == 200
    assert "<h1>gw-1</h1>" in page[1]
    assert json.loads(figures[1])["gateway"] == "gw-1"
    assert "aircue_gateway_samples_stored_total 1200.0" in metrics[1]
    assert health == (200, "ok\n")


def test_another_path_names_those_there_are(free_port: int) -> None:
    ((code, text),) = asked(free_port, "/etc/passwd")
    assert (code, text) == (404, "no /etc/passwd here; there are /, /status.json, /metrics and /health\n")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
def test_a_name_that_is_not_this_machines_gets_nothing(free_port: int, host: str) -> None:
    assert asked(free_port, "/status.json", host=host)[0][0] == 421


@pytest.mark.parametrize("host", ["localhost:8014", "192.168.1.7", "[::1]:8014"])
def test_the_machines_own_names_are_answered(free_port: int, host: str) -> None:
    assert asked(free_port, "/health", host=host)[0][0] == 200


def test_a_stuck_disk_is_an_illness(free_port: int) -> None:
    assert asked(free_port, "/health", write_stuck_s=9.0) == [(503, "the disk has not taken what came in for 9 s\n")]


def test_port_0_serves_nothing() -> None:
    async def story() -> None:
        StatusServer(StatusConfig(port=0), _unasked).start()

    asyncio.run(story())


def test_a_port_that_is_taken_does_not_stop_the_gateway(free_port: int, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        first, second = (StatusServer(StatusConfig(port=free_port), _unasked) for _ in range(2))
        first.start()
        second.start()
        await asyncio.to_thread(first.stop)

    asyncio.run(story())
    assert "no_status_page" in caplog.text


async def _unasked() -> dict[str, Any]:
    raise AssertionError
