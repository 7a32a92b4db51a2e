"""One connection of a node to the gateway's own MQTT 3.1.1 listener, without I/O: bytes in, events and bytes out.

A node logs in with its id and key, publishes below its own prefix aircue/<site>/<node>/ with QoS 0 or 1, and subscribes
there. Whatever it sends that the protocol does not allow ends this connection and no other. Every session is a clean
one: nothing is kept for a client that is away, and its CONNACK says so.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from aircue_gateway import mqtt_server
from aircue_gateway.config import Node
from aircue_gateway.message import Message
from aircue_node import contract, mqtt

_REFUSED_FILTER = 128  # 3.9.3
_HIGHEST_QOS = 1


class Joined(NamedTuple):
    """A node logged in. key: what a later connection of the same client has in common with this one."""

    node: Node
    key: tuple[str, str]


class Refused(NamedTuple):
    """Somebody did not get in. code: the CONNACK's."""

    code: int
    username: str
    reason: str


class Subscribed(NamedTuple):
    filters: tuple[str, ...]


class Unsubscribed(NamedTuple):
    filters: tuple[str, ...]


class FilterRefused(NamedTuple):
    filter: str


class Ended(NamedTuple):
    """The connection is to be closed. malformed: because the client broke the protocol."""

    reason: str
    malformed: bool


Event = Message | Joined | Refused | Subscribed | Unsubscribed | FilterRefused | Ended


