"""Any order of everything a spool can be asked, and of restarts: it does as a naive model in memory does."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.spool_story import BIRTH, NOW_MS, row

from aircue_gateway import batch
from aircue_gateway.batch import Loss, Revision, Status
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.window import RevisionRow, Window

LIMITS = Limits(segment=2048)
STEPS = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 9)),
    st.tuples(st.just("revise"), st.integers(0, 12)),
    st.tuples(st.just("lose"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["seal", "urgent", "deliver", "refuse", "restart"]), st.just(0)),
)


@dataclass
class Model:
    """Lists and dicts. samples: the status of each that waits, by sequence; batches: (urgent, samples, revisions,
    losses) by sequence."""

    samples: dict[int, Status] = field(default_factory=dict)
    revisions: list[tuple[int, Status]] = field(default_factory=list)
    losses: dict[int, Loss] = field(default_factory=dict)
    batches: dict[int, tuple[bool, dict[int, Status], list[tuple[int, Status]], list[Loss]]] = field(
        default_factory=dict
    )
    sealed: int = 0
    answered: int = 0

    def seal(self, urgent: bool) -> int:
        if not (self.samples or self.revisions or self.losses):
            return 0
        self.sealed += 1
        self.batches[self.sealed] = (urgent, self.samples, self.revisions, list(self.losses.values()))
        self.samples, self.revisions, self.losses = {}, [], {}
        return 1

    def revise(self, sequence: int, status: Status) -> None:
        if sequence in self.samples:
            self.samples[sequence] = status
        else:
            self.revisions.append((sequence, status))

    @property
    def next(self) -> int | None:
        urgent = [sequence for sequence, one in self.batches.items() if one[0]]
        newest = max(self.batches, default=0)
        return newest if newest > self.answered and not urgent else min(urgent or self.batches, default=None)


class Both:
    """The spool and the model, told the same."""

    def __init__(self) -> None:
        self.disk = MemoryDisk()
        self.model = Model()
        self.sequence = 0
        self.lost = 0
        self.spool = Spool.on(self.disk, "gw-1", NOW_MS, LIMITS)
        self.spool.commit(Window(births=[BIRTH]))

    def commit(self, count: int) -> None:
        numbers = range(self.sequence + 1, self.sequence + count + 1)
        self.sequence += count
        self.spool.commit(Window(samples=[row(number) for number in numbers]))
        self.model.samples.update((number, Status.OK) for number in numbers)

    def revise(self, back: int) -> None:
        if self.sequence > back:
            self.spool.commit(Window(revisions=[RevisionRow(1, self.sequence - back, 0, Status.SPIKE)]))
            self.model.revise(self.sequence - back, Status.SPIKE)

    def lose(self, samples: int) -> None:
        self.lost += 1
        loss = Loss(node="bathroom", installation=1, boot=1, first=self.lost % 4, last=9, samples=samples, where="node")
        self.spool.commit(Window(losses=[loss]))
        self.model.losses[loss.first] = loss

    def seal(self, _: int) -> None:
        assert self.spool.seal(NOW_MS, urgent=False) == self.model.seal(urgent=False)

    def urgent(self, _: int) -> None:
        assert self.spool.seal(NOW_MS, urgent=True) == self.model.seal(urgent=True)

    def deliver(self, _: int) -> None:
        self.send(self.spool.delivered)

    def refuse(self, _: int) -> None:
        self.send(lambda sequence: self.spool.refused(sequence, "no"))

    def restart(self, _: int) -> None:
        self.spool = Spool.on(self.disk, "gw-1", NOW_MS, LIMITS)
        self.model.answered = 0  # what the cloud had before is not known any more

    def send(self, then: Callable[[int], None]) -> bool:
        ready, expected = self.spool.next_batch(NOW_MS), self.model.next
        assert (ready.sequence if ready else None) == expected
        if ready is None or expected is None:
            return False
        found = batch.decode(ready.body)
        _, samples, revisions, losses = self.model.batches.pop(expected)
        self.model.answered = max(self.model.answered, expected)
        sent = {one.sequence: one.statuses[0] for group in found.groups for one in group.samples}
        assert (sent, list(found.losses), ready.id) == (samples, losses, found.id)
        if batch.VERSION > 1:
            assert list(found.revisions) == [_revision(*one) for one in revisions]
        then(ready.sequence)
        return True


def _revision(sequence: int, status: Status) -> Revision:
    return Revision(
        node=BIRTH.node,
        installation=BIRTH.installation,
        boot=BIRTH.boot,
        sequence=sequence,
        quantity="temperature",
        status=status,
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_the_spool_does_as_a_naive_model_does(steps: list[tuple[str, int]]) -> None:
    both = Both()
    for verb, argument in steps:
        getattr(both, verb)(argument)
        assert both.spool._book.waiting_samples == len(both.model.samples)
    both.seal(0)
    while both.send(both.spool.delivered):
        pass
    both.restart(0)
    assert both.spool.next_batch(NOW_MS) is None
    assert both.spool.seal(NOW_MS, urgent=False) == 0
