"""MQTT 3.1.1 packets, encoded and decoded without I/O: the client's side and what a server's side shares with
it; the rest of that one is aircue_gateway/intakes/mqtt_server.py.

Section numbers are those of the OASIS standard. Errors: ProtocolError, after which the connection must be closed.
"""

CONNECT = 1
CONNACK = 2
PUBLISH = 3
PUBACK = 4
SUBSCRIBE = 8
SUBACK = 9
UNSUBSCRIBE = 10
UNSUBACK = 11
PINGREQ = 12
PINGRESP = 13
DISCONNECT = 14

PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"

ACCEPTED = 0

LAST_PACKET_ID = 65535
PROTOCOL = b"\x00\x04MQTT\x04"
# Flags that section 2.2.2 fixes for a packet type; PUBLISH is the one type that uses them freely.
_FIXED_FLAGS = {SUBSCRIBE: 2, UNSUBSCRIBE: 2}


class ProtocolError(ValueError):
    """Bytes that MQTT 3.1.1 does not allow."""


class Parser:
    """Cuts a byte stream into packets: feed() what arrived, then next_packet() until it gives None.

    limit: the largest body taken, in bytes; a larger one raises before it is stored.
    """

    def __init__(self, limit: int = 65536) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._at = 0

    def feed(self, data: bytes) -> None:
        if self._at:
            self._buffer = self._buffer[self._at :]
            self._at = 0
        self._buffer.extend(data)

    def next_packet(self) -> tuple[int, int, bytes] | None:
        """(type, flags, body) of the next whole packet, or None until more bytes come."""
        head = self._head()
        if head is None:
            return None
        start, length = head
        if len(self._buffer) < start + length:
            return None
        first = self._buffer[self._at]
        self._at = start + length
        return _checked(first >> 4, first & 15, bytes(self._buffer[start : start + length]))

    def _head(self) -> tuple[int, int] | None:
        """(offset of the body, its length); the length is 1 to 4 bytes of 7 bits, section 2.2.3."""
        length = 0
        for index in range(1, min(5, len(self._buffer) - self._at)):
            byte = self._buffer[self._at + index]
            length |= (byte & 127) << 7 * (index - 1)
            if length > self._limit:
                raise ProtocolError(f"packet of {length} bytes is over the limit of {self._limit}")
            if byte < 128:
                return self._at + index + 1, length
        if len(self._buffer) - self._at >= 5:
            raise ProtocolError("remaining length has more than 4 bytes")
        return None


def _checked(kind: int, flags: int, body: bytes) -> tuple[int, int, bytes]:
    if kind in (0, 15):
        raise ProtocolError(f"packet type {kind} is reserved")
    if kind != PUBLISH and flags != _FIXED_FLAGS.get(kind, 0):
        raise ProtocolError(f"packet type {kind} with flags {flags}")
    return kind, flags, body


def packet(first: int, *body: bytes) -> bytes:
    """Fixed header and the pieces of the body, copied once. first: packet type and flags, as on the wire."""
    head = bytearray([first])
    length = sum([len(piece) for piece in body])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return b"".join((bytes(head),) + body)  # noqa: RUF005 -- MicroPython unpacks nothing into a tuple


def connect(
    client_id: str,
    username: str,
    password: str,
    keep_alive_s: int,
    will_topic: str | None = None,
    will_payload: bytes = b"",
    clean_session: bool = True,
) -> bytes:
    """CONNECT with credentials; the will, where there is one, is retained and QoS 1 (3.1)."""
    flags = 0xC0 | (2 if clean_session else 0)
    payload = _text(client_id)
    if will_topic is not None:
        flags |= 0x2C
        payload += _text(will_topic) + _string(will_payload)
    payload += _text(username) + _text(password)
    return packet(CONNECT << 4, PROTOCOL + bytes([flags]) + keep_alive_s.to_bytes(2, "big") + payload)


def publish(
    topic: str, payload: bytes, qos: int = 0, packet_id: int = 0, retain: bool = False, duplicate: bool = False
) -> bytes:
    first = PUBLISH << 4 | (8 if duplicate else 0) | qos << 1 | (1 if retain else 0)
    ident = packet_id.to_bytes(2, "big") if qos else b""
    return packet(first, _text(topic), ident, payload)


def puback(packet_id: int) -> bytes:
    return bytes([PUBACK << 4, 2, packet_id >> 8, packet_id & 255])


def subscribe(packet_id: int, filters: list[tuple[str, int]]) -> bytes:
    """filters: (topic filter, qos)."""
    body = packet_id.to_bytes(2, "big")
    for topic_filter, qos in filters:
        body += _text(topic_filter) + bytes([qos])
    return packet(SUBSCRIBE << 4 | 2, body)


def parse_connack(body: bytes) -> int:
    """The return code; 0 is accepted (3.2.2.3)."""
    if len(body) != 2:
        raise ProtocolError("CONNACK is not 2 bytes")
    if body[0] > 1:
        raise ProtocolError("CONNACK with its reserved flags set")
    return body[1]


def parse_publish(flags: int, body: bytes) -> tuple[str, bytes, int, int, bool, bool]:
    """(topic, payload, qos, packet id or 0, retain, duplicate)."""
    qos = flags >> 1 & 3
    if qos == 3:
        raise ProtocolError("PUBLISH with QoS 3")
    raw_topic, at = read_string(body, 0)
    topic = decoded(raw_topic)
    if not topic or "+" in topic or "#" in topic:
        raise ProtocolError("PUBLISH to an empty topic or one with wildcards")
    packet_id = 0
    if qos:
        packet_id = parse_packet_id(body, at)
        at += 2
    return topic, body[at:], qos, packet_id, bool(flags & 1), bool(flags & 8)


def parse_packet_id(body: bytes, at: int = 0) -> int:
    if len(body) < at + 2:
        raise ProtocolError("packet without its packet id")
    packet_id = body[at] << 8 | body[at + 1]
    if packet_id == 0:
        raise ProtocolError("packet id 0")
    return packet_id


def parse_suback(body: bytes) -> tuple[int, list[int]]:
    """(packet id, granted QoS or 128 for each filter)."""
    return parse_packet_id(body), list(body[2:])


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _text(value: str) -> bytes:
    return _string(value.encode())


def read_string(body: bytes, at: int) -> tuple[bytes, int]:
    """(the length-prefixed bytes at an offset, the offset behind them)."""
    if len(body) < at + 2:
        raise ProtocolError("packet ends inside a length")
    end = at + 2 + (body[at] << 8 | body[at + 1])
    if len(body) < end:
        raise ProtocolError("packet ends inside a string")
    return body[at + 2 : end], end


def decoded(value: bytes) -> str:
    try:
        text = value.decode()
    except (UnicodeError, ValueError):
        raise ProtocolError("string is not UTF-8")
    if "\x00" in text:
        raise ProtocolError("string with a null character")
    return text
