"""The log and the book together: each verb is one record on the disk, and then known."""

import secrets
import zlib
from collections.abc import Mapping
from typing import Any

from aircue_gateway.alerts import Key
from aircue_gateway.episodes import State
from aircue_gateway.spool import rows
from aircue_gateway.spool.book import Book, Position
from aircue_gateway.spool.disk import Disk
from aircue_gateway.spool.letters import DeadLetters
from aircue_gateway.spool.records import Kind
from aircue_gateway.spool.segments import Log, Place
from aircue_gateway.window import Window

REFUSED = ".refused"


class BodyDamaged(Exception):
    """The disk did not keep a batch as it was written."""


class Store:
    """late: batches whose delivery could not be written down yet."""

    def __init__(self, disk: Disk, book: Book, segment_bytes: int, letters_bytes: int) -> None:
        self.disk = disk
        self.book = book
        self.log = Log(disk, segment_bytes, lambda: rows.join(self.book.checkpoint()))
        self.late: list[int] = []
        self._letters = DeadLetters(disk, letters_bytes)

    def commit(self, window: Window) -> None:
        self.catch_up()
        mark = self._letters.add(window.dead_letters, self.book.letters)
        runs, packed = rows.pack_samples(window.samples)
        header = {name: value for name, value in _told(window, self.book.states).items() if value}
        place = self.log.append(Kind.WINDOW, rows.join({**header, "d": mark, "n": runs}, packed))
        self.book.window(window, Position(place.segment, place.offset), mark)

    def seal(self, header: rows.Header, body: bytes) -> None:
        self.catch_up()
        header = {**header, "e": self.book.epoch, "crc": zlib.crc32(body)}
        place = self.log.append(Kind.SEALED, rows.join(header, body), deflate=False)
        self.book.sealed(header, _start(place, body), len(body))

    def move(self, sequence: int, body: bytes, level: int, samples: int, lost: list[list[Any]]) -> None:
        """Stores a waiting batch anew: elsewhere, or thinned as well."""
        entry = self.book.batches[sequence]
        header = {
            "q": sequence,
            "e": entry.epoch,
            "crc": zlib.crc32(body),
            "at": entry.sealed_at_ms,
            "u": entry.urgent,
            "o": entry.offered,
            "lv": level,
            "n": samples,
            "x": lost,
        }
        place = self.log.append(Kind.MOVED, rows.join(header, body), deflate=False)
        self.book.moved(header, _start(place, body), len(body))

    def note(self, **fields: Any) -> None:
        self.catch_up()
        self._note(fields)

    def _note(self, fields: rows.Header) -> None:
        self.log.append(Kind.NOTE, rows.join(fields))
        self.book.note(fields)

    def catch_up(self) -> None:
        while self.late:
            self._note({"delivered": self.late[0]})
            self.late.pop(0)

    def body(self, sequence: int) -> bytes:
        entry = self.book.batches[sequence]
        body = self.log.read(entry.segment, entry.offset, entry.size)
        if zlib.crc32(body) != entry.crc:
            raise BodyDamaged(f"segment {entry.segment}, bytes {entry.offset} to {entry.offset + entry.size}")
        return body

    def wanted(self, segment: int) -> bool:
        """Needed, or worth having: what the filters have learnt, and the samples since."""
        memory = self.book.memory_at
        return self.needed(segment) or (memory is not None and segment >= memory.segment)

    def needed(self, segment: int) -> bool:
        start = self.book.waiting_from
        return segment in self.book.live or (start is not None and segment >= start.segment)


def _start(place: Place, body: bytes) -> Position:
    """Of a body, which ends its record."""
    return Position(place.segment, place.end - len(body))


def _told(window: Window, states: Mapping[Key, State]) -> rows.Header:
    """states: as they were before."""
    return {
        "b": list(map(rows.birth_row, window.births)),
        "t": [rows.stream_row(*item) for item in window.streams.items()],
        "l": list(map(rows.loss_row, window.losses)),
        "s": [rows.state_row(key, state, states.get(key)) for key, state in window.states.items()],
        "r": {topic: rows.bytes_text(payload) for topic, payload in window.retained.items()},
        "c": window.counts,
        "g": list(window.forgotten),
        "v": window.revisions,
        "late": rows.runs(window.backlog),
        "m": window.memory,
        "at": window.samples[0].received_at_ms if window.samples else None,
    }


def new_epoch() -> str:
    """Drawn once a spool, so that no later spool repeats the ids of its batches."""
    return secrets.token_hex(4)


def refused_name(epoch: str, sequence: int) -> str:
    return f"{epoch}-{sequence}{REFUSED}"
