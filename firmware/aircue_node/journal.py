"""The journal: every sample from the moment it was taken until the gateway has it on disk.

Held in RAM, bounded in samples. Only the gateway's application ack removes a sample; when the journal is full the
oldest goes and the loss ledger says exactly which. An entry is [sent at, handed over before, sample].

All slots are made at the start and reused: a list that grows needs a large piece of memory in one, and after days of
small allocations there is none.
"""

MYPY = False
if MYPY:
    from collections.abc import Iterator

    from aircue_node.ports import Loss, Range, Sample

_SENT = 0
_TRIED = 1
_SAMPLE = 2


class Journal:
    def __init__(self, boot: int, capacity: int) -> None:
        self._boot = boot
        self._capacity = capacity
        # Mixed on purpose: one small list a sample.
        self._slots: list[list] = [[None, False, None] for _ in range(capacity)]  # type: ignore[type-arg]
        self._first = 0
        self._count = 0
        self._loss: list[Loss] = []
        self._live_from = 1

    def __len__(self) -> int:
        return self._count

    @property
    def loss(self) -> "list[Loss]":
        """(boot, first, last, samples) of what was dropped."""
        return self._loss

    def append(self, sample: "Sample") -> None:
        if self._count == self._capacity:
            self._drop_oldest()
        entry = self._entry(self._count)
        entry[_SENT], entry[_TRIED], entry[_SAMPLE] = None, False, sample
        self._count += 1

    def _entry(self, index: int) -> list:  # type: ignore[type-arg]  # see _slots
        return self._slots[(self._first + index) % self._capacity]

    def _entries(self) -> "Iterator[list]":  # type: ignore[type-arg]  # see _slots
        """From the oldest to the newest."""
        for index in range(self._count):
            yield self._entry(index)

    def _drop_oldest(self) -> None:
        sequence = self._entry(0)[_SAMPLE][0]
        self._first = (self._first + 1) % self._capacity
        self._count -= 1
        if self._loss and self._loss[-1][2] == sequence - 1:
            boot, first, _, samples = self._loss.pop()
            self._loss.append((boot, first, sequence, samples + 1))
        else:
            self._loss.append((self._boot, sequence, sequence, 1))

    def start_session(self) -> None:
        """A new connection: nothing is on its way any more, and what waits now is backlog."""
        for entry in self._entries():
            entry[_SENT] = None
            self._live_from = entry[_SAMPLE][0] + 1

    def take_live(self, now_ms: int) -> "Sample | None":
        """The oldest sample taken in this session that was never handed over."""
        found = None
        for index in range(self._count - 1, -1, -1):
            entry = self._entry(index)
            if not self._is_live(entry):
                break
            found = entry
        return None if found is None else self._hand_over(found, now_ms)

    def birth_of(self, boot: int) -> bytes | None:
        """What an earlier boot would have said of itself; None for this one, which speaks for itself."""
        return None

    def take_backlog(self, limit: int, now_ms: int) -> "tuple[int, list[Sample], bool]":
        """(boot, samples, handed over before): up to limit of the oldest of one kind and boot, neither on their way nor
        live."""
        taken: list[Sample] = []
        again = False
        for entry in self._entries():
            if entry[_SENT] is not None or self._is_live(entry):
                continue
            if len(taken) == limit or (taken and entry[_TRIED] is not again):
                break
            again = entry[_TRIED]
            taken.append(self._hand_over(entry, now_ms))
        return self._boot, taken, again

    def _is_live(self, entry: list) -> bool:  # type: ignore[type-arg]  # see _slots
        return not entry[_TRIED] and entry[_SAMPLE][0] >= self._live_from

    def _hand_over(self, entry: list, now_ms: int) -> "Sample":  # type: ignore[type-arg]  # see _slots
        entry[_SENT] = now_ms
        entry[_TRIED] = True
        sample: Sample = entry[_SAMPLE]
        return sample

    def ack(self, boot: int, ranges: "list[Range]") -> None:
        """The gateway has these of a boot on disk. What stays moves together, slots and all."""
        if boot != self._boot:
            return
        kept = 0
        for index in range(self._count):
            entry = self._entry(index)
            if not _within(entry[_SAMPLE][0], ranges):
                self._swap(kept, index)
                kept += 1
        for index in range(kept, self._count):
            self._entry(index)[_SAMPLE] = None
        self._count = kept

    def _swap(self, left: int, right: int) -> None:
        slots = self._slots
        left, right = (self._first + left) % self._capacity, (self._first + right) % self._capacity
        slots[left], slots[right] = slots[right], slots[left]

    def expire(self, sent_before_ms: int) -> None:
        """What was handed over before this moment and never acked counts as not sent."""
        for entry in self._entries():
            if entry[_SENT] is not None and entry[_SENT] < sent_before_ms:
                entry[_SENT] = None


def _within(sequence: int, ranges: "list[Range]") -> bool:
    return any(first <= sequence <= last for first, last in ranges)
