"""An MQTT 3.1.1 client over one TCP connection: QoS 1 publishing, subscriptions, keep-alive. No retry of its own.

Errors: OSError when the connection is gone, Silence (an OSError) when the peer says nothing whole any more,
mqtt.ProtocolError when it says what nobody asked for. After any of them the object is spent; whoever made it makes a
new one.
"""

import asyncio

from aircue_node import mqtt

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic

KEEP_ALIVE_S = 16
# A gateway that lost its power and has it back refuses the next packet it sees: a ping soon finds that out.
_PING_EVERY_MS = 3000
_SILENCE_MS = 12000
_PUBACK_WITHIN_MS = 60000
_ANSWER_S = 10
_DENIED = 128  # SUBACK: failure (3.9.3)
# Small: after days of small allocations a heap has no large piece left.
_CHUNK = 256


class Silence(OSError):
    """The peer is there no more, as far as this connection tells."""


class Client:
    """deliver(topic, payload) is called for each message that arrives.

    in_flight: packet ids that were published and not yet acknowledged. denied: whether the wished topic may not be
    read.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        monotonic: "Monotonic",
        deliver: "Callable[[str, bytes], None]",
        packet_limit: int = 4096,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._monotonic = monotonic
        self._deliver = deliver
        self._parser = mqtt.Parser(packet_limit)
        self._heard_ms = monotonic.ms()
        self._pinged_ms = self._heard_ms
        self._acked_ms = self._heard_ms
        self._unanswered_pings = 0
        self._subscribing = 0
        self._topics: list[str] = []
        self._wished = ""
        self.denied = False
        self._last_id = 0
        self._sending = asyncio.Lock()
        self.in_flight: set[int] = set()

    async def connect(self, packet: bytes) -> None:
        """Sends CONNECT and waits for its answer."""
        await self._send(packet)
        try:
            kind, _, body = await asyncio.wait_for(self._next(), _ANSWER_S)
        except asyncio.TimeoutError:
            raise OSError(f"the gateway took the connection and gave no CONNACK in {_ANSWER_S} s")
        if kind != mqtt.CONNACK:
            raise mqtt.ProtocolError(f"packet type {kind} instead of CONNACK")
        code = mqtt.parse_connack(body)
        if code != mqtt.ACCEPTED:
            raise mqtt.ProtocolError(f"connection refused with code {code}: check node, site and key")

    async def subscribe(self, topics: list[str], wished: str = "") -> None:
        """wished: the one topic among them without which this node can do; "" where it needs them all."""
        self._subscribing = self._packet_id()
        self._topics, self._wished = topics, wished
        await self._send(mqtt.subscribe(self._subscribing, [(topic, 1) for topic in topics]))

    async def publish(self, topic: str, payload: bytes, retain: bool = False, duplicate: bool = False) -> None:
        """Hands a QoS 1 message to the network; its packet id stays in in_flight until the PUBACK."""
        packet_id = self._packet_id()
        if not self.in_flight:
            self._acked_ms = self._monotonic.ms()
        self.in_flight.add(packet_id)
        await self._send(mqtt.publish(topic, payload, 1, packet_id, retain, duplicate))

    async def run(self) -> None:
        """Takes in packets for ever."""
        while True:
            kind, flags, body = await self._next()
            if kind == mqtt.PUBLISH:
                await self._take(flags, body)
            else:
                self._answered(kind, body)

    def check(self) -> None:
        """Raises where the peer is gone or acknowledges nothing. It sends nothing, so that nothing can hold it up; call
        it every second."""
        now = self._monotonic.ms()
        if now - self._heard_ms > _SILENCE_MS:
            raise Silence("the gateway is silent")
        if self.in_flight and now - self._acked_ms > _PUBACK_WITHIN_MS:
            raise mqtt.ProtocolError("no PUBACK for a minute")

    async def keep_alive(self) -> None:
        """Pings when due; call it every second."""
        now = self._monotonic.ms()
        if now - self._pinged_ms >= _PING_EVERY_MS:
            self._pinged_ms = now
            self._unanswered_pings += 1
            await self._send(mqtt.PINGREQ_PACKET)

    async def disconnect(self) -> None:
        """Says good-bye, so that the last will is not published."""
        await self._send(mqtt.DISCONNECT_PACKET)

    async def _take(self, flags: int, body: bytes) -> None:
        topic, payload, qos, packet_id, _, _ = mqtt.parse_publish(flags, body)
        if qos > 1:
            raise mqtt.ProtocolError("PUBLISH with a QoS of 2: 1 was asked for")
        self._deliver(topic, payload)
        if qos == 1:
            await self._send(mqtt.puback(packet_id))

    def _answered(self, kind: int, body: bytes) -> None:
        """An answer must have its question."""
        if kind == mqtt.PUBACK:
            self._acknowledged(mqtt.parse_packet_id(body))
        elif kind == mqtt.PINGRESP and self._unanswered_pings:
            self._unanswered_pings -= 1
        elif kind == mqtt.SUBACK:
            self._subscribed(*mqtt.parse_suback(body))
        else:
            raise mqtt.ProtocolError(f"packet type {kind} that nothing asked for")

    def _acknowledged(self, packet_id: int) -> None:
        if packet_id not in self.in_flight:
            raise mqtt.ProtocolError(f"PUBACK for {packet_id}, which is not on its way")
        self.in_flight.remove(packet_id)
        self._acked_ms = self._monotonic.ms()

    def _subscribed(self, packet_id: int, codes: list[int]) -> None:
        if packet_id != self._subscribing:
            raise mqtt.ProtocolError(f"SUBACK for {packet_id}, which is not on its way")
        if len(codes) != len(self._topics):
            raise mqtt.ProtocolError(f"SUBACK with {len(codes)} codes for {len(self._topics)} topics")
        for topic, code in zip(self._topics, codes):
            if code == _DENIED and topic == self._wished:
                self.denied = True
            elif code > 2:
                raise mqtt.ProtocolError("the subscription was refused: check what this node may read")
        self._subscribing = 0

    async def _next(self) -> tuple[int, int, bytes]:
        """The next whole packet. Bytes of one that never ends count as silence."""
        while True:
            packet = self._parser.next_packet()
            if packet is not None:
                self._heard_ms = self._monotonic.ms()
                return packet
            data = await self._reader.read(_CHUNK)
            if not data:
                raise OSError("the gateway closed the connection")
            self._parser.feed(data)

    async def _send(self, packet: bytes) -> None:
        """One at a time: MicroPython's streams allow one waiting writer, and a second would end the program."""
        async with self._sending:
            self._writer.write(packet)
            await self._writer.drain()

    def _packet_id(self) -> int:
        """The next of 1 to 65535 that is not in flight (2.3.1)."""
        while True:
            self._last_id = self._last_id % mqtt.LAST_PACKET_ID + 1
            if self._last_id not in self.in_flight and self._last_id != self._subscribing:
                return self._last_id


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """MicroPython closes the socket in wait_closed alone."""
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass
