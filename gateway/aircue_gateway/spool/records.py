"""Records of a segment: framed, checked, numbered. A record is the unit of truth: whole on the disk or not there.

    4 bytes   "ACR1"
    4         CRC-32 of the segment's number (8 bytes) and of all that follows here
    4         length of the body
    8         serial: counts on through all segments
    1         kind; its highest bit: the body is zlib's
    n         body

Integers are little-endian. The segment's number is in the checksum so that what an earlier life of a file left behind
the last record is never taken for one.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

MAGIC = b"ACR1"
_HEAD = struct.Struct("<4sIIQB")
_CHECKED_FROM = 8  # within the head: what the checksum covers of it
_SEGMENT = struct.Struct("<Q")
_DEFLATED = 0x80
_WORTH_DEFLATING = 64  # bytes
HEAD_BYTES = _HEAD.size


class Kind(IntEnum):
    CHECKPOINT = 1  # all that must be known but samples and batches; first in its segment
    WINDOW = 2  # a commit
    SEALED = 3  # a batch, and up to where it took the samples
    MOVED = 4  # a batch stored anew, thinned or not
    NOTE = 5  # what became of a batch, or other rules


class Record(NamedTuple):
    """offset: of the record in its segment; end: of its last byte, plus one."""

    serial: int
    kind: int
    offset: int
    end: int
    body: bytes


def frame(segment: int, serial: int, kind: Kind, body: bytes, deflate: bool = True) -> bytes:
    """The bytes of a record."""
    tag = int(kind)
    if deflate and len(body) > _WORTH_DEFLATING:
        body, tag = zlib.compress(body, 1), tag | _DEFLATED
    head = _HEAD.pack(MAGIC, 0, len(body), serial, tag)[_CHECKED_FROM:]
    return MAGIC + struct.pack("<I", _checksum(segment, head, body)) + head + body


def _checksum(segment: int, head: bytes, body: bytes | memoryview) -> int:
    return zlib.crc32(body, zlib.crc32(head, zlib.crc32(_SEGMENT.pack(segment))))


def read_at(data: bytes, segment: int, offset: int) -> Record | None:
    """The record that begins at this offset, None where no whole one does."""
    if len(data) - offset < HEAD_BYTES or not data.startswith(MAGIC, offset):
        return None
    _, checksum, length, serial, tag = _HEAD.unpack_from(data, offset)
    start = offset + HEAD_BYTES
    body = memoryview(data)[start : start + length]
    if len(body) != length or _checksum(segment, data[offset + _CHECKED_FROM : start], body) != checksum:
        return None
    whole = zlib.decompress(body) if tag & _DEFLATED else bytes(body)
    return Record(serial, tag & ~_DEFLATED, offset, start + length, whole)


def scan(data: bytes, segment: int, offset: int = 0) -> Iterator[Record]:
    """Every whole record from an offset on. Damage is stepped over: whoever needs to know compares offset and end."""
    while True:
        record = read_at(data, segment, offset) or _next_whole(data, segment, offset + 1)
        if record is None:
            return
        yield record
        offset = record.end


def _next_whole(data: bytes, segment: int, offset: int) -> Record | None:
    while (offset := data.find(MAGIC, offset)) >= 0:
        record = read_at(data, segment, offset)
        if record is not None:
            return record
        offset += 1
    return None
