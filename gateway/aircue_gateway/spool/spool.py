"""The spool: everything the gateway may not forget, each change durable before it returns.

Segments of records (see segments.py), each record one commit and one sync; what they add up to is in memory (book.py),
samples and the bodies of batches are on the disk alone. docs/gateway-spool.md draws the files.

    SpoolError
    +-- SpoolUnavailable   the disk is full, read-only or failing: what was not committed is kept and tried again
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from aircue_gateway import batch, log
from aircue_gateway.batch import Batch, Revision, Table
from aircue_gateway.intervals import Intervals
from aircue_gateway.spool import rows
from aircue_gateway.spool.book import Book, Position, unaccounted
from aircue_gateway.spool.disk import UNFINISHED as HALF
from aircue_gateway.spool.disk import Disk, RealDisk, SpoolError, SpoolUnavailable, told, write_whole
from aircue_gateway.spool.records import Kind
from aircue_gateway.spool.recovery import Recovered, Unreadable, recover
from aircue_gateway.spool.room import Room, drop, unreadable
from aircue_gateway.spool.segments import SEGMENT_BYTES, SPARE, UNFINISHED, contents, file_name, segments
from aircue_gateway.spool.store import REFUSED, BodyDamaged, Store, new_epoch, refused_name
from aircue_gateway.window import Memory, RevisionRow, SampleRow, Stored, StreamKey, Window

__all__ = ["Limits", "Sealed", "Spool", "SpoolError", "SpoolState", "SpoolUnavailable"]

FOLDER = "spool"
_MB = 1_000_000
_LARGEST_BATCH = 2_500  # samples; what is sealed at once is in memory at once
_MOST_LOSSES = 1_000  # a batch
_FRESH_MS = 60_000  # an urgent batch younger than this goes before those that wait
_BROKEN = ".broken-"
_BROKEN_KEPT = 4  # files
_STARTING_EMPTY = "starting empty: nodes send again what was never acked; the old files are kept to be looked at"
_GOING_ON = "all that can be read is kept; a copy of the damaged segment is kept to be looked at; check the card"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """In bytes: of the segments, of the batches that the cloud refused, of the dead letters."""

    segments: int = 512 * _MB
    refused: int = 16 * _MB
    dead_letters: int = 4 * _MB
    segment: int = SEGMENT_BYTES


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A batch ready to go. id: gateway/epoch/sequence."""

    sequence: int
    id: str
    body: bytes


class SpoolState(NamedTuple):
    """name: ok, or what keeps the spool from writing (disk.Trouble). since_ms: of the time of day."""

    name: str
    since_ms: int
    reason: str = ""


