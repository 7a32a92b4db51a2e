"""A spool of version 1 is taken over at the first start, also when that start is cut short."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.samples import sealed, sequences
from tests.gateway.spool_story import BIRTH, CHANNELS, NOW_MS, row

from aircue_gateway import batch
from aircue_gateway.alerts import encode_state
from aircue_gateway.batch import Batch, Group, Loss, Sample
from aircue_gateway.episodes import Phase, State
from aircue_gateway.report import dead_letters, status
from aircue_gateway.spool.disk import SpoolError
from aircue_gateway.spool.spool import Spool
from aircue_gateway.spool.store import Store
from aircue_gateway.spool.version_1 import FILE_NAME
from aircue_gateway.window import StreamRow, Window

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE births (id INTEGER PRIMARY KEY, site TEXT, node TEXT, installation INTEGER, boot INTEGER, channels TEXT);
CREATE TABLE samples (birth INTEGER, sequence INTEGER, uptime_ms INTEGER, measured_at_ms INTEGER,
    received_at_ms INTEGER, resolved INTEGER, vals TEXT, statuses BLOB, PRIMARY KEY (birth, sequence)) WITHOUT ROWID;
CREATE TABLE streams (node TEXT, installation INTEGER, boot INTEGER, ranges TEXT, offset_ms INTEGER, known INTEGER,
    PRIMARY KEY (node, installation, boot)) WITHOUT ROWID;
CREATE TABLE losses (node TEXT, installation INTEGER, boot INTEGER, first INTEGER, last INTEGER, samples INTEGER,
    place TEXT, sealed INTEGER, PRIMARY KEY (node, installation, boot, first, place)) WITHOUT ROWID;
CREATE TABLE batches (sequence INTEGER PRIMARY KEY, sealed_at_ms INTEGER, urgent INTEGER, body BLOB, refused TEXT);
CREATE TABLE dead_letters (id INTEGER PRIMARY KEY, received_at_ms INTEGER, topic TEXT, reason TEXT, payload BLOB);
CREATE TABLE states (need TEXT, node TEXT, state TEXT, PRIMARY KEY (need, node)) WITHOUT ROWID;
CREATE TABLE retained (topic TEXT PRIMARY KEY, payload BLOB) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
STATE = State(phase=Phase.FIRING, since=1.0, held_s=900.0, last_at=901.5, peak=85.5)


def old_batch(sequence: int, number: int) -> bytes:
    fields = {"site": BIRTH.site, "node": BIRTH.node, "installation": BIRTH.installation, "boot": BIRTH.boot}
    one = row(number)
    sample = Sample(
        sequence=one.sequence,
        uptime_ms=one.uptime_ms,
        measured_at_ms=one.measured_at_ms,
        received_at_ms=one.received_at_ms,
        clock="gateway",
        values=one.values,
        statuses=one.statuses,
    )
    group = Group(channels=CHANNELS, samples=(sample,), **fields)
    return batch.encode(Batch(gateway="gw-1", epoch="0ld", sequence=sequence, sealed_at_ms=NOW_MS, groups=(group,)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Batch 3 waits, 4 was refused, 5 was delivered; samples 10 to 12 wait for a batch."""
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.executescript(SCHEMA)
    rows: dict[str, list[tuple[Any, ...]]] = {
        "meta": [("epoch", "0ld"), ("next_batch", "6"), ("rules", '{"version": "7", "rules": []}')],
        "births": [(1, BIRTH.site, BIRTH.node, BIRTH.installation, BIRTH.boot,
                    '[["temperature", "Cel", 100], ["co2", "ppm", 1]]')],
        "samples": [(*row(n)[:6], f"[{row(n).values[0]}, {row(n).values[1] or 'null'}]", bytes(row(n).statuses))
                    for n in (10, 11, 12)],
        "streams": [(BIRTH.node, BIRTH.installation, BIRTH.boot, "[[1, 12]]", NOW_MS, 1)],
        "losses": [(BIRTH.node, BIRTH.installation, 16, 3, 9, 7, "node", 1),
                   (BIRTH.node, BIRTH.installation, 16, 20, 20, 1, "gateway", 0)],
        "batches": [(3, NOW_MS, 0, old_batch(3, 8), None), (4, NOW_MS, 0, old_batch(4, 9), "422 no")],
        "dead_letters": [(5, NOW_MS, "a/b", "no JSON", b"fifth"), (6, NOW_MS, "a/b", "no JSON", b"\xff")],
        "states": [("damp-air", BIRTH.node, encode_state(STATE))],
        "retained": [("aircue/a/b/birth", b"{}")],
        "counters": [("batches_sealed", 5), ("batches_refused", 1), ("samples_stored", 12)],
    }  # fmt: skip
    for table, values in rows.items():
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(values[0]))})", values)
    db.commit()
    db.close()
    return tmp_path


