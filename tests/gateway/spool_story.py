"""A gateway's life in small, told to a spool, with what it was promised on the way; and what a spool found later lacks.

The story has what a spool can be asked: commits of every kind, batches sent, refused and kept waiting, urgent ones,
rules, and more than fits, so that segments turn over and old batches are thinned and dropped.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from random import Random

from tests.gateway.recorded_disk import MemoryDisk, RecordedDisk, states
from tests.gateway.samples import BOOT, INSTALLATION, NODE, STREAM

from aircue_gateway import batch
from aircue_gateway.batch import Batch, Channel, Status
from aircue_gateway.intervals import Intervals
from aircue_gateway.ledger import Count
from aircue_gateway.spool.disk import Disk
from aircue_gateway.spool.letters import listed
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.window import BirthRow, DeadLetter, RevisionRow, SampleRow, StreamRow, Window

NOW_MS = 1_763_751_302_000
CHANNELS = (Channel(quantity="temperature", unit="Cel", scale=100), Channel(quantity="co2", unit="ppm", scale=1))
BIRTH = BirthRow(id=1, site=NODE.site, node=NODE.id, installation=INSTALLATION, boot=BOOT, channels=CHANNELS)
LIMITS = Limits(segments=9 * 1024, refused=1500, dead_letters=1000, segment=4096)
STEPS = ("commit", "commit", "commit", "letter", "seal", "seal", "urgent", "send", "rules", "refuse", "revise")


def row(sequence: int) -> SampleRow:
    values = (2150 + sequence * 37 % 11, None) if sequence % 3 else (2150, 400 + sequence)
    statuses = (Status.OK, Status.GAP if sequence % 3 else Status.OK)
    return SampleRow(1, sequence, 20_000 * sequence, NOW_MS + 20_000 * sequence, NOW_MS, True, values, statuses)


@dataclass
class Promised:
    """What the spool has said so far: what was stored, what it gave out to be sent. And what it was told: which of
    that arrived, and which the cloud will never take."""

    stored: Intervals = field(default_factory=Intervals)
    given: dict[str, bytes] = field(default_factory=dict)
    delivered: list[str] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    letters: int = 0
    rules: int = 0
    counted: int = 0

    def copy(self) -> "Promised":
        changing = (Intervals(self.stored.ranges()), dict(self.given), list(self.delivered), list(self.declined))
        return Promised(*changing, self.letters, self.rules, self.counted)


class Story:
    """now: how many operations the disk has done. promises: (at operation, what was promised by then)."""

    def __init__(self, disk: Disk, now: Callable[[], int], limits: Limits = LIMITS) -> None:
        self.promises: list[tuple[int, Promised]] = [(0, Promised())]
        self._so_far = Promised()
        self._now = now
        self._sequence = 0
        self.spool = Spool.on(disk, "gw-1", NOW_MS, limits)
        self.spool._book.epoch = "0f1e2d3c"  # the same story each time: else drawn
        self._window(births=[BIRTH])

    def tell(self, seed: int, steps: int) -> None:
        random = Random(seed)
        for _ in range(steps):
            getattr(self, f"_{random.choice(STEPS)}")(random)
            self.promises.append((self._now(), self._so_far.copy()))

    def promised(self, operation: int) -> Promised:
        return next(found for at, found in reversed(self.promises) if at <= operation)

    def _window(self, births: list[BirthRow] | None = None, letters: int = 0, samples: int = 0) -> None:
        """Commits, and notes what was said."""
        numbers = range(self._sequence + 1, self._sequence + samples + 1)
        self._sequence += samples
        seen = Intervals([(1, self._sequence)] if self._sequence else [])
        window = Window(births=births or [], samples=[row(number) for number in numbers])
        window.streams = {STREAM: StreamRow(ranges=tuple(seen), offset_ms=NOW_MS, known=True)}
        window.counts = Counter({Count.SAMPLES_STORED: samples} if samples else {})
        window.dead_letters = [_letter(self._so_far.letters + at + 1) for at in range(letters)]
        self.spool.commit(window)
        self._so_far.stored, self._so_far.counted = seen, self._so_far.counted + samples
        self._so_far.letters += letters

    def _commit(self, random: Random) -> None:
        self._window(samples=random.randrange(1, 30))

    def _letter(self, random: Random) -> None:
        self._window(letters=random.randrange(1, 3), samples=random.randrange(0, 2))

    def _revise(self, random: Random) -> None:
        if self._sequence > 1:
            of = random.randrange(max(1, self._sequence - 3), self._sequence + 1)
            self.spool.commit(Window(revisions=[RevisionRow(1, of, 0, Status.SPIKE)]))

    def _seal(self, _: Random) -> None:
        self.spool.seal(NOW_MS, urgent=False)

    def _urgent(self, _: Random) -> None:
        self.spool.seal(NOW_MS, urgent=True)

    def _send(self, random: Random) -> None:
        """The cloud takes a batch; now and then its answer is lost."""
        ready = self.spool.next_batch(NOW_MS + random.choice((0, 100_000)))
        if ready is None:
            return
        self._so_far.given[ready.id] = ready.body
        self.promises.append((self._now(), self._so_far.copy()))
        if random.random() < 0.5:
            self.spool.delivered(ready.sequence)
            self._so_far.delivered.append(ready.id)

    def _refuse(self, random: Random) -> None:
        if random.random() < 0.5 and (ready := self.spool.next_batch(NOW_MS)) is not None:
            self._so_far.given[ready.id] = ready.body
            self._so_far.declined.append(ready.id)
            self.promises.append((self._now(), self._so_far.copy()))
            self.spool.refused(ready.sequence, "422 no")

    def _rules(self, _: Random) -> None:
        self._so_far.rules += 1
        self.spool.put_rules(_rules(self._so_far.rules))


def _rules(version: int) -> str:
    return f'{{"version": "{version}", "rules": []}}'


def _letter(number: int) -> DeadLetter:
    return DeadLetter(received_at_ms=NOW_MS, topic="aircue/a/b/samples", reason="no JSON", payload=b"%d" % number)


def complaints(disk: MemoryDisk, promised: Promised, limits: Limits = LIMITS) -> list[str]:
    """What a gateway that starts on this disk lacks of what was promised. Takes the spool apart."""
    spool = Spool.on(disk, "gw-1", NOW_MS, limits)
    stored = Intervals(spool.load().streams[STREAM].ranges if STREAM in spool.load().streams else ())
    kept_aside = _refused(spool, disk)
    left = {**_drained(spool), **kept_aside}
    found = list(_state_complaints(spool, promised, stored, left))
    arrived = {ident: body for ident, body in promised.given.items() if ident not in promised.declined}
    known = {**arrived, **left}
    found += [
        f"{ident} came back with other bytes" for ident, body in promised.given.items() if left.get(ident, body) != body
    ]
    return found + list(_sample_complaints(stored, [_decoded(body) for body in known.values()]))


@lru_cache(4096)
def _decoded(body: bytes) -> Batch:
    return batch.decode(body)


def _drained(spool: Spool) -> dict[str, bytes]:
    """Every batch that would still leave, by id."""
    left: dict[str, bytes] = {}
    while True:
        spool.seal(NOW_MS, urgent=False)
        if (ready := spool.next_batch(NOW_MS)) is None:
            return left
        left[ready.id] = ready.body
        spool.delivered(ready.sequence)


def _refused(spool: Spool, disk: MemoryDisk) -> dict[str, bytes]:
    book = spool._book
    return {
        f"gw-1/{one.name.split('-')[0]}/{sequence}": disk.read(one.name, 0, one.size)
        for sequence, one in book.refused.items()
    }


def _state_complaints(spool: Spool, promised: Promised, stored: Intervals, left: dict[str, bytes]) -> Iterator[str]:
    book = spool._book
    missing = [number for first, last in promised.stored for number in (first, last) if number not in stored]
    if missing:
        yield f"acked and gone: {missing}"
    if book.counters[Count.SAMPLES_STORED] < promised.counted:
        yield f"counter {book.counters[Count.SAMPLES_STORED]} of {promised.counted}"
    if promised.rules and (not book.rules or int(spool.load().rules.version) < promised.rules):
        yield f"rules {promised.rules} are gone"
    if book.counters[Count.SPOOLS_SET_ASIDE]:
        yield "a power cut passed for damage"
    yield from (f"{ident} was delivered and comes again" for ident in promised.delivered if ident in left)
    letters = [int(letter["payload"]) for letter in listed(spool._store.disk, book.letters)]
    if letters != list(range(letters[0], letters[-1] + 1) if letters else []):
        yield f"letters {letters}"
    if book.letters.next_id <= promised.letters:
        yield f"{book.letters.next_id - 1} letters of {promised.letters}"


def _sample_complaints(stored: Intervals, batches: list[Batch]) -> Iterator[str]:
    """Every sample that was stored is in one batch, or counted once among the losses."""
    sent = Counter(one.sequence for found in batches for group in found.groups for one in group.samples)
    doubled = [number for number, times in sent.items() if times > 1]
    if doubled:
        yield f"in two batches: {doubled[:5]}"
    lost = sum(loss.samples for found in batches for loss in found.losses)
    expected = sum(last - first + 1 for first, last in stored)
    if len(sent) + lost != expected:
        yield f"{len(sent)} sent and {lost} lost of {expected}"


@dataclass
class Cuts:
    """points: states looked at. violations: those that lack something, in words."""

    operations: int = 0
    points: int = 0
    violations: list[str] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)


def cut_everywhere(disk: RecordedDisk, seed: int, steps: int, samples: int = 0, every: int = 1) -> Cuts:
    """Tells a story to a disk and looks at the spool after every power cut in it. samples: see `states`; every: looks
    at one in so many."""
    story = Story(disk, lambda: len(disk.operations))
    story.tell(seed, steps)
    cuts = Cuts(len(disk.operations), counters=Counter(story.spool._book.counters))
    for done, what, left in islice(states(disk.operations, seed, samples), 0, None, every):
        wrong = _complaints_or_error(left, story.promised(done))
        cuts.points += 1
        cuts.violations += [f"after operation {done}, {what}: {one}" for one in wrong[:1]]
    return cuts


def _complaints_or_error(left: MemoryDisk, promised: Promised) -> list[str]:
    try:
        return complaints(left, promised)
    except Exception as error:  # noqa: BLE001 - a spool that does not open is what is looked for
        return [repr(error)]
