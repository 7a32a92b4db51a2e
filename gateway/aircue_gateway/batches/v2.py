"""What a batch of version 2 says, in which order; one walk for writing and reading.

    byte 0        version, 2
    bytes 1..32   SHA-256 of the rest
    byte 33       coding: 0 range coder, 1 deflate (raw), 2 LZMA2 (raw)
    rest          the fields below in that coding

    batch      gateway, epoch, sequence, sealed_at_ms, count and groups, count and losses, count and revisions
    group      stream, site, channels, count of samples, then columns
    columns    sequence; uptime_ms; measured_at_ms; received_at_ms; clock; for each channel statuses and values
    stream     a reference to one named before in this batch, or node, installation, boot
    loss       stream, first, length, samples, where
    revision   stream, sequence, quantity, status

A column is its first value, told as the difference from what was expected, and residuals: what is left of the next
value when the running mean of those before it is taken away. Nothing refers to another batch. The whole is drawn in
docs/gateway-uplink.md.

The writer takes whichever of the first two codings is smaller, and deflate for a large batch: the range coder would
cost four times the processor for a tenth of the bytes. LZMA2 is read alone: to write it takes 4 MB of memory.

Errors: BatchError, for values that go together with no batch, and for bytes that are none.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from math import gcd
from operator import add, sub
from typing import Generic, TypeVar

from aircue_gateway.batch import Batch, BatchError, Channel, Columns, Group, Loss, Revision, Sample, Status, Table
from aircue_gateway.batches.coders import (
    BothWriter,
    Coder,
    CoderError,
    Field,
    Flag,
    PlainReader,
    PlainWriter,
    RangeReader,
    Scale,
)
from aircue_gateway.batches.presets import LETTERS, PRESETS, UNKNOWN, WORDS, Preset

# What one batch may hold, so that bytes made up by somebody cost neither memory nor time without end.
MOST_SAMPLES = 32_768
MOST_READINGS = 655_360
_MOST_GROUPS = 4096
_MOST_ROWS = 65_536  # of losses, of revisions
_MOST_CHANNELS = 256
_MOST_DESCRIBED = 65_536  # channels that are told anew, over all groups
_LONGEST_TEXT = 1024
_MOST_TEXT = 1024 * 1024  # bytes of all texts together
_LARGE = 1000  # samples; a backlog, or more nodes than a home has
_WORTH_PACKING = 4096  # bytes; what repeats in fewer, the range coder sees as well
_LARGEST_PLAIN = 8 * 1024 * 1024

T = TypeVar("T")

_LARGEST_DICTIONARY = 1 << 20
_USUAL_INTERVAL_MS = 30_000
_FURTHEST_MS = 2**58
_STEPS = (1, 10, 100, 1000)
_ENOUGH_FOR_A_STEP = 8
_ENOUGH_TO_CHOOSE = 12
_CHOSEN_BY = 48  # values, the first of a column
_SHIFTS = (0, 1, 2, 3)  # the running mean moves by 1 / 2**shift of what it missed
_FRACTION = 8  # bits of the running mean behind the point

_NO_CHANNEL = Channel(quantity="", unit="", scale=0)
_NO_GROUP = Group(site="", node="", installation=0, boot=0, channels=(), samples=())
_NO_LOSS = Loss(node="", installation=0, boot=0, first=0, last=0, samples=0, where="node")
_NO_REVISION = Revision(node="", installation=0, boot=0, sequence=0, quantity="", status=Status.OK)
_NO_BATCH = Batch(gateway="", epoch="", sequence=0, sealed_at_ms=0, groups=())

Stream = tuple[str, int, int]


def encode(batch: Batch) -> bytes:
    """Everything behind the hash."""
    batch = _in_tables(batch)
    _check(batch)
    if sum(len(_table(one).columns.sequences) for one in batch.groups) > _LARGE:
        return _packed(_written(PlainWriter(), batch))
    writer = BothWriter()
    coded = bytes([_RANGE]) + _written(writer, batch)
    columns = writer.plain.close()
    return min(coded, _packed(columns), key=len) if len(columns) >= _WORTH_PACKING else coded


def _written(writer: BothWriter | PlainWriter, batch: Batch) -> bytes:
    try:
        _walk(writer, batch)
    except CoderError as error:
        raise BatchError(str(error)) from error
    return writer.close()


def _packed(columns: bytes) -> bytes:
    return bytes([_DEFLATE]) + _deflate(columns)


def decode(body: bytes) -> Batch:
    """The batch whose bytes behind the hash these are."""
    if not body:
        raise BatchError("batch ends behind its hash")
    try:
        coder = _reader(body[0], body[1:])
        batch = _walk(coder, _NO_BATCH)
        coder.close()
    except (CoderError, ValueError, IndexError, OverflowError) as error:
        raise BatchError(f"batch content cannot be read: {error}") from error
    return batch


def _reader(coding: int, data: bytes) -> Coder:
    if coding == _RANGE:
        return RangeReader(data)
    return PlainReader(unpacked(coding, data))


def unpacked(coding: int, data: bytes) -> bytes:
    """The varints in data, whose coding is not the range coder's."""
    if coding not in _UNPACK:
        raise BatchError(f"batch has coding {coding}, this reader knows 0 to {len(_UNPACK)}: update the cloud first")
    return _UNPACK[coding](data)


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    try:
        plain = unpacker.decompress(data, _LARGEST_PLAIN)
    except zlib.error as error:
        raise BatchError(f"batch content does not unpack: {error}") from error
    _whole(unpacker.eof, unpacker.unused_data)
    return plain


