"""The network of the emulated Pico W: everything ends on 127.0.0.1 at the gateway's port, or is refused. No chip here:
frames as one would send them."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from rp2040py.external.cyw43 import nat, net
from rp2040py.external.cyw43.bus import GSPIBus
from rp2040py.rp2040 import RP2040

from aircue_hil.backends.air_bridge import HOST, AirBridge
from aircue_hil.backends.chip import keep_credit

NODE_MAC = b"\x02\x00\x00\x00\x00\x02"
NODE = nat.GUEST_IP
NOW_S = 1_795_000_000
_CREDIT = 9  # its place in the header of what the chip says


class FakeChip:
    """Starts what the bridge asks for on the running loop, as the emulator does."""

    def __init__(self) -> None:
        self.jobs: list[asyncio.Task[Any]] = []

    def schedule_threadsafe(self, job: Coroutine[Any, Any, Any]) -> None:
        self.jobs.append(asyncio.get_running_loop().create_task(job))


@dataclass
class Air:
    """A bridge, a gateway behind it that echoes, and a stranger who listens on another port of this computer."""

    port: int
    other_port: int
    received: list[bytes] = field(default_factory=list)
    strangers: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chip = FakeChip()
        self.bridge = AirBridge(
            cast("RP2040", self.chip),
            self.received.append,
            port=self.port,
            world_s=lambda: NOW_S,
            joined=lambda: self.told.append("joined"),
            left=lambda: self.told.append("left"),
        )

    def tcp(
        self, address: bytes, port: int, flags: int, *, seq: int = 1000, ack: int = 0, payload: bytes = b""
    ) -> None:
        segment = net.pack_tcp(NODE, address, 50_000, port, seq, ack, flags, 8192, payload)
        self._send(address, net.IP_PROTO_TCP, segment)

    def udp(self, address: bytes, port: int, payload: bytes, source: int = 50_000) -> None:
        self._send(address, net.IP_PROTO_UDP, net.pack_udp(NODE, address, source, port, payload))

    def _send(self, address: bytes, protocol: int, payload: bytes) -> None:
        packet = net.pack_ipv4(NODE, address, protocol, payload)
        frame = net.pack_ethernet(nat.GATEWAY_MAC, NODE_MAC, net.ETHERTYPE_IPV4, packet)
        self.bridge.handle_outbound_ethernet_frame(frame)

    def segments(self) -> list[net.TcpSegment]:
        packets = [net.parse_ipv4(frame[14:]) for frame in self.received]
        return [found for one in packets if one is not None and (found := net.parse_tcp(one.payload)) is not None]

    def datagram(self) -> bytes:
        """The payload of the one datagram that came back."""
        (frame,) = self.received
        packet = net.parse_ipv4(frame[14:])
        assert packet is not None
        found = net.parse_udp(packet.payload)
        assert found is not None
        return found.payload

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.wait(self.chip.jobs or [asyncio.create_task(asyncio.sleep(0.01))], timeout=0.01)


def in_the_air(story: Callable[[Air], Awaitable[None]]) -> None:
    async def play() -> None:
        gateway = await asyncio.start_server(echo, "127.0.0.1", 0)
        stranger = await asyncio.start_server(lambda *_: count(), "127.0.0.1", 0)
        ports = [one.sockets[0].getsockname()[1] for one in (gateway, stranger)]
        air = Air(ports[0], ports[1])

        def count() -> None:
            air.strangers += 1

        try:
            await story(air)
        finally:
            air.bridge.reset()
            await asyncio.gather(*air.chip.jobs, return_exceptions=True)
            for server in (gateway, stranger):
                server.close()
                await server.wait_closed()

    asyncio.run(play())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


def test_the_gateway_is_reached_and_answers() -> None:
    async def story(air: Air) -> None:
        air.tcp(nat.GATEWAY_IP, air.port, net.TCP_SYN)
        await air.until(lambda: bool(air.segments()))
        answer = air.segments()[0]
        assert answer.flags == net.TCP_SYN | net.TCP_ACK
        air.tcp(nat.GATEWAY_IP, air.port, net.TCP_ACK, seq=1001, ack=answer.seq + 1)
        air.tcp(nat.GATEWAY_IP, air.port, net.TCP_ACK, seq=1001, ack=answer.seq + 1, payload=b"hello")
        await air.until(lambda: any(one.payload == b"hello" for one in air.segments()))

    in_the_air(story)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.9", "127.0.0.1", "192.0.2.1", "169.254.1.1", "255.255.255.255", "0.0.0.0"],
)
def test_every_other_address_is_refused_even_on_the_gateways_port(address: str) -> None:
    async def story(air: Air) -> None:
        air.tcp(bytes(map(int, address.split("."))), air.port, net.TCP_SYN)
        await air.until(lambda: bool(air.segments()))
        assert [one.flags for one in air.segments()] == [net.TCP_RST | net.TCP_ACK]
        assert air.bridge.refused == [(address, air.port)]

    in_the_air(story)


def test_another_port_of_this_computer_is_refused_although_somebody_listens_there() -> None:
    async def story(air: Air) -> None:
        air.tcp(nat.GATEWAY_IP, air.other_port, net.TCP_SYN)
        await air.until(lambda: bool(air.segments()))
        assert [one.flags for one in air.segments()] == [net.TCP_RST | net.TCP_ACK]
        assert air.bridge.refused == [(HOST, air.other_port)]
        assert air.strangers == 0

    in_the_air(story)


@pytest.mark.parametrize(("address", "port"), [((1, 1, 1, 1), 53), ((10, 0, 0, 1), 5353), ((10, 0, 0, 9), 123)])
def test_no_datagram_leaves(address: tuple[int, ...], port: int) -> None:
    async def story(air: Air) -> None:
        air.udp(bytes(address), port, b"\0" * 48)
        assert air.received == []
        assert air.chip.jobs == []

    in_the_air(story)


def test_every_name_is_the_gateways() -> None:
    async def story(air: Air) -> None:
        question = b"\x04pool\x03ntp\x03org\0" + struct.pack(">2H", 1, 1)
        air.udp(nat.GATEWAY_IP, 53, b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0" + question)
        answer = air.datagram()
        assert answer[:2] == b"\x12\x34"
        assert struct.unpack(">3H", answer[2:8]) == (0x8180, 1, 1)
        assert answer[12 : 12 + len(question)] == question
        assert answer[-4:] == bytes((10, 0, 0, 1))

    in_the_air(story)


def test_a_name_has_no_ipv6_address() -> None:
    async def story(air: Air) -> None:
        question = b"\x01x\0" + struct.pack(">2H", 28, 1)
        air.udp(nat.GATEWAY_IP, 53, b"\0\1\1\0\0\1\0\0\0\0\0\0" + question)
        assert struct.unpack(">3H", air.datagram()[2:8]) == (0x8180, 1, 0)

    in_the_air(story)


def test_a_broken_question_is_not_answered() -> None:
    async def story(air: Air) -> None:
        air.udp(nat.GATEWAY_IP, 53, b"\0\1")
        assert air.received == []

    in_the_air(story)


def test_the_time_is_the_simulated_worlds() -> None:
    async def story(air: Air) -> None:
        air.udp(nat.GATEWAY_IP, 123, b"\x1b" + bytes(47))
        answer = air.datagram()
        assert len(answer) == 48
        assert int.from_bytes(answer[40:44], "big") == NOW_S + (70 * 365 + 17) * 86_400

    in_the_air(story)


def test_a_lease_tells_that_the_node_joined_and_a_reset_that_it_left() -> None:
    async def story(air: Air) -> None:
        options = {53: bytes((1,))}
        request = net.pack_dhcp(1, 77, NODE_MAC, bytes(4), options)
        air.udp(bytes((255, 255, 255, 255)), 67, request, 68)
        assert air.told == ["joined"]
        offer = net.parse_dhcp(air.datagram())
        assert offer is not None
        assert offer.options[3] == nat.GATEWAY_IP
        air.bridge.reset()
        assert air.told == ["joined", "left"]

    in_the_air(story)


def test_packets_that_come_in_give_the_wifi_driver_no_room_that_would_overflow() -> None:
    """The driver may send while the chip's credit, of eight bits, is not the number of what it sent."""
    bus = GSPIBus()
    keep_credit(bus)
    sent = 3
    credit = [bus._build_flow_control_response()[_CREDIT] for _ in range(sent)][-1]
    arrived = [bus._build_data_frame(bytes(60))[_CREDIT] for _ in range(600)]
    assert set(arrived) == {credit} == {sent + 1}
    assert bus._build_flow_control_response()[_CREDIT] == sent + 2
