"""The uplink against a gateway on loopback that acks late, vanishes, refuses or talks nonsense."""

import asyncio
import errno
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.node.fakes import FakeGateway, FakeLastNumber, FakeReport, FakeWlan, stop

from aircue_gateway.intakes import mqtt_server
from aircue_node import command_codec, contract, escalation, mqtt, uplink
from aircue_node.client import Client, Silence
from aircue_node.clock import Clock, Monotonic
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.discovery import Announcer
from aircue_node.escalation import ABSENT, ANSWERED, REFUSED, UNJOINED, UNREACHED, Escalation
from aircue_node.journal import Journal
from aircue_node.ports import Sample, Wlan
from aircue_node.sampler import Sampler
from aircue_node.tuning import Tuning
from aircue_node.uplink import Link, Uplink
from aircue_node.wifi import NotJoined, Wifi

INSTALLATION, BOOT = 7, 3
CHANNELS = [("temperature", "Cel", 100, "sht4x")]


class Log(Escalation):
    """Keeps when which kind of failure came, and what was done."""

    def __init__(self) -> None:
        super().__init__(0)
        self.rows: list[tuple[float, str, str]] = []

    def after(self, kind: str, now_ms: int) -> str:
        step = super().after(kind, now_ms)
        self.rows.append((now_ms / 1000, kind, step))
        return step


class Node:
    """An uplink with its journal, and the loop that runs it."""

    def __init__(
        self,
        port: int,
        wlan: Wlan | None = None,
        announces: bool = False,
        tls: object = None,
        backlog_pause_ms: int = 10,
    ) -> None:
        monotonic = Monotonic(_now_ms, int.__sub__)
        self.journal = Journal(BOOT, 100, 1)
        self.wlan = FakeWlan()
        self.log = Log()
        self.ticks: list[float] = []
        self.refused: list[str] = []
        self.resets = 0
        self.sampler = Sampler([], Clock(monotonic), 30000, lambda _: None)
        tuning = Tuning(self.sampler, lambda _: None)
        commands = Commands(b"secret", INSTALLATION, {"interval": tuning.interval}, FakeLastNumber())
        self.uplink = Uplink(
            Link("127.0.0.1", port, "home-1", "bathroom", "secret", tls),
            Wifi(self.wlan if wlan is None else wlan, "net", "key", self._tick),
            Courier(INSTALLATION, BOOT, self.journal, commands, FakeReport(), dated),
            monotonic,
            lambda: self.join(),
            backlog_pause_ms,
            self.log,
            self._tick,
            self.refused.append,
            self._reset,
            Announcer("home-1", "bathroom", INSTALLATION, "esp32", CHANNELS, self.sampler) if announces else None,
        )
        self.join: Callable[[], None] = lambda: None
        self._taken = 0

    def _tick(self) -> None:
        self.ticks.append(asyncio.get_running_loop().time())

    def _reset(self) -> None:
        self.resets += 1

    def sample(self, count: int = 1) -> None:
        for _ in range(count):
            self._taken += 1
            self.journal.append((self._taken, self._taken, 0, [self._taken]))
        self.uplink.wake()


def dated(sample: Sample) -> Sample:
    return sample if sample[2] else (sample[0], sample[1], 1_700_000_000, sample[3])


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalation, "_FIRST_PAUSE_MS", 10)
    monkeypatch.setattr(uplink, "_HOUSEKEEPING_S", 0.02)


def run(story: Callable[[FakeGateway, Node], Awaitable[None]], announces: bool = False, denied: str = "") -> None:
    async def play() -> None:
        async with FakeGateway() as gateway:
            gateway.denied.add(denied)
            node = Node(gateway.port, announces=announces)
            running = asyncio.create_task(node.uplink.run())
            try:
                await story(gateway, node)
            finally:
                await stop(running)

    asyncio.run(play())


def sequences(gateway: FakeGateway) -> list[int]:
    live = [json.loads(payload)["s"] for payload in gateway.of("samples")]
    return live + [row["s"] for payload in gateway.of("backlog") for row in json.loads(payload)["m"]]