class Spool:
    """Used by one thread at a time. gateway: the name in the ids of its batches. state: may be read by any thread."""

    def __init__(self, store: Store, gateway: str, limits: Limits, lock: int | None = None) -> None:
        self._store = store
        self._book = store.book
        self._gateway = gateway
        self._limits = limits
        self._lock = lock
        self._room = Room(store, limits.segments, self._seal_for_room)
        self._given: int | None = None  # the batch that was given out last
        self._answered = 0  # the newest batch that the cloud has answered
        self.state = SpoolState("ok", _now_ms())

    @classmethod
    def open(cls, folder: Path, gateway: str, now_ms: int, limits: Limits | None = None) -> "Spool":
        """The spool in a folder, made where there is none. One process at a time."""
        from aircue_gateway.spool import version_1

        lock = _locked(folder)
        try:
            disk = RealDisk(folder / FOLDER)
            version_1.clear_unfinished(folder, disk)
            spool = cls.on(disk, gateway, now_ms, limits, lock)
            version_1.take_over(folder, spool._store, now_ms)
        except BaseException:
            os.close(lock)
            raise
        return spool

    @classmethod
    def on(
        cls, disk: Disk, gateway: str, now_ms: int, limits: Limits | None = None, lock: int | None = None
    ) -> "Spool":
        """The spool on a disk. It is only read here: a disk that is full or read-only does not keep it from opening."""
        limits = limits or Limits()
        try:
            found = recover(disk)
        except Unreadable as error:
            kept = _set_all_aside(disk, now_ms)
            log.error("spool_set_aside", kept_as=kept, reason=error, remedy=_STARTING_EMPTY)
            book = Book(new_epoch())
            book.note({"damaged": book.epoch})
            return cls(_fresh(disk, book, limits, _highest(disk)), gateway, limits, lock)
        if found is None:
            return cls(_fresh(disk, Book(new_epoch()), limits, _highest(disk)), gateway, limits, lock)
        spool = cls(_resumed(disk, found, limits, now_ms), gateway, limits, lock)
        if found.damage:
            spool._book.note({"missing": spool._missing(0, found.missing)})
        spool._sweep()
        return spool

    def close(self) -> None:
        self._store.disk.close()
        if self._lock is not None:
            os.close(self._lock)

    def load(self) -> Stored:
        """What the gateway must know to go on where it was."""
        memory, start = self._memory()
        return replace(self._book.stored(), memory=memory, past=self._past(start))

    def _memory(self) -> tuple[Memory, Position | None]:
        """What the filters had learnt, and where: None where nothing of it is left."""
        at = self._book.memory_at
        if at is None or at.segment not in self._store.log.sizes:
            return {}, None
        try:
            _, record = next(self._store.log.records(at))
        except (StopIteration, SpoolUnavailable) as error:
            log.warning("filters_start_anew", reason=repr(error), remedy="they warm up with the next samples")
            return {}, None
        memory: Memory = rows.split(record.body)[0].get("m", {})
        return memory, at

    def _past(self, memory_at: Position | None) -> Iterator[tuple[bool, SampleRow]]:
        """The samples after it, or of the newest segments where there is none; and whether each came late."""
        log_ = self._store.log
        start = memory_at or Position(max(log_.current - 1, min(log_.sizes, default=0)), 0)
        with suppress(SpoolUnavailable):  # fewer samples to learn from
            for segment, record in log_.records(start):
                if record.kind == Kind.WINDOW and Position(segment, record.offset) != memory_at:
                    yield from _with_lateness(*rows.split(record.body))

    @property
    def epoch(self) -> str:
        """Eight hexadecimal digits, drawn with the spool."""
        return self._book.epoch

    @property
    def book(self) -> Book:
        return self._book

    @property
    def disk(self) -> Disk:
        return self._store.disk

    def commit(self, window: Window) -> None:
        """All of a window or nothing of it, on the disk when this returns."""
        with self._trying():
            self._store.commit(window)
        self._tidy()

    def seal(self, now_ms: int, urgent: bool) -> int:
        """Turns all that waits into batches, and says how many."""
        sealed = 0
        with self._trying():
            while self._seal_one(now_ms, urgent):
                sealed += 1
        if self._book.waiting_from is None:
            self._book.let_go()
        if sealed:
            self._tidy()
        return sealed

    def _seal_for_room(self) -> int:
        """Dated by the oldest sample: what lacks room is old."""
        since_ms, sealed = self._book.waiting_since_ms or 0, 0
        while self._book.waiting_samples and self._seal_one(since_ms, urgent=False):
            sealed += 1
        return sealed

    def _seal_one(self, now_ms: int, urgent: bool) -> bool:
        book = self._book
        taken = self._take()
        if taken.missing:
            self._store.note(missing=self._missing(taken.missing, 0))
        losses = tuple(islice(book.untold(), _MOST_LOSSES))
        if not taken.samples and not taken.revisions and not losses:
            return False
        known, others = _revised(taken.samples, taken.revisions)
        body = batch.encode(
            Batch(
                gateway=self._gateway,
                epoch=book.epoch,
                sequence=book.next_batch,
                sealed_at_ms=now_ms,
                groups=tuple(self._tables(known)),
                losses=losses,
                revisions=tuple(self._revisions(others)),
            )
        )
        self._store.seal(
            {
                "q": book.next_batch,
                "at": now_ms,
                "u": urgent,
                "o": urgent or not book.batches,
                "lv": 0,
                "n": len(known),
                "w": len(known) if taken.to else book.waiting_samples,
                "v": len(taken.revisions) if taken.to else book.waiting_revisions,
                "to": taken.to,
                "since": taken.since_ms,
                "k": len(losses),
            },
            body,
        )
        return True

    def _take(self) -> "_Taken":
        """The samples of the next batch, in the order in which they came, and where the rest begins."""
        samples: list[rows.PackedSample] = []
        revisions: list[RevisionRow] = []
        start = self._book.waiting_from
        for segment, record in self._store.log.records(start) if start is not None else ():
            if record.kind != Kind.WINDOW:
                continue
            header, packed = rows.split(record.body)
            here = Position(segment, record.offset)
            skip = start.skip if start is not None and here == start._replace(skip=0) else 0
            last = min(rows.count_samples(header), skip + _LARGEST_BATCH - len(samples))
            samples += self._readable(islice(rows.unpack_samples(header["n"], packed), skip, last))
            if last < rows.count_samples(header):
                return _Taken(samples, revisions, here._replace(skip=last), header["at"])
            revisions += map(rows.revision_of, header.get("v", ()))
        return _Taken(samples, revisions, None, None, self._book.waiting_samples - len(samples))

    def _readable(self, samples: Iterable[rows.PackedSample]) -> Iterator[rows.PackedSample]:
        """Nobody can read those whose birth was in a damaged record."""
        births = self._book.births
        return (sample for sample in samples if sample[0] in births)

    def _missing(self, waited: int, records: int) -> list[Any]:
        """The fields of a note about what damage took: samples that waited, what is known of them, records."""
        lost = unaccounted(self._book, self._here())
        for one in lost:
            remedy = "declared as lost to the cloud; check the card"
            log.error("samples_lost", node=one.node, boot=one.boot, first=one.first, last=one.last, remedy=remedy)
        unknown = waited - sum(one.samples for one in lost)
        if records or unknown > 0:
            remedy = "nobody can say which samples they had; they are counted; check the card"
            log.error("spool_damaged", records=records, samples_unknown=max(0, unknown), remedy=remedy)
        return [waited, list(map(rows.loss_row, lost)), records]

    def _here(self) -> dict[StreamKey, Intervals]:
        """What can be read of what is in no batch."""
        start, births = self._book.waiting_from, self._book.births
        found: dict[StreamKey, Intervals] = {}
        for _, record in self._store.log.records(start) if start is not None else ():
            if record.kind == Kind.WINDOW:
                header, packed = rows.split(record.body)
                for sample in self._readable(rows.unpack_samples(header["n"], packed)):
                    birth = births[sample[0]]
                    found.setdefault((birth.node, birth.installation, birth.boot), Intervals()).add(sample[1])
        return found

    def _tables(self, samples: list[rows.PackedSample]) -> Iterator[Table]:
        """One a birth, in the order of their sequences."""
        by_birth: dict[int, list[rows.PackedSample]] = {}
        for sample in samples:
            by_birth.setdefault(sample[0], []).append(sample)
        for ident, members in sorted(by_birth.items()):
            birth = self._book.births[ident]
            members.sort(key=itemgetter(1))
            yield Table(
                site=birth.site,
                node=birth.node,
                installation=birth.installation,
                boot=birth.boot,
                channels=birth.channels,
                columns=rows.columns(members),
            )

    def _revisions(self, revisions: Iterable[RevisionRow]) -> Iterator[Revision]:
        for row in revisions:
            if (birth := self._book.births.get(row.birth)) is None:
                continue
            yield Revision(
                node=birth.node,
                installation=birth.installation,
                boot=birth.boot,
                sequence=row.sequence,
                quantity=birth.channels[row.channel].quantity,
                status=row.status,
            )

    def next_batch(self, now_ms: int) -> Sealed | None:
        """The batch to send next: a fresh urgent one; the one that was given out last and got no answer, so that an
        outage makes the cloud a maybe owner of one batch alone; one newer than all the cloud has had, the newest; then
        the backlog in order."""
        while (sequence := self._next(now_ms)) is not None:
            try:
                body = self._store.body(sequence)
            except BodyDamaged as error:
                with self._trying():
                    unreadable(self._store, sequence, error)
                continue
            self._offer(sequence)
            self._given = sequence
            return Sealed(sequence=sequence, id=self._book.batch_id(self._gateway, sequence), body=body)
        return None

    def _next(self, now_ms: int) -> int | None:
        book, late = self._book, self._store.late
        fresh = [one for one in book.urgent if book.batches[one].sealed_at_ms > now_ms - _FRESH_MS and one not in late]
        if fresh:
            return min(fresh)
        if self._given in book.batches and self._given not in late:
            return self._given
        newest = next((one for one in reversed(book.batches) if one not in late), 0)
        if newest > self._answered:
            return newest
        return next((one for one in book.batches if one not in late), None)

    def _offer(self, sequence: int) -> None:
        """Written down before the cloud can have it, so that it is never thinned; a disk that takes nothing does not
        keep a batch from leaving."""
        if self._book.batches[sequence].offered:
            return
        try:
            with self._trying():
                self._store.note(offered=sequence)
        except SpoolUnavailable:
            self._book.note({"offered": sequence})

    def delivered(self, sequence: int) -> None:
        """The cloud has this batch. Where that cannot be written down now, it is with the next write."""
        if sequence not in self._book.batches or sequence in self._store.late:
            return
        self._answered = max(self._answered, sequence)
        self._store.late.append(sequence)
        with self._trying():
            self._store.catch_up()

    def refused(self, sequence: int, detail: str) -> None:
        """The cloud will never take this batch: it is kept in a file of its own, and not sent again."""
        if sequence not in self._book.batches:
            return
        self._answered = max(self._answered, sequence)
        with self._trying():
            body = self._store.body(sequence)
            name = refused_name(self._book.batches[sequence].epoch, sequence)
            with told(f"refused batch {name}"):
                write_whole(self._store.disk, name, body)
            self._store.note(refused=[sequence, name, len(body), detail])
            self._forget_refused()

    def _forget_refused(self) -> None:
        """The oldest, as far as they exceed their quota; their samples are declared as lost."""
        refused = self._book.refused
        while refused and sum(one.size for one in refused.values()) > self._limits.refused:
            sequence, oldest = next(iter(refused.items()))
            with told(f"refused batch {oldest.name}"):
                drop(self._store, sequence, self._store.disk.read(oldest.name, 0, oldest.size))
                self._store.disk.remove(oldest.name)

    def put_rules(self, document: str) -> None:
        """The rules to run from now on, as the cloud sent them."""
        with self._trying():
            self._store.note(rules=document)

    def _tidy(self) -> None:
        """What was asked for is done by now: room that cannot be made is no failure of it."""
        try:
            with self._trying():
                self._room.tidy()
        except SpoolUnavailable as error:
            log.warning("spool_untidy", reason=error, remedy="tried again after the next commit")

    def _sweep(self) -> None:
        """Removes what a power cut left behind."""
        known = {one.name for one in self._book.refused.values()}
        for name in self._store.disk.names():
            if name in (UNFINISHED, HALF) or (name.endswith(REFUSED) and name not in known):
                try:
                    self._store.disk.remove(name)
                except OSError as error:
                    log.warning("spool_leftover", file=name, reason=error, remedy="removed at a later start")

    @contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except SpoolUnavailable as error:
            self._now(error.trouble.value, str(error))
            raise
        self._now("ok")

    def _now(self, name: str, reason: str = "") -> None:
        if name != self.state.name:
            self.state = SpoolState(name, _now_ms(), reason)
            tell = log.event if name == "ok" else log.error
            tell("spool_state", state=name, reason=reason or "writing again")


