"""A spool on a disk that is full, read-only, failing or damaged: nothing acked is lost, and it recovers by itself."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.gateway.recorded_disk import MemoryDisk, Operation, RecordedDisk, certain
from tests.gateway.samples import sealed, sequences
from tests.gateway.spool_story import BIRTH, NOW_MS, row

from aircue_gateway.batch import Loss
from aircue_gateway.report import status
from aircue_gateway.spool.disk import SpoolError, Trouble
from aircue_gateway.spool.segments import file_name
from aircue_gateway.spool.spool import FOLDER, Limits, Spool, SpoolUnavailable
from aircue_gateway.window import Window

SMALL = Limits(segment=4096)


class FaultyDisk(RecordedDisk):
    """fails: verbs that fail, and with which error. A sync that fails forgets what it should have kept, as a kernel
    does: to sync again is no help."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: dict[str, int] = {}

    def _may(self, verb: str) -> None:
        if verb in self.fails:
            raise OSError(self.fails[verb], os.strerror(self.fails[verb]))

    def create(self, name: str, size: int) -> None:
        self._may("create")
        super().create(name, size)

    def write(self, name: str, offset: int, data: bytes) -> None:
        self._may("write")
        super().write(name, offset, data)

    def sync(self, name: str) -> None:
        if "sync" in self.fails:
            self._forget(self._names[name])
        self._may("sync")
        super().sync(name)

    def _forget(self, number: int) -> None:
        synced = [at for at, one in enumerate(self.operations) if one == Operation("sync", number)]
        last = synced[-1] if synced else -1
        self.operations = [
            one
            for at, one in enumerate(self.operations)
            if at <= last or one.file != number or one.verb not in ("write", "truncate")
        ]

    def rename(self, old: str, new: str) -> None:
        self._may("rename")
        super().rename(old, new)

    def sync_names(self) -> None:
        self._may("sync_names")
        super().sync_names()

    def after_a_power_cut(self) -> MemoryDisk:
        """What it holds for certain."""
        return certain(self.operations)


def window(*numbers: int) -> Window:
    return Window(samples=[row(number) for number in numbers])


@pytest.fixture
def disk() -> FaultyDisk:
    return FaultyDisk()


@pytest.fixture
def spool(disk: FaultyDisk) -> Iterator[Spool]:
    one = Spool.on(disk, "gw-1", NOW_MS, SMALL)
    one.commit(Window(births=[BIRTH]))
    yield one
    one.close()


def left_after_a_power_cut(disk: FaultyDisk) -> list[int]:
    spool = Spool.on(disk.after_a_power_cut(), "gw-1", NOW_MS, SMALL)
    spool.seal(NOW_MS, urgent=False)
    return sorted(sequences(sealed(spool)))


@pytest.mark.parametrize(
    ("verb", "number", "trouble"),
    [
        ("write", errno.ENOSPC, Trouble.DISK_FULL),
        ("write", errno.EROFS, Trouble.READ_ONLY),
        ("write", errno.EIO, Trouble.FAILING),
        ("sync", errno.EIO, Trouble.FAILING),
    ],
)
def test_a_commit_that_the_disk_refuses_is_refused_and_later_taken(
    spool: Spool, disk: FaultyDisk, verb: str, number: int, trouble: Trouble
) -> None:
    spool.commit(window(1, 2))
    disk.fails = {verb: number}
    for _ in range(3):
        with pytest.raises(SpoolUnavailable, match=f"{trouble.value.replace('_', ' ')}. Remedy: "):
            spool.commit(window(3, 4))
    assert (spool.state.name, spool.state.since_ms > 0) == (trouble.value, True)
    disk.fails = {}
    spool.commit(window(3, 4))
    spool.commit(window(5))
    assert spool.state.name == "ok"
    assert left_after_a_power_cut(disk) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("verb", ["create", "rename", "sync_names"])
