"""TLS towards the gateway: the CA that was given is believed, and nobody else."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.node.certificates import Authority
from tests.node.fakes import FakeGateway, stop
from tests.node.test_uplink import Node

from aircue_node import trust
from aircue_node.config import SettingsError
from aircue_node.escalation import REFUSED

OURS, THEIRS = Authority("ours"), Authority("theirs")
DAY = timedelta(days=1)

REFUSED_SERVERS: dict[str, tuple[Callable[[Path], ssl.SSLContext], str]] = {
    "of another CA": (THEIRS.server, "unable to get local issuer"),
    "for another address": (lambda folder: OURS.server(folder, "127.0.0.9"), "mismatch"),
    "expired": (lambda folder: OURS.server(folder, since=-3 * DAY, until=-DAY), "expired"),
    "not valid yet, as seen by a node before it has the time": (
        lambda folder: OURS.server(folder, since=DAY, until=3 * DAY),
        "not yet valid",
    ),
}


async def first(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- a plain list is what it waits for
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("form", ["pem", "der"])
def test_samples_pass_to_a_gateway_that_the_ca_vouches_for(tmp_path: Path, form: str) -> None:
    (tmp_path / "ca").write_bytes(getattr(OURS, form))

    async def story() -> None:
        async with FakeGateway(OURS.server(tmp_path)) as gateway:
            node = Node(gateway.port, tls=trust.load(str(tmp_path / "ca")))
            running = asyncio.create_task(node.uplink.run())
            node.sample(3)
            await gateway.until(lambda: len(gateway.of("backlog")) > 0)
            assert node.refused == []
            await stop(running)

    asyncio.run(story())


@pytest.mark.parametrize(("server", "named"), REFUSED_SERVERS.values(), ids=REFUSED_SERVERS)
def test_a_certificate_that_does_not_fit_is_refused_with_its_reason_and_no_secret_is_told(
    tmp_path: Path, server: Callable[[Path], ssl.SSLContext], named: str
) -> None:
    async def story() -> None:
        async with FakeGateway(server(tmp_path)) as gateway:
            node = Node(gateway.port, tls=trust.context(OURS.pem))
            running = asyncio.create_task(node.uplink.run())
            await first(lambda: len(node.refused) > 0)
            assert named in node.refused[0]
            assert node.refused[0].startswith("certificate of 127.0.0.1: ")
            assert len(node.refused[0]) <= 100
            assert node.log.rows[0][1] == REFUSED
            assert gateway.connects == []
            await stop(running)

    asyncio.run(story())


def test_a_gateway_without_tls_is_not_spoken_to() -> None:
    async def story() -> None:
        async with FakeGateway() as gateway:
            node = Node(gateway.port, tls=trust.context(OURS.pem))
            running = asyncio.create_task(node.uplink.run())
            await first(lambda: len(node.log.rows) > 0)
            assert gateway.connects == []
            await stop(running)

    asyncio.run(story())


def test_every_certificate_of_a_file_is_read() -> None:
    assert trust.certificates(OURS.pem + b"words in between\n" + THEIRS.pem) == [OURS.der, THEIRS.der]
    assert trust.certificates(OURS.der) == [OURS.der]


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n"])
def test_a_file_without_a_certificate_stops_the_program_and_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(text)
    with pytest.raises(SettingsError, match=r"ca\.pem, which holds no certificate"):
        trust.load(str(tmp_path / "ca.pem"))


def test_a_missing_file_stops_the_program_and_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ca\.pem, which is missing"):
        trust.load(str(tmp_path / "ca.pem"))
