"""What is on flash on its way to the gateway: in batches, oldest first, at most 16 of them not yet acked."""

from aircue_node.segments import Segments

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ledger import Ledger
    from aircue_node.ports import Range, Sample
    from aircue_node.ring import Ring
    from aircue_node.segments import Birth

_MOST_BATCHES = 16
# However little is in each, so that there are always others to thin.
_MOST_SEGMENTS = 4
_CURSOR_EVERY = 100

_NUMBER, _SKIP, _LENGTH, _BOOT, _SENT_AT, _LEFT = 0, 1, 2, 3, 4, 5


class Backlog:
    """A batch is [segment, samples of it before, length, boot, sent at or None, sequences not yet acked]. It is of one
    segment and stays in the window until all before it are acked: the window's first place is what the cursor keeps.
    """

    def __init__(self, segments: Segments, ledger: "Ledger") -> None:
        self.segments = segments
        self._ledger = ledger
        # Mixed on purpose: one small list a batch.
        self._window: list[list] = []  # type: ignore[type-arg]
        self._number, self._skip = segments.mount(ledger)
        self._acked = 0
        self._handed_to = 0  # up to this segment samples were handed over before, then released
        self.waiting = 0
        self._settle()
        self._count()
        self._trim()

    def add(self, ring: "Ring", rows: list[int], dated: "Callable[[Sample], Sample]", birth: "Birth") -> int:
        """Stores rows of the ring; how many of them. Errors: OSError; then none of them counts as stored."""
        try:
            return self._append(ring, rows, dated, birth)
        except OSError:
            if not self._release():
                raise
            return self._append(ring, rows, dated, birth)

    def _append(self, ring: "Ring", rows: list[int], dated: "Callable[[Sample], Sample]", birth: "Birth") -> int:
        """Keeps count of what is stored, and of what is thinned for it."""
        before = sum(self.segments.counts)
        try:
            return self.segments.append(ring, rows, dated, self._ledger, birth)
        finally:
            self.waiting += sum(self.segments.counts) - before

    def save_ledger(self) -> None:
        """Where samples cannot be stored, at least what was dropped. Errors: OSError."""
        if self.segments.saved != self._ledger.serial:
            self.segments.save_ledger(self._ledger)

    def _release(self) -> bool:
        """Where none of the window is on its way: all of it counts as never handed over, so that it can be thinned."""
        if not self._window or any([batch[_SENT_AT] is not None and batch[_LEFT] for batch in self._window]):
            return False
        self._handed_to = self._window[-1][_NUMBER]
        self._number, self._skip = self._window[0][:2]
        self._window = []
        self._settle()
        self._count()
        return True

    def _count(self) -> None:
        self.waiting = 0
        for number, count in zip(self.segments.numbers, self.segments.counts):
            if number >= self._number:
                self.waiting += count - (self._skip if number == self._number else 0)

    def _settle(self) -> None:
        """The place to read on from, past segments that are used up or gone."""
        numbers, counts = self.segments.numbers, self.segments.counts
        for index, number in enumerate(numbers):
            if number < self._number:
                continue
            if number > self._number:
                self._number, self._skip = number, 0
            if self._skip < counts[index]:
                break
            if index == len(numbers) - 1:
                self._skip = counts[index]
        self._pin()

    def _pin(self) -> None:
        segments = self.segments
        segments.pinned = self._number if self._skip or self._window else self._number - 1

    def _left(self) -> int:
        """Samples of the segment at hand not yet read."""
        self._settle()
        numbers = self.segments.numbers
        if self._number not in numbers:
            return 0
        return self.segments.counts[numbers.index(self._number)] - self._skip

    def take(self, limit: int, now_ms: int) -> "tuple[int, list[Sample], bool] | None":
        """(boot, samples, handed over before); None: nothing now."""
        for batch in self._window:
            if batch[_SENT_AT] is None and batch[_LEFT]:
                samples = self._read_again(batch)
                if samples:
                    batch[_SENT_AT] = now_ms
                    return batch[_BOOT], samples, True
        while self._left() and self._may_go_on():
            batch_of = self._read_on(limit, now_ms)
            if batch_of is not None:
                return batch_of
        return None

    @property
    def unread(self) -> bool:
        """Whether something was never handed over."""
        return self._left() > 0

    def _may_go_on(self) -> bool:
        if not self._window:
            return True
        numbers = self.segments.numbers
        span = numbers.index(self._number) - numbers.index(self._window[0][_NUMBER])
        return len(self._window) < _MOST_BATCHES and span < _MOST_SEGMENTS

    def _read_on(self, limit: int, now_ms: int) -> "tuple[int, list[Sample], bool] | None":
        left = self._left()
        boot, again, samples = self.segments.read(self._number, self._skip, min(limit, left))
        if not samples:
            self._lose_rest(left)
            return None
        batch = [self._number, self._skip, len(samples), boot, now_ms, [sample[0] for sample in samples]]
        self._window.append(batch)
        self._skip += len(samples)
        self._pin()
        return boot, samples, again or self._number <= self._handed_to

    def _lose_rest(self, left: int) -> None:
        """The storage is damaged since the start: how many samples lay there is known, where they began is not."""
        index = self.segments.numbers.index(self._number)
        print(f"journal: {self._number}.seg is damaged, {left} samples of it are lost")
        batch = self._window[-1] if self._window else None
        self._ledger.lose(batch[_BOOT] if batch else self.segments.boot, batch[_LEFT][-1] if batch else 1, left)
        self.segments.counts[index] -= left
        self.waiting -= left

    def _read_again(self, batch: list) -> "list[Sample]":  # type: ignore[type-arg]  # see _window
        """Those of a batch that were not acked; what can no longer be read is lost, and counted."""
        found: list[Sample] = []
        skip, end = batch[_SKIP], batch[_SKIP] + batch[_LENGTH]
        while skip < end:
            _, _, samples = self.segments.read(batch[_NUMBER], skip, end - skip)
            if not samples:
                break
            found.extend([sample for sample in samples if sample[0] in batch[_LEFT]])
            skip += len(samples)
        lost = [sequence for sequence in batch[_LEFT] if sequence not in [sample[0] for sample in found]]
        for sequence in lost:
            self._ledger.lose(batch[_BOOT], sequence)
            batch[_LEFT].remove(sequence)
        self.waiting -= len(lost)
        return found

    def recall(self, sent_before_ms: int | None = None) -> None:
        """What was sent before this moment, or at all, is to be sent again."""
        for batch in self._window:
            if batch[_SENT_AT] is not None and (sent_before_ms is None or batch[_SENT_AT] < sent_before_ms):
                batch[_SENT_AT] = None

    def ack(self, boot: int, ranges: "list[Range]") -> None:
        for batch in self._window:
            if batch[_BOOT] == boot and batch[_LEFT]:
                left = [n for n in batch[_LEFT] if not any([first <= n <= last for first, last in ranges])]
                self.waiting -= len(batch[_LEFT]) - len(left)
                self._acked += len(batch[_LEFT]) - len(left)
                batch[_LEFT] = left
        self._trim()

    def _trim(self) -> None:
        """Segments that are wholly acked go; the cursor is written now and then."""
        while self._window and not self._window[0][_LEFT]:
            self._window.pop(0)
        left = self._left()
        number, skip = self._window[0][:2] if self._window else (self._number, self._skip)
        try:
            self.segments.remove_before(number if left or self._window else number + 1, self._ledger)
            if self._acked >= _CURSOR_EVERY and self.segments.numbers:
                self.segments.write_cursor(number, skip)
                self._acked = 0
        except OSError as error:
            print("journal: flash:", error)