class _Taken(NamedTuple):
    """to: where the next batch begins, None where nothing is left; since_ms: when the first sample there came. missing:
    samples that should be there as well."""

    samples: list[rows.PackedSample]
    revisions: list[RevisionRow]
    to: Position | None
    since_ms: int | None
    missing: int = 0


def _with_lateness(header: rows.Header, packed: bytes) -> Iterator[tuple[bool, SampleRow]]:
    late = {place for first, count in header.get("late", ()) for place in range(first, first + count)}
    for place, sample in enumerate(rows.unpack_samples(header["n"], packed)):
        yield place in late, rows.sample_row(sample)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _revised(
    samples: list[rows.PackedSample], revisions: list[RevisionRow]
) -> tuple[list[rows.PackedSample], list[RevisionRow]]:
    """The samples with what was learnt of them, and the revisions of samples that are not among them."""
    if not revisions:
        return samples, []
    at = {sample[:2]: index for index, sample in enumerate(samples)}  # by birth and sequence
    revised, others = list(samples), []
    for one in revisions:
        index = at.get((one.birth, one.sequence))
        if index is None:
            others.append(one)
        else:
            revised[index] = rows.with_status(revised[index], one.channel, one.status)
    return revised, others


def _fresh(disk: Disk, book: Book, limits: Limits, highest: int) -> Store:
    store = Store(disk, book, limits.segment, limits.dead_letters)
    store.log.continue_elsewhere(highest, 1)
    return store


