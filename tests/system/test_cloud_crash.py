"""kill -9 in the middle of ingest: nothing is half-stored, nothing that was acknowledged is gone, nothing doubles."""

import itertools
import os
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread

import pytest
import urllib3
from sqlalchemy import func, select
from tests.cloud.stage import batch, humidity
from tests.system.cloud_process import PLAIN, ForkedServer, Forks, Server, command

from aircue_cloud import db, tables
from aircue_cloud.layers import merging
from aircue_cloud.layers.lake import Lake
from aircue_cloud.objects import FolderStore
from aircue_gateway.batch import Batch

pytestmark = pytest.mark.system

KILLS = 200 if os.environ.get("AIRCUE_LONG") else 10
NODES = 20
MINUTES = 4
SENDERS = 4
MERGED_EVERY = 20  # kills, so that what is looked through after each does not grow with them


def minutes_of(sequence: int) -> range:
    return range(sequence * MINUTES, (sequence + 1) * MINUTES)


def content(sequence: int) -> Batch:
    """Four minutes of many nodes; one bathroom is damp from the eighth minute on."""
    dry = [humidity(dict.fromkeys(minutes_of(sequence), 60.0), node=f"room-{n}") for n in range(NODES)]
    damp = humidity({minute: 85.0 if minute >= 8 else 60.0 for minute in minutes_of(sequence)})
    return batch(damp, *dry, sequence=sequence)


class Sending:
    """What all senders of one server know: which batches were acknowledged, and whether it may die now."""

    def __init__(self, numbers: Iterator[int], ready_to_die: int) -> None:
        self._numbers, self._ready_to_die = numbers, ready_to_die
        self._lock = Lock()
        self.acknowledged: list[int] = []
        self.begun: list[int] = []
        self.in_the_middle = Event()

    def next(self) -> int:
        with self._lock:
            self.begun.append(next(self._numbers))
            return self.begun[-1]

    def done(self, sequence: int) -> None:
        with self._lock:
            self.acknowledged.append(sequence)
            if len(self.acknowledged) >= self._ready_to_die:
                self.in_the_middle.set()


class Sender(Thread):
    """Posts batches until the server is gone."""

    def __init__(self, server: ForkedServer, key: str, sending: Sending) -> None:
        super().__init__()
        self._server, self._key, self._sending = server, key, sending
        self.refused: list[str] = []

    def run(self) -> None:
        try:
            while not self.refused:
                sequence = self._sending.next()
                reply = self._server.post(content(sequence), self._key)
                if reply.status == 200:
                    self._sending.done(sequence)
                else:
                    self.refused.append(reply.data.decode())
        except urllib3.exceptions.HTTPError:
            pass
        finally:
            self._sending.in_the_middle.set()


def check_whole(folder: Path, acknowledged: set[int]) -> int:
    """Every acknowledged batch has its row and its object; every batch the layers took up has all of its readings,
    once. How many batches are stored."""
    engine = db.open_database(db.sqlite_url(str(folder / "aircue.db")))
    lake = Lake(FolderStore(folder / "objects"))
    with db.reading(engine) as connection:
        with lake.open(connection) as opened:
            counts = dict(opened.execute("SELECT batch, count(DISTINCT id) FROM lake GROUP BY batch").fetchall())
            doubled = opened.execute("SELECT count(*) - count(DISTINCT id) FROM lake").fetchall()
        rows = connection.execute(select(tables.batches)).all()
        counted = connection.execute(
            select(tables.counters.c.value).where(tables.counters.c.name == "readings")
        ).scalar()
        pushes = connection.execute(select(func.count()).select_from(tables.pushes)).scalar_one()
        decided = connection.execute(select(func.count()).select_from(tables.decisions)).scalar_one()
        found = connection.execute(select(func.count()).select_from(tables.episodes)).scalar_one()
    engine.dispose()
    assert doubled == [(0,)]
    assert counts == {row.id: (NODES + 1) * MINUTES for row in rows if row.layered_at is not None}
    assert all((folder / "objects" / row.object_key).exists() for row in rows)
    assert {f"gw-1/3f9c21d0/{sequence}" for sequence in acknowledged} <= {row.id for row in rows}
    assert (counted or 0) == sum(counts.values())
    assert pushes == decided == found <= 1
    return len(rows)


def merge(folder: Path) -> None:
    """As the server does by itself, once there are many small files."""
    engine = db.open_database(db.sqlite_url(str(folder / "aircue.db")))
    merging.merge_all(engine, Lake(FolderStore(folder / "objects")), lambda: datetime.now(UTC))
    engine.dispose()


def test_kills_leave_whole_batches_and_posting_again_completes(tmp_path: Path) -> None:
    config, store = tmp_path / "cloud.toml", tmp_path / "data/stores/main"
    config.write_text('port = 0\ndata_dir = "data"\npush_ttl_h = 876000\n' + PLAIN, encoding="utf-8")
    key = command(config, "gateway", "add", "gw-1")
    command(config, "demo-data")
    rng, numbers = random.Random(9), itertools.count()
    acknowledged: set[int] = set()
    cut_off, stored = 0, 0
    forks = Forks(tmp_path / "server.log")
    for kill in range(KILLS):
        sending = Sending(numbers, ready_to_die=rng.randrange(1, 9))
        killed_under(forks, config, key, sending, rng.uniform(0, 0.03))
        acknowledged.update(sending.acknowledged)
        cut_off += len(sending.begun) - len(sending.acknowledged)
        stored = check_whole(store, acknowledged)
        if kill % MERGED_EVERY == MERGED_EVERY - 1:
            merge(store)
    forks.close()
    sys.stderr.write(
        f"{KILLS} kills: {len(acknowledged)} batches acknowledged, all there; {cut_off} cut off, of which "
    )
    sys.stderr.write(f"{stored - len(acknowledged)} had been stored; none in part, none twice\n")
    complete(tmp_path, config, key, next(numbers))


def killed_under(forks: Forks, config: Path, key: str, sending: Sending, after_s: float) -> None:
    """One server, killed somewhere within the batches of its senders."""
    server = ForkedServer(forks, config)
    senders = [Sender(server, key, sending) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    sending.in_the_middle.wait()
    senders[0].join(after_s)
    server.kill()
    for sender in senders:
        sender.join()
    assert [sender.refused for sender in senders] == [[]] * SENDERS


def complete(folder: Path, config: Path, key: str, batches: int) -> None:
    """A gateway that knows of no acknowledgement posts everything again."""
    whole = (NODES + 1) * MINUTES
    server = Server(config)
    try:
        replies = [server.post(content(sequence), key).json() for sequence in range(batches)]
        server.visible(whole * batches)
        figures = server.get("/api/v1/status").json()
        pushes = server.get("/api/v1/households/fern/inbox").json()["pushes"]
    finally:
        assert server.stop() == 0
    assert [reply["readings"] for reply in replies] == [whole] * batches
    assert (figures["readings"], figures["duplicates"]) == (whole * batches, 0)
    assert (figures["episodes"], len(pushes)) == (1, 1)
    assert check_whole(folder / "data/stores/main", set(range(batches))) == batches
