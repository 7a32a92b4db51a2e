"""The journal against a model: whatever happens in whatever order, each sample is waiting, acked, in the loss ledger,
or was in RAM alone when the power went. Here the power goes between two calls; test_journal_power_cut.py cuts within.
"""

import os
import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aircue_node.journal import Journal

WIDTH = 8
CAPACITY = 24
BLOCK = 4096
MOST_BYTES = 8 * BLOCK
INTERVAL_MS = 30_000
LIMIT = 12
Key = tuple[int, int]
Sample = tuple[int, int, int, list[int | None]]


def values(boot: int, sequence: int) -> list[int | None]:
    """Large and unlike each other, so that few samples fill a segment; gaps among them."""
    draw = random.Random(f"{boot}/{sequence}")
    return [None if draw.random() < 0.1 else draw.randrange(-(2**31) + 1, 2**31) for _ in range(WIDTH)]


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 0
        self.boot = 0
        self.epoch_ms: dict[int, int] = {}
        self.taken: dict[Key, Sample] = {}
        self.acked: set[Key] = set()
        self.cut_off: set[Key] = set()
        self.on_way: set[Key] = set()
        self.handed: set[Key] = set()
        self.uncounted = 0
        self.moved = False
        self.start()

    def start(self) -> None:
        self.boot += 1
        self.sequence = 0
        self.journal = Journal(self.boot, CAPACITY, WIDTH)
        boot = self.boot
        self.journal.mount(str(self.folder / "journal"), MOST_BYTES, lambda: b"birth of %d" % boot)
        self.on_way, self.handed = set(), set()

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            shutil.rmtree(self.folder)

    def declared(self) -> int:
        return sum(samples for *_, samples in self.journal.loss)

    def is_cut_off(self, key: Key) -> bool:
        return key in self.cut_off

    @rule(count=st.integers(1, 60))
    def take_samples(self, count: int) -> None:
        for _ in range(count):
            self.take_sample()

    @rule(count=st.integers(100, 400))
    def be_offline_for_long(self, count: int) -> None:
        self.journal.expire(2**60)
        self.on_way = set()
        self.take_samples(count)

    def take_sample(self) -> None:
        self.sequence += 1
        uptime_ms = self.sequence * INTERVAL_MS + self.sequence % 3
        epoch_ms = self.epoch_ms.get(self.boot)
        epoch_s = 0 if epoch_ms is None else (epoch_ms + uptime_ms) // 1000
        sample = (self.sequence, uptime_ms, epoch_s, values(self.boot, self.sequence))
        self.taken[self.boot, self.sequence] = sample
        self.journal.append(sample)
        self.journal.flush(uptime_ms)

    @rule()
    def learn_the_time(self) -> None:
        self.epoch_ms.setdefault(self.boot, 1_700_000_000_000 + self.boot)
        self.journal.date(self.epoch_ms[self.boot])

    @rule()
    def begin_a_session(self) -> None:
        self.journal.start_session()
        self.journal.flush(self.sequence * INTERVAL_MS)
        self.on_way, self.handed = set(), set()

    @rule()
    def lose_the_connection(self) -> None:
        self.journal.end_session()
        self.journal.flush(self.sequence * INTERVAL_MS)
        self.on_way = set()

    @rule(count=st.integers(1, 30))
    def send_live(self, count: int) -> None:
        for _ in range(count):
            sample = self.journal.take_live(self.now)
            if sample is None:
                return
            self.receive(self.boot, [sample], False)

    @rule(count=st.integers(1, 20))
    def send_backlog(self, count: int) -> None:
        for _ in range(count):
            boot, samples, again = self.journal.take_backlog(LIMIT, self.now)
            assert len(samples) <= LIMIT
            self.receive(boot, samples, again)

    def receive(self, boot: int, samples: list[Sample], again: bool) -> None:
        for sample in samples:
            key = (boot, sample[0])
            self.check_content(boot, sample)
            assert key not in self.on_way, "sent twice while the first was on its way"
            assert again or key not in self.handed, "sent twice in a session and not said so"
            self.on_way.add(key)
            self.handed.add(key)
        if samples and boot != self.boot:
            assert self.journal.birth_of(boot) == b"birth of %d" % boot

    def check_content(self, boot: int, sample: Sample) -> None:
        sequence, uptime_ms, epoch_s, held = self.taken[boot, sample[0]]
        assert (sequence, uptime_ms, held) == (sample[0], sample[1], sample[3])
        dated = (self.epoch_ms[boot] + uptime_ms) // 1000 if boot in self.epoch_ms else 0
        assert sample[2] in ((epoch_s, dated) if boot == self.boot else (epoch_s or dated,))

    @rule(share=st.floats(0.1, 1), seed=st.integers(0, 9))
    def ack(self, share: float, seed: int) -> None:
        """The gateway acks some of what it was sent in this session and the node still counts on."""
        keys = sorted(self.on_way)
        chosen = random.Random(seed).sample(keys, int(len(keys) * share))
        before = len(self.journal)
        for boot in {boot for boot, _ in chosen}:
            self.journal.ack(boot, [(n, n) for of, n in chosen if of == boot])
        if not self.moved:
            assert len(self.journal) == before - len(chosen)
        self.acked |= set(chosen)
        self.on_way -= set(chosen)

    @rule()
    def expire(self) -> None:
        self.now += 1
        self.journal.expire(self.now)
        self.journal.flush(self.sequence * INTERVAL_MS)
        self.on_way = set()

    @rule()
    def flush_everything(self) -> None:
        """A deliberate reset: what is on its way is stored as well, and an ack for it comes too late."""
        self.on_way -= self.in_ram()
        self.journal.flush(self.sequence * INTERVAL_MS, everything=True)
        assert self.journal.at_risk == 0 or self.journal._failing
        self.moved = True

    @rule()
    def cut_the_power(self) -> None:
        waiting, declared = len(self.journal), self.declared()
        at_risk = self.journal.at_risk // WIDTH
        failing = self.journal._failing
        self.cut_off |= self.in_ram()
        self.moved = True
        self.start()
        assert len(self.journal) >= waiting - at_risk
        assert self.declared() == declared or failing
        self.uncounted += declared - self.declared()

    def in_ram(self) -> set[Key]:
        ring = self.journal._ring
        return {(self.boot, ring.sequence(index)) for index in range(len(ring))}

    @precondition(lambda self: not self.on_way)
    @rule()
    def reset_deliberately(self) -> None:
        self.journal.flush(self.sequence * INTERVAL_MS, everything=True)
        if self.journal._failing:
            return
        waiting, declared = len(self.journal), self.declared()
        self.moved = True
        self.start()
        assert len(self.journal) >= waiting
        assert self.declared() == declared

    @invariant()
    def the_bound_in_bytes_holds(self) -> None:
        files = list((self.folder / "journal").iterdir())
        tiny = [file for file in files if file.name in ("cursor", "ledger") or file.suffix == ".clock"]
        blocks = len(files) - len(tiny) + 2
        assert blocks <= MOST_BYTES // BLOCK
        assert all(file.stat().st_size <= BLOCK for file in files)

    @invariant()
    def what_waits_at_risk_is_bounded(self) -> None:
        ring = self.journal._ring
        waiting = sum(not ring.sent(index) for index in range(len(ring)))
        assert waiting * WIDTH <= 48 or self.journal._failing
        assert self.journal.at_risk <= 48 + 96 or self.journal._failing

    def drain(self) -> None:
        """Everything that waits is sent and acked; then nothing is missing that nobody counted."""
        self.begin_a_session()
        found: set[Key] = set()
        while True:
            boot, samples, again = self.journal.take_backlog(LIMIT, self.now)
            if not samples:
                break
            self.receive(boot, samples, again)
            keys = [(boot, sample[0]) for sample in samples]
            assert not found & set(keys)
            found |= set(keys)
            self.journal.ack(boot, [(n, n) for _, n in keys])
            self.on_way -= set(keys)
        assert len(self.journal) == 0
        missing = set(self.taken) - found - self.acked
        assert len(missing - self.cut_off) - self.uncounted <= self.declared() <= len(set(self.taken) - found)
        if not self.moved:
            assert self.declared() == len(missing)
        if not self.uncounted and len(self.journal.loss) < 12:
            assert all(self.named(*key) for key in missing - self.cut_off)

    def named(self, boot: int, sequence: int) -> bool:
        return any(row[0] == boot and row[1] <= sequence <= row[2] for row in self.journal.loss)


TestJournal = JournalMachine.TestCase
TestJournal.settings = settings(
    max_examples=60 if os.environ.get("CI") else 25,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes where each step stores hundreds
)
