"""The uplink through outages and against hostile brokers, in virtual time over real loopback sockets.

The radio is the bench's simulated station; a host that is away is simulated by SYN packets that nobody answers.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from tests.node.fakes import FakeGateway, stop
from tests.node.test_client import UNASKED
from tests.node.test_uplink import INSTALLATION, Node
from tests.node.virtual import play

from aircue_gateway.intakes import mqtt_server
from aircue_hil import radio
from aircue_node import contract, mqtt
from aircue_node.escalation import ABSENT, ANSWERED, REFUSED, REJOIN, RESET, UNREACHED

# When TCP asks for a connection, in seconds from the first time (Linux; RFC 6298 doubles the wait).
SYNS = (0, 1, 3, 7, 15)
OUTAGES = 40


def now() -> float:
    return asyncio.get_running_loop().time()


class StationWlan:
    """network.WLAN over the bench's simulated radio."""

    def __init__(self) -> None:
        self.station = radio.Station(radio.Wifi(ssid="net", key="key"))
        self.switched_off = 0

    def active(self, is_active: bool) -> None:
        self.switched_off += not is_active
        if is_active != self.station.active:
            self.station.activate(is_active)

    def connect(self, ssid: str, key: str) -> None:
        self.station.connect(ssid, key, now())

    def disconnect(self) -> None:
        self.station.disconnect()

    def isconnected(self) -> bool:
        return self.station.poll(now()) == radio.GOT_IP

    def status(self) -> int:
        return self.station.poll(now())

    def config(self, *, pm: int = 0, reconnects: int = 0) -> None:
        pass


class Host(FakeGateway):
    """A gateway whose host can lose its power: packets are met with silence, and after it came back, packets of
    connections from before with a reset."""

    def __init__(self) -> None:
        super().__init__()
        self.up = True
        self.life = 0
        self.welcomed = asyncio.Event()
        self._lives: dict[asyncio.StreamWriter, int] = {}

    def power(self, up: bool) -> None:
        self.up = up
        self.life += not up

    async def connection(self, *place: Any, **options: Any) -> Any:
        """asyncio.open_connection, as seen by a node."""
        asked = 0
        for at in SYNS:
            await asyncio.sleep(at - asked)
            asked = at
            if self.up:
                return await REALLY_OPEN(*place, **options)
        raise TimeoutError(110, "ETIMEDOUT")

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        life = self._lives.setdefault(writer, self.life)
        if self.up and life != self.life:
            writer.transport.abort()
        elif self.up:
            super()._answer(writer, kind, flags, body)
            if kind == mqtt.CONNECT:
                self.welcomed.set()


REALLY_OPEN = asyncio.open_connection


class Stage:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.wlan = StationWlan()
        self.node = Node(host.port, self.wlan, backlog_pause_ms=1000)

    async def reconnected(self) -> None:
        await asyncio.wait_for(self.host.welcomed.wait(), 600)

    async def failed(self) -> None:
        rows = len(self.node.log.rows)
        while len(self.node.log.rows) == rows:  # noqa: ASYNC110 -- time is virtual
            await asyncio.sleep(0.5)


def on_stage(monkeypatch: pytest.MonkeyPatch, story: Callable[[Stage], Awaitable[None]]) -> Stage:
    async def told() -> Stage:
        async with Host() as host:
            monkeypatch.setattr(asyncio, "open_connection", host.connection)
            stage = Stage(host)
            running = asyncio.create_task(stage.node.uplink.run())
            try:
                await stage.reconnected()
                await story(stage)
            finally:
                await stop(running)
            return stage

    return play(told)


def without_a_gap_of(stage: Stage, most_s: float) -> bool:
    """Whether the watchdog heard of the uplink at least so often."""
    ticks = stage.node.ticks
    return max(later - earlier for earlier, later in pairwise(ticks)) <= most_s


def test_a_dead_gateway_is_noticed_within_20_s_whenever_it_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    noticed: list[float] = []

    async def story(stage: Stage) -> None:
        for offset in range(30):
            await asyncio.sleep(20 + offset * 0.37)
            stage.host.welcomed.clear()
            died = now()
            stage.host.power(False)
            await stage.failed()
            noticed.append(stage.node.log.rows[-1][0] - died)
            stage.host.power(True)
            await stage.reconnected()

    on_stage(monkeypatch, story)
    assert len(noticed) == 30
    assert max(noticed) < 20


async def wifi_gone(stage: Stage, lasting_s: float) -> None:
    stage.wlan.station.outage(True, now())
    stage.host.power(False)
    await asyncio.sleep(lasting_s)
    stage.wlan.station.outage(False, now())
    stage.host.power(True)


async def program_gone(stage: Stage, lasting_s: float) -> None:
    await stage.host.vanish()
    await asyncio.sleep(lasting_s)
    await stage.host.listen(stage.host.port)


async def host_gone(stage: Stage, lasting_s: float) -> None:
    stage.host.power(False)
    await asyncio.sleep(lasting_s)
    stage.host.power(True)


