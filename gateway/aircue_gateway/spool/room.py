"""Keeps the log within its bounds: drops what nothing needs, moves what is left of sparse segments together, then thins
the oldest batches, then drops the oldest. What goes is declared in the same record that makes it go."""

from collections.abc import Callable

from aircue_gateway import batch, log
from aircue_gateway.batch import BatchError
from aircue_gateway.spool import rows
from aircue_gateway.spool.book import Entry
from aircue_gateway.spool.store import BodyDamaged, Store
from aircue_gateway.spool.thinning import MOST_OFTEN, dropped, thinned

_SPARSE = 0.5  # of a segment; moving what is in a fuller one gains too little
_OFFERED = MOST_OFTEN + 1  # the cloud may have these: dropped when nothing else is left, and never thinned


class Room:
    """max_bytes: what the log may take. seal: makes batches of all that waits."""

    def __init__(self, store: Store, max_bytes: int, seal: Callable[[], int]) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._seal = seal

    @property
    def short(self) -> bool:
        """Whether there would be too little for another segment."""
        return self._store.log.total_bytes + self._store.log.next_bytes > self._max_bytes

    def tidy(self) -> None:
        store = self._store
        store.log.drop(store.wanted)
        if self.short:
            store.log.drop(store.needed)
        for _ in range(2 * len(store.log.sizes)):
            if not self.short:
                return
            victim = self._victim()
            if victim is not None:
                self._clear(victim)
            elif not (store.book.waiting_samples and self._seal()):
                return
            store.log.drop(store.needed)

    def _victim(self) -> int | None:
        """The emptiest segment, or where all are full the one with the oldest of the least thinned batches."""
        log, live = self._store.log, self._store.book.live
        start = self._store.book.waiting_from
        below = min(log.current - 1, start.segment if start is not None else log.current)
        held = [number for number in live if number < below]
        emptiest = min(held, key=self._fullness, default=None)
        if emptiest is None or self._fullness(emptiest) < _SPARSE:
            return emptiest
        oldest = {number: self._rank(number) for number in held}
        return min(oldest, key=lambda number: oldest[number])

    def _fullness(self, number: int) -> float:
        return self._store.book.live[number] / self._store.log.sizes[number]

    def _rank(self, number: int) -> tuple[int, int]:
        return min((_level(entry), sequence) for sequence, entry in self._held(number))

    def _held(self, number: int) -> list[tuple[int, Entry]]:
        return [(sequence, entry) for sequence, entry in self._store.book.batches.items() if entry.segment == number]

    def _clear(self, number: int) -> None:
        """Moves every batch out of a segment; where it is full, the least thinned ones do not come out whole."""
        level, _ = self._rank(number)
        full = self._fullness(number) >= _SPARSE
        for sequence, entry in self._held(number):
            try:
                self._move(sequence, entry, thin=full and _level(entry) <= max(level, MOST_OFTEN - 1))
            except (BodyDamaged, BatchError) as error:
                unreadable(self._store, sequence, error)

    def _move(self, sequence: int, entry: Entry, thin: bool) -> None:
        store, body = self._store, self._store.body(sequence)
        if not thin:
            store.move(sequence, body, entry.level, entry.samples, [])
            return
        before = batch.decode(body)
        if _level(entry) >= MOST_OFTEN:
            drop(store, sequence, body)
            return
        after, losses, level = thinned(before, entry.level)
        samples = sum(len(group.samples) for group in after.groups)
        store.move(sequence, batch.encode(after), level, samples, list(map(rows.loss_row, losses)))


def _level(entry: Entry) -> int:
    return _OFFERED if entry.offered else entry.level


def drop(store: Store, sequence: int, body: bytes) -> None:
    """Forgets a batch; the next one tells what was lost with it, and what it would have told."""
    gone = batch.decode(body)
    lost, untold = list(map(rows.loss_row, dropped(gone))), list(map(rows.loss_row, gone.losses))
    store.note(dropped=[sequence, lost, untold])


def unreadable(store: Store, sequence: int, error: Exception) -> None:
    """The disk lost a batch: nobody can say of what it consisted."""
    remedy = "its samples are lost here and cannot be declared; check the card"
    log.error("batch_unreadable", batch=sequence, reason=error, remedy=remedy)
    store.note(unreadable=sequence)
