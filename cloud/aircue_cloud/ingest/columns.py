"""A batch as columns: whole numbers in arrays, one stretch for each group, checked as contents checks a batch.

Batches of version 2 are read by the compiled walk; whatever that leaves alone, and every batch of version 1, is read by
aircue_gateway, which also says in words why a batch is none.

Errors: Refused, as by contents.read.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.errors import Refused
from aircue_cloud.ingest import contents, walk
from aircue_gateway.batch import Batch, Channel, Group, Loss, Revision, Status
from aircue_gateway.batches import v2
from aircue_gateway.batches.presets import PRESETS

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_CARRIES = np.array([status.carries_value for status in Status])
_HEAD = 33  # version and hash
_PRESET_CHANNELS = tuple(Channel(quantity=one.quantity, unit=one.unit, scale=one.scale) for one in PRESETS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A group: samples first to first + count of the batch; values from place value on, channel by channel."""

    site: str
    node: str
    installation: int
    boot: int
    channels: tuple[Channel, ...]
    first: int
    count: int
    value: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """clock: 1 where the gateway resolved the time. values: 0 where the status carries none. Times in ms."""

    gateway: str
    epoch: str
    sequence: int
    sealed_at_ms: int
    stretches: tuple[Stretch, ...]
    sequences: Ints
    measured_at: Ints
    received_at: Ints
    clock: Bytes
    statuses: Bytes
    values: Ints
    losses: tuple[Loss, ...]
    revisions: tuple[Revision, ...]

    @property
    def id(self) -> str:
        return f"{self.gateway}/{self.epoch}/{self.sequence}"

    @property
    def readings(self) -> int:
        """How many values it carries."""
        return int(np.count_nonzero(_CARRIES[self.statuses]))

    @property
    def nbytes(self) -> int:
        return 25 * len(self.sequences) + 9 * len(self.values)


_warm = Event()


def warm() -> None:
    """Loads the compiled walk (under a second), or compiles it where this machine has never done so (half a minute).
    Until it is there every batch is read by aircue_gateway: slower, and the same."""
    data = np.frombuffer(b"\0", np.uint8)
    for plain in (False, True):
        walk.walk(data, plain)
    _warm.set()


def read(data: bytes, gateway: str) -> Columns:
    """The batch in data, which gateway has delivered."""
    found = _walked(data)
    if found is not None and _is_sound(found, gateway):
        return found
    return of_batch(contents.read(data, gateway))


def _walked(data: bytes) -> Columns | None:
    """None for what is left to the other reader."""
    if (
        not _warm.is_set()
        or len(data) <= _HEAD
        or data[0] != 2
        or hashlib.sha256(data[_HEAD:]).digest() != data[1:_HEAD]
    ):
        return None
    coding, body = data[_HEAD], data[_HEAD + 1 :]
    try:
        plain = body if coding == 0 else v2.unpacked(coding, body)
        return _columns(walk.Walked(*walk.walk(np.frombuffer(plain, np.uint8), coding != 0)))
    except ValueError:
        return None


def _columns(found: walk.Walked) -> Columns | None:
    """ValueError for a text that is none."""
    if not found.mine:
        return None
    raw, at = found.text.tobytes(), found.text_at.tolist()
    texts = [raw[first:last].decode() for first, last in pairwise(at)]
    channels = [_channel(row, texts) for row in found.channels.tolist()]
    if any(channel is None for channel in channels):
        return None
    gateway, epoch, sequence, sealed_at_ms = found.header.tolist()
    return Columns(
        gateway=texts[gateway],
        epoch=texts[epoch],
        sequence=sequence,
        sealed_at_ms=sealed_at_ms,
        stretches=tuple(_stretch(row, texts, channels) for row in found.groups.tolist()),
        sequences=found.sequence,
        measured_at=found.measured_at,
        received_at=found.received_at,
        clock=found.clock,
        statuses=found.statuses,
        values=found.values,
        losses=tuple(_loss(row, texts) for row in found.losses.tolist()),
        revisions=tuple(_revision(row, texts) for row in found.revisions.tolist()),
    )


