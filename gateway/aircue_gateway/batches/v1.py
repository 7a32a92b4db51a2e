"""What a batch of version 1 says. It is read for ever, and no longer written.

    byte 0        version, 1
    bytes 1..32   SHA-256 of the rest
    rest          zlib of: varint length of the header, header (JSON, UTF-8), then for each group its columns

A group holds the samples of one (site, node, installation, boot). Its columns, one after the other, are zigzag varints
of differences between neighbours: sequence, uptime_ms, measured_at_ms less uptime_ms, received_at_ms less
measured_at_ms, then for each channel the statuses (one byte a sample) and the values of those samples that carry one.
Fixed point throughout: a value stands for integer / scale in the channel's unit.

Errors: BatchError.
"""

import json
import zlib
from typing import Any

from aircue_gateway.batch import Batch, BatchError, Channel, Group, Loss, Sample, Status

# Content of 20,000 samples of ten quantities is under half of this.
LARGEST_CONTENT = 2 * 1024 * 1024
_LONGEST_VARINT = 10


def decode(body: bytes) -> Batch:
    """The batch whose bytes behind the hash these are."""
    try:
        reader = _Reader(_inflated(body))
        header = json.loads(reader.take(reader.varint()))
        groups = tuple(_decode_group(row, reader) for row in header["groups"])
        losses = tuple(Loss(**row) for row in header["losses"])
        fields = {name: header[name] for name in ("gateway", "epoch", "sequence", "sealed_at_ms")}
    except (KeyError, TypeError, ValueError, IndexError, RecursionError) as error:
        raise BatchError(f"batch content cannot be read: {error}") from error
    if reader.left:
        raise BatchError(f"batch has {reader.left} bytes behind its last column")
    return Batch(groups=groups, losses=losses, **fields)


def _inflated(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(body, LARGEST_CONTENT)
    except zlib.error as error:
        raise BatchError(f"batch content does not decompress: {error}") from error
    if inflater.unconsumed_tail:
        raise BatchError(f"batch unpacks to over {LARGEST_CONTENT} bytes: seal smaller ones")
    return content


def _decode_group(header: dict[str, Any], reader: "_Reader") -> Group:
    count = header["samples"]
    channels = tuple(Channel(quantity=q, unit=unit, scale=scale) for q, unit, scale in header["channels"])
    sequences, uptimes, offsets, delays = (reader.differences(count) for _ in range(4))
    statuses, values = _decode_channels(len(channels), count, reader)
    resolved = set(header["resolved"])
    samples = tuple(
        Sample(
            sequence=sequences[row],
            uptime_ms=uptimes[row],
            measured_at_ms=offsets[row] + uptimes[row],
            received_at_ms=delays[row] + offsets[row] + uptimes[row],
            clock="gateway" if row in resolved else "node",
            values=values[row],
            statuses=statuses[row],
        )
        for row in range(count)
    )
    names = {name: header[name] for name in ("site", "node", "installation", "boot")}
    return Group(channels=channels, samples=samples, **names)


def _decode_channels(
    channels: int, count: int, reader: "_Reader"
) -> tuple[list[tuple[Status, ...]], list[tuple[int | None, ...]]]:
    """Statuses and values a sample, from columns a channel."""
    status_columns, value_columns = [], []
    for _ in range(channels):
        statuses = [Status(byte) for byte in reader.take(count)]
        carried = iter(reader.differences(sum(status.carries_value for status in statuses)))
        status_columns.append(statuses)
        value_columns.append([next(carried) if status.carries_value else None for status in statuses])
    if not channels:
        return [()] * count, [()] * count
    return list(zip(*status_columns, strict=True)), list(zip(*value_columns, strict=True))


class _Reader:
    """Takes columns off the front of the content."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int) -> bytes:
        if count < 0 or count > self.left:
            raise BatchError("batch ends inside a column")
        self._at += count
        return self._content[self._at - count : self._at]

    def varint(self) -> int:
        number = 0
        for place in range(_LONGEST_VARINT):
            byte = self.take(1)[0]
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number
        raise BatchError(f"batch holds a number of more than {_LONGEST_VARINT} bytes")

    def differences(self, count: int) -> list[int]:
        if count > self.left:
            raise BatchError("batch ends inside a column")
        values, last = [], 0
        for _ in range(count):
            number = self.varint()
            last += number >> 1 if number & 1 == 0 else -(number + 1 >> 1)
            values.append(last)
        return values