def _unlzma(data: bytes) -> bytes:
    import lzma

    unpacker = lzma.LZMADecompressor(
        lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": _LARGEST_DICTIONARY}]
    )
    try:
        plain = unpacker.decompress(data, _LARGEST_PLAIN)
    except (lzma.LZMAError, EOFError) as error:
        raise BatchError(f"batch content does not unpack: {error}") from error
    _whole(unpacker.eof, unpacker.unused_data)
    return plain


def _whole(ended: bool, behind: bytes) -> None:
    if not ended:
        raise BatchError(f"batch ends early, or unpacks to over {_LARGEST_PLAIN} bytes: seal smaller ones")
    if behind:
        raise BatchError(f"batch has {len(behind)} bytes behind its end")


_RANGE, _DEFLATE, _LZMA2 = range(3)
_UNPACK: dict[int, Callable[[bytes], bytes]] = {_DEFLATE: _inflate, _LZMA2: _unlzma}


def _in_tables(batch: Batch) -> Batch:
    """The batch with its samples as columns."""
    return replace(batch, groups=tuple(map(_table, batch.groups)))


def _table(group: Group) -> Table:
    if isinstance(group, Table):
        return group
    for one in group.samples:
        if not len(one.values) == len(one.statuses) == len(group.channels):
            raise BatchError(f"sample {one.sequence}: {len(one.values)} values for {len(group.channels)} channels")
    columns = Columns(
        sequences=[one.sequence for one in group.samples],
        uptimes_ms=[one.uptime_ms for one in group.samples],
        measured_at_ms=[one.measured_at_ms for one in group.samples],
        received_at_ms=[one.received_at_ms for one in group.samples],
        resolved=[one.clock == "gateway" for one in group.samples],
        values=list(zip(*(one.values for one in group.samples), strict=True)),
        statuses=list(zip(*(one.statuses for one in group.samples), strict=True)),
    )
    return Table(
        site=group.site,
        node=group.node,
        installation=group.installation,
        boot=group.boot,
        channels=group.channels,
        columns=columns,
    )


def _check(batch: Batch) -> None:
    """What any reader would refuse is not written."""
    tables = list(map(_table, batch.groups))
    samples = sum(len(one.columns.sequences) for one in tables)
    readings = sum(len(one.columns.sequences) * len(one.channels) for one in tables)
    if samples > MOST_SAMPLES or readings > MOST_READINGS:
        raise BatchError(
            f"batch holds {samples} samples of {readings} readings, at most {MOST_SAMPLES} of {MOST_READINGS} are "
            "allowed: seal smaller ones"
        )
    for one in tables:
        for values, statuses in zip(one.columns.values, one.columns.statuses, strict=True):
            if any(statuses) or None in values:
                _check_values(one.columns.sequences, values, statuses)


