"""The journal and its folder: what reaches flash and when, and what it makes of a folder that is not as it left it."""

from itertools import pairwise
from pathlib import Path

import pytest

from aircue_node import segments
from aircue_node.journal import Journal
from aircue_node.ledger import Ledger

MOST_BYTES = 64 * 4096
INTERVAL_MS = 30_000
Sample = tuple[int, int, int, list[int | None]]


def sample(sequence: int, width: int = 2, epoch_s: int = 0) -> Sample:
    return sequence, sequence * INTERVAL_MS, epoch_s, [sequence + index for index in range(width)]


def opened(folder: Path, boot: int = 1, width: int = 2, capacity: int = 120) -> Journal:
    journal = Journal(boot, capacity, width)
    journal.mount(str(folder), MOST_BYTES, lambda: b"birth of %d" % boot)
    return journal


def take(journal: Journal, first: int, last: int, width: int = 2) -> None:
    for sequence in range(first, last + 1):
        journal.append(sample(sequence, width))
        journal.flush(sequence * INTERVAL_MS)


def names(folder: Path, kind: str = "") -> list[str]:
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(kind))


def drained(journal: Journal) -> list[Sample]:
    """What waits, all acked."""
    journal.start_session()
    found: list[Sample] = []
    while True:
        boot, samples, _ = journal.take_backlog(12, 0)
        if not samples:
            return found
        found += samples
        journal.ack(boot, [(row[0], row[0]) for row in samples])