def _resumed(disk: Disk, found: Recovered, limits: Limits, now_ms: int) -> Store:
    store = Store(disk, found.book, limits.segment, limits.dead_letters)
    store.log.sizes, store.log.first_serials = found.sizes, found.first_serials
    store.log.spare(found.spare_bytes)
    if found.outdated and not found.damage:
        store.log.continue_elsewhere(found.segment, found.serial)
        log.event("spool_taken_over", segments=len(found.sizes))
        return store
    if not found.damage:
        store.log.resume(found.segment, found.end, found.serial)
        return store
    kept = [_copy_aside(disk, number, now_ms) for number in found.damaged]
    log.error("spool_damaged", reason=found.damage, kept_as=",".join(filter(None, kept)), remedy=_GOING_ON)
    store.book.note({"damaged": new_epoch()})
    store.log.continue_elsewhere(found.segment, found.serial)
    return store


def _highest(disk: Disk) -> int:
    return max(segments(disk), default=0)


def _set_all_aside(disk: Disk, now_ms: int) -> str:
    with told("setting the spool aside"):
        for number in segments(disk):
            disk.rename(file_name(number), f"{file_name(number)}{_BROKEN}{now_ms}")
        for name in (SPARE, UNFINISHED):
            if name in disk.names():
                disk.remove(name)
        disk.sync_names()
    return f"*{_BROKEN}{now_ms}"


def _copy_aside(disk: Disk, number: int, now_ms: int) -> str:
    """The name of a copy; empty where there is no room for one, or enough of them."""
    name = f"{file_name(number)}{_BROKEN}{now_ms}"
    if sum(_BROKEN in one for one in disk.names()) >= _BROKEN_KEPT:
        return ""
    try:
        write_whole(disk, name, contents(disk, number))
    except OSError as error:
        log.warning(
            "spool_not_copied", segment=number, reason=error, remedy="its damaged bytes are gone at the next turn"
        )
        return ""
    return name


def _locked(folder: Path) -> int:
    """A lock that the system releases when this process ends, however it ends."""
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        lock = _lock_file(folder / "lock")
    except OSError as error:
        raise SpoolError(f"spool folder {folder}: {error.strerror}. Check data_dir and its owner") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise SpoolError(f"spool folder {folder} is used by another gateway: stop that one first") from error
    return lock


def _lock_file(file: Path) -> int:
    """On a disk that is read-only the one from before will do."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
