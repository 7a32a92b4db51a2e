"""The access point with real sockets on loopback: an outage lets packets vanish, without FIN or RST."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from aircue_hil.access_point import Network

PATIENCE_S = 5.0
SILENCE_S = 0.05


class Gateway:
    """A peer that notes what it receives and can speak."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.connections: list[asyncio.StreamWriter] = []
        self.ended = asyncio.Event()
        self.news = asyncio.Condition()
        self._callers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def call(self, network: Network) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A node's connection toward this gateway; it ends with it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", network.port)
        self._callers.append(writer)
        return reader, writer

    async def stop(self) -> None:
        for writer in self.connections + self._callers:
            writer.transport.abort()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while data := await reader.read(4096):
                await self._tell(data)
        except ConnectionError:
            pass
        self.ended.set()

    async def _tell(self, data: bytes) -> None:
        async with self.news:
            self.received += data
            self.news.notify_all()

    async def has(self, expected: bytes) -> None:
        async with asyncio.timeout(PATIENCE_S), self.news:
            await self.news.wait_for(lambda: bytes(self.received) == expected)


Body = Callable[[Network, Gateway], Awaitable[None]]


def play(body: Body) -> None:
    async def go() -> None:
        gateway = Gateway()
        network = Network("127.0.0.1", await gateway.start())
        await network.start()
        try:
            await body(network, gateway)
        finally:
            await network.stop()
            await gateway.stop()

    asyncio.run(go())


async def silent(reader: asyncio.StreamReader) -> None:
    """Nothing arrives: neither a byte nor an end."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), SILENCE_S)


def test_bytes_pass_both_ways_while_packets_flow() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.let_flow(True)
        reader, writer = await gateway.call(network)
        writer.write(b"sample")
        await gateway.has(b"sample")
        gateway.connections[0].write(b"ack")
        assert await reader.readexactly(3) == b"ack"
        writer.close()
        await asyncio.wait_for(gateway.ended.wait(), PATIENCE_S)

    play(body)


def test_in_an_outage_nothing_passes_and_afterwards_tcp_delivers_it() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.let_flow(True)
        reader, writer = await gateway.call(network)
        writer.write(b"before ")
        await gateway.has(b"before ")
        network.let_flow(False)
        writer.write(b"after")
        gateway.connections[0].write(b"ack")
        await silent(reader)
        assert bytes(gateway.received) == b"before "
        network.let_flow(True)
        await gateway.has(b"before after")
        assert await reader.readexactly(3) == b"ack"

    play(body)


def test_a_gateway_that_closes_in_an_outage_is_heard_of_only_afterwards() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.let_flow(True)
        reader, writer = await gateway.call(network)
        writer.write(b"x")
        await gateway.has(b"x")
        network.let_flow(False)
        gateway.connections[0].close()
        await silent(reader)
        network.let_flow(True)
        assert await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""

    play(body)


def test_a_new_connection_in_an_outage_meets_silence_and_lives_when_the_air_is_back() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        reader, writer = await gateway.call(network)
        writer.write(b"hello")
        await silent(reader)
        assert gateway.connections == []
        network.let_flow(True)
        await gateway.has(b"hello")

    play(body)


def test_a_power_cut_is_not_heard_of_by_the_gateway_and_old_connections_never_return() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.let_flow(True)
        _, writer = await gateway.call(network)
        writer.write(b"x")
        await gateway.has(b"x")
        network.let_flow(False)
        network.drop_node()
        writer.close()
        network.let_flow(True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gateway.ended.wait(), SILENCE_S)

    play(body)


def test_a_gateway_that_is_down_ends_the_connection() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.redirect("127.0.0.1", 1)
        network.let_flow(True)
        reader, _ = await gateway.call(network)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), PATIENCE_S)

    play(body)


def test_a_slow_reader_holds_the_sender_back_and_loses_no_byte() -> None:
    async def body(network: Network, gateway: Gateway) -> None:
        network.let_flow(True)
        reader, writer = await gateway.call(network)
        writer.write(b"x")
        await gateway.has(b"x")
        much = bytes(range(256)) * 65536
        gateway.connections[0].write(much)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gateway.connections[0].drain(), 10 * SILENCE_S)
        assert await asyncio.wait_for(reader.readexactly(len(much)), PATIENCE_S) == much

    play(body)


class EagerTransport(asyncio.Transport):
    """Reads on although it was paused, as Python 3.11.2's does when it is paused as soon as it is made."""

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


def test_bytes_that_come_before_there_is_another_side_are_kept_for_it() -> None:
    async def story() -> None:
        gateway = Gateway()
        network = Network("127.0.0.1", await gateway.start())
        node = network._link()
        node.connection_made(EagerTransport())
        node.data_received(b"CON")
        network.let_flow(True)
        node.data_received(b"NECT")
        await gateway.has(b"CONNECT")
        network.let_flow(False)
        node.data_received(b"PUB")
        await asyncio.sleep(SILENCE_S)
        await gateway.has(b"CONNECT")
        network.let_flow(True)
        await gateway.has(b"CONNECTPUB")
        await gateway.stop()

    asyncio.run(story())
