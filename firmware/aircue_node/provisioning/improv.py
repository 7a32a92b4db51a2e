"""Improv Wi-Fi over a serial line, version 1 (improv-wifi.com/serial): packets and remote calls, without I/O.

A packet is IMPROV, version, type, length, data, checksum: the sum of all bytes before it, modulo 256. It begins a line,
so that it can stand between other things that are printed.
"""

HEADER = b"IMPROV\x01"
STATE, ERROR, CALL, RESULT = 1, 2, 3, 4

READY, PROVISIONING, PROVISIONED = 2, 3, 4
NO_ERROR, INVALID_CALL, UNKNOWN_CALL, UNABLE_TO_CONNECT, BAD_HOSTNAME = 0, 1, 2, 3, 5

SEND_WIFI, REQUEST_STATE, REQUEST_INFO, REQUEST_NETWORKS, HOSTNAME = 1, 2, 3, 4, 5

_LONGEST = 255
_LONGEST_HOSTNAME = 63
# Bytes of one packet come close together; after a break this long, what comes is something new.
_BREAK_MS = 1000


class ImprovError(ValueError):
    """A packet that the protocol does not allow; code: the error state to answer with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def encode(kind: int, data: bytes) -> bytes:
    """One packet on a line of its own."""
    packet = HEADER + bytes([kind, len(data)]) + data
    return b"\n" + packet + bytes([sum(packet) & 0xFF]) + b"\n"


def state(code: int) -> bytes:
    return encode(STATE, bytes([code]))


def error(code: int) -> bytes:
    return encode(ERROR, bytes([code]))


def result(call: int, texts: list[str]) -> bytes:
    """The answer to a call. ValueError where the texts do not fit into one packet."""
    listed = b"".join([_counted(text.encode()) for text in texts])
    if len(listed) > _LONGEST - 2:
        raise ValueError(f"improv: {len(listed)} bytes of results, at most {_LONGEST - 2} fit")
    return encode(RESULT, bytes([call, len(listed)]) + listed)


def _counted(text: bytes) -> bytes:
    return bytes([len(text)]) + text


class Parser:
    """Finds packets in what comes in. idle: whether the next byte may be something else than a packet's."""

    def __init__(self) -> None:
        self._packet = bytearray()
        self._heard_ms = 0

    @property
    def idle(self) -> bool:
        return not self._packet

    def feed(self, byte: int, now_ms: int) -> "tuple[int, bytes] | None":
        """(type, data) once a packet is whole. ImprovError where its checksum is wrong."""
        if now_ms - self._heard_ms > _BREAK_MS:
            self._packet = bytearray()
        self._heard_ms = now_ms
        self._packet.append(byte)
        if not self._fits():
            self._packet = bytearray([byte] if byte == HEADER[0] else [])
        return self._whole()

    def _fits(self) -> bool:
        head = self._packet[: len(HEADER)]
        return bytes(head) == HEADER[: len(head)]

    def _whole(self) -> "tuple[int, bytes] | None":
        packet = self._packet
        if len(packet) < 10 or len(packet) < 10 + packet[8]:
            return None
        self._packet = bytearray()
        if sum(packet[:-1]) & 0xFF != packet[-1]:
            raise ImprovError(INVALID_CALL, "the checksum is wrong")
        return packet[7], bytes(packet[9:-1])


def call_of(data: bytes) -> tuple[int, bytes]:
    """(call, its data) from the data of a packet of type CALL."""
    if len(data) < 2 or data[1] != len(data) - 2:
        raise ImprovError(INVALID_CALL, "the length does not fit")
    return data[0], data[2:]


def wifi_of(data: bytes) -> tuple[str, str]:
    """(ssid, password) from the data of SEND_WIFI."""
    ssid, rest = _first(data)
    password, rest = _first(rest)
    if rest or not ssid:
        raise ImprovError(INVALID_CALL, "an SSID and a password are expected")
    return _text(ssid), _text(password)


def hostname_of(data: bytes) -> str:
    """A name of letters, digits and hyphens, none at an end (RFC 1123)."""
    name = _text(data)
    inner = all([character.isdigit() or character.isalpha() or character == "-" for character in name])
    if not inner or any([byte > 127 for byte in data]) or len(data) > _LONGEST_HOSTNAME or "-" in (name[0], name[-1]):
        raise ImprovError(BAD_HOSTNAME, "a name of letters, digits and hyphens is expected")
    return name


def _first(data: bytes) -> tuple[bytes, bytes]:
    if not data or len(data) < 1 + data[0]:
        raise ImprovError(INVALID_CALL, "a string is cut off")
    return data[1 : 1 + data[0]], data[1 + data[0] :]


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeError:
        raise ImprovError(INVALID_CALL, "not UTF-8")


def network_texts(name: str, rssi_dbm: int, secured: bool) -> list[str]:
    """The strings of one network in the answer to REQUEST_NETWORKS."""
    return [name, str(rssi_dbm), "YES" if secured else "NO"]
