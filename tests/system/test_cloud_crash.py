"""kill -9 in the middle of ingest: nothing is half-stored, nothing that was acknowledged is gone, nothing doubles."""

import os
import random
from pathlib import Path
from threading import Event, Thread

import pytest
import urllib3
from sqlalchemy import func, select
from tests.cloud.stage import batch, humidity
from tests.system.cloud_process import PLAIN, Server, command

from aircue_cloud import db, tables
from aircue_cloud.layers.lake import Lake
from aircue_cloud.objects import FolderStore
from aircue_gateway.batch import Batch

pytestmark = pytest.mark.system

KILLS = 200 if os.environ.get("AIRCUE_LONG") else 10
NODES = 20
MINUTES = 4
BATCHES = 6 * KILLS


def minutes_of(sequence: int) -> range:
    return range(sequence * MINUTES, (sequence + 1) * MINUTES)


def content(sequence: int) -> Batch:
    """Four minutes of many nodes; one bathroom is damp from the eighth minute on."""
    dry = [humidity(dict.fromkeys(minutes_of(sequence), 60.0), node=f"room-{n}") for n in range(NODES)]
    damp = humidity({minute: 85.0 if minute >= 8 else 60.0 for minute in minutes_of(sequence)})
    return batch(damp, *dry, sequence=sequence)


class Sender(Thread):
    """Posts batches in order until the server is gone, and notes which were acknowledged."""

    def __init__(self, server: Server, key: str, first: int, ready_to_die: int) -> None:
        super().__init__()
        self._server, self._key = server, key
        self._ready_to_die = ready_to_die
        self.next = first
        self.in_the_middle = Event()

    def run(self) -> None:
        try:
            while self.next < BATCHES:
                if self.next >= self._ready_to_die:
                    self.in_the_middle.set()
                assert self._server.post(content(self.next), self._key).status == 200
                self.next += 1
        except urllib3.exceptions.HTTPError:
            pass
        finally:
            self.in_the_middle.set()


def check_whole(folder: Path, acknowledged: int) -> None:
    """Every acknowledged batch has its row and its object; every batch the layers took up has all of its readings."""
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
    assert {f"gw-1/3f9c21d0/{sequence}" for sequence in range(acknowledged)} <= {row.id for row in rows}
    assert (counted or 0) == sum(counts.values())
    assert pushes == decided == found <= 1


def test_kills_leave_whole_batches_and_posting_again_completes(tmp_path: Path) -> None:
    config = tmp_path / "cloud.toml"
    config.write_text('port = 0\ndata_dir = "data"\npush_ttl_h = 876000\n' + PLAIN, encoding="utf-8")
    key = command(config, "gateway", "add", "gw-1")
    command(config, "demo-data")
    rng, first = random.Random(9), 0
    for _ in range(KILLS):
        server = Server(config)
        sender = Sender(server, key, first, ready_to_die=first + rng.randrange(1, 5))
        sender.start()
        sender.in_the_middle.wait()
        sender.join(rng.uniform(0, 0.03))  # somewhere within a batch
        server.kill()
        sender.join()
        first = sender.next
        check_whole(tmp_path / "data/stores/main", first)
    complete(tmp_path, config, key)


def complete(folder: Path, config: Path, key: str) -> None:
    """A gateway that knows of no acknowledgement posts everything again."""
    server = Server(config)
    try:
        replies = [server.post(content(sequence), key).json() for sequence in range(BATCHES)]
        server.visible((NODES + 1) * MINUTES * BATCHES)
        figures = server.get("/api/v1/status").json()
        pushes = server.get("/api/v1/households/fern/inbox").json()["pushes"]
    finally:
        assert server.stop() == 0
    assert [reply["readings"] for reply in replies] == [(NODES + 1) * MINUTES] * BATCHES
    assert (figures["readings"], figures["duplicates"]) == ((NODES + 1) * MINUTES * BATCHES, 0)
    assert (figures["episodes"], len(pushes)) == (1, 1)
    check_whole(folder / "data/stores/main", BATCHES)
