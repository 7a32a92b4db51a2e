"""A message as one line of text, for a serial line that carries console output too. Without I/O, the same at both ends.

    RS topic SP flags SP payload SP crc LF

RS is 0x1E, which neither JSON nor a console contains; flags: r retained, d sent before (a duplicate), - neither; crc:
CRC-32 of everything between RS and the space before it, eight hex digits. What stands outside of RS ... LF is the
console's and is passed over. A line that was torn, or that something else was printed into, fails its CRC.

Errors: LineError, for a line that is none of these.
"""

import binascii
import json

MYPY = False
if MYPY:
    from aircue_node.ports import Line

START = b"\x1e"
END = b"\n"
HELLO = "hello"

_RETAINED = "r"
_AGAIN = "d"
_PLAIN = "-"


class LineError(ValueError):
    """Bytes that are no whole line."""


def encode_line(topic: str, payload: bytes, retained: bool = False, again: bool = False) -> bytes:
    """payload: JSON on one line, as the contract's encoders give it."""
    flags = (_RETAINED if retained else "") + (_AGAIN if again else "")
    text = f"{topic} {flags or _PLAIN} ".encode() + payload
    return START + text + f" {_crc(text)}\n".encode()


def decode_line(line: bytes) -> "Line":
    """(topic, payload, retained, sent before) of the bytes between RS and LF."""
    text, _, crc = line.rpartition(b" ")
    if crc != _crc(text).encode():
        raise LineError("the CRC does not fit")
    parts = text.split(b" ", 2)
    if len(parts) != 3:
        raise LineError("no topic, flags and payload")
    topic, flags = parts[0].decode(), parts[1].decode()
    return topic, parts[2], _RETAINED in flags, _AGAIN in flags


def encode_hello(session: int, epoch_s: int) -> bytes:
    """The gateway listens. session: a number drawn when it opened the line; epoch_s: the time, 0 where unknown."""
    return f'{{"session":{session},"t":{epoch_s}}}'.encode()


def decode_hello(payload: bytes) -> tuple[int, int]:
    """(session, epoch seconds or 0)"""
    try:
        fields = json.loads(payload)
        session, epoch_s = fields["session"], fields["t"]
    except (ValueError, KeyError, TypeError):
        raise LineError("hello: no object with session and t")
    if type(session) is not int or type(epoch_s) is not int or epoch_s < 0:
        raise LineError("hello: session and t are no whole numbers")
    return session, epoch_s


def _crc(text: bytes) -> str:
    return f"{binascii.crc32(text) & 0xFFFFFFFF:08x}"


class Lines:
    """Cuts a stream into messages. torn: lines that had begun and were none. limit: bytes of the longest line."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._rest = b""
        self.torn = 0

    def feed(self, data: bytes) -> "list[Line]":
        found: list[Line] = []
        lines = (self._rest + data).split(END)
        self._rest = lines.pop()
        for line in lines:
            self._take(line, found)
        self._bound()
        return found

    def _take(self, line: bytes, found: "list[Line]") -> None:
        """Whatever began before the last RS of a line never ended."""
        parts = line.split(START)
        if len(parts) == 1:
            return
        self.torn += len(parts) - 2
        try:
            found.append(decode_line(parts[-1].rstrip(b"\r")))
        except ValueError:
            self.torn += 1

    def _bound(self) -> None:
        """What is too long to be a line is dropped, up to a newer start in it."""
        if len(self._rest) <= self._limit:
            return
        self.torn += min(1, self._rest.count(START))
        start = self._rest.rfind(START)
        self._rest = self._rest[start:] if 0 < len(self._rest) - start <= self._limit else b""