def _channel(row: list[int], texts: list[str]) -> Channel | None:
    """None for one that is spelt out though it has a number: its course would be another."""
    preset, quantity, unit, scale = row
    if preset:
        return _PRESET_CHANNELS[preset - 1]
    channel = Channel(quantity=texts[quantity], unit=texts[unit], scale=scale)
    return None if channel in _PRESET_CHANNELS else channel


def _stretch(row: list[int], texts: list[str], channels: Sequence[Any]) -> Stretch:
    site, node, installation, boot, first_channel, count, first, samples, value = row
    return Stretch(
        site=texts[site] if site >= 0 else "",
        node=texts[node],
        installation=installation,
        boot=boot,
        channels=tuple(channels[first_channel : first_channel + count]),
        first=first,
        count=samples,
        value=value,
    )


def _loss(row: list[int], texts: list[str]) -> Loss:
    node, installation, boot, first, last, samples, at_gateway = row
    return Loss(
        node=texts[node],
        installation=installation,
        boot=boot,
        first=first,
        last=last,
        samples=samples,
        where="gateway" if at_gateway else "node",
    )


def _revision(row: list[int], texts: list[str]) -> Revision:
    node, installation, boot, sequence, quantity, status = row
    return Revision(
        node=texts[node],
        installation=installation,
        boot=boot,
        sequence=sequence,
        quantity=texts[quantity],
        status=Status(status),
    )


def _is_sound(found: Columns, gateway: str) -> bool:
    """Whether contents would take it; what it says otherwise, it says itself."""
    try:
        contents.check_header(found, gateway)
        for stretch in found.stretches:
            contents.check_names(stretch)
        for loss in found.losses:
            contents.check_loss(loss)
        for revision in found.revisions:
            contents.check_revision(revision)
    except Refused:
        return False
    limits = contents.LIMITS
    columns = ((found.sequences, limits["sequence"]), (found.measured_at, limits["measured_at_ms"]))
    more = ((found.received_at, limits["received_at_ms"]), (found.values, limits["value"]))
    return all(_within(column, *limit) for column, limit in (*columns, *more))


def _within(column: Ints, low: int, high: int) -> bool:
    return len(column) == 0 or (low <= int(column.min()) and int(column.max()) <= high)


def of_batch(batch: Batch) -> Columns:
    """The columns of a batch that was checked."""
    stretches, first, value = [], 0, 0
    for group in batch.groups:
        stretches.append(_stretch_of(group, first, value))
        first += len(group.samples)
        value += len(group.samples) * len(group.channels)
    samples = [sample for group in batch.groups for sample in group.samples]
    statuses = [_down(group, [sample.statuses for sample in group.samples]) for group in batch.groups]
    values = [_down(group, [sample.values for sample in group.samples]) for group in batch.groups]
    return Columns(
        gateway=batch.gateway,
        epoch=batch.epoch,
        sequence=batch.sequence,
        sealed_at_ms=batch.sealed_at_ms,
        stretches=tuple(stretches),
        sequences=np.array([sample.sequence for sample in samples], np.int64),
        measured_at=np.array([sample.measured_at_ms for sample in samples], np.int64),
        received_at=np.array([sample.received_at_ms for sample in samples], np.int64),
        clock=np.array([sample.clock == "gateway" for sample in samples], np.uint8),
        statuses=np.array([status for part in statuses for status in part], np.uint8),
        values=np.array([value or 0 for part in values for value in part], np.int64),
        losses=batch.losses,
        revisions=batch.revisions,
    )


def _stretch_of(group: Group, first: int, value: int) -> Stretch:
    names = {name: getattr(group, name) for name in ("site", "node", "installation", "boot", "channels")}
    return Stretch(**names, first=first, count=len(group.samples), value=value)


def _down(group: Group, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Channel by channel what rows hold sample by sample."""
    return [row[index] for index in range(len(group.channels)) for row in rows]
