"""The writer of batch version 1, which the product no longer has: for comparison, and to test the reader."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from aircue_gateway.batch import Batch, BatchError, Group, Sample

VERSION = 1


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
