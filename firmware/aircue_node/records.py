"""Records, what the journal's files are made of: a head with a checksum, then a payload of whole numbers.

A record is CRC-32 (4 bytes, over all that follows it), magic, kind, length of the payload (2 bytes), payload; little
endian, at most 256 bytes in all, so that one small buffer reads it. Numbers are varints of 7 bits a byte; signed ones
are zigzag coded. A samples record holds samples of one boot, each as differences to the one before it: sequence, uptime
and epoch as the change of their last step, a value as 0 for a gap, else 1 + zigzag of its change since the last one
that was no gap.

Errors: Unreadable, for bytes that are no whole record.
"""

import struct
from binascii import crc32

MYPY = False
if MYPY:
    from collections.abc import Iterator
    from typing import BinaryIO

    from aircue_node.ports import Sample

SAMPLES = 1
MERGED = 2
LEDGER = 3
CLOCK = 4
CURSOR = 5

HEAD = 8
LONGEST = 256
MOST_VALUES = 32
_MAGIC = 0xAC
_HEAD = "<IBBH"
_COUNT = HEAD
# One sample at its longest: three numbers of up to 10 bytes, values of up to 5.
_SLACK = 30 + 5 * MOST_VALUES


class Unreadable(Exception):
    """Here is no whole record: the power went while it was written, or the storage is damaged."""


class Packer:
    """Writes one record into a buffer made once. start(), then numbers, then finish()."""

    def __init__(self) -> None:
        self._buffer = bytearray(LONGEST + _SLACK)
        self._view = memoryview(self._buffer)
        self._kind = 0
        self._at = HEAD

    def start(self, kind: int) -> None:
        self._kind = kind
        self._at = HEAD

    def put(self, number: int) -> None:
        buffer, at = self._buffer, self._at
        while number > 0x7F:
            buffer[at] = number & 0x7F | 0x80
            number >>= 7
            at += 1
        buffer[at] = number
        self._at = at + 1

    def put_signed(self, number: int) -> None:
        self.put(number << 1 if number >= 0 else (-number << 1) - 1)

    def finish(self) -> memoryview:
        """The whole record; it is only good until the next start()."""
        struct.pack_into(_HEAD, self._buffer, 0, 0, _MAGIC, self._kind, self._at - HEAD)
        struct.pack_into("<I", self._buffer, 0, crc32(self._view[4 : self._at]))
        return self._view[: self._at]


class SamplePacker(Packer):
    """Writes samples of one boot. again: they were handed over before."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._last = [0, 0, 0]
        self._steps = [0, 0, 0]
        self._values: list[int] = []

    def open(self, boot: int, again: bool, width: int) -> None:
        self.start(SAMPLES)
        self.count = 0
        self._values = [0] * width
        self.put(0)  # the count, known at the end
        self.put(1 if again else 0)
        self.put(boot)
        self.put(width)

    def add(self, sample: "Sample") -> bool:
        """Whether it still fitted in; otherwise nothing is changed."""
        began = self._at
        for index, number in enumerate(sample[:3]):
            self.put_signed(self._change(index, number))
        for index, value in enumerate(sample[3]):
            self._put_value(value, self._values[index])
        if self._at > LONGEST:
            self._at = began
            return False
        self._remember(sample)
        return True

    def _change(self, index: int, number: int) -> int:
        return number - self._last[index] - self._steps[index] if self.count else number

    def _put_value(self, value: int | None, before: int) -> None:
        if value is None:
            self.put(0)
        else:
            change = value - before
            self.put((change << 1 if change >= 0 else (-change << 1) - 1) + 1)

    def _remember(self, sample: "Sample") -> None:
        for index, number in enumerate(sample[:3]):
            self._steps[index] = number - self._last[index] if self.count else 0
            self._last[index] = number
        for index, value in enumerate(sample[3]):
            if value is not None:
                self._values[index] = value
        self.count += 1

    def finish(self) -> memoryview:
        if self._kind == SAMPLES:
            self._buffer[_COUNT] = self.count
        return super().finish()


class Reader:
    """Reads records of a file one after the other into a buffer made once; kind and numbers are of the last one."""

    def __init__(self) -> None:
        self._buffer = bytearray(LONGEST)
        self._view = memoryview(self._buffer)
        self.kind = 0
        self._at = HEAD
        self._end = HEAD

    def load(self, file: "BinaryIO") -> bool:
        """The next record; False at the end of the file. Errors: Unreadable."""
        got = file.readinto(self._view[:HEAD])  # type: ignore[attr-defined]  # every binary file has it
        if not got:
            return False
        crc, magic, kind, length = struct.unpack_from(_HEAD, self._buffer, 0)
        if got < HEAD or magic != _MAGIC or HEAD + length > LONGEST:
            raise Unreadable
        self._at, self._end, self.kind = HEAD, HEAD + length, kind
        if file.readinto(self._view[HEAD : self._end]) != length:  # type: ignore[attr-defined]
            raise Unreadable
        if crc32(self._view[4 : self._end]) != crc:
            raise Unreadable
        return True

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self._buffer[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def signed(self) -> int:
        code = self.number()
        return -(code + 1 >> 1) if code & 1 else code >> 1

    @property
    def left(self) -> int:
        """Bytes of the payload not yet read."""
        return self._end - self._at

    @property
    def count(self) -> int:
        """Samples in a samples record."""
        return self._buffer[_COUNT]

    def group(self) -> tuple[int, bool, int]:
        """(boot, handed over before, width) of a samples record; then come its samples()."""
        self._at = HEAD + 1
        again = self.number() == 1
        return self.number(), again, self.number()

    def samples(self, width: int) -> "Iterator[Sample]":
        """To be used up before the next record is loaded."""
        last = [0, 0, 0]
        steps = [0, 0, 0]
        known = [0] * width
        for index in range(self.count):
            for part in range(3):
                change = self.signed()
                steps[part] = steps[part] + change if index else 0
                last[part] = last[part] + steps[part] if index else change
            yield last[0], last[1], last[2], self._values(known)

    def _values(self, known: list[int]) -> "list[int | None]":
        values: list[int | None] = []
        for index in range(len(known)):
            code = self.number()
            if code:
                code -= 1
                known[index] += -(code + 1 >> 1) if code & 1 else code >> 1
                values.append(known[index])
            else:
                values.append(None)
        return values