def _check_values(sequences: Iterable[int], values: Iterable[int | None], statuses: Iterable[Status]) -> None:
    for sequence, value, status in zip(sequences, values, statuses, strict=True):
        if status.carries_value != (value is not None):
            raise BatchError(f"sample {sequence}: status {status.name} and value {value} do not go together")


# The walk. On the way in its records are blanks, and what they say is passed over.


@dataclass
class _Course:
    """What a column of one quantity did last, for the next column of the same."""

    first: int
    scale: Scale
    step: int


class _Told(Generic[T]):
    """What the batch named so far, each by its place from 1 on. left: bytes it may still take."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._places: dict[T, int] = {}
        self._left = _MOST_TEXT

    def recall(self, coder: Coder, context: Field, item: T) -> T | None:
        """One that was named before, None for a new one."""
        place = _limited("reference", coder.number(context, self._places.get(item, 0)), 0, len(self._items))
        return self._items[place - 1] if place else None

    def add(self, item: T, size: int = 0) -> T:
        self._left -= size
        if self._left < 0:
            raise BatchError(f"batch holds over {_MOST_TEXT} bytes of texts: seal smaller ones")
        self._items.append(item)
        self._places.setdefault(item, len(self._items))
        return item


@dataclass
class _Memory:
    """What the batch said so far. left: samples, readings and new channels it may still hold."""

    sealed_at_ms: int
    texts: _Told[str] = field(default_factory=lambda: _Told[str]())
    streams: _Told[Stream] = field(default_factory=lambda: _Told[Stream]())
    site: str = ""
    channels: tuple[Channel, ...] = ()
    samples: int = 0
    interval_ms: int = _USUAL_INTERVAL_MS
    courses: dict[Channel, _Course] = field(default_factory=dict)
    jitter: Scale = field(default_factory=lambda: Scale(64))
    sequences: Scale = field(default_factory=lambda: Scale(16))
    offsets: Scale = field(default_factory=lambda: Scale(1600))
    delays: Scale = field(default_factory=lambda: Scale(8))
    samples_left: int = MOST_SAMPLES
    readings_left: int = MOST_READINGS
    described_left: int = field(default_factory=lambda: _MOST_DESCRIBED)


def _walk(coder: Coder, batch: Batch) -> Batch:
    texts = _Told[str]()
    gateway = _text(coder, texts, batch.gateway)
    epoch = _text(coder, texts, batch.epoch)
    sequence = coder.number(Field.BATCH_SEQUENCE, batch.sequence)
    sealed_at_ms = coder.number(Field.SEALED_AT, batch.sealed_at_ms)
    memory = _Memory(sealed_at_ms, texts)
    groups = tuple(_group(coder, memory, one) for one in _each(coder, batch.groups, _NO_GROUP, _MOST_GROUPS))
    losses = tuple(_loss(coder, memory, one) for one in _each(coder, batch.losses, _NO_LOSS, _MOST_ROWS))
    revisions = tuple(_revisions(coder, memory, _each(coder, batch.revisions, _NO_REVISION, _MOST_ROWS)))
    return Batch(
        gateway=gateway,
        epoch=epoch,
        sequence=sequence,
        sealed_at_ms=sealed_at_ms,
        groups=groups,
        losses=losses,
        revisions=revisions,
    )


def _each(coder: Coder, known: Sequence[T], blank: T, most: int) -> Iterator[T]:
    count = _limited("count", coder.number(Field.COUNT, len(known)), 0, most)
    return islice(chain(known, repeat(blank)), count)


def _limited(what: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise BatchError(f"batch holds {what} {value}, expected {low} to {high}")
    return value


_HEX = re.compile(r"[0-9a-f]{4,14}")
_ENDS, _FIRST_LETTER = 0, 1
_FIRST_WORD = _FIRST_LETTER + len(LETTERS)
_OTHER = _FIRST_WORD + len(WORDS)  # a byte of UTF-8 follows


def _text(coder: Coder, known: _Told[str], text: str) -> str:
    """A text: which one of those before, or a new one."""
    before = known.recall(coder, Field.TEXT, text)
    if before is not None:
        return before
    if coder.flag(Flag.HEX, _HEX.fullmatch(text) is not None):
        digits = _limited("hex digits", coder.number(Field.BYTE, len(text)), 4, 14)
        value = coder.number(Field.EPOCH, int(text, 16) if _HEX.fullmatch(text) else 0)
        return known.add(f"{value:0{digits}x}", digits)
    found = _spelt(coder, text)
    return known.add(found, len(found.encode()))


def _spelt(coder: Coder, text: str) -> str:
    found = bytearray()
    for written, byte in chain(_symbols(text), repeat((_ENDS, 0))):
        symbol = coder.symbol(written)
        if symbol == _ENDS:
            return found.decode()
        if symbol < _OTHER:
            found += _SPELLINGS[symbol - _FIRST_LETTER]
        else:
            found.append(_limited("byte", coder.number(Field.BYTE, byte), 0, 255))
        if len(found) > _LONGEST_TEXT:
            break
    raise BatchError(f"batch holds a text of over {_LONGEST_TEXT} bytes")


_SPELLINGS = [piece.encode() for piece in (*LETTERS, *WORDS)]
_PIECES = re.compile("|".join(re.escape(piece) for piece in sorted((*LETTERS, *WORDS), key=len, reverse=True)))


def _symbols(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(text):
        piece = _PIECES.match(text, at)
        if piece is not None:
            yield _FIRST_LETTER + _SPELLINGS.index(piece[0].encode()), 0
        else:
            yield from ((_OTHER, byte) for byte in text[at].encode())
        at += len(piece[0]) if piece else 1


def _stream(coder: Coder, memory: _Memory, stream: Stream) -> Stream:
    before = memory.streams.recall(coder, Field.STREAM, stream)
    if before is not None:
        return before
    node, installation, boot = stream
    return memory.streams.add(
        (
            _text(coder, memory.texts, node),
            coder.number(Field.INSTALLATION, installation),
            coder.number(Field.BOOT, boot),
        )
    )


def _loss(coder: Coder, memory: _Memory, loss: Loss) -> Loss:
    node, installation, boot = _stream(coder, memory, (loss.node, loss.installation, loss.boot))
    first = coder.number(Field.LOSS, loss.first)
    length = coder.number(Field.LOSS, loss.last - loss.first)
    return Loss(
        node=node,
        installation=installation,
        boot=boot,
        first=first,
        last=first + length,
        samples=coder.number(Field.LOSS, loss.samples - length) + length,
        where="gateway" if coder.flag(Flag.AT_GATEWAY, loss.where == "gateway") else "node",
    )


def _revisions(coder: Coder, memory: _Memory, revisions: Iterable[Revision]) -> Iterator[Revision]:
    sequence = 0
    for one in revisions:
        node, installation, boot = _stream(coder, memory, (one.node, one.installation, one.boot))
        sequence += coder.number(Field.REVISION, one.sequence - sequence)
        yield Revision(
            node=node,
            installation=installation,
            boot=boot,
            sequence=sequence,
            quantity=_text(coder, memory.texts, one.quantity),
            status=Status(coder.number(Field.STATUS, one.status)),
        )


def _group(coder: Coder, memory: _Memory, group: Group) -> Group:
    node, installation, boot = _stream(coder, memory, (group.node, group.installation, group.boot))
    if not coder.flag(Flag.SAME_SITE, group.site == memory.site):
        memory.site = _text(coder, memory.texts, group.site)
    if not coder.flag(Flag.SAME_CHANNELS, group.channels == memory.channels):
        most = min(_MOST_CHANNELS, memory.described_left)
        memory.channels = tuple(_channel(coder, memory, one) for one in _each(coder, group.channels, _NO_CHANNEL, most))
        memory.described_left -= len(memory.channels)
    table = _table(group)
    count = _count(coder, memory, len(table.columns.sequences))
    samples: tuple[Sample, ...] = ()
    if count:
        columns = _columns(coder, memory, table.columns if coder.writes else _blank(count, len(memory.channels)))
        samples = () if coder.writes else tuple(_rows(columns))
    return Group(
        site=memory.site, node=node, installation=installation, boot=boot, channels=memory.channels, samples=samples
    )


_NUMBERS = {(one.quantity, one.unit, one.scale): number for number, one in enumerate(PRESETS, start=1)}


def _channel(coder: Coder, memory: _Memory, channel: Channel) -> Channel:
    number = _NUMBERS.get((channel.quantity, channel.unit, channel.scale), 0)
    number = _limited("quantity", coder.number(Field.CHANNEL, number), 0, len(PRESETS))
    if number:
        return Channel(
            quantity=PRESETS[number - 1].quantity, unit=PRESETS[number - 1].unit, scale=PRESETS[number - 1].scale
        )
    quantity, unit = (_text(coder, memory.texts, text) for text in (channel.quantity, channel.unit))
    return Channel(quantity=quantity, unit=unit, scale=coder.number(Field.SCALE, channel.scale))


def _count(coder: Coder, memory: _Memory, samples: int) -> int:
    count = memory.samples + coder.number(Field.SAMPLES, samples - memory.samples)
    memory.samples = _limited("samples", count, 0, memory.samples_left)
    _limited("readings", count * len(memory.channels), 0, memory.readings_left)
    memory.samples_left -= count
    memory.readings_left -= count * len(memory.channels)
    return count


def _blank(count: int, channels: int) -> Columns:
    zeros, ok = [0] * count, [Status.OK] * count
    return Columns(zeros, zeros, zeros, zeros, [False] * count, [zeros] * channels, [ok] * channels)


def _columns(coder: Coder, memory: _Memory, given: Columns) -> Columns:
    sequences, uptimes, measured, received = _times(coder, memory, given)
    resolved = _clocks(coder, given.resolved)
    columns = [_values(coder, memory, *one) for one in zip(memory.channels, given.values, given.statuses, strict=True)]
    values, statuses = [found for found, _ in columns], [found for _, found in columns]
    return Columns(sequences, uptimes, measured, received, resolved, values, statuses)


def _rows(columns: Columns) -> Iterator[Sample]:
    values, statuses = _across(columns, columns.values), _across(columns, columns.statuses)
    for sequence, uptime_ms, measured_at_ms, received_at_ms, resolved, row_values, row_statuses in zip(
        *columns[:5], values, statuses, strict=True
    ):
        yield Sample(
            sequence=sequence,
            uptime_ms=uptime_ms,
            measured_at_ms=measured_at_ms,
            received_at_ms=received_at_ms,
            clock=_CLOCKS[resolved],
            values=row_values,
            statuses=row_statuses,
        )


def _across(columns: Columns, found: Sequence[Sequence[T]]) -> Iterable[tuple[T, ...]]:
    return zip(*found, strict=True) if found else repeat((), len(columns.sequences))


_Times = tuple[list[int], list[int], list[int], list[int]]


def _times(coder: Coder, memory: _Memory, given: Columns) -> _Times:
    """sequence counts on by 1, uptime by an interval for each, and the time at uptime 0 stays: what differs is told."""
    places = range(len(given.sequences))
    counted = list(map(sub, given.sequences, places))
    counted = _column(coder, Field.SEQUENCE, Flag.STILL_TIME, 0, memory.sequences, counted)
    sequences = list(map(add, counted, places))
    interval = memory.interval_ms + coder.number(
        Field.INTERVAL, _interval(given, memory.interval_ms) - memory.interval_ms
    )
    memory.interval_ms = interval
    due = [interval * sequence for sequence in sequences]
    late = list(map(sub, given.uptimes_ms, due))
    late = _column(coder, Field.UPTIME, Flag.STILL_TIME, 0, memory.jitter, late)
    uptimes = list(map(add, late, due))
    offsets = list(map(sub, given.measured_at_ms, given.uptimes_ms))
    expected = memory.sealed_at_ms - interval * len(places) - uptimes[0]
    offsets = _column(coder, Field.MEASURED_AT, Flag.STILL_TIME, expected, memory.offsets, offsets)
    measured = list(map(add, offsets, uptimes))
    delays = _delays(coder, memory, given, interval // 1000)
    received = [delay * 1000 + at for delay, at in zip(delays, measured, strict=True)]
    return sequences, uptimes, measured, received


def _delays(coder: Coder, memory: _Memory, given: Columns, interval_s: int) -> list[int]:
    """Whole seconds from measured to received. In a burst of older samples each waited an interval less than the one
    before it."""
    times = zip(given.received_at_ms, given.measured_at_ms, strict=True)
    delays = [(received_at_ms - measured_at_ms) // 1000 for received_at_ms, measured_at_ms in times]
    longer = interval_s if coder.flag(Flag.BURST, _is_burst(delays, interval_s)) else 0
    level = [delay + longer * place for place, delay in enumerate(delays)]
    level = _column(coder, Field.RECEIVED_AT, Flag.STILL_TIME, 0, memory.delays, level)
    return [delay - longer * place for place, delay in enumerate(level)]


def _is_burst(delays: list[int], interval_s: int) -> bool:
    falls: int = sum([abs(fall - interval_s) < abs(fall) for fall in map(sub, delays, delays[1:])])
    return falls * 2 > len(delays)


def _interval(given: Columns, before: int) -> int:
    """Milliseconds a sequence; that of before where it is as good."""
    sequences, uptimes = given.sequences, given.uptimes_ms
    spans = zip(map(sub, sequences[1:], sequences), map(sub, uptimes[1:], uptimes), strict=False)
    intervals = [passed // samples for samples, passed in spans if samples > 0]
    if not intervals:
        return before
    usual = sorted(intervals)[(len(intervals) - 1) // 2]
    furthest = max(map(abs, sequences))
    return before if abs(usual - before) * 1000 <= before or abs(usual) * furthest > _FURTHEST_MS else usual


def _clocks(coder: Coder, resolved: Sequence[bool]) -> list[bool]:
    """For each sample whether the gateway had to work out its time."""
    fixed = coder.flag(Flag.FIXED_CLOCK, len(set(resolved)) == 1)
    clock = coder.flag(Flag.GATEWAY_CLOCK, resolved[0])
    if fixed:
        return [clock] * len(resolved)
    found = [clock]
    for one in resolved[1:]:
        if not coder.flag(Flag.CLOCK_HOLDS, one == clock):
            clock = not clock
        found.append(clock)
    return found


_CLOCKS = ("node", "gateway")


def _values(
    coder: Coder, memory: _Memory, channel: Channel, values: Sequence[int | None], statuses: Sequence[Status]
) -> tuple[Sequence[int | None], Sequence[Status]]:
    statuses = _statuses(coder, statuses)
    course = memory.courses.get(channel) or _course(channel)
    memory.courses[channel] = course
    if not any(statuses):
        return _fixed_point(coder, course, values), statuses  # type: ignore[arg-type]  # what is OK carries a value
    carries = [status.carries_value for status in statuses]
    carried = [value or 0 for value, is_there in zip(values, carries, strict=True) if is_there]
    found = iter(_fixed_point(coder, course, carried) if carried else ())
    return [next(found) if is_there else None for is_there in carries], statuses


def _course(channel: Channel) -> _Course:
    preset = _BY_CHANNEL.get(channel, UNKNOWN)
    return _Course(first=preset.typical, scale=Scale(preset.size), step=preset.step)


_BY_CHANNEL: dict[Channel, Preset] = {
    Channel(quantity=one.quantity, unit=one.unit, scale=one.scale): one for one in PRESETS
}


def _statuses(coder: Coder, statuses: Sequence[Status]) -> list[Status]:
    if coder.flag(Flag.ALL_OK, not any(statuses)):
        return [Status.OK] * len(statuses)
    fixed = coder.flag(Flag.FIXED_STATUS, len(set(statuses)) == 1)
    status = Status(coder.number(Field.STATUS, statuses[0]))
    found = [status]
    for one in statuses[1:]:
        if not fixed and not coder.flag(Flag.STATUS_HOLDS, one == status):
            status = Status(coder.number(Field.STATUS, one))
        found.append(status)
    return found


def _fixed_point(coder: Coder, course: _Course, values: Sequence[int]) -> Sequence[int]:
    step = course.step + coder.number(Field.STEP, _step(values, course.step) - course.step)
    course.step = _limited("step", step, 0, len(_STEPS) - 1)
    step = _STEPS[course.step]
    counts = values if step == 1 else [value // step for value in values]
    counts = _column(coder, Field.VALUE, Flag.STILL, course.first // step, course.scale, counts)
    found = counts if step == 1 else [count * step for count in counts]
    course.first = found[0]
    return found


def _step(values: Sequence[int], before: int) -> int:
    """The power of ten that all values are multiples of; that of before where a few values could say anything."""
    divisor = gcd(*values)
    if divisor % _STEPS[before] == 0 and len(values) < _ENOUGH_FOR_A_STEP:
        return before
    return max(power for power, step in enumerate(_STEPS) if divisor % step == 0 and (divisor or power <= before))


def _column(coder: Coder, first: Field, still: Flag, expected: int, scale: Scale, values: Sequence[int]) -> list[int]:
    """Neighbouring values; the first one is told as it differs from what is expected."""
    begins = expected + coder.number(first, values[0] - expected)
    if coder.flag(still, values.count(values[0]) == len(values)):
        return [begins] * len(values)
    if len(values) >= _ENOUGH_TO_CHOOSE:
        wanted = _shift(values, scale.shift) if coder.writes else 0
        shift = scale.shift + coder.number(Field.PREDICTOR, wanted - scale.shift)
        scale.shift = _limited("shift", shift, 0, len(_SHIFTS) - 1)
    shift = scale.shift
    if coder.writes:
        coder.residuals(scale, _differences(values, shift))
        return list(values)
    return _summed(begins, shift, coder.residuals(scale, [0] * (len(values) - 1)))


def _shift(values: Sequence[int], before: int) -> int:
    """Whichever leaves least, where it is well below what that of before leaves."""
    left = _left(values[:_CHOSEN_BY])
    best = min(left)
    return before if left[before] * 15 <= best * 16 + len(_SHIFTS) else left.index(best)


def _left(values: Sequence[int]) -> list[int]:
    """The sum of the sizes of _differences(values, shift) for each of _SHIFTS, in one pass."""
    first = second = third = values[0] << _FRACTION
    left_by_first = left_by_second = left_by_third = 0
    for value in values[1:]:
        left_by_first += abs(value - (first + _HALF >> _FRACTION))
        left_by_second += abs(value - (second + _HALF >> _FRACTION))
        left_by_third += abs(value - (third + _HALF >> _FRACTION))
        raised = value << _FRACTION
        first += raised - first >> 1
        second += raised - second >> 2
        third += raised - third >> 3
    return [sum(map(abs, _differences(values, 0))), left_by_first, left_by_second, left_by_third]


def _differences(values: Sequence[int], shift: int) -> list[int]:
    if not shift:
        return list(map(sub, values[1:], values))
    mean = values[0] << _FRACTION
    found = []
    for value in values[1:]:
        found.append(value - (mean + _HALF >> _FRACTION))
        mean += (value << _FRACTION) - mean >> shift
    return found


def _summed(first: int, shift: int, residuals: list[int]) -> list[int]:
    mean = first << _FRACTION
    found = [first]
    for residual in residuals:
        value = residual + (mean + _HALF >> _FRACTION)
        found.append(value)
        mean += (value << _FRACTION) - mean >> shift
    return found


_HALF = 1 << (_FRACTION - 1)