def test_a_segment_that_cannot_be_begun_is_begun_later(spool: Spool, disk: FaultyDisk, verb: str) -> None:
    disk.fails, taken = {verb: errno.ENOSPC}, 0
    with suppress(SpoolUnavailable):
        for number in range(1, 500):
            spool.commit(window(number))
            taken = number
    assert (spool.state.name, 5 < taken < 499) == ("disk_full", True)
    disk.fails = {}
    for number in range(taken + 1, taken + 60):
        spool.commit(window(number))
    assert left_after_a_power_cut(disk) == list(range(1, taken + 60))


def test_batches_leave_a_disk_that_takes_nothing_and_their_delivery_is_written_down_later(
    spool: Spool, disk: FaultyDisk
) -> None:
    for number in (1, 2):
        spool.commit(window(number))
        spool.seal(NOW_MS, urgent=False)
    disk.fails = {"write": errno.EROFS}
    for expected in (2, 1):
        ready = spool.next_batch(NOW_MS)
        assert ready is not None
        assert ready.sequence == expected
        with pytest.raises(SpoolUnavailable):
            spool.delivered(expected)
    assert spool.next_batch(NOW_MS) is None
    disk.fails = {}
    spool.commit(window(3))
    assert left_after_a_power_cut(disk) == [3]


def filled(folder: Path) -> Path:
    """A spool of several segments with everything waiting; the newest segment."""
    spool = Spool.open(folder, "gw-1", NOW_MS, SMALL)
    spool.commit(Window(births=[BIRTH]))
    for number in range(1, 201):
        spool.commit(window(number))
    spool.close()
    return max((folder / FOLDER).glob("*.segment"))


def reopened(folder: Path) -> tuple[list[int], list[str]]:
    """The sequences that still leave, and the ids of their batches."""
    spool = Spool.open(folder, "gw-1", NOW_MS, SMALL)
    spool.seal(NOW_MS, urgent=False)
    batches = sealed(spool)
    spool.close()
    return sorted(sequences(batches)), [one.id for one in batches]


def overwrite(file: Path, offset: int, size: int) -> None:
    data = bytearray(file.read_bytes())
    data[offset : offset + size] = b"\xa5" * size
    file.write_bytes(data)


def test_damage_costs_what_it_hit_and_nothing_before_or_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    newest = filled(tmp_path)
    records_end = newest.read_bytes().rstrip(b"\0").__len__()
    overwrite(newest, records_end - 300, 20)
    epoch = status(tmp_path)["epoch"]
    left, _ = reopened(tmp_path)
    assert set(range(1, 201)) - set(left) <= set(range(190, 201))
    assert len(left) in (198, 199)
    assert left[-1] == 200
    found = status(tmp_path)
    assert found["epoch"] != epoch, "a batch whose record is lost may have had the next number"
    assert found["counters"]["spools_set_aside"] == 1
    assert "event=spool_damaged" in caplog.text
    assert len(list((tmp_path / FOLDER).glob("*.broken-*"))) == 1


def test_a_damaged_checkpoint_costs_nothing(tmp_path: Path) -> None:
    """The segment before it is kept for that."""
    overwrite(filled(tmp_path), 30, 20)
    assert reopened(tmp_path)[0] == list(range(1, 201))
    assert status(tmp_path)["counters"]["spools_set_aside"] == 1


def test_a_spool_of_which_nothing_can_be_read_is_kept_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    epoch = status(tmp_path)["epoch"]
    for file in (tmp_path / FOLDER).glob("*.segment"):
        file.write_bytes(b"no segment at all" * 100)
    spool = Spool.open(tmp_path, "gw-1", NOW_MS)
    spool.commit(Window(births=[BIRTH]))
    spool.close()
    assert status(tmp_path)["epoch"] != epoch
    assert status(tmp_path)["counters"]["spools_set_aside"] == 1
    assert list((tmp_path / FOLDER).glob(f"*.broken-{NOW_MS}"))
    assert "event=spool_set_aside" in caplog.text


