"""The MQTT client against peers that are silent, slow, hostile or random: what ends it, and how much it keeps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.fakes import Ticks, stop

from aircue_gateway.intakes import mqtt_server
from aircue_node import mqtt
from aircue_node.client import Client, Silence

LIMIT = 4096


class Peer:
    """Both ends of a stream that the test plays: `send` is what the client reads, `sent` is what it wrote."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.takes = asyncio.Event()
        self.takes.set()
        self._arriving: asyncio.Queue[bytes] = asyncio.Queue()
        self._waiting_writers = 0

    def send(self, data: bytes) -> None:
        self._arriving.put_nowait(data)

    async def read(self, limit: int) -> bytes:
        data = await self._arriving.get()
        if len(data) > limit:
            self._arriving._queue.appendleft(data[limit:])  # type: ignore[attr-defined]  # a stream has no pieces
        return data[:limit]

    def write(self, data: bytes) -> None:
        self.sent += data

    async def drain(self) -> None:
        """MicroPython's: a second waiting writer is a failed assertion."""
        self._waiting_writers += 1
        assert self._waiting_writers == 1
        await self.takes.wait()
        self._waiting_writers -= 1


class Table:
    """A client, its peer and a clock moved by hand."""

    def __init__(self) -> None:
        self.peer = Peer()
        self.ticks = Ticks()
        self.delivered: list[tuple[str, bytes]] = []
        reader, writer = cast("asyncio.StreamReader", self.peer), cast("asyncio.StreamWriter", self.peer)
        self.client = Client(reader, writer, self.ticks.monotonic(), lambda *told: self.delivered.append(told), LIMIT)


def run(story: Callable[[Table], Awaitable[None]]) -> None:
    async def play() -> None:
        await story(Table())

    asyncio.run(play())


async def ends_with(table: Table, named: str) -> None:
    with pytest.raises(mqtt.ProtocolError, match=named):
        await asyncio.wait_for(table.client.run(), 5)


def test_every_packet_id_is_used_and_none_twice_at_once() -> None:
    """70,000 publishes: the ids wrap after 65,535, and the two that wait for their PUBACK are left out."""

    async def story(table: Table) -> None:
        client, used = table.client, []
        await client.publish("t", b"kept")
        for _ in range(70_000):
            before = set(client.in_flight)
            await client.publish("t", b"")
            [packet_id] = client.in_flight - before
            used.append(packet_id)
            client._acknowledged(packet_id)
        assert used == [*range(2, 65_536), *range(2, 70_000 - 65_534 + 2)]
        assert client.in_flight == {1}

    run(story)


def test_the_id_of_an_open_subscription_is_left_out_too() -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["t"])
        table.client._last_id = 0
        await table.client.publish("t", b"")
        assert table.client.in_flight == {2}

    run(story)


UNASKED = {
    "PUBACK that nobody waits for": (mqtt.puback(7), "PUBACK for 7"),
    "PINGRESP without a ping": (mqtt_server.PINGRESP_PACKET, "packet type 13"),
    "SUBACK for another": (mqtt_server.suback(9, [1]), "SUBACK for 9"),
    "second CONNACK": (mqtt_server.connack(0), "packet type 2"),
    "CONNECT from a broker": (mqtt.connect("n", "u", "p", 9), "packet type 1"),
    "PINGREQ from a broker": (mqtt.PINGREQ_PACKET, "packet type 12"),
    "UNSUBACK": (mqtt_server.unsuback(3), "packet type 11"),
    "DISCONNECT": (mqtt.DISCONNECT_PACKET, "packet type 14"),
    "PUBREC": (b"\x50\x02\x00\x01", "packet type 5"),
    "PUBLISH with QoS 2": (mqtt.publish("t", b"", 2, 1), "QoS of 2"),
    "PUBLISH with QoS 3": (b"\x36\x05\x00\x01t\x00\x01", "QoS 3"),
    "PUBLISH without a topic": (b"\x30\x02\x00\x00", "empty topic"),
    "PUBLISH whose topic is longer than itself": (b"\x30\x03\x00\x09t", "inside a string"),
    "reserved type": (b"\xf0\x00", "reserved"),
    "type 0": (b"\x00\x00", "reserved"),
    "wrong flags": (b"\x41\x02\x00\x01", "flags 1"),
    "oversized packet": (b"\x30\x81\x20", "4097 bytes is over the limit"),
    "length of five bytes": (b"\x30\x80\x80\x80\x80\x01", "more than 4"),
    "PUBACK without an id": (b"\x40\x00", "without its packet id"),
    "PUBACK for id 0": (b"\x40\x02\x00\x00", "packet id 0"),
}


@pytest.mark.parametrize(("packet", "named"), UNASKED.values(), ids=UNASKED)
def test_what_nobody_asked_for_ends_the_session_with_a_reason(packet: bytes, named: str) -> None:
    async def story(table: Table) -> None:
        table.peer.send(packet)
        await ends_with(table, named)

    run(story)


@pytest.mark.parametrize("codes", [[128, 0], [1, 128], [3, 0], [0, 255]])
def test_a_subscription_that_is_refused_ends_the_session(codes: list[int]) -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["a", "b"])
        table.peer.send(mqtt_server.suback(1, codes))
        await ends_with(table, "subscription was refused")

    run(story)


@pytest.mark.parametrize("codes", [[], [0], [0, 0, 0], [128]])
def test_an_answer_for_another_number_of_topics_ends_the_session(codes: list[int]) -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["a", "b"], "b")
        table.peer.send(mqtt_server.suback(1, codes))
        await ends_with(table, f"{len(codes)} codes for 2 topics")

    run(story)


