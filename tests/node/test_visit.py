"""One short session of a sleeping node against a gateway on loopback that acks at once, late, in part or not at all."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from tests.node.fakes import FakeGateway, FakeLastNumber, FakeReport, FakeWlan

from aircue_gateway.intakes import mqtt_server
from aircue_node import command_codec, contract, mqtt, visit
from aircue_node.clock import Monotonic
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.uplink import Link
from aircue_node.visit import ERRORS, Visit
from aircue_node.wifi import Wifi

INSTALLATION, BOOT = 7, 3


class LazyGateway(FakeGateway):
    """Writes when its commit window ends, which a birth makes at once; this window never ends by itself. closes: on a
    good-bye, as MQTT asks (3.14.4)."""

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[str] = []
        self.waiting: list[int] = []
        self.good_byes = 0
        self.most = 10**6
        self.closes = True
        self.command = b""

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        super()._answer(writer, kind, flags, body)
        if kind == mqtt.DISCONNECT:
            self.good_byes += 1
            if self.closes:
                writer.close()
        if kind == mqtt.PUBLISH:
            topic, payload, *_ = mqtt.parse_publish(flags, body)
            self._take(topic.rpartition("/")[2], json.loads(payload))

    def _take(self, leaf: str, fields: dict[str, list[dict[str, int]]]) -> None:
        self.leaves.append(leaf)
        self.waiting += [row["s"] for row in fields.get("m", [fields] if leaf == "samples" else [])]  # type: ignore[list-item]  # a sample is its own row
        if leaf == "birth" and self.waiting:
            ranges = [(sequence, sequence) for sequence in self.waiting[: self.most]]
            self.waiting = []
            self.send("ack", contract.encode_ack(INSTALLATION, BOOT, ranges))
            if self.command:
                self.send("command", self.command)
                self.command = b""


class RadioWlan(FakeWlan):
    """Knows whether it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.on = False

    def active(self, is_active: bool) -> None:
        self.on = is_active

    def isconnected(self) -> bool:
        return self.on and self.up


class Node:
    def __init__(self, port: int) -> None:
        monotonic = Monotonic(_now_ms, int.__sub__)
        self.journal = Journal(BOOT, 500, 1)
        self.wlan = RadioWlan()
        self.heard: list[str] = []
        self.joined = 0
        commands = Commands(b"secret", INSTALLATION, {"interval": lambda args: None}, FakeLastNumber())
        courier = Courier(INSTALLATION, BOOT, self.journal, commands, FakeReport(), lambda sample: sample)
        link = Link("127.0.0.1", port, "home-1", "bathroom", "secret")
        self.visit = Visit(link, Wifi(self.wlan, "n", "k"), courier, monotonic, self._join, self._received)

    def _join(self) -> None:
        self.joined += 1

    def _received(self, leaf: str, payload: bytes) -> None:
        self.heard.append(leaf)

    def sample(self, count: int) -> None:
        for sequence in range(1, count + 1):
            self.journal.append((sequence, sequence, 0, [sequence]))

    async def run(self, introduced: bool = True) -> None:
        await self.visit.run(introduced, lambda: self.journal.append((1000, 1000, 0, [1])))


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "_ACK_S", 0.2)
    monkeypatch.setattr(visit, "_LEAVE_S", 0.2)


def play(story: Callable[[LazyGateway, Node], Awaitable[None]]) -> None:
    async def go() -> None:
        async with LazyGateway() as gateway:
            await asyncio.wait_for(story(gateway, Node(gateway.port)), 20)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("introduced", "expected"),
    [
        (True, ["status", "samples", "backlog", "birth"]),
        (False, ["birth", "status", "samples", "backlog", "birth"]),
    ],
)
def test_it_hands_everything_over_hurries_the_gateway_by_a_birth_and_takes_leave(
    introduced: bool, expected: list[str]
) -> None:
    async def story(gateway: LazyGateway, node: Node) -> None:
        node.sample(4)
        await node.run(introduced)
        assert gateway.leaves == expected
        assert (len(node.journal), gateway.good_byes, node.joined) == (0, 1, 1)
        assert [json.loads(payload)["s"] for payload in gateway.of("samples")] == [1000]
        assert node.heard == ["ack"]
        assert not node.wlan.on

    play(story)


def test_more_than_fits_in_flight_goes_round_after_round() -> None:
    async def story(gateway: LazyGateway, node: Node) -> None:
        node.sample(499)
        visit_most = visit._MOST_IN_FLIGHT
        try:
            visit._MOST_IN_FLIGHT = 10
            await node.run()
        finally:
            visit._MOST_IN_FLIGHT = visit_most
        assert len(node.journal) == 0
        assert gateway.leaves.count("birth") > 1

    play(story)


def test_what_is_not_acked_in_time_is_a_failure_and_stays() -> None:
    async def story(gateway: LazyGateway, node: Node) -> None:
        gateway.most = 3
        node.sample(4)
        with pytest.raises(ERRORS):
            await node.run()
        assert len(node.journal) == 2
        assert not node.wlan.on

    play(story)


def test_a_gateway_that_goes_in_between_is_a_failure_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit, "_ACK_S", 60)

    async def story(gateway: LazyGateway, node: Node) -> None:
        gateway.most = 0
        running = asyncio.create_task(node.run())
        await gateway.until(lambda: "birth" in gateway.leaves)
        gateway.drop()
        with pytest.raises(OSError, match=r".+"):
            await running
        assert len(node.journal) == 1

    play(story)


def test_no_wifi_no_gateway_and_a_refusal_are_failures_with_the_radio_off_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aircue_node.wifi._JOIN_S", 0.1)
    monkeypatch.setattr("aircue_node.wifi._POLL_S", 0.05)

    async def story(gateway: LazyGateway, node: Node) -> None:
        gateway.refusal = mqtt_server.REFUSED_CREDENTIALS
        with pytest.raises(ERRORS, match="refused with code 4"):
            await node.run()
        node.wlan.up = False
        with pytest.raises(ERRORS, match="not joined"):
            await node.run()
        assert not node.wlan.on
        with pytest.raises(ERRORS):
            await Node(1).run()

    play(story)


def test_a_gateway_that_does_not_close_the_connection_costs_a_moment_and_is_no_failure() -> None:
    async def story(gateway: LazyGateway, node: Node) -> None:
        gateway.closes = False
        await node.run()
        assert (len(node.journal), gateway.good_byes) == (0, 1)

    play(story)


def test_a_command_that_comes_with_the_ack_is_answered() -> None:
    async def story(gateway: LazyGateway, node: Node) -> None:
        node.sample(1)
        gateway.most = 1
        gateway.command = command_codec.encode_command(b"secret", "c1", "interval", {"ms": 2000}, INSTALLATION, 1)
        with pytest.raises(ERRORS):
            await node.run()
        assert gateway.of("reply") == [contract.encode_reply("c1")]

    play(story)
