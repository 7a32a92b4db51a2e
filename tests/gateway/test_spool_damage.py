"""A spool of which the disk damaged a part: every sample that was acked still leaves, or is declared, or is counted."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.samples import BOOT, NODE, STREAM, birth, message, sealed, sequences
from tests.gateway.spool_story import BIRTH, NOW_MS, row

from aircue_gateway.batch import Batch
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intake import Intake
from aircue_gateway.intervals import Intervals
from aircue_gateway.ledger import Count
from aircue_gateway.report import status
from aircue_gateway.spool.records import Kind, Record, scan
from aircue_gateway.spool.segments import contents, file_name, segments
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.window import BirthRow, StreamRow, Window

LIMITS = Limits(segment=4096)


class Life:
    """A spool with one stream, told as the intake tells it. acked: what the node was told."""

    def __init__(self) -> None:
        self.disk = MemoryDisk()
        self.acked = 0
        self.restart()
        self.spool.commit(Window(births=[BIRTH]))

    def restart(self) -> None:
        self.spool = Spool.on(self.disk, "gw-1", NOW_MS, LIMITS)

    def commit(self, count: int) -> None:
        numbers = range(self.acked + 1, self.acked + count + 1)
        self.acked += count
        arrived = StreamRow(ranges=((1, self.acked),), offset_ms=NOW_MS, known=True)
        self.spool.commit(Window(samples=[row(number) for number in numbers], streams={STREAM: arrived}))

    def seal(self) -> int:
        return self.spool.seal(NOW_MS, urgent=False)

    def records(self, kind: Kind) -> list[tuple[int, Record]]:
        """(segment, record), in order."""
        found = [(number, scan(contents(self.disk, number), number)) for number in segments(self.disk)]
        return [(number, record) for number, records in found for record in records if record.kind == kind]

    def damage(self, kind: Kind, index: int) -> None:
        """The end of one record of a kind."""
        self._spoil(*self.records(kind)[index])

    def damage_any(self, random: Random) -> None:
        """One that has another behind it."""
        found = sorted((one for kind in Kind for one in self.records(kind)), key=lambda one: one[1].serial)
        if kept := [one for one in found[:-1] if one[1].kind != Kind.CHECKPOINT]:
            self._spoil(*random.choice(kept))

    def _spoil(self, number: int, record: Record) -> None:
        tail = contents(self.disk, number)[record.end - 4 : record.end]
        self.disk.write(file_name(number), record.end - 4, bytes(one ^ 0x5A for one in tail))

    def count(self, name: Count) -> int:
        return self.spool.book.counters[name]


def lost(batches: list[Batch]) -> list[tuple[int, int, int, str]]:
    return [(one.first, one.last, one.samples, one.where) for found in batches for one in found.losses]


def test_samples_of_a_damaged_record_are_declared_as_lost_where_a_later_record_tells_of_them() -> None:
    life = Life()
    for _ in range(5):
        life.commit(4)
    life.damage(Kind.WINDOW, 3)  # after the birth's: samples 9 to 12
    life.restart()
    life.seal()
    batches = sealed(life.spool)
    assert sequences(batches) == [*range(1, 9), *range(13, 21)]
    assert lost(batches) == [(9, 12, 4, "gateway")]
    assert (life.count(Count.SAMPLES_UNREADABLE), life.count(Count.SAMPLES_UNDECLARED)) == (4, 0)
    assert life.count(Count.RECORDS_UNREADABLE) == 1


def test_a_loss_by_damage_is_declared_once_whenever_the_gateway_is_restarted() -> None:
    life = Life()
    for _ in range(5):
        life.commit(4)
    life.damage(Kind.WINDOW, 3)
    for _ in range(3):
        life.restart()
    life.commit(4)
    life.restart()
    life.seal()
    assert lost(sealed(life.spool)) == [(9, 12, 4, "gateway")]


def test_damage_to_what_is_in_a_batch_already_loses_nothing() -> None:
    life = Life()
    for _ in range(3):
        life.commit(4)
    life.seal()
    life.commit(4)
    life.damage(Kind.WINDOW, 2)
    life.restart()
    life.seal()
    batches = sealed(life.spool)
    assert (sequences(batches), lost(batches)) == (list(range(1, 17)), [])
    assert life.spool.book.waiting_samples == 0
    assert (life.count(Count.SAMPLES_UNREADABLE), life.count(Count.RECORDS_UNREADABLE)) == (0, 1)


def test_damage_found_by_a_running_gateway_is_declared_with_the_next_batch() -> None:
    life = Life()
    for _ in range(5):
        life.commit(4)
    life.damage(Kind.WINDOW, 1)
    life.seal()
    life.seal()
    batches = sealed(life.spool)
    assert (sequences(batches), lost(batches)) == (list(range(5, 21)), [(1, 4, 4, "gateway")])
    assert life.spool.book.waiting_samples == 0


def test_what_only_a_damaged_record_knew_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of that stream came after it, so nobody can say which samples they were."""
    life = Life()
    life.commit(4)
    life.commit(4)
    life.spool.put_rules('{"version": "1", "rules": []}')
    life.damage(Kind.WINDOW, 2)
    life.restart()
    life.seal()
    assert lost(sealed(life.spool)) == []
    assert life.count(Count.RECORDS_UNREADABLE) == 1
    assert "nobody can say which samples they had" in caplog.text


