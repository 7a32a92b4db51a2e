"""Batches: readings sealed together, immutable, as the gateway sends them and the cloud keeps them.

    byte 0        version, 1
    bytes 1..32   SHA-256 of the rest
    rest          zlib of: varint length of the header, header (JSON, UTF-8), then for each group its columns

A group holds the samples of one (site, node, installation, boot). Its columns, one after the other, are zigzag varints
of differences between neighbours: sequence, uptime_ms, measured_at_ms less uptime_ms, received_at_ms less
measured_at_ms, then for each channel the statuses (one byte a sample) and the values of those samples that carry one.
Fixed point throughout: a value stands for integer / scale in the channel's unit.

Errors: BatchError, for bytes that are no batch of a known version.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any

VERSION = 1
# Content of 20,000 samples of ten quantities is under half of this.
LARGEST_CONTENT = 2 * 1024 * 1024
_LONGEST_VARINT = 10
_HASH_SIZE = 32


class BatchError(ValueError):
    """Bytes that are no batch; the text says what is wrong with them."""


class Status(IntEnum):
    """What became of one value on its way. Only OK and the implausible ones carry a value."""

    OK = 0
    GAP = 1
    SUPPRESSED = 2
    RANGE = 3
    RATE = 4
    STUCK = 5
    SPIKE = 6

    @property
    def carries_value(self) -> bool:
        return self not in (Status.GAP, Status.SUPPRESSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One quantity of a node: SenML unit, and the integer that one unit is multiplied by."""

    quantity: str
    unit: str
    scale: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Everything a node measured at one (boot, sequence). values and statuses: one for each channel of the group.

    Times in ms since the epoch, UTC. clock: "node" where the node knew the time, "gateway" where the gateway resolved
    it from the uptime.
    """

    sequence: int
    uptime_ms: int
    measured_at_ms: int
    received_at_ms: int
    clock: str
    values: tuple[int | None, ...]
    statuses: tuple[Status, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    site: str
    node: str
    installation: int
    boot: int
    channels: tuple[Channel, ...]
    samples: tuple[Sample, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """samples that were dropped on purpose between two sequences, and where: "node" or "gateway"."""

    node: str
    installation: int
    boot: int
    first: int
    last: int
    samples: int
    where: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What later samples taught about a value that left in an earlier batch: its status is this one now."""

    node: str
    installation: int
    boot: int
    sequence: int
    quantity: str
    status: Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Identified by gateway/epoch/sequence. epoch: drawn when the gateway's spool is made, so that a new spool never
    repeats an old one's ids."""

    gateway: str
    epoch: str
    sequence: int
    sealed_at_ms: int
    groups: tuple[Group, ...]
    losses: tuple[Loss, ...] = ()
    revisions: tuple[Revision, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.gateway}/{self.epoch}/{self.sequence}"


def encode(batch: Batch) -> bytes:
    header = {
        "gateway": batch.gateway,
        "epoch": batch.epoch,
        "sequence": batch.sequence,
        "sealed_at_ms": batch.sealed_at_ms,
        "groups": [_group_header(group) for group in batch.groups],
        "losses": [asdict(loss) for loss in batch.losses],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    columns = b"".join(_encode_group(group) for group in batch.groups)
    body = zlib.compress(_varint(len(text)) + text + columns, 9)
    return bytes([VERSION]) + hashlib.sha256(body).digest() + body


def _group_header(group: Group) -> dict[str, Any]:
    return {
        "site": group.site,
        "node": group.node,
        "installation": group.installation,
        "boot": group.boot,
        "channels": [[channel.quantity, channel.unit, channel.scale] for channel in group.channels],
        "samples": len(group.samples),
        "resolved": [index for index, sample in enumerate(group.samples) if sample.clock == "gateway"],
    }


def _encode_group(group: Group) -> bytes:
    samples = group.samples
    columns = [
        _differences(sample.sequence for sample in samples),
        _differences(sample.uptime_ms for sample in samples),
        _differences(sample.measured_at_ms - sample.uptime_ms for sample in samples),
        _differences(sample.received_at_ms - sample.measured_at_ms for sample in samples),
    ]
    for index in range(len(group.channels)):
        columns.append(bytes(sample.statuses[index] for sample in samples))
        columns.append(_differences(_carried(samples, index)))
    return b"".join(columns)


def _carried(samples: tuple[Sample, ...], index: int) -> Iterator[int]:
    for sample in samples:
        value, status = sample.values[index], sample.statuses[index]
        if status.carries_value != (value is not None):
            raise BatchError(f"sample {sample.sequence}: status {status.name} and value {value} do not go together")
        if value is not None:
            yield value


def _differences(column: Iterable[int]) -> bytes:
    values = [0, *column]
    return b"".join(_varint(_zigzag(after - before)) for before, after in pairwise(values))


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(data: bytes) -> Batch:
    """The batch in data; BatchError where version, hash or content do not fit."""
    body = _verified(data)
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


def _verified(data: bytes) -> bytes:
    if not data or data[0] != VERSION:
        found = f"version {data[0]}" if data else "no bytes"
        raise BatchError(f"batch has {found}, this reader knows version {VERSION}: update the cloud first")
    body = data[1 + _HASH_SIZE :]
    if hashlib.sha256(body).digest() != data[1 : 1 + _HASH_SIZE]:
        raise BatchError("batch hash does not fit its content: it was cut or changed on the way")
    return body


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