def ack(first: int, last: int, boot: int = BOOT) -> bytes:
    return contract.encode_ack(INSTALLATION, boot, [(first, last)])


def test_it_connects_with_its_credentials_and_a_last_will_and_tells_its_birth_first() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        connect = gateway.connects[0]
        assert (connect["client_id"], connect["username"], connect["password"]) == ("bathroom", "bathroom", "secret")
        will = (contract.topic("home-1", "bathroom", "status"), contract.encode_will(INSTALLATION, BOOT), 1, True)
        assert connect["will"] == will
        assert gateway.messages[0][:2] == ("aircue/home-1/bathroom/birth", b'{"birth":1}')

    run(story)


def test_samples_of_an_outage_come_as_backlog_and_new_ones_live() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        node.sample(20)
        await gateway.until(lambda: len(sequences(gateway)) == 20)
        node.sample()
        await gateway.until(lambda: len(gateway.of("samples")) == 1)
        assert sorted(sequences(gateway)) == list(range(1, 22))
        assert json.loads(gateway.of("samples")[0])["s"] == 21

    run(story)


def test_samples_taken_before_the_clock_was_set_are_dated_when_they_are_sent() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        node.sample(2)
        await gateway.until(lambda: len(gateway.of("backlog")) == 1)
        assert [row["t"] for row in json.loads(gateway.of("backlog")[0])["m"]] == [1_700_000_000] * 2

    run(story)


def test_a_puback_alone_trims_nothing_and_the_application_ack_does() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        node.sample(3)
        await gateway.until(lambda: len(sequences(gateway)) == 3)
        await asyncio.sleep(0.05)
        assert len(node.journal) == 3
        gateway.send("ack", ack(1, 2))
        await gateway.until(lambda: len(node.journal) == 1)

    run(story)


def test_an_ack_for_another_boot_trims_nothing() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        node.sample()
        gateway.send("ack", ack(1, 9, boot=BOOT - 1))
        gateway.send("ack", b"nonsense")
        node.sample()
        await gateway.until(lambda: len(sequences(gateway)) == 2)
        assert len(node.journal) == 2

    run(story)


def test_after_a_broken_connection_everything_unacked_is_sent_again_and_marked() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        node.sample(5)
        await gateway.until(lambda: len(sequences(gateway)) == 5)
        gateway.messages.clear()
        gateway.drop()
        await gateway.until(lambda: len(sequences(gateway)) == 5)
        assert all(duplicate for topic, _, duplicate in gateway.messages if topic.endswith("/backlog"))

    run(story)


def test_losing_the_wifi_ends_the_session_and_it_comes_back() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.connects) == 1)
        node.wlan.up = False
        await asyncio.sleep(0.1)
        node.wlan.up = True
        await gateway.until(lambda: len(gateway.connects) == 2)
        assert gateway.connects[0] == gateway.connects[1]

    run(story)


def test_a_refused_connection_is_tried_again() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        gateway.refusal = mqtt_server.REFUSED_NOT_AUTHORIZED
        await gateway.until(lambda: len(gateway.connects) >= 2)
        gateway.refusal = mqtt.ACCEPTED
        assert gateway.messages == []
        await gateway.until(lambda: len(gateway.of("birth")) > 0)
        assert gateway.of("birth")[0] == b'{"birth":1}'

    run(story)


def test_unacked_messages_in_flight_are_bounded() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        gateway.acks = False
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        for _ in range(3):
            node.sample(90)
            gateway.send("ack", ack(1, 1000))
            await asyncio.sleep(0.05)
        assert len(gateway.messages) <= uplink.MOST_IN_FLIGHT + 1

    run(story)


def test_the_backlog_takes_half_of_what_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "MOST_IN_FLIGHT", 8)

    async def play() -> None:
        async with FakeGateway() as gateway:
            gateway.acks = False
            node = Node(gateway.port, backlog_pause_ms=1)
            node.sample(90)
            running = asyncio.create_task(node.uplink.run())
            await gateway.until(lambda: len(gateway.of("backlog")) == 2)
            await asyncio.sleep(0.1)
            assert sorted(topic.rpartition("/")[2] for topic, _, _ in gateway.messages) == [
                "backlog",
                "backlog",
                "birth",
                "status",
            ]
            node.sample()
            await gateway.until(lambda: len(gateway.of("samples")) == 1)
            await stop(running)

    asyncio.run(play())