def test_a_batch_that_the_disk_damaged_is_counted_by_its_samples() -> None:
    life = Life()
    life.commit(7)
    life.seal()
    life.damage(Kind.SEALED, 0)
    assert life.spool.next_batch(NOW_MS) is None
    assert life.count(Count.BATCHES_UNREADABLE) == 1
    assert (life.count(Count.SAMPLES_UNREADABLE), life.count(Count.SAMPLES_UNDECLARED)) == (7, 7)


def test_samples_whose_birth_was_damaged_are_declared_and_hold_nothing_up() -> None:
    life = Life()
    life.commit(3)
    life.damage(Kind.WINDOW, 0)
    life.restart()
    assert life.spool.load().births == ()
    life.seal()
    assert lost(sealed(life.spool)) == [(1, 3, 3, "gateway")]


def test_a_new_birth_is_never_taken_for_one_that_was_damaged() -> None:
    life = Life()
    other = BirthRow(id=2, site=NODE.site, node="attic", installation=1, boot=1, channels=BIRTH.channels)
    life.spool.commit(Window(births=[other]))
    life.commit(1)
    life.damage(Kind.WINDOW, 1)
    life.restart()
    intake = Intake(CleaningConfig(), life.spool.load())
    intake.take(message("birth", birth(boot=BOOT + 1)), NOW_MS)
    assert intake.swap().births[0].id > 1000


def test_status_tells_what_the_disk_damaged(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, "gw-1", NOW_MS)
    spool.commit(Window(births=[BIRTH]))
    spool.commit(Window(samples=[row(1), row(2)]))
    spool.seal(NOW_MS, urgent=False)
    spool._store.note(unreadable=1)
    spool.close()
    losses = status(tmp_path)["losses"]
    assert (losses["unreadable"], losses["undeclared"]) == (2, 2)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["seal", "send", "restart"]), st.just(0)),
        st.tuples(st.just("damage"), st.integers(0, 2**16)),
    ),
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_whatever_is_damaged_each_acked_sample_leaves_or_is_declared_or_a_count_says_that_some_are_missing(
    steps: list[tuple[str, int]],
) -> None:
    """And where one record is damaged none is declared that leaves. What is damaged has a whole record behind it:
    without one it could as well be a write that never ended, which was not acked."""
    life, sent = Life(), []
    for verb, argument in steps:
        if verb == "commit":
            life.commit(argument)
        elif verb == "seal":
            life.seal()
        elif verb == "send":
            sent += sealed(life.spool)
        elif verb == "restart":
            life.restart()
        else:
            life.damage_any(Random(argument))
            life.restart()
    life.seal()
    sent += sealed(life.spool)
    came = set(sequences(sent))
    declared = lost(sent)
    known = Intervals(life.spool.load().streams[STREAM].ranges if STREAM in life.spool.load().streams else ())
    missing = [number for first, last in known for number in range(first, last + 1) if number not in came]
    if [verb for verb, _ in steps].count("damage") < 2:
        assert sum(samples for _, _, samples, _ in declared) <= len(missing)
    told = sum(samples for _, _, samples, _ in declared) + life.count(Count.SAMPLES_UNDECLARED)
    assert told >= len(missing) or life.count(Count.RECORDS_UNREADABLE) or life.count(Count.SPOOLS_SET_ASIDE)
    if set(range(1, life.acked + 1)) - came:
        counts = (Count.SAMPLES_UNREADABLE, Count.RECORDS_UNREADABLE, Count.SPOOLS_SET_ASIDE)
        assert any(life.count(name) for name in counts)