def test_what_is_acked_soon_never_touches_the_flash(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for sequence in range(1, 500):
        take(journal, sequence, sequence)
        assert journal.take_live(0) == sample(sequence)
        journal.ack(1, [(sequence, sequence)])
    assert names(tmp_path) == []


def test_of_what_is_in_ram_alone_only_so_much_is_on_its_way_at_once(tmp_path: Path) -> None:
    journal = opened(tmp_path, width=32)
    for sequence in range(1, 10):
        journal.append(sample(sequence, 32))
    assert [journal.take_live(0) is None for _ in range(4)] == [False, False, False, True]
    assert journal.take_backlog(9, 0) == (1, [], False)
    journal.ack(1, [(1, 2)])
    assert [journal.take_live(0) is None for _ in range(3)] == [False, False, True]
    journal.end_session()
    assert [row[0] for row in journal.take_backlog(9, 0)[1]] == [3, 4, 5]


def test_of_the_backlog_in_ram_too_only_so_much_is_on_its_way_at_once(tmp_path: Path) -> None:
    journal = opened(tmp_path, width=32)
    for sequence in range(1, 10):
        journal.append(sample(sequence, 32))
    journal.start_session()
    assert [row[0] for row in journal.take_backlog(9, 0)[1]] == [1, 2, 3]
    assert journal.take_backlog(9, 0)[1] == []


def test_a_boot_that_stored_nothing_writes_no_clock(tmp_path: Path) -> None:
    opened(tmp_path).date(1_700_000_000_000)
    assert names(tmp_path) == []


def test_a_boot_that_went_on_after_a_sleep_writes_its_clock_once(tmp_path: Path) -> None:
    take(opened(tmp_path), 1, 30)
    opened(tmp_path).date(1_700_000_000_000)
    assert names(tmp_path, ".clock") == ["1.clock"]
    written = (tmp_path / "1.clock").read_bytes()
    opened(tmp_path).date(1_700_000_009_000)
    assert (tmp_path / "1.clock").read_bytes() == written


def test_a_sample_wider_than_what_may_be_on_its_way_goes_all_the_same(tmp_path: Path) -> None:
    journal = opened(tmp_path, width=100)
    for sequence in (1, 2):
        journal.append(sample(sequence, 100))
    assert [journal.take_live(0) is None for _ in range(2)] == [False, True]


def test_what_is_on_flash_goes_whatever_is_on_its_way_from_there(tmp_path: Path) -> None:
    journal = opened(tmp_path, width=8)
    take(journal, 1, 60, width=8)
    journal.start_session()
    assert [len(journal.take_backlog(12, 0)[1]) for _ in range(5)] == [12] * 5


def test_what_waits_is_stored_once_it_makes_48_readings(tmp_path: Path) -> None:
    journal = opened(tmp_path, width=8)
    take(journal, 1, 5, width=8)
    assert (names(tmp_path), journal.at_risk) == ([], 40)
    take(journal, 6, 6, width=8)
    assert (names(tmp_path), journal.at_risk) == (["1.birth", "1.seg"], 0)
    assert len(journal) == 6


def test_what_waits_for_15_minutes_is_stored(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(sample(1))
    journal.flush(INTERVAL_MS + 899_999)
    assert names(tmp_path) == []
    journal.flush(INTERVAL_MS + 900_000)
    assert names(tmp_path, ".seg") == ["1.seg"]


def test_what_waits_in_a_ring_that_is_nearly_full_is_stored(tmp_path: Path) -> None:
    journal = opened(tmp_path, capacity=4)
    take(journal, 1, 2)
    assert names(tmp_path) == []
    take(journal, 3, 3)
    assert names(tmp_path, ".seg") == ["1.seg"]


def test_what_is_on_its_way_is_stored_only_before_a_reset(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 3)
    journal.take_live(0)
    journal.flush(10**9)
    assert journal.at_risk == 2
    journal.flush(10**9, everything=True)
    assert journal.at_risk == 0
    assert sorted(drained(opened(tmp_path, boot=2))) == [sample(1), sample(2), sample(3)]


def test_what_was_tried_before_is_handed_over_as_such_after_it_was_stored(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 3)
    journal.take_live(0)
    journal.flush(0, everything=True)
    journal.start_session()
    assert journal.take_backlog(12, 0) == (1, [sample(1)], True)
    assert journal.take_backlog(12, 0) == (1, [sample(2), sample(3)], False)


def test_flash_is_handed_over_before_the_ring_and_acked_in_any_order(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 30)
    journal.start_session()
    taken = [journal.take_backlog(12, 0)[1] for _ in range(3)]
    assert [row[0] for rows in taken for row in rows] == list(range(1, 31))
    for rows in reversed(taken):
        journal.ack(1, [(rows[0][0], rows[-1][0])])
    assert len(journal) == 0
    assert names(tmp_path, ".seg") == []


def test_an_expired_batch_comes_again_without_what_was_acked_of_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 24)
    journal.start_session()
    assert journal.take_backlog(12, 1000)[1][0] == sample(1)
    assert journal.take_backlog(12, 2000)[1][0] == sample(13)
    journal.ack(1, [(1, 5)])
    journal.expire(2000)
    assert journal.take_backlog(12, 3000) == (1, [sample(n) for n in range(6, 13)], True)
    assert journal.take_backlog(12, 3000) == (1, [], False)


def test_a_birth_is_there_as_long_as_a_sample_of_its_boot(tmp_path: Path) -> None:
    for boot in (1, 2):
        take(opened(tmp_path, boot), 1, 24)
    journal = opened(tmp_path, boot=3)
    assert [journal.birth_of(boot) for boot in (1, 2, 3)] == [b"birth of 1", b"birth of 2", None]
    journal.start_session()
    for _ in range(2):
        boot, rows, _ = journal.take_backlog(12, 0)
        journal.ack(boot, [(row[0], row[0]) for row in rows])
    assert (journal.birth_of(1), journal.birth_of(2)) == (None, b"birth of 2")


def test_samples_of_an_earlier_boot_get_the_time_that_boot_learnt_later(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 24)
    journal.date(1_700_000_000_500)
    found = drained(opened(tmp_path, boot=2))
    assert found == [sample(n, epoch_s=1_700_000_000 + n * 30) for n in range(1, 25)]


def test_samples_of_a_boot_that_never_knew_the_time_keep_none(tmp_path: Path) -> None:
    take(opened(tmp_path), 1, 24)
    assert {row[2] for row in drained(opened(tmp_path, boot=2))} == {0}


def test_the_cursor_spares_most_of_what_was_acked_after_a_power_cut(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 240)
    journal.start_session()
    for _ in range(15):
        boot, rows, _ = journal.take_backlog(12, 0)
        journal.ack(boot, [(rows[0][0], rows[-1][0])])
    assert len(journal) == 60
    assert 60 <= len(opened(tmp_path, boot=2)) < 60 + 100 + 12


def test_after_a_restart_nothing_is_added_to_an_old_segment(tmp_path: Path) -> None:
    take(opened(tmp_path), 1, 24)
    before = (tmp_path / "1.seg").read_bytes()
    (tmp_path / "1.seg").write_bytes(before + b"\xac\x01 torn")
    take(opened(tmp_path, boot=2), 1, 24)
    assert (tmp_path / "1.seg").read_bytes() == before + b"\xac\x01 torn"
    assert [row[0] for row in drained(opened(tmp_path, boot=3))] == [*range(1, 25), *range(1, 25)]


def test_a_flash_that_cannot_be_written_is_told_once_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is gone for a while: the samples stay in RAM, those past its end are in the ledger."""
    journal, away = opened(tmp_path / "journal", capacity=30), tmp_path / "away"
    (tmp_path / "journal").rename(away)
    take(journal, 1, 40)
    assert journal.loss == [(1, 1, 10, 10)]
    assert capsys.readouterr().out.count("flash cannot be written") == 1
    away.rename(tmp_path / "journal")
    take(journal, 41, 42)
    assert "flash can be written again" in capsys.readouterr().out
    journal.flush(0, everything=True)
    again = opened(tmp_path / "journal", boot=2)
    assert again.loss == journal.loss
    assert [row[0] for row in drained(again)] == list(range(journal.loss[0][3] + 1, 43))


def test_a_full_flash_whose_samples_are_all_on_their_way_keeps_the_count_of_what_ram_drops(tmp_path: Path) -> None:
    """Nothing may be thinned then; the power goes, and the ledger is there."""
    for boot in (1, 2, 3, 4):
        full = Journal(boot, 30, 2)
        full.mount(str(tmp_path), 8 * 4096, lambda: b"birth")
        take(full, 1, 24)
    journal = Journal(5, 30, 2)
    journal.mount(str(tmp_path), 8 * 4096, lambda: b"birth")
    journal.start_session()
    while journal.take_backlog(12, 0)[1]:
        pass
    take(journal, 1, 40)
    dropped = sum(row[3] for row in journal.loss)
    assert dropped > 0
    again = Journal(6, 30, 2)
    again.mount(str(tmp_path), 8 * 4096)
    assert sum(row[3] for row in again.loss) >= dropped - 2, "those of the last minute were not yet stored"


def test_too_few_blocks_leave_the_flash_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(1, 10, 2)
    journal.mount(str(tmp_path), 7 * 4096 + 4095)
    assert "too few" in capsys.readouterr().out
    take(journal, 1, 12)
    assert (names(tmp_path), journal.loss) == ([], [(1, 1, 2, 2)])


def test_foreign_files_are_left_and_half_made_ones_removed(tmp_path: Path) -> None:
    for name in ("notes.txt", "x.seg", "readme", "7.new", "3.birth", "3.clock"):
        (tmp_path / name).write_bytes(b"?")
    opened(tmp_path)
    assert names(tmp_path) == ["notes.txt", "readme", "x.seg"]


def test_a_segment_of_garbage_is_set_aside_and_told_of_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for boot in range(1, 6):
        take(opened(tmp_path, boot), 1, 24)
    for number in (1, 2, 4):
        (tmp_path / f"{number}.seg").write_bytes(b"garbage")
    (tmp_path / "9.seg").write_bytes(b"")
    journal = opened(tmp_path, boot=6)
    assert capsys.readouterr().out.count("is damaged") == 3
    assert names(tmp_path, ".bad") == ["1.bad", "2.bad"]
    assert names(tmp_path, ".seg") == ["3.seg", "5.seg"]
    assert names(tmp_path, ".birth") == ["3.birth", "5.birth"]
    assert len(drained(journal)) == 48


def test_a_changed_byte_costs_the_rest_of_its_segment_alone_and_never_gives_a_wrong_sample(tmp_path: Path) -> None:
    for boot in (1, 2):
        take(opened(tmp_path, boot), 1, 48)
    whole = (tmp_path / "1.seg").read_bytes()
    for at in range(0, len(whole), 5):
        (tmp_path / "1.seg").write_bytes(whole[:at] + bytes((whole[at] ^ 0x40,)) + whole[at + 1 :])
        journal = segments_of(tmp_path)
        rows = [row for number in journal.numbers for row in all_of(journal, number)]
        assert rows[-48:] == [sample(n) for n in range(1, 49)]
        assert rows[:-48] == [sample(n) for n in range(1, len(rows) - 47)]
        assert len(rows) < 96
        (tmp_path / "1.bad").unlink(missing_ok=True)


def segments_of(folder: Path) -> segments.Segments:
    """Mounted, the way a journal does it."""
    found = segments.Segments(str(folder), MOST_BYTES, 9)
    found.mount(Ledger())
    return found


def all_of(found: segments.Segments, number: int) -> list[Sample]:
    rows: list[Sample] = []
    count = found.counts[found.numbers.index(number)]
    while len(rows) < count:
        rows += found.read(number, len(rows), 12)[2]
    return rows


def test_what_becomes_unreadable_while_the_node_runs_is_counted(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    take(journal, 1, 48)
    whole = (tmp_path / "1.seg").read_bytes()
    (tmp_path / "1.seg").write_bytes(whole[:-3])
    found = drained(journal)
    assert 0 < len(found) < 48
    assert len(found) + sum(row[3] for row in journal.loss) == 48
    assert len(journal) == 0


def test_a_full_flash_keeps_samples_from_all_of_the_time_and_counts_the_others(tmp_path: Path) -> None:
    """So much that every second sample goes, and of the oldest more."""
    journal = Journal(1, 120, 8)
    journal.mount(str(tmp_path), 10 * 4096)
    taken = 12_000
    for sequence in range(1, taken + 1):
        values: list[int | None] = [(sequence * 7919 + index * 104729) % 9973 for index in range(8)]
        journal.append((sequence, sequence * INTERVAL_MS, 0, values))
        journal.flush(sequence * INTERVAL_MS)
    lost = sum(row[3] for row in journal.loss)
    found = [row[0] for row in drained(journal)]
    assert len(found) + lost == taken
    assert found == sorted(set(found))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert max(gaps) <= 32, "four thinnings, where segments meet one more"
    assert gaps[-1] == 1
