"""The life of a journal through three boots, and what must be true of its folder wherever the power goes in it.

Runs on CPython and in MicroPython. It fills its flash and thins, sends, gets acks in and out of order, writes ledger,
cursor, births and clocks, and starts anew.
"""

from aircue_node.journal import Journal

WIDTH = 8
CAPACITY = 24
MOST_BYTES = 8 * 4096
EPOCH_MS = 1_700_000_000_000
# Samples acked since the cursor was written, and what a window holds.
MOST_BACK_AGAIN = 100 + 16 * 12


def values(boot, sequence):
    """Unlike each other, so that few samples fill a segment; some are gaps."""
    state, found = boot * 7919 + sequence * 104729, []
    for _ in range(WIDTH):
        state = (state * 1103515245 + 12345) % 2**31
        found.append(None if state % 11 == 0 else state - 2**30)
    return found


def birth(boot):
    return b'{"birth":%d,"quantities":"' % boot + b"x" * 600 + b'"}'


class Checkpoint:
    """What holds once the storage has made this many operations. dated: boots whose every sample has a time."""

    def __init__(self, position, stored, acked, declared, dated):
        self.position = position
        self.stored = stored
        self.acked = acked
        self.declared = declared
        self.dated = dated


class Story:
    """position(): how many operations the storage has made. taken: every sample by (boot, sequence)."""

    def __init__(self, folder, position):
        self.folder = folder
        self.taken = {}
        self.checkpoints = []
        self._position = position
        self._stored = set()
        self._acked = set()
        self._dated = set()
        self._on_way = []
        self._boot = 0

    def tell(self):
        self._start()
        self._take(40)
        self._date()
        self._take(420)
        self._send(3, 2)
        self._start()
        self._take(20)
        self._send(4, 4)
        self._take(30)
        self._date()
        self._take(280)
        self._send(12, 9)
        self._start()
        self._send(30, 27)
        self._take(10)
        self._send(200, 200)
        self._take(14)

    def _start(self):
        """A boot; what was in RAM is gone."""
        self._boot += 1
        self._sequence = 0
        self._epoch_ms = None
        self.journal = Journal(self._boot, CAPACITY, WIDTH)
        self.journal.mount(self.folder, MOST_BYTES, lambda: birth(self._boot))
        self._on_way = []
        self._note()

    def _take(self, count):
        for _ in range(count):
            self._sequence += 1
            uptime_ms = self._sequence * 30_000
            epoch_s = 0 if self._epoch_ms is None else (self._epoch_ms + uptime_ms) // 1000
            sample = (self._sequence, uptime_ms, epoch_s, values(self._boot, self._sequence))
            self.taken[(self._boot, self._sequence)] = sample
            self.journal.append(sample)
            self.journal.flush(uptime_ms)
            self._note()

    def _date(self):
        self._epoch_ms = EPOCH_MS + self._boot
        self.journal.date(self._epoch_ms)
        self._dated.add(self._boot)
        self._note()

    def _send(self, batches, acks):
        """A session: so many messages, of which so many are acked, the second before the first."""
        self.journal.start_session()
        sent = []
        for _ in range(batches):
            boot, samples, _ = self.journal.take_backlog(12, 0)
            if samples:
                sent.append((boot, [sample[0] for sample in samples]))
            if len(sent) == 2:
                self._ack(sent.pop(1))
                acks -= 1
            elif len(sent) == 1 and acks > 1:
                self._ack(sent.pop(0))
                acks -= 1

    def _ack(self, message):
        boot, sequences = message
        self.journal.ack(boot, [(n, n) for n in sequences])
        self._acked |= {(boot, n) for n in sequences}
        self._note()

    def _note(self):
        ring = self.journal._ring
        held = {(self._boot, ring.sequence(index)) for index in range(len(ring))}
        here = {(self._boot, n) for n in range(1, self._sequence + 1)}
        self._stored |= here - held - self._acked
        declared = sum([row[3] for row in self.journal.loss])
        self.checkpoints.append(
            Checkpoint(self._position(), set(self._stored), set(self._acked), declared, set(self._dated))
        )


class Found:
    """What a node finds in a folder when it starts after the power cut."""

    def __init__(self, folder):
        journal = Journal(99, 4, WIDTH)
        journal.mount(folder, MOST_BYTES)
        self.waiting = len(journal)
        self.loss = journal.loss
        self.declared = sum([row[3] for row in self.loss])
        self.samples = {}
        self.births = {}
        self.twice = False
        journal.start_session()
        while True:
            boot, samples, _ = journal.take_backlog(12, 0)
            if not samples:
                break
            self.births[boot] = journal.birth_of(boot)
            for sample in samples:
                self.twice = self.twice or (boot, sample[0]) in self.samples
                self.samples[(boot, sample[0])] = sample
            journal.ack(boot, [(sample[0], sample[0]) for sample in samples])
        self.left = len(journal)


def complaints(story, before, after, found):
    """What is wrong with what was found. The power went after everything of the checkpoint before, within the step that
    leads to the one after."""
    missing = before.stored - after.acked - set(found.samples)
    checks = (
        (found.left or found.waiting != len(found.samples) or found.twice, "it counts wrong or gives samples twice"),
        (len(missing) > found.declared, f"{len(missing)} samples missing, {found.declared} declared"),
        (not all(_named(key, found.loss) for key in missing), "a missing sample is in no row of the ledger"),
        (not before.declared <= found.declared <= after.declared, "the ledger is not of before nor after"),
        (not set(found.samples) <= after.stored, "samples that nobody stored"),
        (len(before.acked & set(found.samples)) > MOST_BACK_AGAIN, "too many samples come back that were acked"),
        (not all(_same(story, key, found.samples[key], before) for key in found.samples), "a sample has changed"),
        (not all(found.births[boot] == birth(boot) for boot in found.births), "a boot's birth is missing"),
    )
    return [text for wrong, text in checks if wrong]


def _named(key, loss):
    return any(boot == key[0] and first <= key[1] <= last for boot, first, last, _ in loss)


def _same(story, key, sample, before):
    sequence, uptime_ms, epoch_s, held = story.taken[key]
    dated = (EPOCH_MS + key[0] + uptime_ms) // 1000
    times = (dated,) if epoch_s or key[0] in before.dated else (0, dated)
    return (sample[0], sample[1], sample[3]) == (sequence, uptime_ms, held) and sample[2] in times
