"""What the spool knows by heart: everything but samples and the bodies of batches. No I/O.

The same verbs apply a change when it is made and when it is read back, so that a restart ends where the gateway was.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aircue_gateway.alerts import NO_RULES, Key, decode_rules
from aircue_gateway.batch import Loss
from aircue_gateway.episodes import State
from aircue_gateway.intervals import Intervals
from aircue_gateway.ledger import Count
from aircue_gateway.spool import rows
from aircue_gateway.spool.letters import Mark
from aircue_gateway.spool.records import Kind, Record
from aircue_gateway.spool.rows import Header
from aircue_gateway.window import MOST_LOSSES, BirthRow, LossKey, Stored, StreamKey, StreamRow, Window, loss_key

# Of the spool. 1 was an SQLite file; in 2 states of rules had no episodes, and nothing told what filters had learnt.
VERSION = 3
READABLE = (2, VERSION)
_BIRTHS_LEFT_OUT = 10_000  # more than a damaged record can have named
_AROUND_A_BODY = 160  # bytes of its record, about
Fields = dict[str, Any]


class Position(NamedTuple):
    """A place in the log. skip: samples of the window there that left already."""

    segment: int
    offset: int
    skip: int = 0


class Entry(NamedTuple):
    """A batch in the log. offset, size, crc: of its body. offered: the cloud may have it. level: how often thinned."""

    epoch: str
    segment: int
    offset: int
    size: int
    crc: int
    sealed_at_ms: int
    urgent: bool
    offered: bool
    level: int
    samples: int


class Refused(NamedTuple):
    """A batch that the cloud will never take, in a file of its own."""

    name: str
    size: int
    detail: str


class Book:
    """batches: those that wait, by sequence; live: their bytes, by segment. pending: losses that no batch has told yet.
    thinned: what the spool itself had to drop and no batch has told, one row a boot. waiting_from: the first window
    with samples in no batch. letters: where the files of dead letters end. before: what had arrived of a stream before
    what is in no batch yet; it says nothing while halfway, when the last batch took a part of what waits, or more.
    births_from: ids up to it may have been those of births that a damaged record had. forgotten: boots that go once all
    that waits is in batches. memory_at: the last window that tells what the filters have learnt."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.next_batch = 1
        self.rules = ""
        self.births: dict[int, BirthRow] = {}
        self.births_from = 0
        self.forgotten: set[StreamKey] = set()
        self.streams: dict[StreamKey, StreamRow] = {}
        self.losses: dict[LossKey, Loss] = {}
        self._losses_of: Counter[str] = Counter()  # how many of these a node has
        self.pending: dict[LossKey, Loss] = {}
        self.thinned: dict[StreamKey, Loss] = {}
        self.states: dict[Key, State] = {}
        self.retained: dict[str, bytes] = {}
        self.counters: Counter[str] = Counter()
        self.batches: dict[int, Entry] = {}
        self.urgent: set[int] = set()
        self.refused: dict[int, Refused] = {}
        self.live: Counter[int] = Counter()
        self.waiting_from: Position | None = None
        self.waiting_samples = 0
        self.waiting_revisions = 0
        self.waiting_since_ms: int | None = None
        self.before: dict[StreamKey, tuple[tuple[int, int], ...]] = {}
        self.halfway = False
        self.memory_at: Position | None = None
        self.letters = Mark()
        self.imported_from = ""

    def stored(self) -> Stored:
        """What the gateway must know to go on where it was."""
        return Stored(
            births=tuple(self.births[ident] for ident in sorted(self.births)),
            births_from=self.births_from,
            streams=dict(self.streams),
            losses=tuple(self.losses.values()),
            states=dict(self.states),
            retained=dict(self.retained),
            rules=decode_rules(self.rules) if self.rules else NO_RULES,
        )

    def untold(self) -> Iterator[Loss]:
        """The losses that no batch has told, in the order in which batches take them."""
        yield from self.pending.values()
        yield from self.thinned.values()

    def batch_id(self, gateway: str, sequence: int) -> str:
        return f"{gateway}/{self.batches[sequence].epoch}/{sequence}"

    def count(self, name: Count, number: int = 1) -> None:
        self.counters[name] += number

    # What happened, as it happens.

    def window(self, window: Window, place: Position, letters: Mark) -> None:
        self._forget(window.forgotten)
        self._know_births(window.births)
        self._arrive(window.streams.items())
        self.learn(window.losses)
        self.states.update(window.states)
        self.retained.update(window.retained)
        self.counters.update({name.value: number for name, number in window.counts.items()})
        self.letters = letters
        if window.memory is not None:
            self.memory_at = place
        since_ms = window.samples[0].received_at_ms if window.samples else None
        self._wait(place, len(window.samples), len(window.revisions), since_ms)

    def _know_births(self, births: Iterable[BirthRow]) -> None:
        for birth in births:
            self.births[birth.id] = birth
            self.forgotten.discard(_stream(birth))

    def _forget(self, streams: Iterable[StreamKey]) -> None:
        """Once nothing that waits is of them."""
        self.forgotten.update(streams)

    def _arrive(self, streams: Iterable[tuple[StreamKey, StreamRow]]) -> None:
        for key, row in streams:
            if key not in self.before:
                self.before[key] = self.streams[key].ranges if key in self.streams else ()
            self.streams[key] = row

    def learn(self, losses: Iterable[Loss], told: bool = False) -> None:
        """The gateway's own are known until a batch tells them: each of its samples is lost once."""
        for loss in losses:
            key = loss_key(loss)
            if not told:
                self.pending[key] = loss
            if loss.where == "node":
                self._remember(key, loss)

    def _remember(self, key: LossKey, loss: Loss) -> None:
        if key not in self.losses:
            self._losses_of[loss.node] += 1
        self.losses[key] = loss
        if self._losses_of[loss.node] > MOST_LOSSES:
            del self.losses[next(one for one in self.losses if one[0] == loss.node)]
            self._losses_of[loss.node] -= 1

    def _wait(self, place: Position, samples: int, revisions: int, since_ms: int | None) -> None:
        if not samples and not revisions:
            return
        if self.waiting_from is None:
            self.waiting_from = place
        if not self.waiting_samples:
            self.waiting_since_ms = since_ms
        self.waiting_samples += samples
        self.waiting_revisions += revisions

    def sealed(self, header: Header, place: Position, size: int) -> None:
        """place: of the body."""
        self._put(header["q"], _entry(header, place, size))
        self.next_batch = header["q"] + 1
        self.waiting_from = Position(*header["to"]) if header["to"] else None
        more_than_known = header["w"] > self.waiting_samples  # it had samples of windows that are damaged now
        self.waiting_samples = max(0, self.waiting_samples - header["w"])
        self.waiting_revisions = max(0, self.waiting_revisions - header["v"])
        self.waiting_since_ms = header["since"]
        self.halfway = self.waiting_from is not None or more_than_known
        if self.waiting_from is None:
            self._nothing_waits()
        self._told(header["k"])
        self.count(Count.BATCHES_SEALED)

    def _nothing_waits(self) -> None:
        """What waits all the same went with a batch whose record is damaged."""
        self._lose_unknown(self.waiting_samples)
        self.waiting_samples = self.waiting_revisions = 0
        self.before.clear()
        self.let_go()

    def let_go(self) -> None:
        """For when nothing waits: of forgotten boots, and of births that were followed by another one of their boot."""
        newest = {_stream(birth): ident for ident, birth in sorted(self.births.items())}
        kept = [ident for key, ident in newest.items() if key not in self.forgotten]
        self.births = {ident: self.births[ident] for ident in sorted(kept)}
        for key in self.forgotten:
            self.streams.pop(key, None)
        self.forgotten.clear()

    def _lose_unknown(self, samples: int) -> None:
        if samples > 0:
            self.count(Count.SAMPLES_UNREADABLE, samples)
            self.count(Count.SAMPLES_UNDECLARED, samples)

    def _told(self, number: int) -> None:
        """The first of the untold losses are in a batch."""
        own = max(0, number - len(self.pending))
        self.pending = dict(list(self.pending.items())[number:])
        self.thinned = dict(list(self.thinned.items())[own:])

    def _put(self, sequence: int, entry: Entry) -> None:
        self._release(sequence)
        self.batches[sequence] = entry
        self.live[entry.segment] += entry.size + _AROUND_A_BODY
        if entry.urgent:
            self.urgent.add(sequence)

    def _release(self, sequence: int) -> None:
        """The bytes of a batch's body are of no use any more."""
        if (entry := self.batches.get(sequence)) is not None:
            self.live[entry.segment] -= entry.size + _AROUND_A_BODY
            if not self.live[entry.segment]:
                del self.live[entry.segment]

    def _take(self, sequence: int) -> None:
        self._release(sequence)
        self.batches.pop(sequence, None)
        self.urgent.discard(sequence)

    def moved(self, header: Header, place: Position, size: int) -> None:
        """place: of the body. A batch that went meanwhile stays gone."""
        if (before := self.batches.get(header["q"])) is not None:
            self._put(header["q"], _entry({**header, "e": before.epoch}, place, size))
            self._lose(Count.SAMPLES_THINNED, header["x"])

    def _lose(self, name: Count, lost: list[list[Any]]) -> None:
        for loss in map(rows.loss_of, lost):
            self.count(name, loss.samples)
            key = (loss.node, loss.installation, loss.boot)
            self.thinned[key] = joined(self.thinned[key], loss) if key in self.thinned else loss

    def note(self, header: Header) -> None:
        for name, value in header.items():
            _NOTES[name](self, value)

    def _delivered(self, sequence: int) -> None:
        if sequence in self.batches:
            self._take(sequence)
            self.count(Count.BATCHES_DELIVERED)
        elif sequence >= self.next_batch:  # the record that sealed it is damaged
            self.next_batch, self.halfway = sequence + 1, True

    def _refused(self, fields: list[Any]) -> None:
        sequence, name, size, detail = fields
        if sequence in self.batches:
            self._take(sequence)
            self.count(Count.BATCHES_REFUSED)
            self.refused[sequence] = Refused(name, size, detail)

    def _dropped(self, fields: list[Any]) -> None:
        """[sequence, what is lost with it, losses it should have told]: a waiting or refused batch that had to go."""
        sequence, lost, untold = fields
        self._take(sequence)
        self.refused.pop(sequence, None)
        self._lose(Count.SAMPLES_DROPPED, lost)
        for loss in map(rows.loss_of, untold):
            self.pending.setdefault(loss_key(loss), loss)

    def _unreadable(self, sequence: int) -> None:
        if sequence in self.batches:
            self._lose_unknown(self.batches[sequence].samples)
            self._take(sequence)
            self.count(Count.BATCHES_UNREADABLE)

    def _missing(self, fields: list[Any]) -> None:
        """[samples that waited, what is known of those that are lost, records]: what damage took. Each is told once."""
        waited, lost, records = fields
        self.waiting_samples = max(0, self.waiting_samples - waited)
        self.halfway = True
        self._lose(Count.SAMPLES_UNREADABLE, lost)
        self._lose_unknown(waited - sum(loss.samples for loss in map(rows.loss_of, lost)))
        if records:
            self.count(Count.RECORDS_UNREADABLE, records)
            self.births_from = max(self.births_from, max(self.births, default=0) + _BIRTHS_LEFT_OUT)

    def _offered(self, sequence: int) -> None:
        if sequence in self.batches:
            self.batches[sequence] = self.batches[sequence]._replace(offered=True)

    def _new_rules(self, document: str) -> None:
        self.rules = document

    def _damaged(self, epoch: str) -> None:
        self.epoch = epoch
        self.count(Count.SPOOLS_SET_ASIDE)

    def _imported(self, fields: list[Any]) -> None:
        """[epoch, next batch] of the spool of version 1."""
        self.imported_from, self.next_batch = fields

    # And as it is read back.

    def replay(self, record: Record, segment: int) -> None:
        _REPLAYS[Kind(record.kind)](self, record, segment)

    def _replay_window(self, record: Record, segment: int) -> None:
        header, _ = rows.split(record.body)
        self._forget((node, installation, boot) for node, installation, boot in header.get("g", ()))
        self._know_births(map(rows.birth_of, header.get("b", ())))
        self._arrive(map(rows.stream_of, header.get("t", ())))
        self.learn(map(rows.loss_of, header.get("l", ())))
        self._know_states(header.get("s", ()))
        self.retained.update((topic, rows.text_bytes(text)) for topic, text in header.get("r", {}).items())
        self.counters.update(header.get("c", {}))
        self.letters = Mark(*header["d"])
        place = Position(segment, record.offset)
        if "m" in header:
            self.memory_at = place
        self._wait(place, rows.count_samples(header), len(header.get("v", ())), header.get("at"))

    def _know_states(self, states: Iterable[list[Any]]) -> None:
        self.states.update([rows.state_of(row, self.states) for row in states])

    def _replay_sealed(self, record: Record, segment: int) -> None:
        header, body = rows.split(record.body)
        self.sealed(header, Position(segment, record.end - len(body)), len(body))

    def _replay_moved(self, record: Record, segment: int) -> None:
        header, body = rows.split(record.body)
        self.moved(header, Position(segment, record.end - len(body)), len(body))

    def _replay_note(self, record: Record, _segment: int) -> None:
        self.note(rows.split(record.body)[0])

    # The whole of it, as a new segment begins with it.

    def checkpoint(self) -> Fields:
        return {
            "version": VERSION,
            "epoch": self.epoch,
            "next_batch": self.next_batch,
            "rules": self.rules,
            "births": list(map(rows.birth_row, self.births.values())),
            "streams": [rows.stream_row(*item) for item in self.streams.items()],
            "losses": list(map(rows.loss_row, self.losses.values())),
            "pending": list(map(rows.loss_row, self.pending.values())),
            "thinned": list(map(rows.loss_row, self.thinned.values())),
            "states": [rows.state_row(*item) for item in self.states.items()],
            "retained": {topic: rows.bytes_text(payload) for topic, payload in self.retained.items()},
            "counters": dict(self.counters),
            "batches": [[sequence, *entry] for sequence, entry in self.batches.items()],
            "refused": [[sequence, *one] for sequence, one in self.refused.items()],
            "waiting": [self.waiting_from, self.waiting_samples, self.waiting_revisions, self.waiting_since_ms],
            "before": [[*key, ranges] for key, ranges in self.before.items()],
            "halfway": self.halfway,
            "births_from": self.births_from,
            "memory_at": self.memory_at,
            "forgotten": list(self.forgotten),
            "letters": self.letters,
            "imported_from": self.imported_from,
        }

    @classmethod
    def from_checkpoint(cls, fields: Mapping[str, Any]) -> "Book":
        book = cls(fields["epoch"])
        book.next_batch, book.rules = fields["next_batch"], fields["rules"]
        book.births = {row[0]: rows.birth_of(row) for row in fields["births"]}
        book.streams = dict(map(rows.stream_of, fields["streams"]))
        for loss in map(rows.loss_of, fields["losses"]):
            book._remember(loss_key(loss), loss)
        book.pending = {loss_key(loss): loss for loss in map(rows.loss_of, fields["pending"])}
        thinned = map(rows.loss_of, fields["thinned"])
        book.thinned = {(loss.node, loss.installation, loss.boot): loss for loss in thinned}
        book._know_states(fields["states"])
        book.retained = {topic: rows.text_bytes(text) for topic, text in fields["retained"].items()}
        book.counters.update(fields["counters"])
        for sequence, *entry in fields["batches"]:
            book._put(sequence, Entry(*entry))
        book.refused = {sequence: Refused(*one) for sequence, *one in fields["refused"]}
        place, book.waiting_samples, book.waiting_revisions, book.waiting_since_ms = fields["waiting"]
        book.waiting_from = Position(*place) if place else None
        memory_at = fields.get("memory_at")
        book.memory_at = Position(*memory_at) if memory_at else None
        before = fields.get("before", ())
        book.before = {(node, inst, boot): tuple(map(tuple, ranges)) for node, inst, boot, ranges in before}
        book._forget((node, installation, boot) for node, installation, boot in fields.get("forgotten", ()))
        book.halfway, book.births_from = fields.get("halfway", True), fields.get("births_from", 0)
        book.letters, book.imported_from = Mark(*fields["letters"]), fields["imported_from"]
        return book