def test_a_new_sample_goes_at_once_and_does_not_wait_for_the_housekeeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "_HOUSEKEEPING_S", 3600)

    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        await asyncio.sleep(0.05)
        node.sample()
        await gateway.until(lambda: len(gateway.of("samples")) == 1)

    run(story)


def test_an_ack_makes_room_for_the_samples_that_waited_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "_HOUSEKEEPING_S", 3600)
    monkeypatch.setattr(uplink, "MOST_IN_FLIGHT", 1000)

    async def story(gateway: FakeGateway, node: Node) -> None:
        node.journal.mount(str(tmp_path), 2**18)
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        node.sample(99)
        await gateway.until(lambda: len(gateway.of("samples")) == 96)
        gateway.send("ack", ack(1, 1))
        await gateway.until(lambda: len(gateway.of("samples")) == 97)

    run(story)


def test_a_session_that_stands_says_so_all_the_time() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        before = len(node.ticks)
        await gateway.until(lambda: len(node.ticks) >= before + 5)
        assert len(gateway.connects) == 1

    run(story)


def test_where_the_wifi_goes_while_the_time_is_asked_nobody_looks_for_the_gateway() -> None:
    """A Pico W that looks up a name without a network waits for ever."""

    async def play() -> None:
        async with FakeGateway() as gateway:
            node = Node(gateway.port)
            node.join = lambda: setattr(node.wlan, "up", False)
            running = asyncio.create_task(node.uplink.run())
            await gateway.until(lambda: len(node.log.rows) > 0)
            await stop(running)
            assert node.log.rows[0][1] == ABSENT
            assert gateway.connects == []

    asyncio.run(play())


def test_what_was_on_its_way_is_stored_while_the_gateway_is_away(tmp_path: Path) -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        node.journal.mount(str(tmp_path), 2**18)
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        node.sample(48)
        await gateway.until(lambda: len(gateway.of("samples")) == 48)
        node.journal.flush(48)
        assert node.journal.at_risk == 48
        await gateway.vanish()
        await gateway.until(lambda: len(node.log.rows) > 0)
        node.journal.flush(48)
        assert node.journal.at_risk == 0

    run(story)


@pytest.mark.parametrize("moment_s", [0, 0.05])
def test_a_session_that_is_cancelled_or_fails_stops_its_jobs_and_ends(moment_s: float) -> None:
    stopped = []

    async def fails() -> None:
        await asyncio.sleep(0.05)
        raise OSError("gone")

    async def lasts() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(True)

    async def story() -> None:
        session = asyncio.create_task(uplink._first_to_end(fails(), lasts()))
        await asyncio.sleep(0)
        await asyncio.sleep(moment_s)
        session.cancel()
        with pytest.raises((asyncio.CancelledError, OSError)):
            await session
        await asyncio.sleep(0)
        assert session.done()
        assert stopped == [True]

    asyncio.run(story())


def test_a_command_is_answered() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        command = command_codec.encode_command(b"secret", "c1", "interval", {"ms": 2000}, INSTALLATION, 1)
        gateway.send("command", command)
        await gateway.until(lambda: len(gateway.of("reply")) == 1)
        assert json.loads(gateway.of("reply")[0]) == {"id": "c1", "ok": True}
        assert node.sampler.interval_ms == 2000

    run(story)


def test_home_assistant_is_told_at_each_connection_when_it_asks_and_when_the_interval_changes() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("config")) == 1)
        topic, payload, _ = gateway.messages[1]
        assert topic == "homeassistant/device/bathroom/config"
        assert list(json.loads(payload)["cmps"]) == ["temperature"]
        gateway.tell("homeassistant/status", b"offline")
        gateway.tell("homeassistant/status", b"online")
        await gateway.until(lambda: len(gateway.of("config")) == 2)
        node.sampler.interval_ms = 60_000
        await gateway.until(lambda: len(gateway.of("config")) == 3)
        assert json.loads(gateway.of("config")[2])["cmps"]["temperature"]["exp_aft"] == 180
        gateway.drop()
        await gateway.until(lambda: len(gateway.of("config")) == 4)
        assert len(gateway.of("birth")) == 2
        assert node.refused == []

    run(story, announces=True)


