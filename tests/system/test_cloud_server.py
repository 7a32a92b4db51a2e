"""The cloud's real server: it starts, answers, refuses what is too large as a problem document, and stops."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cloud.stage import DAMP, batch, humidity
from tests.system.cloud_process import HTTP, PLAIN, Server, command

pytestmark = pytest.mark.system


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text("port = 0\nmax_batch_bytes = 2048\npush_ttl_h = 876000\n" + PLAIN, encoding="utf-8")
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
    assert push["product"] in log
    assert push["reason"] not in log


def test_a_batch_over_the_limit_is_told_so_as_a_problem(config: Path, server: Server) -> None:
    key = command(config, "gateway", "add", "gw-1")
    response = server.post(b"\x01" * 1_000_000, key)
    assert (response.status, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert server.get("/api/v1/status").json()["oversized_batches"] == 1


def test_whoever_comes_by_way_of_a_proxy_has_to_sign_in(server: Server) -> None:
    """Without one this machine alone reaches the server, and nobody has to."""
    url = f"{server.url}/api/v1/status"
    assert HTTP.request("GET", url).status == 200
    assert HTTP.request("GET", url, headers={"X-Forwarded-For": "192.0.2.7"}).status == 401


def test_behind_a_trusted_proxy_an_operator_signs_in_under_the_public_name(config: Path) -> None:
    line = [sys.executable, "-m", "aircue_cloud", "operator", "add", "olga", "--role", "owner", "--config", str(config)]
    subprocess.run(line, input="correct horse battery\n", text=True, check=True, capture_output=True)
    config.write_text('port = 0\npublic_url = "https://air.example"\ntrusted_proxies = 1\n', encoding="utf-8")
    server = Server(config)
    through = {"Host": "127.0.0.1", "X-Forwarded-Host": "air.example", "X-Forwarded-Proto": "https"}
    through["X-Forwarded-For"] = "192.0.2.7"
    page = HTTP.request("GET", f"{server.url}/sign-in", headers=through)
    word = page.data.decode().partition('name="form_word" value="')[2][:64]
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    fields = {"form_word": word, "store": "main", "name": "olga", "password": "correct horse battery"}
    form = {"headers": through | {"Cookie": cookie, "Origin": "https://air.example"}, "encode_multipart": False}
    done = HTTP.request("POST", f"{server.url}/sign-in", fields=fields, redirect=False, **form)
    assert (done.status, done.headers["Location"]) == (303, "/console")
    mine = through | {"Cookie": done.headers["Set-Cookie"].partition(";")[0]}
    assert HTTP.request("GET", f"{server.url}/console", headers=mine).status == 200
    assert HTTP.request("GET", f"{server.url}/api/v1/status", headers=through).status == 401
    assert "192.0.2.7 operator olga: sign in olga: done" in command(config, "audit")
    assert server.stop() == 0


def test_a_port_that_is_taken_is_named(config: Path, server: Server) -> None:
    port = server.url.rsplit(":", 1)[1]
    config.write_text(f"port = {port}\n", encoding="utf-8")
    line = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(config)]
    second = subprocess.run(line, check=False, capture_output=True, text=True)
    assert second.returncode == 1
    assert f"Error: cannot listen on 127.0.0.1 port {port}" in second.stderr
