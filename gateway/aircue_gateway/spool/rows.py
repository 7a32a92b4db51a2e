"""What the spool's records say: rows of a window, and headers, to bytes and back.

Samples are packed one after the other in runs of equal width; all else is compact JSON, which a person can read.

    4 bytes   length of the header
    n         header (JSON, UTF-8)
    rest      the samples of a window, or the body of a batch
"""

import base64
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from aircue_gateway.alerts import Key, Standing, state_from
from aircue_gateway.batch import Channel, Columns, Loss, Status
from aircue_gateway.episodes import State
from aircue_gateway.window import BirthRow, RevisionRow, SampleRow, StreamKey, StreamRow

Header = dict[str, Any]
# As a record has a sample: the fields of a SampleRow one after the other, a status that has no value marked.
PackedSample = tuple[Any, ...]
_LENGTH = struct.Struct("<I")
_FIXED = 6  # fields of a SampleRow before its values
_ABSENT = 0x80  # on a status: there is no value
_STATUSES = tuple(Status)
_WIDTHS = "iq"  # of a value, in struct's letters: 32 bits do for our own nodes


def join(header: Mapping[str, Any], rest: bytes = b"") -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((_LENGTH.pack(len(text)), text, rest))


def split(body: bytes) -> tuple[Header, bytes]:
    start = _LENGTH.size + _LENGTH.unpack_from(body)[0]
    header: Header = json.loads(body[_LENGTH.size : start])
    return header, body[start:]


@cache
def _row(channels: int, width: str) -> struct.Struct:
    """birth, sequence, uptime_ms, measured_at_ms, received_at_ms, resolved, values, statuses."""
    return struct.Struct(f"<IQqqq?{channels}{width}{channels}B")


def pack_samples(rows: Iterable[SampleRow]) -> tuple[list[list[Any]], bytes]:
    """Runs [channels, width, samples] and their bytes."""
    runs, packed = [], []
    for channels, members in groupby(rows, key=_channel_count):
        run = list(members)
        width, data = _pack_run(channels, run)
        runs.append([channels, width, len(run)])
        packed.append(data)
    return runs, b"".join(packed)


def _channel_count(row: SampleRow) -> int:
    return len(row.values)


def _pack_run(channels: int, run: list[SampleRow]) -> tuple[str, bytes]:
    try:
        return _WIDTHS[0], b"".join(_packed(_row(channels, _WIDTHS[0]), run))
    except struct.error:
        return _WIDTHS[1], b"".join(_packed(_row(channels, _WIDTHS[1]), run))


def _packed(layout: struct.Struct, run: list[SampleRow]) -> Iterator[bytes]:
    pack = layout.pack
    for birth, sequence, uptime, measured, received, resolved, values, statuses in run:
        if None in values:
            marked = [s | _ABSENT if v is None else s for v, s in zip(values, statuses, strict=True)]
            numbers = [v or 0 for v in values]
            yield pack(birth, sequence, uptime, measured, received, resolved, *numbers, *marked)
        else:
            yield pack(birth, sequence, uptime, measured, received, resolved, *values, *statuses)


def unpack_samples(runs: Iterable[list[Any]], data: bytes) -> Iterator[PackedSample]:
    offset, view = 0, memoryview(data)
    for channels, width, count in runs:
        layout = _row(channels, width)
        end = offset + layout.size * count
        yield from layout.iter_unpack(view[offset:end])
        offset = end


def sample_row(sample: PackedSample) -> SampleRow:
    first_status = (len(sample) + _FIXED) // 2
    numbers, marked = sample[_FIXED:first_status], sample[first_status:]
    values = tuple(None if s & _ABSENT else v for v, s in zip(numbers, marked, strict=True))
    statuses = tuple(_STATUSES[one & ~_ABSENT] for one in marked)
    birth, sequence, uptime_ms, measured_at_ms, received_at_ms, resolved = sample[:_FIXED]
    return SampleRow(birth, sequence, uptime_ms, measured_at_ms, received_at_ms, resolved, values, statuses)


