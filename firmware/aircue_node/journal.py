"""The journal: every sample from the moment it was taken until the gateway has it on disk.

Held in RAM, bounded in samples. Only the gateway's application ack removes a sample; when the journal is full the
oldest goes and the loss ledger says exactly which. An entry is [sent at, handed over before, sample].
"""

MYPY = False
if MYPY:
    from aircue_node.ports import Loss, Range, Sample

_SENT = 0
_TRIED = 1
_SAMPLE = 2


class Journal:
    def __init__(self, boot: int, capacity: int) -> None:
        self._boot = boot
        self._capacity = capacity
        self._entries: list[list] = []  # type: ignore[type-arg]  # mixed on purpose: one small list a sample
        self._loss: list[Loss] = []
        self._live_from = 1

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def loss(self) -> "list[Loss]":
        """(boot, first, last, samples) of what was dropped."""
        return self._loss

    def append(self, sample: "Sample") -> None:
        if len(self._entries) >= self._capacity:
            self._drop(self._entries.pop(0)[_SAMPLE][0])
        self._entries.append([None, False, sample])

    def _drop(self, sequence: int) -> None:
        if self._loss and self._loss[-1][2] == sequence - 1:
            boot, first, _, samples = self._loss.pop()
            self._loss.append((boot, first, sequence, samples + 1))
        else:
            self._loss.append((self._boot, sequence, sequence, 1))

    def start_session(self) -> None:
        """A new connection: nothing is on its way any more, and what waits now is backlog."""
        for entry in self._entries:
            entry[_SENT] = None
        if self._entries:
            self._live_from = self._entries[-1][_SAMPLE][0] + 1

    def take_live(self, now_ms: int) -> "Sample | None":
        """The oldest sample taken in this session that was never handed over."""
        found = None
        for entry in reversed(self._entries):
            if not self._is_live(entry):
                break
            found = entry
        return None if found is None else self._hand_over(found, now_ms)

    def take_backlog(self, limit: int, now_ms: int) -> "tuple[list[Sample], bool]":
        """(samples, handed over before): up to limit of the oldest of one kind, neither on their way nor live."""
        taken: list[Sample] = []
        again = False
        for entry in self._entries:
            if entry[_SENT] is not None or self._is_live(entry):
                continue
            if len(taken) == limit or (taken and entry[_TRIED] is not again):
                break
            again = entry[_TRIED]
            taken.append(self._hand_over(entry, now_ms))
        return taken, again

    def _is_live(self, entry: list) -> bool:  # type: ignore[type-arg]  # see _entries
        return not entry[_TRIED] and entry[_SAMPLE][0] >= self._live_from

    def _hand_over(self, entry: list, now_ms: int) -> "Sample":  # type: ignore[type-arg]  # see _entries
        entry[_SENT] = now_ms
        entry[_TRIED] = True
        sample: Sample = entry[_SAMPLE]
        return sample

    def ack(self, ranges: "list[Range]") -> None:
        """The gateway has these on disk."""
        self._entries = [entry for entry in self._entries if not _within(entry[_SAMPLE][0], ranges)]

    def expire(self, sent_before_ms: int) -> None:
        """What was handed over before this moment and never acked counts as not sent."""
        for entry in self._entries:
            if entry[_SENT] is not None and entry[_SENT] < sent_before_ms:
                entry[_SENT] = None


def _within(sequence: int, ranges: "list[Range]") -> bool:
    return any(first <= sequence <= last for first, last in ranges)
