"""A spool of an older gateway is taken over; one of a newer gateway is left alone, with words that say what to do."""

from typing import Any

import pytest
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.samples import sealed, sequences
from tests.gateway.spool_story import BIRTH, NOW_MS, row

from aircue_gateway.alerts import Episode, Standing
from aircue_gateway.batch import Loss
from aircue_gateway.episodes import Phase
from aircue_gateway.spool import rows
from aircue_gateway.spool.book import VERSION
from aircue_gateway.spool.disk import SpoolError
from aircue_gateway.spool.records import Kind, frame
from aircue_gateway.spool.segments import file_name
from aircue_gateway.spool.spool import Limits, Spool
from aircue_gateway.window import StreamRow, Window

STREAM = [BIRTH.node, BIRTH.installation, BIRTH.boot]
LOSS = Loss(node=BIRTH.node, installation=BIRTH.installation, boot=16, first=3, last=9, samples=7, where="node")
LIMITS = Limits(segment=8192)
# As gateways wrote them before states had episodes and anything told what the filters had learnt.
CHECKPOINT: dict[str, Any] = {
    "version": 2,
    "epoch": "0ld0ld00",
    "next_batch": 5,
    "rules": "",
    "births": [rows.birth_row(BIRTH)],
    "streams": [[*STREAM, [[1, 9]], NOW_MS, 1]],
    "losses": [rows.loss_row(LOSS)],
    "pending": [],
    "thinned": [],
    "states": [["damp-air", BIRTH.node, "firing", 1.0, 900.0, 901.5, 85.5]],
    "retained": {},
    "counters": {"samples_stored": 9, "batches_sealed": 4},
    "batches": [],
    "refused": [],
    "waiting": [None, 0, 0, None],
    "letters": [1, 0, 1, 1],
    "imported_from": "",
}


def window_of_version_2(first: int, last: int) -> bytes:
    runs, packed = rows.pack_samples([row(number) for number in range(first, last + 1)])
    header = {
        "t": [[*STREAM, [[1, last]], NOW_MS, 1]],
        "s": [["damp-air", BIRTH.node, "firing", 1.0, 900.0, 901.5 + last, 85.5]],
        "c": {"samples_stored": last - first + 1},
        "at": NOW_MS,
        "d": [1, 0, 1, 1],
        "n": runs,
    }
    return rows.join(header, packed)


def disk_of(checkpoint: dict[str, Any], letters: list[int]) -> MemoryDisk:
    """One segment: the checkpoint, and a window behind it."""
    disk = MemoryDisk()
    first = frame(7, 40, Kind.CHECKPOINT, rows.join({**checkpoint, "letters": letters}))
    disk.create(file_name(7), LIMITS.segment)
    disk.write(file_name(7), 0, first)
    disk.write(file_name(7), len(first), frame(7, 41, Kind.WINDOW, window_of_version_2(10, 12)))
    return disk


@pytest.fixture
def old() -> MemoryDisk:
    return disk_of(CHECKPOINT, [1, 0, 1, 1])


def opened(disk: MemoryDisk) -> Spool:
    return Spool.on(disk, "gw-1", NOW_MS, LIMITS)


def test_an_older_spool_is_taken_over_whole(old: MemoryDisk) -> None:
    spool = opened(old)
    stored = spool.load()
    assert stored.streams[BIRTH.node, BIRTH.installation, BIRTH.boot].ranges == ((1, 12),)
    assert stored.losses == (LOSS,)
    state = stored.states["damp-air", BIRTH.node]
    assert (state.phase, state.since, state.last_at) == (Phase.FIRING, 1.0, 913.5)
    assert spool.book.counters["samples_stored"] == 12
    assert [late for late, _ in stored.past] == [False] * 3
    spool.seal(NOW_MS, urgent=False)
    (batch,) = sealed(spool)
    assert batch.id == "gw-1/0ld0ld00/5"
    assert sequences([batch]) == [10, 11, 12]


def test_what_is_added_to_an_older_spool_lies_behind_a_checkpoint_of_this_version(
    old: MemoryDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So an older gateway that is put back says so, instead of stumbling over rows it does not know."""
    spool, started = opened(old), 950.0
    standing = Standing(phase=Phase.FIRING, since=1.0, last_at=started, episodes=(Episode("e-1", 1.0, None),))
    stream = StreamRow(ranges=((1, 13),), offset_ms=NOW_MS, known=True)
    added = Window(samples=[row(13)], states={("damp-air", BIRTH.node): standing})
    added.streams[BIRTH.node, BIRTH.installation, BIRTH.boot] = stream
    spool.commit(added)
    with monkeypatch.context() as older:
        older.setattr("aircue_gateway.spool.recovery.READABLE", (2,))
        with pytest.raises(SpoolError, match="the spool has version 3, this gateway reads 2: run the newer gateway"):
            opened(old)
    again = opened(old)
    assert again.load().states["damp-air", BIRTH.node] == standing
    again.seal(NOW_MS, urgent=False)
    assert sequences(sealed(again)) == [10, 11, 12, 13]


def test_an_older_spool_that_was_only_looked_at_stays_what_it_was(
    old: MemoryDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(old)
    monkeypatch.setattr("aircue_gateway.spool.recovery.READABLE", (2,))
    assert opened(old).book.next_batch == 5


def test_a_newer_spool_is_refused_and_left_as_it_is() -> None:
    newer = disk_of({**CHECKPOINT, "version": VERSION + 1}, [1, 0, 1, 1])
    before = newer.read(file_name(7), 0, LIMITS.segment)
    with pytest.raises(
        SpoolError, match=f"has version {VERSION + 1}, this gateway reads 2 and 3: run the newer gateway"
    ):
        opened(newer)
    assert newer.names() == [file_name(7)]
    assert newer.read(file_name(7), 0, LIMITS.segment) == before
