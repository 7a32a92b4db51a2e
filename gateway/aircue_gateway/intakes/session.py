"""One connection to the gateway's own MQTT 3.1.1 listener, without I/O: bytes in, events and bytes out.

A node logs in with its id and key, or with a certificate that carries its id, publishes below its own prefix
aircue/<site>/<node>/ with QoS 0 or 1, and subscribes there; a watcher logs in with its name and key and subscribes to
anything (see rights.py). Whatever a client sends that the protocol does not allow ends this connection and no other.
Every session is a clean one: nothing is kept for a client that is away, and its CONNACK says so.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aircue_gateway.config import Node
from aircue_gateway.intakes import mqtt_server
from aircue_gateway.intakes.rights import Account, Rights, name_of, rights
from aircue_gateway.message import Message
from aircue_node import mqtt

_REFUSED_FILTER = 128  # 3.9.3
_HIGHEST_QOS = 1
_LARGEST_CONNECT = 4096  # bytes taken of somebody unknown
_MOST_TOPICS = 16  # remembered; a node publishes to fewer
_tuple = tuple.__new__  # a named tuple's own constructor is a function in Python, and this is for each message
_PUBLISH = mqtt.PUBLISH << 4  # with QoS 0 or 1, told by the bits of 0xF4
UNKNOWN_NAME = "unknown node"
WRONG_KEY = "wrong key"


class Joined(NamedTuple):
    """Somebody logged in. key: what a later connection of the same client has in common with this one."""

    account: Account
    key: tuple[str, str]


class Refused(NamedTuple):
    """Somebody did not get in. code: the CONNACK's."""

    code: int
    username: str
    reason: str


class Slowed(NamedTuple):
    """A login that must wait, for too many with this name have failed: call decide() after so many seconds. None: the
    connection is to be closed."""

    username: str
    seconds: float | None


class Said(NamedTuple):
    """What a watcher has published: nothing to store, and acknowledged already."""

    topic: str
    payload: bytes


class PublicationRefused(NamedTuple):
    topic: str


class Subscribed(NamedTuple):
    filters: tuple[str, ...]


class Unsubscribed(NamedTuple):
    filters: tuple[str, ...]


class FiltersRefused(NamedTuple):
    """Of one SUBSCRIBE."""

    filters: tuple[str, ...]


class Ended(NamedTuple):
    """The connection is to be closed. malformed: because the client broke the protocol."""

    reason: str
    malformed: bool


Event = (
    Message | Joined | Refused | Slowed | Said | PublicationRefused | Subscribed | Unsubscribed | FiltersRefused | Ended
)