@pytest.mark.parametrize("outage", [wifi_gone, program_gone, host_gone])
def test_it_is_back_within_5_s_of_the_network(
    monkeypatch: pytest.MonkeyPatch, outage: Callable[[Stage, float], Awaitable[None]]
) -> None:
    """Outages of 4 s to 4 minutes; the longest way back of all is held against the bound of the 99th percentile."""
    dice = random.Random(f"outages/{outage.__name__}")
    back_s: list[float] = []

    async def story(stage: Stage) -> None:
        for _ in range(OUTAGES):
            await asyncio.sleep(dice.uniform(15, 40))
            stage.host.welcomed.clear()
            await outage(stage, 4 * 60 ** dice.random())
            began = now()
            await stage.reconnected()
            back_s.append(now() - began)

    stage = on_stage(monkeypatch, story)
    median_s = sorted(back_s)[OUTAGES // 2]
    print(f"{outage.__name__}: {OUTAGES} outages, back after {median_s:.1f} s, at most {max(back_s):.1f} s")
    assert len(back_s) == OUTAGES
    assert max(back_s) < 5
    assert stage.node.resets == 0


@pytest.mark.parametrize(
    ("outage", "kind", "rejoins"),
    [(wifi_gone, ABSENT, True), (program_gone, ANSWERED, False), (host_gone, UNREACHED, True)],
)
def test_hours_of_an_outage_reset_nothing_and_starve_no_watchdog(
    monkeypatch: pytest.MonkeyPatch, outage: Callable[[Stage, float], Awaitable[None]], kind: str, rejoins: bool
) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(30)
        await outage(stage, 3600)

    stage = on_stage(monkeypatch, story)
    rows = stage.node.log.rows
    assert {row[1] for row in rows[2:]} == {kind}
    assert RESET not in [step for _, _, step in rows]
    assert (REJOIN in [step for _, _, step in rows]) is rejoins
    assert (stage.wlan.switched_off > 0) is rejoins
    assert stage.node.resets == 0
    assert without_a_gap_of(stage, 60)


def test_a_radio_that_gets_no_address_ends_in_a_reset_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage) -> None:
        await asyncio.sleep(30)
        stage.wlan.station._wifi = radio.Wifi(ssid="net", key="changed")
        stage.wlan.disconnect()
        while stage.node.resets == 0:  # noqa: ASYNC110 -- time is virtual
            await asyncio.sleep(1)
        assert 1800 <= now() - 30 < 1860

    stage = on_stage(monkeypatch, story)
    assert stage.wlan.switched_off >= 10


class Hostile(FakeGateway):
    """Takes each connection and then says the next of its lines, once the node has subscribed; at last it behaves."""

    def __init__(self, lines: list[bytes]) -> None:
        super().__init__()
        self.lines = lines

    def _answer(self, writer: asyncio.StreamWriter, kind: int, flags: int, body: bytes) -> None:
        line = self.lines[len(self.connects) - 1] if 0 < len(self.connects) <= len(self.lines) else b""
        if kind == mqtt.SUBSCRIBE and line:
            packet_id, filters = mqtt_server.parse_subscribe(body)
            writer.write(mqtt_server.suback(packet_id, [1] * len(filters)) + line)
        else:
            super()._answer(writer, kind, flags, body)


COMMANDS = b"".join(mqtt.publish(contract.topic("home-1", "bathroom", "command"), b"{}") for _ in range(40))
FLOOD = b"".join(mqtt.publish("elsewhere", bytes(200)) for _ in range(2000))


def test_each_line_of_a_hostile_broker_ends_the_session_with_its_reason_and_the_next_one_is_tried() -> None:
    lines = [packet for packet, _ in UNASKED.values()] + [COMMANDS, FLOOD]
    named = [named for _, named in UNASKED.values()] + ["more commands than", "did not ask for"]

    async def story() -> Node:
        async with Hostile(lines) as gateway:
            node = Node(gateway.port)
            running = asyncio.create_task(node.uplink.run())
            while len(gateway.of("samples")) == 0:
                node.sample()
                await asyncio.sleep(20)
            await stop(running)
            return node

    node = play(story)
    assert len(node.refused) == len(lines)
    for reason, expected in zip(node.refused, named, strict=True):
        assert expected in reason
    assert {kind for _, kind, _ in node.log.rows} == {REFUSED}


def test_a_flood_of_acks_that_name_nothing_stops_nothing() -> None:
    """They are in the contract's form, so they are taken; the next sample goes out between them."""
    ack = mqtt.publish(contract.topic("home-1", "bathroom", "ack"), contract.encode_ack(INSTALLATION, 99, [(1, 2**31)]))

    async def story() -> Node:
        async with Hostile([ack * 5000]) as gateway:
            node = Node(gateway.port)
            running = asyncio.create_task(node.uplink.run())
            await gateway.until(lambda: len(gateway.of("status")) > 0)
            node.sample()
            await gateway.until(lambda: len(gateway.of("samples")) + len(gateway.of("backlog")) == 1)
            assert len(gateway.connects) == 1
            await stop(running)
            return node

    assert len(play(story).journal) == 1
