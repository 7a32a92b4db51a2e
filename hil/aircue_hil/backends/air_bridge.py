"""The network behind the emulated Wi-Fi chip: an access point whose only other inhabitant is the gateway.

Everything it carries ends on 127.0.0.1, at the one port it was given, or in this module: addresses by DHCP, every name
is the gateway's, the time of day is the simulated world's. Every other address is refused, and no datagram leaves.
"""

import asyncio
import struct
from collections.abc import Callable

from rp2040py.external.cyw43 import nat, net
from rp2040py.rp2040 import RP2040

HOST = ".".join(map(str, nat.GATEWAY_IP))
SSID = "RP2040PY-GUEST"  # the emulated chip scans and joins this one
_DNS, _NTP = 53, 123
_SINCE_1900_S = 2_208_988_800
_A_RECORD = 1
_ACCEPTED, _ONE_ANSWER, _NO_ANSWER = 0x8180, 1, 0
_NAME_OF_QUESTION, _INTERNET, _TTL_S = 0xC00C, 1, 60


class AirBridge:
    """Takes the place of the chip's own bridge, which reaches any address of the computer's network.

    port: where the gateway is, both for the node (on HOST) and on 127.0.0.1. joined, left: told when the node got its
    address and when it left. dialled: told before each connection. world_s: the simulated time, s since 1970.
    """

    def __init__(
        self,
        mcu: RP2040,
        send: Callable[[bytes], None],
        *,
        port: int,
        world_s: Callable[[], int],
        joined: Callable[[], None] = lambda: None,
        left: Callable[[], None] = lambda: None,
        dialled: Callable[[], None] = lambda: None,
    ) -> None:
        self.refused: list[tuple[str, int]] = []
        self._send, self._port, self._world_s = send, port, world_s
        self._joined, self._left, self._dialled = joined, left, dialled
        self._arp, self._dhcp = nat.ArpResponder(), nat.DhcpServer()
        self._tcp = nat.TcpReflector(mcu, send, connect_fn=self._dial)
        self._answers: dict[int, Callable[[bytes], bytes | None]] = {_DNS: name_answer, _NTP: self._time_answer}

    def handle_outbound_ethernet_frame(self, frame: bytes) -> None:
        """A frame from the node."""
        ethernet = net.parse_ethernet(frame)
        if ethernet is None:
            return
        if ethernet.ethertype == net.ETHERTYPE_ARP:
            self._reply(self._arp.maybe_handle(ethernet))
        elif ethernet.ethertype == net.ETHERTYPE_IPV4:
            packet = net.parse_ipv4(ethernet.payload)
            if packet is not None:
                self._packet(ethernet, packet)

    def reset(self) -> None:
        """The node left the network: its connections are gone."""
        self._tcp.reset()
        self._left()

    def _packet(self, ethernet: net.EthernetFrame, packet: net.Ipv4Packet) -> None:
        if packet.proto == net.IP_PROTO_TCP:
            self._tcp.maybe_handle(ethernet, packet)
        elif packet.proto == net.IP_PROTO_UDP:
            lease = self._dhcp.maybe_handle(ethernet)
            self._reply(lease)
            if lease is None:
                self._datagram(ethernet, packet)
            else:
                self._joined()

    def _datagram(self, ethernet: net.EthernetFrame, packet: net.Ipv4Packet) -> None:
        """Names and time are answered here; whatever else is said over UDP is lost."""
        datagram = net.parse_udp(packet.payload)
        if datagram is None or packet.dst_ip != nat.GATEWAY_IP or datagram.dst_port not in self._answers:
            return
        answer = self._answers[datagram.dst_port](datagram.payload)
        if answer is not None:
            back = net.pack_udp(nat.GATEWAY_IP, packet.src_ip, datagram.dst_port, datagram.src_port, answer)
            whole = net.pack_ipv4(nat.GATEWAY_IP, packet.src_ip, net.IP_PROTO_UDP, back)
            self._send(net.pack_ethernet(ethernet.src_mac, nat.GATEWAY_MAC, net.ETHERTYPE_IPV4, whole))

    async def _dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if (host, port) != (HOST, self._port):
            self.refused.append((host, port))
            raise ConnectionRefusedError(f"{host}:{port} is not the gateway, which is at {HOST}:{self._port}")
        self._dialled()
        return await asyncio.open_connection("127.0.0.1", self._port)

    def _time_answer(self, _request: bytes) -> bytes:
        """SNTP (RFC 4330, section 4): version 4, mode 4, stratum 1, the time in the transmit timestamp."""
        return struct.pack(">BB38xII", 0x24, 1, self._world_s() + _SINCE_1900_S, 0)

    def _reply(self, frame: bytes | None) -> None:
        if frame is not None:
            self._send(frame)


def name_answer(question: bytes) -> bytes | None:
    """The answer to a DNS query (RFC 1035, section 4): the gateway's address, whatever the name; no IPv6."""
    if len(question) < 17:
        return None
    kind = struct.unpack_from(">H", question, len(question) - 4)[0]
    count = _ONE_ANSWER if kind == _A_RECORD else _NO_ANSWER
    head = question[:2] + struct.pack(">5H", _ACCEPTED, 1, count, 0, 0)
    record = struct.pack(">3HIH", _NAME_OF_QUESTION, _A_RECORD, _INTERNET, _TTL_S, 4) + nat.GATEWAY_IP
    return head + question[12:] + (record if count else b"")
