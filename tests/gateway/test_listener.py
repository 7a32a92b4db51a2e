"""The listener on real sockets of 127.0.0.1: who gets in, who is told what, and how connections end."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.samples import NODE, birth, live, message
from tests.node.certificates import Authority

from aircue_gateway.config import Config, ConfigError, ListenerConfig, Node, TlsConfig, UplinkConfig, Watcher
from aircue_gateway.intakes.listener import Connection, Listener
from aircue_gateway.ledger import Count
from aircue_gateway.message import Message
from aircue_node import contract, mqtt, trust

OTHER = Node(id="kitchen", site="home-1", key="battery staple")
HOME_ASSISTANT = Watcher(name="home-assistant", key="a staple or two")
BIRTH = contract.topic(NODE.site, NODE.id, "birth")
ACK = contract.topic(NODE.site, NODE.id, "ack")
STATUS = contract.topic(NODE.site, NODE.id, "status")


class Client:
    """A bare MQTT client that shows every packet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._parser = mqtt.Parser()

    async def send(self, *packets: bytes) -> None:
        self._writer.write(b"".join(packets))
        await self._writer.drain()

    async def packet(self) -> tuple[int, int, bytes] | None:
        """The next one, None when the gateway closed the connection."""
        while (found := self._parser.next_packet()) is None:
            try:
                data = await self._reader.read(4096)
            except ConnectionError:
                return None
            if not data:
                return None
            self._parser.feed(data)
        return found

    async def join(
        self, node: Node | Watcher = NODE, name: str = "", keep_alive_s: int = 0, will: bool = False
    ) -> "Client":
        topic = STATUS if will else None
        user = node.id if isinstance(node, Node) else node.name
        await self.send(mqtt.connect(name or user, user, node.key, keep_alive_s, topic, b"gone"))
        assert await self.packet() == (mqtt.CONNACK, 0, b"\0\0")
        return self

    async def silent(self) -> bool:
        """Whether the gateway has sent nothing but the answer to a ping."""
        await self.send(mqtt.PINGREQ_PACKET)
        return await self.packet() == (mqtt.PINGRESP, 0, b"")

    def close(self) -> None:
        self._writer.close()

    async def closed(self) -> None:
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Hall:
    """A listener, what it took in, and the clients of a test."""

    def __init__(self, port: int = 0, **listener: Any) -> None:
        config = Config(
            file=Path("/etc/aircue/gateway.toml"),
            name="gw-1",
            data_dir=Path("unused"),
            uplink=UplinkConfig(url="http://127.0.0.1:1", key="unused"),
            listener=ListenerConfig(**{"host": "127.0.0.1", "port": port, "max_packet": 1024, **listener}),
            nodes={NODE.id: NODE, OTHER.id: OTHER},
            watchers={HOME_ASSISTANT.name: HOME_ASSISTANT},
        )
        self.taken: list[tuple[Message, Connection]] = []
        self.counts: Counter[Count] = Counter()
        self.retained = {BIRTH: birth()}
        self.news = asyncio.Event()
        self.listener = Listener(
            config,
            take=lambda taken, connection, _at_ms: self.taken.append((taken, connection)),
            noticed=self.news.set,
            count=lambda name: self.counts.update([name]),
            retained=self.retained,
            now_ms=lambda: 1_763_700_000_000,
        )
        self.port = port
        self._clients: list[Client] = []

    async def open(self) -> None:
        self.port = (await self.listener.start())[-1]

    async def client(self, tls: ssl.SSLContext | None = None) -> Client:
        one = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=tls))
        self._clients.append(one)
        return one

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():  # not all of it is told to `noticed`
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), 0.01)
            self.news.clear()

    async def close(self) -> None:
        self.listener.stop()
        self.listener.close()
        for one in self._clients:
            one.close()
        for one in self._clients:
            await one.closed()


def played(story: Callable[[Hall], Awaitable[None]], **listener: Any) -> None:
    async def play() -> None:
        hall = Hall(**listener)
        await hall.open()
        try:
            await story(hall)
        finally:
            await hall.close()

    asyncio.run(asyncio.wait_for(play(), 10))


def test_puback_waits_for_the_acknowledgement() -> None:
    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join()
        topic = contract.topic(NODE.site, NODE.id, "samples")
        await client.send(mqtt.publish(topic, live(1), 1, 7), mqtt.publish(topic, live(2), 1, 8))
        assert await client.silent()
        assert [taken.packet_id for taken, _ in hall.taken] == [7, 8]
        hall.listener.acknowledge([(connection, taken.packet_id) for taken, connection in hall.taken])
        assert [await client.packet() for _ in range(2)] == [(mqtt.PUBACK, 0, b"\0\7"), (mqtt.PUBACK, 0, b"\0\x08")]

    played(story)


@pytest.mark.parametrize(
    ("user", "key", "code", "counted", "remedy"),
    [
        (
            "porch",
            "any key",
            5,
            Count.UNKNOWN_NODES,
            "and restart: [[nodes]] | id = 'porch' | site = 'THE-SITE' | key = 'THE-NODES-KEY'",
        ),
        (NODE.id, "guessed it", 4, Count.WRONG_KEYS, "make key under [[nodes]] id = 'bathroom'"),
    ],
)
def test_a_stranger_is_refused_counted_and_told_the_remedy_and_others_go_on(
    user: str, key: str, code: int, counted: Count, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(hall: Hall) -> None:
        known = await (await hall.client()).join()
        stranger = await hall.client()
        await stranger.send(mqtt.connect(user, user, key, 0))
        assert await stranger.packet() == (mqtt.CONNACK, 0, bytes([0, code]))
        assert await stranger.packet() is None
        assert hall.counts == {counted: 1}
        assert await known.silent()

    played(story)
    assert remedy in caplog.text
    assert key not in caplog.text


def test_a_node_set_up_for_another_site_is_refused_and_told_which_topics_are_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def story(hall: Hall) -> None:
        client = await hall.client()
        await client.send(mqtt.connect(NODE.id, NODE.id, NODE.key, 0, "aircue/home-2/bathroom/status", b""))
        assert await client.packet() == (mqtt.CONNACK, 0, b"\0\5")
        assert hall.counts == {Count.REFUSED_CONNECTIONS: 1}

    played(story)
    assert "its last will lies outside aircue/home-1/bathroom/" in caplog.text
    assert "the site that /etc/aircue/gateway.toml gives this node" in caplog.text


def test_a_port_that_is_taken_is_named_with_the_remedy() -> None:
    async def story(hall: Hall) -> None:
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{hall.port}: .* under \[listener\] in /etc"):
            await Hall(hall.port).open()

    played(story)


@pytest.mark.parametrize("bad", [b"\x00\x00", b"\x32\xff\xff\x7f", mqtt.packet(0x34, b"\x00\x01a\x00\x01")])
def test_a_malformed_packet_costs_its_sender_the_connection_and_nobody_else(
    bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(hall: Hall) -> None:
        good, broken = await (await hall.client()).join(OTHER), await (await hall.client()).join()
        await broken.send(mqtt.publish(BIRTH, birth(), 1, 1), bad)
        assert await broken.packet() is None
        assert hall.counts == {Count.MALFORMED_PACKETS: 1}
        assert [taken.leaf for taken, _ in hall.taken] == ["birth"]
        assert await good.silent()

    played(story)
    assert "event=malformed_packet node=bathroom" in caplog.text


def test_a_subscriber_gets_what_is_retained_and_then_what_is_published() -> None:
    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join()
        await client.send(mqtt.subscribe(1, [(ACK, 1), (BIRTH, 0)]))
        assert await client.packet() == (mqtt.SUBACK, 0, b"\0\1\0\0")
        kind, flags, body = await client.packet() or (0, 0, b"")
        assert (kind, flags & 1, mqtt.parse_publish(flags, body)[:2]) == (mqtt.PUBLISH, 1, (BIRTH, birth()))
        hall.listener.publish(ACK, b"first")
        kind, flags, body = await client.packet() or (0, 0, b"")
        assert (flags & 1, mqtt.parse_publish(flags, body)[:2]) == (0, (ACK, b"first"))
        await client.send(mqtt.packet(0xA2, mqtt.subscribe(2, [(ACK, 0)])[2:-1]))
        assert await client.packet() == (mqtt.UNSUBACK, 0, b"\0\2")
        hall.listener.publish(ACK, b"second")
        assert await client.silent()

    played(story)


def test_a_node_cannot_listen_to_its_neighbours() -> None:
    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join(OTHER)
        await client.send(mqtt.subscribe(1, [(ACK, 1), ("#", 0)]))
        assert await client.packet() == (mqtt.SUBACK, 0, b"\0\1\x80\x80")
        hall.listener.publish(ACK, b"secret")
        assert await client.silent()
        assert hall.counts == {Count.REFUSED_SUBSCRIPTIONS: 2}

    played(story)


def test_a_second_client_of_a_node_sees_what_the_first_one_publishes() -> None:
    async def story(hall: Hall) -> None:
        watcher, node = await (await hall.client()).join(name="watcher"), await (await hall.client()).join()
        await watcher.send(mqtt.subscribe(1, [(f"aircue/{NODE.site}/{NODE.id}/+", 0)]))
        assert [(await watcher.packet() or (0,))[0] for _ in range(2)] == [mqtt.SUBACK, mqtt.PUBLISH]
        await node.send(mqtt.publish(STATUS, b"well"))
        _, flags, body = await watcher.packet() or (0, 0, b"")
        assert mqtt.parse_publish(flags, body)[:2] == (STATUS, b"well")

    played(story)


def test_the_last_will_is_published_when_a_connection_drops_and_not_after_leave() -> None:
    async def story(hall: Hall) -> None:
        polite, dropped = [await (await hall.client()).join(name=name, will=True) for name in ("a", "b")]
        await polite.send(mqtt.DISCONNECT_PACKET)
        assert await polite.packet() is None
        assert hall.taken == []
        dropped.close()
        await hall.until(lambda: bool(hall.taken))
        assert [taken for taken, _ in hall.taken] == [message("status", b"gone", retain=True)]

    played(story)


def test_a_client_that_comes_back_takes_over_and_its_old_will_comes_first() -> None:
    async def story(hall: Hall) -> None:
        first = await (await hall.client()).join(will=True)
        second = await hall.client()
        hello = mqtt.connect(NODE.id, NODE.id, NODE.key, 0, STATUS, b"gone")
        await second.send(hello + mqtt.publish(STATUS, b"here again"))
        assert await second.packet() == (mqtt.CONNACK, 0, b"\0\0")
        assert await first.packet() is None
        await hall.until(lambda: len(hall.taken) == 2)
        assert [taken.payload for taken, _ in hall.taken] == [b"gone", b"here again"]
        await second.send(mqtt.subscribe(1, [(ACK, 1)]))
        assert await second.packet() == (mqtt.SUBACK, 0, b"\0\1\0")
        hall.listener.publish(ACK, b"to the second")
        assert (await second.packet() or (0,))[0] == mqtt.PUBLISH

    played(story)


@pytest.mark.parametrize("logged_in", [True, False])
def test_a_silent_client_is_cut_off(logged_in: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_gateway.intakes.listener._PATIENCE", 0.05)
    monkeypatch.setattr("aircue_gateway.intakes.listener._SWEEP_S", 0.01)

    async def story(hall: Hall) -> None:
        client = await hall.client()
        if logged_in:
            await client.join(keep_alive_s=1, will=True)
        sweeping = asyncio.create_task(hall.listener.sweep())
        assert await client.packet() is None
        sweeping.cancel()
        assert [taken.payload for taken, _ in hall.taken] == [b"gone"] * logged_in
        assert hall.counts == ({} if logged_in else {Count.LOGINS_TIMED_OUT: 1})

    played(story, login_s=0.05)


def test_no_will_is_published_when_the_gateway_leaves() -> None:
    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join(will=True)
        hall.listener.stop()
        hall.listener.close()
        assert await client.packet() is None
        assert hall.taken == []

    played(story)


def test_a_client_that_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_gateway.intakes.connection._LARGEST_UNSENT", 100_000)

    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join(will=True)
        await client.send(mqtt.subscribe(1, [(ACK, 1)]))
        assert (await client.packet() or (0,))[0] == mqtt.SUBACK
        while not hall.taken:
            hall.listener.publish(ACK, bytes(60_000))
            await asyncio.sleep(0)
        assert hall.taken[0][0].payload == b"gone"

    played(story)


def test_nobody_can_ack_or_command_in_anothers_name() -> None:
    """A foreign topic is taken in, to be set aside, and told to nobody; nor are acks and commands of one's own."""

    async def story(hall: Hall) -> None:
        node, forger = await (await hall.client()).join(), await (await hall.client()).join(OTHER)
        command = contract.topic(NODE.site, NODE.id, "command")
        await node.send(mqtt.subscribe(1, [(ACK, 1), (command, 1)]))
        assert (await node.packet() or (0,))[0] == mqtt.SUBACK
        await forger.send(mqtt.publish(ACK, b"forged"), mqtt.publish(command, b"forged"))
        assert await forger.silent()
        await node.send(mqtt.publish(ACK, b"own"))
        assert await node.silent()
        assert [taken.leaf for taken, _ in hall.taken] == ["", "", "ack"]

    played(story)


def test_home_assistant_sees_every_node_and_the_nodes_see_home_assistant() -> None:
    status, config = "homeassistant/status", "homeassistant/device/bathroom/config"

    async def story(hall: Hall) -> None:
        node, watcher = await (await hall.client()).join(), await (await hall.client()).join(HOME_ASSISTANT)
        await node.send(mqtt.subscribe(1, [(status, 1)]))
        assert await node.packet() == (mqtt.SUBACK, 0, b"\0\1\0")
        await watcher.send(mqtt.subscribe(1, [("aircue/+/+/samples", 0), ("homeassistant/#", 0)]))
        assert await watcher.packet() == (mqtt.SUBACK, 0, b"\0\1\0\0")
        await node.send(mqtt.publish(config, b"{}", 1, 5, retain=True))
        await node.send(mqtt.publish(contract.topic(NODE.site, NODE.id, "samples"), live(1), 1, 6))
        told = [mqtt.parse_publish(*(await watcher.packet() or (0, 0, b""))[1:])[:2] for _ in range(2)]
        assert told == [(config, b"{}"), (contract.topic(NODE.site, NODE.id, "samples"), live(1))]
        await watcher.send(mqtt.publish(status, b"online", 1, 9))
        kind, flags, body = await node.packet() or (0, 0, b"")
        assert (kind, mqtt.parse_publish(flags, body)[:2]) == (mqtt.PUBLISH, (status, b"online"))
        assert {mqtt.PUBACK, mqtt.PUBLISH} == {(await watcher.packet() or (0,))[0] for _ in range(2)}

    played(story)


def test_a_watcher_that_publishes_is_counted_and_nobody_hears_it() -> None:
    async def story(hall: Hall) -> None:
        node, watcher = await (await hall.client()).join(), await (await hall.client()).join(HOME_ASSISTANT)
        await node.send(mqtt.subscribe(1, [(ACK, 1)]))
        assert (await node.packet() or (0,))[0] == mqtt.SUBACK
        await watcher.send(mqtt.publish(ACK, b"forged", 1, 9))
        assert await watcher.packet() == (mqtt.PUBACK, 0, b"\0\x09")
        assert await node.silent()
        assert hall.taken == []
        assert hall.counts == {Count.REFUSED_PUBLICATIONS: 1}

    played(story)


@pytest.mark.parametrize("limits", [{"max_connections": 2}, {"max_connections_per_address": 2}])
def test_past_the_most_connections_nobody_gets_in_until_one_leaves(limits: dict[str, int]) -> None:
    async def story(hall: Hall) -> None:
        first, second, third = await hall.client(), await (await hall.client()).join(OTHER), await hall.client()
        assert await third.packet() is None
        assert hall.counts == {Count.CONNECTIONS_TURNED_AWAY: 1}
        first.close()
        await hall.until(lambda: len(hall.listener._connections) == 1)
        await (await hall.client()).join()
        assert await second.silent()

    played(story, **limits)


def test_a_takeover_gives_one_place_back_and_not_two() -> None:
    async def story(hall: Hall) -> None:
        for _ in range(3):
            last = await (await hall.client()).join()
        await hall.until(lambda: len(hall.listener._connections) == 1)
        other = await (await hall.client()).join(OTHER)
        assert await (await hall.client()).packet() is None
        assert await last.silent()
        assert await other.silent()

    played(story, max_connections=2)


def test_who_sends_too_fast_is_read_slowly_and_nothing_is_dropped() -> None:
    async def story(hall: Hall) -> None:
        flood, other = await (await hall.client()).join(), await (await hall.client()).join(OTHER)
        for number in range(100):
            await flood.send(mqtt.publish(contract.topic(NODE.site, NODE.id, "samples"), live(number + 1)))
        await hall.until(lambda: Count.READS_PAUSED in hall.counts)
        (connection,) = [one for one in hall.listener._connections if one.name == NODE.id]
        assert connection.transport is not None
        assert not connection.transport.is_reading()
        assert await other.silent()
        await hall.until(lambda: len(hall.taken) == 100)
        assert [taken.payload for taken, _ in hall.taken] == [live(number + 1) for number in range(100)]
        assert await flood.silent()

    played(story, messages_per_s=500, burst=10)


def test_guessing_a_key_takes_longer_and_longer_and_does_not_hold_up_other_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aircue_gateway.intakes.limits._FIRST_WAIT_S", 0.2)

    async def story(hall: Hall) -> None:
        async def guess() -> None:
            client = await hall.client()
            await client.send(mqtt.connect(NODE.id, NODE.id, "guessed it", 0))
            assert await client.packet() == (mqtt.CONNACK, 0, b"\0\4")
            assert await client.packet() is None

        for _ in range(4):
            await guess()
        assert Count.LOGINS_SLOWED not in hall.counts
        slow = asyncio.create_task(guess())
        await hall.until(lambda: Count.LOGINS_SLOWED in hall.counts)
        await (await hall.client()).join(OTHER)
        assert not slow.done()
        await slow
        assert await (await (await hall.client()).join()).silent()
        assert hall.counts == {Count.WRONG_KEYS: 5, Count.LOGINS_SLOWED: 2}
        await guess()
        assert hall.counts[Count.LOGINS_SLOWED] == 2

    played(story)


def test_a_hundred_thousand_subscriptions_are_refused_in_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    async def story(hall: Hall) -> None:
        flood, other = await (await hall.client()).join(), await (await hall.client()).join(OTHER)
        prefix = contract.topic(NODE.site, NODE.id, "")
        for start in range(0, 100_000, 1000):
            await flood.send(mqtt.subscribe(1, [(f"{prefix}{number}", 0) for number in range(start, start + 1000)]))
            assert (await flood.packet() or (0,))[0] == mqtt.SUBACK
        assert hall.counts == {Count.REFUSED_SUBSCRIPTIONS: 99_900}
        (connection,) = [one for one in hall.listener._connections if len(one.filters) > 1]
        assert len(connection.filters) == 100
        assert await other.silent()

    played(story, max_packet=65536)
    assert len([line for line in caplog.messages if "subscription_refused" in line]) == 100


def test_a_flood_of_retained_messages_costs_the_one_who_asks_for_it_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aircue_gateway.intakes.connection._LARGEST_UNSENT", 100_000)

    async def story(hall: Hall) -> None:
        hall.retained[BIRTH] = bytes(60_000)
        flood, other = await (await hall.client()).join(), await (await hall.client()).join(OTHER)
        await flood.send(mqtt.subscribe(1, [(BIRTH, 0)]) * 50)
        while await flood.packet() is not None:
            pass
        assert hall.counts[Count.SLOW_READERS] == 1
        assert await other.silent()

    played(story)


def test_pausing_for_the_disk_costs_nobody_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_gateway.intakes.listener._PATIENCE", 0.05)
    monkeypatch.setattr("aircue_gateway.intakes.listener._SWEEP_S", 0.01)

    async def story(hall: Hall) -> None:
        client = await (await hall.client()).join(keep_alive_s=1)
        hall.listener.pause()
        sweeping = asyncio.create_task(hall.listener.sweep())
        await asyncio.sleep(0.1)
        hall.listener.resume()
        assert await client.silent()
        sweeping.cancel()

    played(story)


def test_after_a_pause_whoever_was_read_longest_ago_is_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a load that fills every window the last ones in a fixed order would never be read."""
    resumed: list[str] = []
    resume = Connection.resume

    def noted(connection: Connection, reason: str) -> None:
        resumed.append(connection.name)
        resume(connection, reason)

    monkeypatch.setattr(Connection, "resume", noted)

    async def story(hall: Hall) -> None:
        clients = {one.id: await (await hall.client()).join(one) for one in (NODE, OTHER)}
        for order in ([NODE, OTHER], [OTHER, NODE], [NODE, OTHER]):
            for one in order:
                said = len(hall.taken)
                await clients[one.id].send(mqtt.publish(contract.topic(one.site, one.id, "samples"), live(1)))
                await hall.until(lambda said=said: len(hall.taken) > said)  # type: ignore[misc]  # bound at once
            hall.listener.pause()
            hall.listener.resume()
        assert resumed == [one.id for one in (NODE, OTHER, OTHER, NODE, NODE, OTHER)]

    played(story)


HOUSE, STRANGERS = Authority("the house"), Authority("strangers")


@pytest.fixture
def secured(tmp_path: Path) -> TlsConfig:
    server, authority = HOUSE.server_file(tmp_path), tmp_path / "ca.pem"
    authority.write_bytes(HOUSE.pem)
    return TlsConfig(port=0, certificate=server, key=server, client_ca=authority)


def test_a_node_that_trusts_the_ca_speaks_tls_with_its_key(secured: TlsConfig) -> None:
    async def story(hall: Hall) -> None:
        client = await (await hall.client(trust.context(HOUSE.pem))).join()
        await client.send(mqtt.publish(contract.topic(NODE.site, NODE.id, "samples"), live(1), 1, 7))
        await hall.until(lambda: bool(hall.taken))
        hall.listener.acknowledge([(connection, taken.packet_id) for taken, connection in hall.taken])
        assert await client.packet() == (mqtt.PUBACK, 0, b"\0\7")

    played(story, tls=secured, plain=False)


def test_tls_with_a_key_that_is_wrong_is_refused_as_without_tls(secured: TlsConfig) -> None:
    async def story(hall: Hall) -> None:
        client = await hall.client(trust.context(HOUSE.pem))
        await client.send(mqtt.connect(NODE.id, NODE.id, "guessed it", 0))
        assert await client.packet() == (mqtt.CONNACK, 0, b"\0\4")

    played(story, tls=secured)


@pytest.mark.parametrize(("name", "code"), [(NODE.id, b"\0\0"), (OTHER.id, b"\0\5")])
def test_a_certificate_with_the_nodes_name_replaces_its_key(
    name: str, code: bytes, secured: TlsConfig, tmp_path: Path
) -> None:
    async def story(hall: Hall) -> None:
        context = trust.context(HOUSE.pem)
        context.load_cert_chain(HOUSE.client_file(tmp_path, name))
        client = await hall.client(context)
        await client.send(mqtt.connect(NODE.id, NODE.id, "", 0))
        assert await client.packet() == (mqtt.CONNACK, 0, code)

    played(story, tls=secured)


def test_a_certificate_of_another_ca_gets_nobody_in(secured: TlsConfig, tmp_path: Path) -> None:
    async def story(hall: Hall) -> None:
        context = trust.context(HOUSE.pem)
        context.load_cert_chain(STRANGERS.client_file(tmp_path, NODE.id))
        with contextlib.suppress(OSError):  # TLS 1.3: the client's side is done before the gateway has looked
            client = await hall.client(context)
            await client.send(mqtt.connect(NODE.id, NODE.id, NODE.key, 0))
            assert await client.packet() is None
        await hall.until(lambda: Count.REFUSED_CONNECTIONS in hall.counts)
        assert not hall.listener._connections
        await (await hall.client(trust.context(HOUSE.pem))).join()

    played(story, tls=secured, max_connections=1)


def test_who_never_finishes_the_handshake_takes_a_place_and_only_for_a_while(secured: TlsConfig) -> None:
    async def story(hall: Hall) -> None:
        _, loris = await asyncio.open_connection("127.0.0.1", hall.port)
        await hall.until(lambda: len(hall.listener._connections) == 1)
        with pytest.raises(OSError):  # noqa: PT011 - whichever way the socket ends
            await hall.client(trust.context(HOUSE.pem))
        assert hall.counts == {Count.CONNECTIONS_TURNED_AWAY: 1}
        await hall.until(lambda: not hall.listener._connections)
        await (await hall.client(trust.context(HOUSE.pem))).join()
        loris.close()

    played(story, tls=secured, max_connections=1, login_s=0.3)


def test_a_new_certificate_is_used_from_the_next_connection_on_and_a_bad_one_is_not(
    secured: TlsConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(hall: Hall) -> None:
        before = await (await hall.client(trust.context(HOUSE.pem))).join()
        secured.certificate.write_bytes(STRANGERS.server_file(tmp_path).read_bytes())
        hall.listener.reload_certificate()
        await (await hall.client(trust.context(STRANGERS.pem))).join(OTHER)
        secured.certificate.write_text("nothing of the kind")
        hall.listener.reload_certificate()
        await (await hall.client(trust.context(STRANGERS.pem))).join(OTHER)
        assert await before.silent()

    played(story, tls=secured)
    assert "certificate_not_reloaded" in caplog.text
    assert "expected a certificate and its key in PEM" in caplog.text


def test_a_certificate_that_cannot_be_read_ends_the_start(tmp_path: Path) -> None:
    missing = TlsConfig(certificate=tmp_path / "none.pem", key=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"listener\.tls\.certificate = .*none\.pem"):
        Hall(tls=missing)