def taken_over(folder: Path) -> None:
    """Opens it and compares everything with what the old file held."""
    spool = Spool.open(folder, "gw-1", NOW_MS)
    stored = spool.load()
    assert stored.births == (BIRTH,)
    assert list(stored.streams.values()) == [StreamRow(ranges=((1, 12),), offset_ms=NOW_MS, known=True)]
    assert [loss.samples for loss in stored.losses] == [7]
    assert stored.states == {("damp-air", BIRTH.node): STATE}
    assert (stored.retained, stored.rules.version) == ({"aircue/a/b/birth": b"{}"}, "7")
    found = status(folder)
    assert (found["epoch"], found["next_batch"], found["waiting_samples"]) == ("0ld", 6, 3)
    assert (found["waiting_batches"], found["refused_batches"]) == (1, 1)
    counted = {name: found["counters"][name] for name in ("batches_sealed", "batches_refused", "samples_stored")}
    assert counted == {"batches_sealed": 5, "batches_refused": 1, "samples_stored": 12}
    letters = [(one["id"], one.get("payload"), one.get("payload_hex")) for one in dead_letters(folder)]
    assert letters == [(5, "fifth", None), (6, None, "ff")]
    ready = spool.next_batch(NOW_MS)
    assert ready is not None
    assert (ready.id, ready.body) == ("gw-1/0ld/3", old_batch(3, 8))
    spool.seal(NOW_MS, urgent=False)
    batches = sealed(spool)
    spool.close()
    assert (sequences(batches), batches[-1].id) == ([8, 10, 11, 12], "gw-1/0ld/6")
    assert [(loss.where, loss.first) for loss in batches[-1].losses] == [("gateway", 20)]


def test_everything_is_taken_over_and_the_old_file_keeps_under_another_name(folder: Path) -> None:
    taken_over(folder)
    assert (folder / f"{FILE_NAME}.imported").exists()
    assert not (folder / FILE_NAME).exists()


def test_a_start_that_is_cut_short_anywhere_begins_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cut in range(1, 7):
        calls = 0

        def failing(self: Store, *args: Any, _real: Any = Store.catch_up) -> None:
            nonlocal calls
            calls += 1
            if calls == cut:  # noqa: B023 - called within the round
                raise KeyboardInterrupt
            _real(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(Store, "catch_up", failing)
            with pytest.raises(KeyboardInterrupt):
                Spool.open(folder, "gw-1", NOW_MS)
        assert (folder / FILE_NAME).exists()
    taken_over(folder)


def test_a_file_that_was_taken_over_already_only_gets_its_name(folder: Path) -> None:
    Spool.open(folder, "gw-1", NOW_MS).close()
    (folder / f"{FILE_NAME}.imported").rename(folder / FILE_NAME)
    taken_over(folder)


def test_an_old_file_beside_a_newer_spool_is_not_mixed_in(folder: Path) -> None:
    (folder / FILE_NAME).rename(folder / "elsewhere")
    spool = Spool.open(folder, "gw-1", NOW_MS)
    spool.commit(Window(births=[BIRTH]))
    spool.close()
    (folder / "elsewhere").rename(folder / FILE_NAME)
    with pytest.raises(SpoolError, match="beside a newer one"):
        Spool.open(folder, "gw-1", NOW_MS)


def test_an_old_file_of_another_version_is_left_alone(folder: Path) -> None:
    db = sqlite3.connect(folder / FILE_NAME)
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(SpoolError, match="has version 9, this gateway takes over 1"):
        Spool.open(folder, "gw-1", NOW_MS)


def test_an_old_file_that_is_none_is_set_aside(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / FILE_NAME).write_bytes(b"no database at all" * 1000)
    Spool.open(folder, "gw-1", NOW_MS).close()
    assert (folder / f"{FILE_NAME}.broken-{NOW_MS}").exists()
    assert status(folder)["counters"]["spools_set_aside"] == 1
    assert "event=spool_set_aside" in caplog.text


def test_losses_of_the_old_file_that_a_batch_told_are_not_told_again(folder: Path) -> None:
    spool = Spool.open(folder, "gw-1", NOW_MS)
    untold: list[Loss] = list(spool._book.untold())
    spool.close()
    assert [loss.where for loss in untold] == ["gateway"]
