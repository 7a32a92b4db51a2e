"""The journal: every sample from the moment it was taken until the gateway has it on disk.

Samples wait in RAM, in a ring; what waits there for long goes to flash. Only the gateway's application ack removes a
sample; when the journal is full the loss ledger says what it dropped. What the gateway acks soon never touches the
flash. What a power cut takes is what is in RAM alone, `at_risk`: at most 48 readings and one sample that wait (or all
since 15 minutes), and 96 readings on their way.

Without mount() everything is in RAM, and the oldest goes when the ring is full.
"""

from aircue_node.ledger import Ledger
from aircue_node.ring import Ring

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.backlog import Backlog
    from aircue_node.ports import Loss, Range, Sample

FLUSH_READINGS = 48
# Of a gateway that is slow to ack, or gone and not yet missed: what is past this waits, and may go to flash.
ON_ITS_WAY_READINGS = 96
_FLUSH_AGE_MS = 900_000
_TRY_AGAIN_MS = 60_000


class Journal:
    """capacity: samples in RAM. width: values of a sample. Times are ms; now_ms of flush() is the samples' uptime,
    that of the others the line's clock."""

    def __init__(self, boot: int, capacity: int, width: int) -> None:
        self._boot = boot
        self._ring = Ring(capacity, width)
        self._ledger = Ledger()
        self._flash: Backlog | None = None
        self._birth: Callable[[], bytes] | None = None
        self._live_from = 1
        self._newest = 0
        self._failing = False
        self._try_again_ms = 0
        self._epoch_ms: int | None = None
        self._undated = False

    def mount(self, folder: str, most_bytes: int, birth: "Callable[[], bytes] | None" = None) -> None:
        """Takes up what earlier boots left in a folder, and keeps there what waits for long. most_bytes counts whole
        blocks of 4096. birth: what this boot says of itself, kept beside its samples."""
        from aircue_node import backlog, segments

        if most_bytes < segments.FEWEST_BLOCKS * segments.BLOCK:
            print(f"journal: {most_bytes} bytes of flash are too few to use: samples are kept in RAM alone")
            return
        try:
            self._flash = backlog.Backlog(segments.Segments(folder, most_bytes, self._boot), self._ledger)
            self._undated = self._flash.segments.undated
        except OSError as error:
            print("journal: flash cannot be read, samples are kept in RAM alone:", error)
        self._birth = birth

    def __len__(self) -> int:
        return len(self._ring) + (0 if self._flash is None else self._flash.waiting)

    @property
    def at_risk(self) -> int:
        """Readings that are in RAM alone and that the gateway has not acked."""
        return len(self._ring) * self._ring.width

    @property
    def loss(self) -> "list[Loss]":
        """(boot, first, last, samples) of what was dropped."""
        return self._ledger.rows

    # --- in

    def append(self, sample: "Sample") -> None:
        if self._ring.full:
            self._relieve(sample[1])
        self._ring.append(sample)
        self._newest = sample[0]

    def _relieve(self, now_ms: int) -> None:
        """Room in a full ring: what waits goes to flash, else what is on its way too, else the oldest is dropped."""
        for everything in (False, True):
            if self._ring.full and self._may_store(now_ms):
                self._store(everything, now_ms)
        if self._ring.full:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Rather one that waits: what is on its way may be at the gateway already."""
        ring, oldest = self._ring, 0
        for index in range(len(ring)):
            if not ring.sent(index):
                oldest = index
                break
        self._ledger.lose(self._boot, ring.sequence(oldest))
        ring.remove(lambda index: index == oldest)

    # --- to flash

    def flush(self, now_ms: int, everything: bool = False) -> None:
        """To be called often: stores what waits where it is time to. everything: before a reset, what is on its way
        too."""
        if everything and self._flash is not None:
            self._store(True, now_ms)
        elif self._may_store(now_ms) and self._due(now_ms):
            self._store(False, now_ms)

    def _may_store(self, now_ms: int) -> bool:
        return self._flash is not None and (not self._failing or now_ms >= self._try_again_ms)

    def _due(self, now_ms: int) -> bool:
        ring, waiting, oldest_ms = self._ring, 0, now_ms
        for index in range(len(ring)):
            if not ring.sent(index):
                oldest_ms = min(oldest_ms, ring.uptime_ms(index))
                waiting += 1
        if not waiting:
            return False
        return waiting * ring.width >= FLUSH_READINGS or now_ms - oldest_ms >= _FLUSH_AGE_MS or ring.nearly_full

    def _store(self, everything: bool, now_ms: int) -> None:
        """A flash that fails is told of once, and tried again after a while."""
        try:
            self._store_all(everything)
        except OSError as error:
            self._try_again_ms = now_ms + _TRY_AGAIN_MS
            if not self._failing:
                print("journal: flash cannot be written, samples are kept in RAM:", error)
            self._failing = True
            self._save_ledger()
            return
        if self._failing:
            print("journal: flash can be written again")
        self._failing = False

    def _save_ledger(self) -> None:
        """A flash that is merely full has room for it."""
        try:
            if self._flash is not None:
                self._flash.save_ledger()
        except OSError:
            pass  # it was told of that the flash cannot be written

    def _store_all(self, everything: bool) -> None:
        flash, ring = self._flash, self._ring
        assert flash is not None
        while True:
            rows = [index for index in range(len(ring)) if everything or not ring.sent(index)]
            if not rows:
                break
            _take_out(ring, rows[: flash.add(ring, rows, self._dated, self._birth)])
        self._write_clock()

    def _dated(self, sample: "Sample") -> "Sample":
        sequence, uptime_ms, epoch_s, values = sample
        if epoch_s:
            return sample
        if self._epoch_ms is None:
            self._undated = True
            return sample
        return sequence, uptime_ms, (self._epoch_ms + uptime_ms) // 1000, values

    def date(self, epoch_ms: int) -> None:
        """The time is known: ms since 1970 at uptime 0."""
        self._epoch_ms = epoch_ms
        try:
            self._write_clock()
        except OSError as error:
            print("journal: flash cannot be written:", error)

    def _write_clock(self) -> None:
        if self._undated and self._epoch_ms is not None and self._flash is not None:
            self._flash.segments.write_clock(self._epoch_ms)
            self._undated = False

    # --- out

    def start_session(self) -> None:
        """A new connection: nothing is on its way any more, and what waits now is backlog."""
        self._live_from = self._newest + 1
        self._ledger.tell()
        self.end_session()

    def end_session(self) -> None:
        """The connection is gone: what was on its way waits again, and goes to flash when it is due."""
        self._recall(None)

    def expire(self, sent_before_ms: int) -> None:
        """What was handed over before this moment and never acked counts as not sent."""
        self._recall(sent_before_ms)

    def _recall(self, sent_before_ms: int | None) -> None:
        self._ring.recall(sent_before_ms)
        if self._flash is not None:
            self._flash.recall(sent_before_ms)

    def take_live(self, now_ms: int) -> "Sample | None":
        """The oldest sample taken in this session that was never handed over; None also while enough is on its way."""
        if not self._room():
            return None
        found = -1
        for index in range(len(self._ring) - 1, -1, -1):
            if not self._is_live(index):
                break
            found = index
        return None if found < 0 else self._ring.hand_over(found, now_ms)

    def _room(self) -> int:
        """Samples of the ring that may be handed over now; the first always may, and all where there is no flash."""
        ring, sent = self._ring, 0
        if self._flash is None:
            return len(ring)
        for index in range(len(ring)):
            sent += ring.sent(index)
        return max(1, ON_ITS_WAY_READINGS // ring.width) - sent

    def take_backlog(self, limit: int, now_ms: int) -> "tuple[int, list[Sample], bool]":
        """(boot, samples, handed over before): up to limit of the oldest of one kind and boot, neither on their way nor
        live. First what is on flash."""
        if self._flash is not None:
            taken = self._flash.take(limit, now_ms)
            if taken is not None:
                return taken[0], self._with_time(taken[0], taken[1]), taken[2]
            if self._flash.unread:
                return self._boot, [], False
        return self._take_waiting(limit, now_ms)

    def _with_time(self, boot: int, samples: "list[Sample]") -> "list[Sample]":
        """Samples of an earlier boot dated by what it stored of its clock; this boot's are dated by whoever asks."""
        if boot == self._boot or self._flash is None or all([sample[2] for sample in samples]):
            return samples
        epoch_ms = self._flash.segments.clock_of(boot)
        if epoch_ms is None:
            return samples
        return [(s, u, t or (epoch_ms + u) // 1000, values) for s, u, t, values in samples]

    def _take_waiting(self, limit: int, now_ms: int) -> "tuple[int, list[Sample], bool]":
        ring, again, limit = self._ring, False, min(limit, self._room())
        taken: list[Sample] = []
        for index in range(len(ring)):
            if ring.sent(index) or self._is_live(index):
                continue
            if len(taken) >= limit or (taken and ring.tried(index) is not again):
                break
            again = ring.tried(index)
            taken.append(ring.hand_over(index, now_ms))
        return self._boot, taken, again

    def _is_live(self, index: int) -> bool:
        return not self._ring.tried(index) and self._ring.sequence(index) >= self._live_from

    def birth_of(self, boot: int) -> bytes | None:
        """What an earlier boot would have said of itself; None for this one, which speaks for itself."""
        if boot == self._boot or self._flash is None:
            return None
        return self._flash.segments.birth_of(boot)

    def ack(self, boot: int, ranges: "list[Range]") -> None:
        """The gateway has these of a boot on disk."""
        self._ledger.told()
        if boot == self._boot:
            self._ring.remove(lambda index: _within(self._ring.sequence(index), ranges))
        if self._flash is not None:
            self._flash.ack(boot, ranges)


def _take_out(ring: Ring, rows: list[int]) -> None:
    ring.remove(lambda index: index in rows)


def _within(sequence: int, ranges: "list[Range]") -> bool:
    return any([first <= sequence <= last for first, last in ranges])
