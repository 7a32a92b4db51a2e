"""Reading a spool back: the newest checkpoint, then every record behind it. Reads only.

What damage left readable is kept; whoever opens the spool hears of it.
"""

from typing import NamedTuple

from aircue_gateway.spool import rows
from aircue_gateway.spool.book import READABLE, VERSION, Book
from aircue_gateway.spool.disk import Disk, SpoolError
from aircue_gateway.spool.records import Kind, Record, scan
from aircue_gateway.spool.segments import SPARE, Found, first_record, found, segments
from aircue_gateway.spool.segments import contents as whole
from aircue_gateway.spool.segments import file_name as segment_name

_NO_LIMIT = 2**64


class Unreadable(Exception):
    """There are segments and none of them can be read."""


class Recovered(NamedTuple):
    """segment, end, serial: of the newest segment, the end of its last record, the record that comes next. damage:
    what could not be read, in words; damaged: those segments; missing: how many records are. outdated: an older gateway
    wrote it, and could not read what this one would add behind its checkpoint."""

    book: Book
    segment: int
    end: int
    serial: int
    sizes: dict[int, int]
    first_serials: dict[int, int]
    spare_bytes: int
    damage: str
    damaged: tuple[int, ...]
    missing: int
    outdated: bool


def recover(disk: Disk) -> Recovered | None:
    """None where there is no spool yet. Unreadable where nothing can be made of what there is."""
    numbers = segments(disk)
    if not numbers:
        return None
    base, checkpoint = _newest_checkpoint(disk, numbers)
    book, version = _book(checkpoint)
    read = [found(disk, number) for number in numbers if number >= base]
    missing = _replay(book, read)
    spoilt = tuple(one.number for one in read if one.damaged)
    last = read[-1]
    return Recovered(
        book=book,
        segment=last.number,
        end=last.records[-1].end if last.records else 0,
        serial=max(record.serial for one in read for record in one.records) + 1,
        sizes={number: disk.size(segment_name(number)) for number in numbers},
        first_serials={number: _first_serial(disk, number) for number in numbers},
        spare_bytes=disk.size(SPARE) if SPARE in disk.names() else 0,
        damage=_words(read, missing),
        damaged=spoilt or ((last.number,) if missing else ()),
        missing=missing,
        outdated=version < VERSION,
    )


def _book(checkpoint: Record) -> tuple[Book, int]:
    """And the version it was written in."""
    fields, _ = rows.split(checkpoint.body)
    version = fields["version"]
    if version not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise SpoolError(
            f"the spool has version {version}, this gateway reads {known}: run the newer gateway that wrote it, or set "
            "data_dir to another folder"
        )
    return Book.from_checkpoint(fields), version


def _newest_checkpoint(disk: Disk, numbers: list[int]) -> tuple[int, Record]:
    for number in reversed(numbers):
        record = first_record(disk, number)
        if record is not None and record.kind == Kind.CHECKPOINT:
            return number, record
    raise Unreadable(f"none of {len(numbers)} segments begins with a whole checkpoint")


def _replay(book: Book, read: list[Found]) -> int:
    """Applies every record behind the first checkpoint; how many serials are missing between them."""
    missing, before = 0, read[0].records[0].serial
    for at, one in enumerate(read):
        following = [record.serial for later in read[at + 1 :] for record in later.records]
        limit = min(following, default=_NO_LIMIT)
        if at + 1 < len(read) and not _begins_whole(read[at + 1]):
            limit -= 1  # the lost checkpoint has a serial of its own
            missing -= 1
        for record in one.records:
            if record.kind == Kind.CHECKPOINT or record.serial >= limit:
                continue
            book.replay(record, one.number)
            missing += record.serial - before - 1
            before = record.serial
    return max(missing, 0)


def _begins_whole(one: Found) -> bool:
    return bool(one.records) and one.records[0].kind == Kind.CHECKPOINT


def _first_serial(disk: Disk, number: int) -> int:
    """Of its checkpoint; past all where the segment says nothing."""
    record = first_record(disk, number)
    if record is not None:
        return record.serial
    later = next(scan(whole(disk, number), number), None)
    return _NO_LIMIT if later is None else later.serial - 1


def _words(read: list[Found], missing: int) -> str:
    parts = [f"{segment_name(one.number)}: {one.damaged} bytes are no record" for one in read if one.damaged]
    if missing:
        parts.append(f"{missing} records are missing")
    return "; ".join(parts)
