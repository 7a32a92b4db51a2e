"""Messages that nobody could read, with the reason: two files of JSON lines, the older of which goes when the newer is
half of the quota.

A line counts once the commit it belongs to is on the disk; that commit says where the files end.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aircue_gateway.spool.disk import Disk, told
from aircue_gateway.window import DeadLetter


class Mark(NamedTuple):
    """Where the files end: the newest one's number and bytes, the id of the next letter, and the ids that the newest
    and the oldest file begin with."""

    file: int = 0
    end: int = 0
    next_id: int = 1
    first_id: int = 1
    oldest_id: int = 1


def file_name(number: int) -> str:
    return f"dead-letters-{number}.jsonl"


class DeadLetters:
    def __init__(self, disk: Disk, quota_bytes: int) -> None:
        self._disk = disk
        self._half = quota_bytes // 2

    def add(self, letters: Iterable[DeadLetter], mark: Mark) -> Mark:
        """The mark behind these letters, which are on the disk when this returns."""
        lines = [_line(letter, mark.next_id + at) for at, letter in enumerate(letters)]
        if not lines:
            return mark
        with told("dead letters"):
            return self._written(b"".join(lines), len(lines), mark)

    def _written(self, data: bytes, letters: int, mark: Mark) -> Mark:
        if not mark.file or (mark.end and mark.end + len(data) > self._half):
            mark = self._another(mark)
        name = file_name(mark.file)
        if self._disk.size(name) > mark.end:
            self._disk.truncate(name, mark.end)
        self._disk.write(name, mark.end, data)
        self._disk.sync(name)
        return mark._replace(end=mark.end + len(data), next_id=mark.next_id + letters)

    def _another(self, mark: Mark) -> Mark:
        """The file before the newest stays as long as the newest one grows."""
        number = mark.file + 1
        self._disk.create(file_name(number), 0)
        self._disk.sync_names()
        if file_name(number - 2) in self._disk.names():
            self._disk.remove(file_name(number - 2))
        return mark._replace(file=number, end=0, first_id=mark.next_id, oldest_id=mark.first_id)


def _line(letter: DeadLetter, ident: int) -> bytes:
    row = {"id": ident, "received_at_ms": letter.received_at_ms, "topic": letter.topic, "reason": letter.reason}
    return json.dumps({**row, **_readable(letter.payload)}).encode() + b"\n"


def _readable(payload: bytes) -> dict[str, str]:
    """As text where it is one, else as hexadecimal digits."""
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex()}


def listed(disk: Disk, mark: Mark) -> Iterator[dict[str, Any]]:
    """Every letter kept, oldest first. It may be read while the gateway writes."""
    names = disk.names()
    for number in (mark.file - 1, mark.file):
        name = file_name(number)
        if name in names:
            size = mark.end if number == mark.file else disk.size(name)
            yield from map(json.loads, disk.read(name, 0, size).splitlines())