class Session:
    """nodes: who may log in, by id. limit: the largest packet in bytes."""

    def __init__(self, nodes: Mapping[str, Node], limit: int) -> None:
        self._nodes = nodes
        self._parser = mqtt.Parser(limit)
        self._output = bytearray()
        self._events: list[Event] = []
        self._will: Message | None = None
        self._prefix = ""
        self.node: Node | None = None
        self.keep_alive_s = 0
        self.ended = False
        self._handlers: dict[int, Callable[[int, bytes], None]] = {
            mqtt.CONNECT: self._connect,
            mqtt.PUBLISH: self._publish,
            mqtt.PUBACK: self._nothing,
            mqtt.SUBSCRIBE: self._subscribe,
            mqtt.UNSUBSCRIBE: self._unsubscribe,
            mqtt.PINGREQ: self._ping,
            mqtt.DISCONNECT: self._disconnect,
        }

    def receive(self, data: bytes) -> list[Event]:
        """What the bytes mean. Never raises for what a peer sent."""
        if self.ended:
            return []
        try:
            self._parser.feed(data)
            while self._take_packet():
                pass
        except mqtt.ProtocolError as error:
            self._end(str(error), malformed=True)
        events, self._events = self._events, []
        return events

    def output(self) -> bytes:
        """The bytes to send, each once."""
        data, self._output = bytes(self._output), bytearray()
        return data

    def acknowledge(self, packet_ids: Iterable[int]) -> None:
        """These messages are on disk."""
        for packet_id in packet_ids:
            self._output += mqtt.puback(packet_id)

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publishes to the client, QoS 0."""
        self._output += mqtt.publish(topic, payload, retain=retain)

    def lost(self) -> Message | None:
        """The connection is gone: the last will, unless the client took leave or this was asked before."""
        self.ended = True
        will, self._will = self._will, None
        return will

    def _take_packet(self) -> bool:
        """Whether there may be another one behind it."""
        packet = None if self.ended else self._parser.next_packet()
        if packet is None:
            return False
        self._dispatch(*packet)
        return True

    def _dispatch(self, kind: int, flags: int, body: bytes) -> None:
        if (kind == mqtt.CONNECT) is not (self.node is None):
            raise mqtt.ProtocolError("CONNECT comes first, and once")
        handler = self._handlers.get(kind)
        if handler is None:
            raise mqtt.ProtocolError(f"packet type {kind} is none a client of QoS 0 or 1 sends")
        handler(flags, body)

    def _end(self, reason: str, malformed: bool = False) -> None:
        self.ended = True
        self._events.append(Ended(reason, malformed))

    def _connect(self, _flags: int, body: bytes) -> None:
        fields = mqtt_server.parse_connect(body)
        code, reason = self._verdict(fields)
        self._output += mqtt_server.connack(code)
        if code != mqtt.ACCEPTED:
            self._events.append(Refused(code, fields.get("username") or "", reason))
            self._end(reason)
            return
        self._join(self._nodes[fields["username"]], fields)

    def _verdict(self, fields: dict) -> tuple[int, str]:  # type: ignore[type-arg]  # as the codec gives it
        """CONNACK's return code and its reason (3.2.2.3)."""
        if fields["level"] != 4:
            return (
                mqtt_server.REFUSED_PROTOCOL,
                f"protocol level {fields['level']}, this listener speaks MQTT 3.1.1 (4)",
            )
        if not fields["client_id"] and not fields["clean_session"]:
            return mqtt_server.REFUSED_CLIENT_ID, "a client without an id asks for a lasting session"
        node = self._nodes.get(fields["username"] or "")
        if node is None:
            return mqtt_server.REFUSED_NOT_AUTHORIZED, "unknown node"
        if not hmac.compare_digest(node.key.encode(), (fields["password"] or "").encode()):
            return mqtt_server.REFUSED_CREDENTIALS, "wrong key"
        if fields["will"] is not None and not fields["will"][0].startswith(_prefix(node)):
            return mqtt_server.REFUSED_NOT_AUTHORIZED, f"its last will lies outside {_prefix(node)}"
        return mqtt.ACCEPTED, ""

    def _join(self, node: Node, fields: dict) -> None:  # type: ignore[type-arg]  # as the codec gives it
        self.node = node
        self.keep_alive_s = fields["keep_alive_s"]
        self._prefix = _prefix(node)
        if fields["will"] is not None:
            topic, payload, _, retain = fields["will"]
            self._will = Message(node, topic, topic[len(self._prefix) :], payload, retain=retain)
        self._events.append(Joined(node, (node.id, fields["client_id"])))

    def _publish(self, flags: int, body: bytes) -> None:
        topic, payload, qos, packet_id, retain, duplicate = mqtt.parse_publish(flags, body)
        if qos > _HIGHEST_QOS:
            raise mqtt.ProtocolError("PUBLISH with QoS 2; this listener takes QoS 0 and 1")
        assert self.node is not None
        leaf = topic[len(self._prefix) :] if topic.startswith(self._prefix) else ""
        self._events.append(Message(self.node, topic, leaf, payload, packet_id, retain, duplicate))

    def _subscribe(self, _flags: int, body: bytes) -> None:
        packet_id, filters = mqtt_server.parse_subscribe(body)
        granted = tuple(name for name, _ in filters if name.startswith(self._prefix))
        codes = [0 if name in granted else _REFUSED_FILTER for name, _ in filters]
        self._output += mqtt_server.suback(packet_id, codes)
        self._events += [FilterRefused(name) for name, _ in filters if name not in granted]
        self._events.append(Subscribed(granted))

    def _unsubscribe(self, _flags: int, body: bytes) -> None:
        packet_id, filters = mqtt_server.parse_unsubscribe(body)
        self._output += mqtt_server.unsuback(packet_id)
        self._events.append(Unsubscribed(tuple(name for name, _ in filters)))

    def _ping(self, _flags: int, _body: bytes) -> None:
        self._output += mqtt_server.PINGRESP_PACKET

    def _disconnect(self, _flags: int, _body: bytes) -> None:
        self._will = None
        self._end("the client took leave")

    def _nothing(self, _flags: int, _body: bytes) -> None:
        """Nothing is sent with QoS 1 yet, so a PUBACK answers nothing."""


def _prefix(node: Node) -> str:
    return contract.topic(node.site, node.id, "")