def unaccounted(book: Book, here: Mapping[StreamKey, Intervals]) -> list[Loss]:
    """What was acked since all was in batches and is in no window that can be read. here: what is in those."""
    if book.halfway:
        return []
    known = {key: Intervals(ranges) for key, ranges in book.before.items()}
    for loss in book.pending.values():
        key = (loss.node, loss.installation, loss.boot)
        if loss.where == "gateway" and key in known:
            known[key].add(loss.first)
    return [loss for key in known for loss in _absent(key, Intervals(book.streams[key].ranges), known[key], here)]


def _absent(key: StreamKey, arrived: Intervals, known: Intervals, here: Mapping[StreamKey, Intervals]) -> list[Loss]:
    node, installation, boot = key
    left = Intervals(arrived.without(known))
    return [
        Loss(
            node=node,
            installation=installation,
            boot=boot,
            first=first,
            last=last,
            samples=last - first + 1,
            where="gateway",
        )
        for first, last in left.without(here.get(key, Intervals()))
    ]


def _stream(birth: BirthRow) -> StreamKey:
    return birth.node, birth.installation, birth.boot


def joined(one: Loss, other: Loss) -> Loss:
    """Two losses of one boot as one row: its samples lie between its first and its last."""
    return Loss(
        node=one.node,
        installation=one.installation,
        boot=one.boot,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        samples=one.samples + other.samples,
        where=one.where,
    )


def _entry(header: Header, place: Position, size: int) -> Entry:
    return Entry(
        epoch=header["e"],
        segment=place.segment,
        offset=place.offset,
        size=size,
        crc=header["crc"],
        sealed_at_ms=header["at"],
        urgent=header["u"],
        offered=header["o"],
        level=header["lv"],
        samples=header["n"],
    )


_NOTES: dict[str, Callable[[Book, Any], None]] = {
    "delivered": Book._delivered,
    "refused": Book._refused,
    "dropped": Book._dropped,
    "unreadable": Book._unreadable,
    "missing": Book._missing,
    "offered": Book._offered,
    "rules": Book._new_rules,
    "damaged": Book._damaged,
    "imported": Book._imported,
}
_REPLAYS: dict[Kind, Callable[[Book, Record, int], None]] = {
    Kind.WINDOW: Book._replay_window,
    Kind.SEALED: Book._replay_sealed,
    Kind.MOVED: Book._replay_moved,
    Kind.NOTE: Book._replay_note,
}
