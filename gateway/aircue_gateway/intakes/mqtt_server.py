"""The server's side of MQTT 3.1.1 packets, without I/O; what it shares with a client is aircue_node/mqtt.py.

Section numbers are those of the OASIS standard. Errors: mqtt.ProtocolError, after which the connection must be closed.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from aircue_node import mqtt

PINGRESP_PACKET = b"\xd0\x00"

# Return codes of CONNACK beside mqtt.ACCEPTED (3.2.2.3).
REFUSED_PROTOCOL = 1
REFUSED_CLIENT_ID = 2
REFUSED_CREDENTIALS = 4
REFUSED_NOT_AUTHORIZED = 5


_PUBACK = mqtt.PUBACK << 28 | 2 << 16  # a whole PUBACK is 32 bits, its packet id the lower half


class Cutter:
    """Cuts a byte stream into packets, all that a read brought in one go: feed() it, then go through packets().

    data: what the offsets that packets() gives refer to. limit: the largest body taken, in bytes; a larger one raises
    before it is stored. A packet that comes in pieces is looked at again once it is whole, so that a peer who sends it
    byte by byte costs no more than one who does not.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = b""
        self._at = 0
        self._rest = bytearray()
        self._wanted = 0

    def feed(self, data: bytes) -> None:
        if self._at < len(self.data):
            self._rest += self.data[self._at :]
        if self._rest:
            self._rest += data
            whole = len(self._rest) >= self._wanted
            data = bytes(self._rest) if whole else b""
            if whole:
                self._rest.clear()
                self._wanted = 0
        self.data, self._at = data, 0

    def packets(self) -> Iterator[tuple[int, int, int]]:
        """(first byte, start of the body, its end) of every whole packet; who leaves early goes on where he was."""
        data, size = self.data, len(self.data)
        while size - self._at >= 2:
            at = self._at
            start, length = at + 2, data[at + 1]
            if length > 127:
                start, length = _long_length(data, at)
            if length > self.limit:
                raise mqtt.ProtocolError(f"packet of {length} bytes is over the limit of {self.limit}")
            if not start or start + length > size:
                self._wanted = start + length - at if start else 0
                break
            self._at = start + length
            yield data[at], start, start + length
        self._rest += data[self._at :]
        self.data, self._at = b"", 0


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """(offset of the body, its length) where the length has more than one byte; (0, 0) while it is not whole."""
    length = 0
    for index in range(1, min(5, len(data) - at)):
        length |= (data[at + index] & 127) << 7 * (index - 1)
        if data[at + index] < 128:
            return at + index + 1, length
    if len(data) - at >= 5:
        raise mqtt.ProtocolError("remaining length has more than 4 bytes")
    return 0, 0


def checked(first: int) -> tuple[int, int]:
    """(type, flags) of a packet's first byte."""
    kind, flags = first >> 4, first & 15
    if kind in (0, 15):
        raise mqtt.ProtocolError(f"packet type {kind} is reserved")
    if kind != mqtt.PUBLISH and flags != (2 if kind in (mqtt.SUBSCRIBE, mqtt.UNSUBSCRIBE) else 0):
        raise mqtt.ProtocolError(f"packet type {kind} with flags {flags}")
    return kind, flags


def pubacks(packet_ids: Sequence[int]) -> bytes:
    """One PUBACK for each, in this order."""
    return struct.pack(f">{len(packet_ids)}I", *[_PUBACK | one for one in packet_ids])


def connack(code: int, session_present: bool = False) -> bytes:
    return bytes([mqtt.CONNACK << 4, 2, 1 if session_present else 0, code])


def suback(packet_id: int, codes: list[int]) -> bytes:
    return mqtt.packet(mqtt.SUBACK << 4, packet_id.to_bytes(2, "big") + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    return bytes([mqtt.UNSUBACK << 4, 2, packet_id >> 8, packet_id & 255])


def parse_connect(body: bytes) -> dict[str, Any]:
    """Fields client_id, username, password, keep_alive_s, clean_session, and will: (topic, payload, qos, retain) or
    None. A client of another protocol level gives the field level alone, to be answered with REFUSED_PROTOCOL."""
    if body[:6] != mqtt.PROTOCOL[:6] or len(body) < 10:
        raise mqtt.ProtocolError("CONNECT of another protocol than MQTT")
    if body[6] != 4:
        return {"level": body[6]}
    flags = body[7]
    if flags & 1:
        raise mqtt.ProtocolError("CONNECT with its reserved flag set")
    fields: dict[str, Any] = {"level": 4, "keep_alive_s": body[8] << 8 | body[9], "clean_session": bool(flags & 2)}
    at = _connect_payload(body, flags, fields)
    if at != len(body):
        raise mqtt.ProtocolError("CONNECT with bytes left over")
    return fields


def _connect_payload(body: bytes, flags: int, fields: dict[str, Any]) -> int:
    client_id, at = mqtt.read_string(body, 10)
    fields["client_id"] = mqtt.decoded(client_id)
    fields["will"] = None
    if flags & 4:
        will_topic, at = mqtt.read_string(body, at)
        will_payload, at = mqtt.read_string(body, at)
        fields["will"] = (mqtt.decoded(will_topic), will_payload, flags >> 3 & 3, bool(flags & 32))
    for name, bit in (("username", 128), ("password", 64)):
        fields[name] = None
        if flags & bit:
            value, at = mqtt.read_string(body, at)
            fields[name] = mqtt.decoded(value)
    return at


def parse_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """(packet id, [(topic filter, qos), ...])."""
    return _parse_filters(body, True)


def parse_unsubscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """(packet id, [(topic filter, 0), ...])."""
    return _parse_filters(body, False)


def _parse_filters(body: bytes, with_qos: bool) -> tuple[int, list[tuple[str, int]]]:
    packet_id = mqtt.parse_packet_id(body)
    filters = []
    at = 2
    while at < len(body):
        raw, at = mqtt.read_string(body, at)
        qos = 0
        if with_qos:
            if at >= len(body) or body[at] > 2:
                raise mqtt.ProtocolError("SUBSCRIBE without a QoS of 0, 1 or 2")
            qos = body[at]
            at += 1
        filters.append((mqtt.decoded(raw), qos))
    if not filters:
        raise mqtt.ProtocolError("subscription to nothing")
    return packet_id, filters


def is_filter(text: str) -> bool:
    """Whether + stands for whole levels and # for the last ones, section 4.7.1."""
    levels = text.split("/")
    whole = all(level in ("+", "#") or not ("+" in level or "#" in level) for level in levels)
    return text != "" and whole and "#" not in levels[:-1]


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic falls under a filter with + and #, section 4.7; wildcards do not match $ topics."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
