"""The cloud's real server: it starts, answers, refuses what is too large as a problem document, and stops."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cloud.stage import DAMP, batch, humidity
from tests.system.cloud_process import Server, command

pytestmark = pytest.mark.system


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text("port = 0\nmax_batch_bytes = 2048\n", encoding="utf-8")
    return path


@pytest.fixture
def server(config: Path) -> Iterator[Server]:
    running = Server(config)
    yield running
    assert running.stop() == 0


def test_a_batch_leads_to_a_push_in_the_log_and_the_inbox(config: Path, server: Server) -> None:
    """With the demo's shop, and without a trained model."""
    key = command(config, "gateway", "add", "gw-1")
    command(config, "demo-data")
    assert server.post(batch(humidity(DAMP)), key).json()["readings"] == 20
    server.visible(20)
    [push] = server.get("/api/v1/households/fern/inbox").json()["pushes"]
    log = (config.parent / "server.log").read_text()
    assert push["id"] in log
    assert push["reason"] in log


def test_a_batch_over_the_limit_is_told_so_as_a_problem(config: Path, server: Server) -> None:
    key = command(config, "gateway", "add", "gw-1")
    response = server.post(b"\x01" * 1_000_000, key)
    assert (response.status, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert server.get("/api/v1/status").json()["oversized_batches"] == 1


def test_a_port_that_is_taken_is_named(config: Path, server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]
    config.write_text(f"port = {port}\n", encoding="utf-8")
    line = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(config)]
    second = subprocess.run(line, check=False, capture_output=True, text=True)
    assert second.returncode == 1
    assert f"Error: cannot listen on 127.0.0.1 port {port}" in second.stderr