def test_a_torn_tail_is_no_damage(tmp_path: Path) -> None:
    newest = filled(tmp_path)
    data = newest.read_bytes()
    end = len(data.rstrip(b"\0"))
    newest.write_bytes(data[: end - 7] + bytes(len(data) - end + 7))
    assert reopened(tmp_path)[0] == list(range(1, 200))
    assert status(tmp_path)["counters"]["spools_set_aside"] == 0


def test_a_spool_of_another_version_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aircue_gateway.spool.book.VERSION", 9)
    filled(tmp_path)
    monkeypatch.undo()
    with pytest.raises(SpoolError, match="has version 9, this gateway reads 2"):
        Spool.open(tmp_path, "gw-1", NOW_MS)
    assert list((tmp_path / FOLDER).glob("*.broken-*")) == []


def test_a_full_spool_keeps_its_bounds_and_counts_exactly_what_it_gave_up() -> None:
    limits, disk = Limits(segments=30_000, segment=8192), MemoryDisk()
    spool = Spool.on(disk, "gw-1", NOW_MS, limits)
    spool.commit(Window(births=[BIRTH]))
    for number in range(0, 3000, 20):
        spool.commit(window(*range(number + 1, number + 21)))
        spool.seal(NOW_MS, urgent=False)
    on_disk = sum(map(disk.size, disk.names()))
    assert on_disk <= limits.segments + 2 * max(spool._store.log.sizes.values())
    spool.seal(NOW_MS, urgent=False)
    batches = sealed(spool)
    losses: list[Loss] = [loss for one in batches for loss in one.losses]
    counters = spool._book.counters
    kept = sequences(batches)
    assert len(kept) == len(set(kept))
    assert len(kept) + sum(loss.samples for loss in losses) == 3000
    assert all(loss.where == "gateway" for loss in losses)
    assert counters["samples_thinned"] > 0
    assert sum(loss.samples for loss in losses) == counters["samples_thinned"] + counters["samples_dropped"]


def test_a_clock_that_jumps_by_years_changes_no_order(tmp_path: Path) -> None:
    years_ms = 10 * 365 * 86_400_000
    spool = Spool.open(tmp_path, "gw-1", NOW_MS)
    spool.commit(Window(births=[BIRTH]))
    for number, now_ms in enumerate((NOW_MS, NOW_MS - years_ms, NOW_MS + years_ms, NOW_MS), start=1):
        spool.commit(window(number))
        spool.seal(now_ms, urgent=False)
    assert sequences(sealed(spool)) == [1, 2, 3, 4]
    spool.close()


def mounted(folder: Path, options: str) -> bool:
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.system
def test_a_real_full_and_a_real_read_only_disk_are_told_apart_and_recovered_from(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    if not mounted(folder, "size=3m"):
        pytest.skip("runs as root, where a tmpfs may be mounted")
    try:
        spool = Spool.open(folder, "gw-1", NOW_MS, Limits(segment=1024 * 1024))
        spool.commit(Window(births=[BIRTH]))
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(os.statvfs(folder).f_bavail * 4096))
        number = 0
        with suppress(SpoolUnavailable):
            while True:
                spool.commit(window(*range(number + 1, number + 5001)))
                number += 5000
        assert spool.state.name == "disk_full"
        ballast.unlink()
        spool.commit(window(*range(number + 1, number + 5001)))
        assert spool.state.name == "ok"
        spool.close()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        spool = Spool.open(folder, "gw-1", NOW_MS)
        with pytest.raises(SpoolUnavailable, match="read only"):
            spool.commit(window(number + 5001))
        assert spool.state.name == "read_only"
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        spool.commit(window(number + 5001))
        spool.seal(NOW_MS, urgent=False)
        assert len(sequences(sealed(spool))) == number + 5001
        spool.close()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_name_of_a_segment_is_its_number() -> None:
    assert file_name(12) == "0000000012.segment"
