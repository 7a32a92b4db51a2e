"""Batches: readings sealed together, immutable, as the gateway sends them and the cloud keeps them.

    byte 0        version, 2 (batches/v2.py; version 1 is read for ever, batches/v1.py)
    bytes 1..32   SHA-256 of the rest
    rest          the content, as its version lays it out

Each batch says everything about its readings by itself. Fixed point throughout: a value stands for integer / scale in
the channel's unit.

Errors: BatchError, for bytes that are no batch of a known version.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

VERSION = 2
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

    Times in ms since the epoch, UTC. received_at_ms: when the gateway had it; a batch keeps the whole seconds from
    measured_at_ms on, so that it comes back up to a second earlier, and not before measured_at_ms unless it was.
    clock: "node" where the node knew the time, "gateway" where the gateway resolved it from the uptime.
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


class Columns(NamedTuple):
    """Samples as columns, one a field of Sample; values and statuses: one for each channel. resolved: whether clock is
    "gateway"."""

    sequences: Sequence[int]
    uptimes_ms: Sequence[int]
    measured_at_ms: Sequence[int]
    received_at_ms: Sequence[int]
    resolved: Sequence[bool]
    values: Sequence[Sequence[int | None]]
    statuses: Sequence[Sequence[Status]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(Group):
    """A group to be written whose samples are told by columns alone: a small board has thousands to seal at once."""

    columns: Columns
    samples: tuple[Sample, ...] = ()


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
    """BatchError where the parts of the batch contradict each other, or are too many."""
    from aircue_gateway.batches import v2  # the versions are written in the words above

    body = v2.encode(batch)
    return bytes([VERSION]) + hashlib.sha256(body).digest() + body


def decode(data: bytes) -> Batch:
    """The batch in data; BatchError where version, hash or content do not fit."""
    from aircue_gateway.batches import v1, v2

    versions = {1: v1.decode, 2: v2.decode}
    if not data or data[0] not in versions:
        found = f"version {data[0]}" if data else "no bytes"
        raise BatchError(f"batch has {found}, this reader knows version 1 to {VERSION}: update the cloud first")
    body = data[1 + _HASH_SIZE :]
    if hashlib.sha256(body).digest() != data[1 : 1 + _HASH_SIZE]:
        raise BatchError("batch hash does not fit its content: it was cut or changed on the way")
    return versions[data[0]](body)
