"""An MQTT 3.1.1 client over one TCP connection: QoS 1 publishing, subscriptions, keep-alive. No retry of its own.

Errors: OSError when the connection is gone or the peer is silent, mqtt.ProtocolError when it talks nonsense. After
either the object is spent; whoever made it makes a new one.
"""

import asyncio

from aircue_node import mqtt

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic

KEEP_ALIVE_S = 16
_PING_EVERY_MS = 6000
_SILENCE_MS = 15000
_ANSWER_S = 10
_CHUNK = 1024


class Client:
    """deliver(topic, payload) is called for each message that arrives.

    in_flight: packet ids that were published and not yet acknowledged.
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
        self._last_id = 0
        self.in_flight: set[int] = set()

    async def connect(self, packet: bytes) -> None:
        """Sends CONNECT and waits for its answer."""
        await self._send(packet)
        kind, _, body = await asyncio.wait_for(self._next(), _ANSWER_S)
        if kind != mqtt.CONNACK:
            raise mqtt.ProtocolError(f"packet type {kind} instead of CONNACK")
        code = mqtt.parse_connack(body)
        if code != mqtt.ACCEPTED:
            raise mqtt.ProtocolError(f"connection refused with code {code}: check node, site and key")

    async def subscribe(self, topics: list[str]) -> None:
        await self._send(mqtt.subscribe(self._packet_id(), [(topic, 1) for topic in topics]))

    async def publish(self, topic: str, payload: bytes, retain: bool = False, duplicate: bool = False) -> None:
        """Hands a QoS 1 message to the network; its packet id stays in in_flight until the PUBACK."""
        packet_id = self._packet_id()
        self.in_flight.add(packet_id)
        await self._send(mqtt.publish(topic, payload, 1, packet_id, retain, duplicate))

    async def run(self) -> None:
        """Takes in packets for ever."""
        while True:
            kind, flags, body = await self._next()
            await self._handle(kind, flags, body)

    async def keep_alive(self) -> None:
        """Pings when due; a peer that has been silent for longer than a ping takes is gone. Call it every second."""
        now = self._monotonic.ms()
        if now - self._heard_ms > _SILENCE_MS:
            raise OSError("the gateway is silent")
        if now - self._pinged_ms >= _PING_EVERY_MS:
            self._pinged_ms = now
            await self._send(mqtt.PINGREQ_PACKET)

    async def disconnect(self) -> None:
        """Says good-bye, so that the last will is not published."""
        await self._send(mqtt.DISCONNECT_PACKET)

    async def _handle(self, kind: int, flags: int, body: bytes) -> None:
        if kind == mqtt.PUBACK:
            self.in_flight.discard(mqtt.parse_packet_id(body))
        elif kind == mqtt.PUBLISH:
            topic, payload, qos, packet_id, _, _ = mqtt.parse_publish(flags, body)
            self._deliver(topic, payload)
            if qos == 1:
                await self._send(mqtt.puback(packet_id))
        elif kind not in (mqtt.SUBACK, mqtt.PINGRESP):
            raise mqtt.ProtocolError(f"packet type {kind} from a gateway")

    async def _next(self) -> tuple[int, int, bytes]:
        while True:
            packet = self._parser.next_packet()
            if packet is not None:
                return packet
            data = await self._reader.read(_CHUNK)
            if not data:
                raise OSError("the gateway closed the connection")
            self._heard_ms = self._monotonic.ms()
            self._parser.feed(data)

    async def _send(self, packet: bytes) -> None:
        self._writer.write(packet)
        await self._writer.drain()

    def _packet_id(self) -> int:
        """The next of 1 to 65535 that is not in flight (2.3.1)."""
        while True:
            self._last_id = self._last_id % mqtt.LAST_PACKET_ID + 1
            if self._last_id not in self.in_flight:
                return self._last_id