def test_only_the_wished_topic_may_be_refused_and_the_session_goes_on() -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["a", "b"], "b")
        table.peer.send(mqtt_server.suback(1, [0, 128]) + mqtt.publish("a", b"x"))
        running = asyncio.create_task(table.client.run())
        while not table.delivered:  # noqa: ASYNC110 -- a plain list is what it waits for
            await asyncio.sleep(0)
        assert table.client.denied
        assert not running.done()
        await stop(running)

    run(story)


@pytest.mark.parametrize("codes", [[128, 0], [128, 128], [0, 3], [0, 129]])
def test_with_a_wished_topic_any_other_refusal_ends_the_session(codes: list[int]) -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["a", "b"], "b")
        table.peer.send(mqtt_server.suback(1, codes))
        await ends_with(table, "subscription was refused")

    run(story)


def test_answers_to_its_questions_are_welcome() -> None:
    async def story(table: Table) -> None:
        await table.client.subscribe(["t"])
        await table.client.publish("t", b"")
        table.ticks.now = 3000
        await table.client.keep_alive()
        table.peer.send(
            mqtt_server.suback(1, [1]) + mqtt.puback(2) + mqtt_server.PINGRESP_PACKET + mqtt.publish("t", b"x", 1, 5)
        )
        running = asyncio.create_task(table.client.run())
        while not table.delivered:  # noqa: ASYNC110 -- a plain list is what it waits for
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not running.done()
        assert table.client.in_flight == set()
        assert table.peer.sent.endswith(mqtt.PINGREQ_PACKET + mqtt.puback(5))
        await stop(running)

    run(story)


def test_a_packet_that_never_ends_is_silence_however_often_a_byte_of_it_comes() -> None:
    async def story(table: Table) -> None:
        running = asyncio.create_task(table.client.run())
        table.peer.send(b"\x30\x80\x20")
        for second in range(1, 13):
            table.peer.send(b"x")
            await asyncio.sleep(0)
            table.ticks.now = second * 1000
            table.client.check()
        table.ticks.now = 12_001
        with pytest.raises(Silence):
            table.client.check()
        await stop(running)

    run(story)


def test_a_peer_that_acknowledges_nothing_is_left_after_a_minute() -> None:
    async def story(table: Table) -> None:
        running = asyncio.create_task(table.client.run())
        table.ticks.now = 5000
        await table.client.publish("t", b"")
        for second in range(6, 66):
            table.ticks.now = second * 1000
            await table.client.keep_alive()
            if table.client._unanswered_pings:
                table.peer.send(mqtt_server.PINGRESP_PACKET)
            await asyncio.sleep(0.001)
            table.client.check()
        table.ticks.now = 65_001
        with pytest.raises(mqtt.ProtocolError, match="PUBACK"):
            table.client.check()
        await stop(running)

    run(story)


def test_a_peer_that_takes_nothing_in_holds_up_no_check_and_one_writer_at_a_time() -> None:
    async def story(table: Table) -> None:
        table.peer.takes.clear()
        writers = [asyncio.create_task(table.client.publish("t", b"")) for _ in range(3)]
        writers.append(asyncio.create_task(table.client.keep_alive()))
        await asyncio.sleep(0.05)
        table.ticks.now = 12_001
        with pytest.raises(Silence):
            table.client.check()
        assert len(table.peer.sent) == len(mqtt.publish("t", b"", 1, 1))
        table.peer.takes.set()
        await asyncio.gather(*writers)

    run(story)


def test_a_connection_that_is_taken_and_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_node.client._ANSWER_S", 0.01)

    async def story(table: Table) -> None:
        with pytest.raises(OSError, match="no CONNACK"):
            await table.client.connect(b"")

    run(story)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (mqtt_server.connack(5), "refused with code 5"),
        (b"\x20\x02\x02\x00", "reserved flags"),
        (b"\x20\x01\x00", "not 2 bytes"),
        (mqtt.puback(1), "instead of CONNACK"),
    ],
)
def test_a_wrong_answer_to_connect_is_refused(answer: bytes, named: str) -> None:
    async def story(table: Table) -> None:
        table.peer.send(answer)
        with pytest.raises(mqtt.ProtocolError, match=named):
            await table.client.connect(b"")

    run(story)


packets = st.one_of(
    st.binary(max_size=40),
    st.builds(mqtt.publish, st.sampled_from(["t", "a/b"]), st.binary(max_size=60), st.integers(0, 1), st.just(3)),
    st.builds(mqtt.puback, st.integers(1, 3)),
    st.just(mqtt_server.PINGRESP_PACKET),
    st.just(mqtt_server.suback(1, [1])),
)


@given(st.lists(packets, max_size=30), st.integers(1, 50), st.booleans())
def test_whatever_comes_ends_in_a_reason_or_is_taken_and_memory_stays_bounded(
    pieces: list[bytes], size: int, welcomed: bool
) -> None:
    """Arbitrary bytes and packets in arbitrary pieces, as an answer to CONNECT or within a session."""
    stream = b"".join(pieces)

    async def story(table: Table) -> None:
        if welcomed:
            table.peer.send(mqtt_server.connack(0))
        for at in range(0, len(stream), size):
            table.peer.send(stream[at : at + size])
        table.peer.send(b"")
        with pytest.raises((mqtt.ProtocolError, OSError)):
            await session(table)
        assert len(table.client._parser._buffer) <= LIMIT + size + 5
        assert sum(len(payload) for _, payload in table.delivered) <= len(stream)

    run(story)


async def session(table: Table) -> None:
    await table.client.connect(b"")
    await table.client.subscribe(["t"])
    await table.client.publish("t", b"")
    await table.client.run()