def runs(places: Iterable[int]) -> list[list[int]]:
    """[first, how many] of places that follow each other."""
    found: list[list[int]] = []
    for place in places:
        if found and place == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([place, 1])
    return found


def with_status(sample: PackedSample, channel: int, status: Status) -> PackedSample:
    at = (len(sample) + _FIXED) // 2 + channel
    return (*sample[:at], status | sample[at] & _ABSENT, *sample[at + 1 :])


def columns(samples: Sequence[PackedSample]) -> Columns:
    """Of samples with the same channels, at least one."""
    fields = list(zip(*samples, strict=True))
    first_status = (len(fields) + _FIXED) // 2
    values, statuses = [], []
    for numbers, marked in zip(fields[_FIXED:first_status], fields[first_status:], strict=True):
        if any(marked):
            numbers = tuple(None if s & _ABSENT else v for v, s in zip(numbers, marked, strict=True))
        values.append(numbers)
        statuses.append([_STATUSES[one & ~_ABSENT] for one in marked])
    _, sequences, uptimes, measured, received, resolved = fields[:_FIXED]
    return Columns(sequences, uptimes, measured, received, resolved, values, statuses)


def count_samples(header: Header) -> int:
    return sum(map(itemgetter(2), header.get("n", ())))


def birth_row(birth: BirthRow) -> list[Any]:
    channels = [[one.quantity, one.unit, one.scale] for one in birth.channels]
    return [birth.id, birth.site, birth.node, birth.installation, birth.boot, channels]


def birth_of(row: list[Any]) -> BirthRow:
    ident, site, node, installation, boot, channels = row
    named = tuple(Channel(quantity=quantity, unit=unit, scale=scale) for quantity, unit, scale in channels)
    return BirthRow(id=ident, site=site, node=node, installation=installation, boot=boot, channels=named)


def stream_row(key: StreamKey, row: StreamRow) -> list[Any]:
    return [*key, row.ranges, row.offset_ms, int(row.known)]


def stream_of(row: list[Any]) -> tuple[StreamKey, StreamRow]:
    node, installation, boot, ranges, offset_ms, known = row
    pairs = tuple((first, last) for first, last in ranges)
    return (node, installation, boot), StreamRow(ranges=pairs, offset_ms=offset_ms, known=bool(known))


def loss_row(loss: Loss) -> list[Any]:
    return [loss.node, loss.installation, loss.boot, loss.first, loss.last, loss.samples, loss.where]


def loss_of(row: list[Any]) -> Loss:
    node, installation, boot, first, last, samples, where = row
    return Loss(node=node, installation=installation, boot=boot, first=first, last=last, samples=samples, where=where)


def state_row(key: Key, state: State, before: State | None = None) -> list[Any]:
    """Its episodes, and what late readings need, only where they are others than before: they change rarely."""
    row = [*key, state.phase, state.since, state.held_s, state.last_at, state.peak]
    lasting = _lasting(state)
    return row if lasting == _lasting(before) else [*row, lasting]


def state_of(row: list[Any], before: Mapping[Key, State]) -> tuple[Key, State]:
    need, node, phase, since, held_s, last_at, peak, *rest = row
    lasting = rest[0] if rest else _lasting(before.get((need, node)))
    plain = {"phase": phase, "since": since, "held_s": held_s, "last_at": last_at, "peak": peak}
    return (need, node), state_from({**plain, **lasting})


def _lasting(state: State | None) -> dict[str, Any]:
    """By field of a Standing; those that are empty are left out."""
    if not isinstance(state, Standing):
        return {}
    fields = {"episodes": state.episodes, "recent": state.recent, "before": state.before and asdict(state.before)}
    return {name: value for name, value in fields.items() if value}


def revision_of(row: list[Any]) -> RevisionRow:
    birth, sequence, channel, status = row
    return RevisionRow(birth, sequence, channel, Status(status))


def bytes_text(data: bytes) -> str:
    return base64.b85encode(data).decode()


def text_bytes(text: str) -> bytes:
    return base64.b85decode(text)