def test_a_gateway_that_keeps_home_assistants_topic_to_itself_keeps_the_node_which_says_so_once() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(node.refused) > 0)
        node.sample()
        await gateway.until(lambda: len(gateway.of("samples")) == 1)
        assert len(gateway.connects) == 1
        gateway.drop()
        await gateway.until(lambda: len(gateway.of("config")) == 2)
        await gateway.until(lambda: len(gateway.of("status")) == 2)
        node.sample()
        await gateway.until(lambda: len(gateway.of("samples")) == 2)
        assert [text[:20] for text in node.refused] == ["homeassistant/status"]

    run(story, announces=True, denied="homeassistant/status")


def test_without_discovery_home_assistant_hears_nothing() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        assert gateway.of("config") == []
        gateway.tell("homeassistant/status", b"online")
        await gateway.until(lambda: len(gateway.connects) == 2)
        assert node.refused == ["a message on a topic that this node did not ask for"]

    run(story)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotJoined(ABSENT, "x"), ABSENT),
        (NotJoined(UNJOINED, "x"), UNJOINED),
        (mqtt.ProtocolError("x"), REFUSED),
        (Silence("x"), UNREACHED),
        (TimeoutError(), UNREACHED),
        (OSError(errno.ETIMEDOUT, "x"), UNREACHED),
        (OSError(errno.EHOSTUNREACH), UNREACHED),
        (OSError(errno.ENETUNREACH, "x"), UNREACHED),
        (OSError(errno.ECONNABORTED, "lwIP gave up asking"), UNREACHED),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), UNREACHED),
        (OSError(-2), UNREACHED),
        (OSError(-202), UNREACHED),
        (OSError(-0x7200, "SSL - An invalid SSL record was received"), REFUSED),
        (OSError(-0x7280, "the peer is gone amid a handshake"), ANSWERED),
        (OSError(errno.ECONNREFUSED), ANSWERED),
        (OSError(errno.ECONNRESET, "x"), ANSWERED),
        (OSError("the gateway closed the connection"), ANSWERED),
        (OSError(), ANSWERED),
    ],
    ids=repr,
)
def test_which_failure_is_of_which_kind(error: Exception, kind: str) -> None:
    assert uplink.kind_of(error) == kind


def test_running_out_of_memory_ends_the_session_and_five_in_a_row_the_program() -> None:
    async def story(gateway: FakeGateway, node: Node) -> None:
        await gateway.until(lambda: len(gateway.of("status")) > 0)
        running = asyncio.create_task(Starved(node).run())
        with pytest.raises(MemoryError):
            await running
        assert node.refused == ["out of memory: 4096 bytes"] * 4

    run(story)


def test_after_a_session_that_ran_out_of_memory_the_backlog_comes_in_smaller_messages() -> None:
    async def play() -> None:
        async with FakeGateway() as gateway:
            node = Node(gateway.port)
            talk, failed = node.uplink._talk, []

            async def starved_once(client: Client) -> None:
                if not failed:
                    failed.append(True)
                    raise MemoryError("920 bytes")
                await talk(client)

            node.uplink._talk = starved_once  # type: ignore[method-assign]  # what fails is beside the point
            node.sample(24)
            running = asyncio.create_task(node.uplink.run())
            await gateway.until(lambda: len(sequences(gateway)) == 24)
            await stop(running)
            assert [len(json.loads(payload)["m"]) for payload in gateway.of("backlog")] == [6] * 4

    asyncio.run(play())


class Starved:
    """The uplink of a node whose sessions end for want of memory."""

    def __init__(self, node: Node) -> None:
        self._uplink = node.uplink
        self._uplink._session = self._session  # type: ignore[method-assign]  # what fails is beside the point

    async def run(self) -> None:
        await self._uplink.run()

    async def _session(self) -> None:
        raise MemoryError("4096 bytes")