class Session:
    """accounts: who may log in, by name. limit: the largest packet in bytes. most_filters: subscriptions it may hold.
    packets: taken so far.
    certified: the name in the certificate the client has shown, empty where it showed none. wait_s: the seconds a login
    with this name has to wait, None where it may not even do that."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        limit: int,
        *,
        most_filters: int = 100,
        certified: str = "",
        wait_s: Callable[[str], float | None] = lambda _name: 0.0,
    ) -> None:
        self._accounts = accounts
        self._limit = limit
        self._most_filters = most_filters
        self._certified = certified
        self._wait_s = wait_s
        self._cutter = mqtt_server.Cutter(min(limit, _LARGEST_CONNECT))
        self._output = bytearray()
        self._events: list[Event] = []
        self._will: Message | Said | None = None
        self._waiting: dict[str, Any] | None = None
        self._rights: Rights | None = None
        self._topics: dict[bytes, tuple[Node, str, str]] = {}
        self._filters: set[str] = set()
        self.account: Account | None = None
        self.keep_alive_s = 0
        self.ended = False
        self.packets = 0
        self._handlers: dict[int, Callable[[int, bytes], None]] = {
            mqtt.CONNECT: self._connect,
            mqtt.PUBLISH: self._publish,
            mqtt.PUBACK: self._nothing,
            mqtt.SUBSCRIBE: self._subscribe,
            mqtt.UNSUBSCRIBE: self._unsubscribe,
            mqtt.PINGREQ: self._ping,
            mqtt.DISCONNECT: self._disconnect,
        }

    @property
    def name(self) -> str:
        return "" if self.account is None else name_of(self.account)

    def receive(self, data: bytes) -> list[Event]:
        """What the bytes mean. Never raises for what a peer sent."""
        if self.ended:
            return []
        self._cutter.feed(data)
        return self._read()

    def decide(self) -> list[Event]:
        """Lets the login go on that had to wait, and what came behind it."""
        if self.ended or self._waiting is None:
            return []
        fields, self._waiting = self._waiting, None
        self._answer(fields)
        return self._read()

    def output(self) -> bytes:
        """The bytes to send, each once."""
        data, self._output = bytes(self._output), bytearray()
        return data

    @property
    def unsent(self) -> int:
        """Bytes that output() has not given yet."""
        return len(self._output)

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """These messages are on disk."""
        self._output += mqtt_server.pubacks(packet_ids)

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publishes to the client, QoS 0."""
        self._output += mqtt.publish(topic, payload, retain=retain)

    def lost(self) -> Message | Said | None:
        """The connection is gone: the last will, unless the client took leave or this was asked before."""
        self.ended = True
        will, self._will = self._will, None
        return will

    def _read(self) -> list[Event]:
        try:
            if self._waiting is None:
                self._take_packets()
        except mqtt.ProtocolError as error:
            self._end(str(error), malformed=True)
        events, self._events = self._events, []
        return events

    def _take_packets(self) -> None:
        """The one loop that runs for each message."""
        for first, start, end in self._cutter.packets():
            self.packets += 1
            message = self._known(first, start, end)
            if message is not None:
                self._events.append(message)
                continue
            self._dispatch(first, self._cutter.data[start:end])
            if self.ended or self._waiting is not None:
                break

    def _known(self, first: int, start: int, end: int) -> Message | None:
        """A node's publication under a topic it has used before: nothing to decode but the packet id. None where
        anything is unusual: the long way knows what to say about it."""
        if first & 0xF4 != _PUBLISH or end - start < 2:
            return None
        data = self._cutter.data
        at = start + 2 + (data[start] << 8 | data[start + 1])
        known = self._topics.get(data[start + 2 : at])
        with_id = first & 2
        if known is None or at + with_id > end:
            return None
        packet_id = data[at] << 8 | data[at + 1] if with_id else 0
        if with_id and not packet_id:
            return None
        node, topic, leaf = known
        payload = data[at + with_id : end]
        return _tuple(Message, (node, topic, leaf, payload, packet_id, first & 1 == 1, first & 8 == 8))

    def _dispatch(self, first: int, body: bytes) -> None:
        kind, flags = mqtt_server.checked(first)
        if (kind == mqtt.CONNECT) is not (self.account is None):
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
        name = fields.get("username") or self._certified
        wait_s = self._wait_s(name)
        if wait_s == 0:
            self._answer(fields)
            return
        self._waiting = fields
        self._events.append(Slowed(name, wait_s))
        if wait_s is None:
            self._end("too many logins with this name wait")

    def _answer(self, fields: dict[str, Any]) -> None:
        name = fields.get("username") or self._certified
        code, reason = self._verdict(name, fields)
        self._output += mqtt_server.connack(code)
        if code != mqtt.ACCEPTED:
            self._events.append(Refused(code, name, reason))
            self._end(reason)
            return
        self._join(self._accounts[name], fields)

    def _verdict(self, name: str, fields: dict[str, Any]) -> tuple[int, str]:
        """CONNACK's return code and its reason (3.2.2.3)."""
        if fields["level"] != 4:
            return (
                mqtt_server.REFUSED_PROTOCOL,
                f"protocol level {fields['level']}, this listener speaks MQTT 3.1.1 (4)",
            )
        if not fields["client_id"] and not fields["clean_session"]:
            return mqtt_server.REFUSED_CLIENT_ID, "a client without an id asks for a lasting session"
        account = self._accounts.get(name)
        if account is None:
            return mqtt_server.REFUSED_NOT_AUTHORIZED, UNKNOWN_NAME
        if self._certified and self._certified != name:
            return mqtt_server.REFUSED_NOT_AUTHORIZED, f"its certificate is the one of {self._certified!r}"
        password = (fields["password"] or "").encode()
        if not self._certified and not hmac.compare_digest(account.key.encode(), password):
            return mqtt_server.REFUSED_CREDENTIALS, WRONG_KEY
        allowed = rights(account)
        if fields["will"] is not None and not allowed.leaf(fields["will"][0]):
            return mqtt_server.REFUSED_NOT_AUTHORIZED, f"its last will lies outside {allowed.outside}"
        return mqtt.ACCEPTED, ""

    def _join(self, account: Account, fields: dict[str, Any]) -> None:
        self.account = account
        self._rights = rights(account)
        self._cutter.limit = self._limit
        self.keep_alive_s = fields["keep_alive_s"]
        if fields["will"] is not None:
            topic, payload, _, retain = fields["will"]
            leaf = self._rights.leaf(topic)
            if isinstance(account, Node):
                self._will = Message(account, topic, leaf, payload, retain=retain)
            else:
                self._will = Said(topic, payload)
        self._events.append(Joined(account, (name_of(account), fields["client_id"])))

    def _publish(self, flags: int, body: bytes) -> None:
        topic, payload, qos, packet_id, retain, duplicate = mqtt.parse_publish(flags, body)
        if qos > _HIGHEST_QOS:
            raise mqtt.ProtocolError("PUBLISH with QoS 2; this listener takes QoS 0 and 1")
        assert self._rights is not None
        leaf = self._rights.leaf(topic)
        if isinstance(self.account, Node):
            self._remember(self.account, topic, leaf)
            self._events.append(Message(self.account, topic, leaf, payload, packet_id, retain, duplicate))
            return
        if packet_id:
            self._output += mqtt.puback(packet_id)
        self._events.append(Said(topic, payload) if leaf else PublicationRefused(topic))

    def _remember(self, node: Node, topic: str, leaf: str) -> None:
        """So that the next publication under this topic takes the short way."""
        if leaf and len(self._topics) < _MOST_TOPICS:
            self._topics[topic.encode()] = (node, topic, leaf)

    def _subscribe(self, _flags: int, body: bytes) -> None:
        packet_id, filters = mqtt_server.parse_subscribe(body)
        grants = [self._grants(name) for name, _ in filters]
        self._output += mqtt_server.suback(packet_id, [0 if granted else _REFUSED_FILTER for granted in grants])
        refused = tuple(name for (name, _), granted in zip(filters, grants, strict=True) if not granted)
        if refused:
            self._events.append(FiltersRefused(refused))
        self._events.append(
            Subscribed(tuple(name for (name, _), granted in zip(filters, grants, strict=True) if granted))
        )

    def _grants(self, topic_filter: str) -> bool:
        assert self._rights is not None
        if topic_filter not in self._filters:
            if len(self._filters) >= self._most_filters or not self._rights.may_subscribe(topic_filter):
                return False
            self._filters.add(topic_filter)
        return True

    def _unsubscribe(self, _flags: int, body: bytes) -> None:
        packet_id, filters = mqtt_server.parse_unsubscribe(body)
        self._output += mqtt_server.unsuback(packet_id)
        self._filters.difference_update(name for name, _ in filters)
        self._events.append(Unsubscribed(tuple(name for name, _ in filters)))

    def _ping(self, _flags: int, _body: bytes) -> None:
        self._output += mqtt_server.PINGRESP_PACKET

    def _disconnect(self, _flags: int, _body: bytes) -> None:
        self._will = None
        self._end("the client took leave")

    def _nothing(self, _flags: int, _body: bytes) -> None:
        """Nothing is sent with QoS 1, so a PUBACK answers nothing."""
