"""What the cloud's ground holds: `python -m tests.bench.cloud`; its last line is one JSON object.

One server process (waitress, as `aircue-cloud serve` starts it) is sent whole batches of 1,000 readings, sealed by the
gateway's own code from simulated homes (four rooms, simulated SHT4x, SCD4x and PMS5003 with noise at bus level), over
HTTP with keys, by a process of its own. Acknowledged is what got its 200: base object synced, batch row committed.
Visible is what `layered_at` says: deduplicated rows, latest state, hours and episodes in one transaction.

The backlog, batches that are acknowledged and not visible yet, is looked at every second: a run holds its speed only if
the backlog of its last third is no more than a second's worth above that of its first. Batches are those of a few homes
under many names, each home of its own; their content is real to the codec and to the layers alike.

How soon a reading is visible, and how long a batch waits for its answer, is asked at PACE readings a second, sent by
the clock (a late answer delays nothing but itself, and counts from when its batch was due), and flat out as well, where
both are as long as the queues of 24 connections make them.

How it grows: the same once more, shorter, with a number of homes and readings (_1x) and with ten times as many of both
(_10x). Beside it a floor: the same batches written to files by as many threads, each synced, and nothing else done.
"""

import argparse
import asyncio
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from sqlalchemy import Engine, create_engine, func, make_url, select, text
from tests.bench.gateway_batch import home_nodes, sealed
from tests.bench.proc import cpu_s, rss_mb

from aircue_cloud import db, tables
from aircue_gateway.batch import Batch, Group, encode

SECONDS = 60
PACE, PACED_S = 100_000, 20
BATCHES = 12_000
GROWN = (400, 100)  # batches and homes of 1x
HOMES = 8
CONNECTIONS = 24
WINDOW_MS = 1_875_000  # 62 or 63 samples of four nodes with four quantities: 1,000 readings
_DAY_MS = 86_400_000


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


# Batches.


def home_batches(homes: int, seconds: int) -> list[list[Batch]]:
    """By home, one after the other, each of about 1,000 readings."""
    return [sealed(home_nodes(seconds=seconds, seed=f"cloud-{n}"), f"home-{n}", WINDOW_MS)[1:-1] for n in range(homes)]


def as_home(batch: Batch, number: int, shift_ms: int, sequence: int, boots: int = 0) -> bytes:
    """The batch as another home's, later or earlier, so many boots later."""
    groups = tuple(replace(_moved(group, number, shift_ms), boot=group.boot + boots) for group in batch.groups)
    moved = replace(
        batch,
        gateway=f"gw-{number}",
        sequence=sequence,
        sealed_at_ms=batch.sealed_at_ms + shift_ms,
        groups=groups,
    )
    return encode(moved)


def _moved(group: Group, number: int, shift_ms: int) -> Group:
    samples = tuple(
        replace(one, measured_at_ms=one.measured_at_ms + shift_ms, received_at_ms=one.received_at_ms + shift_ms)
        for one in group.samples
    )
    return replace(group, site=f"site-{number}", samples=samples, node=f"{group.node}-{number}")


@cache
def _kept(windows: int) -> list[list[Batch]]:
    return home_batches(HOMES, min(86_400, 3600 + 1875 * (windows + 3)))


def stock(folder: Path, batches: int, homes: int) -> int:
    """Puts a file for each batch: home after home of one window, then the next. How many readings are in them."""
    kept = _kept(batches // homes)
    shift_ms = int(time.time() * 1000) // 1000 * 1000 - kept[0][0].sealed_at_ms - 3 * _DAY_MS
    with ProcessPoolExecutor(os.cpu_count(), initializer=_know, initargs=(kept, folder, homes, shift_ms)) as pool:
        return sum(pool.map(_seal, range(batches), chunksize=32))


_known: list[Any] = []


def _know(*what: Any) -> None:
    _known[:] = what


def _seal(number: int) -> int:
    """One batch into its file; how many readings it holds."""
    kept, folder, homes, shift_ms = _known
    window, home = divmod(number, homes)
    mine = kept[home % HOMES]
    day, place = divmod(window, len(mine))
    # A day that is told again is another boot's: every reading is a new one.
    (folder / f"{number}.batch").write_bytes(as_home(mine[place], home, shift_ms + day * _DAY_MS, number, boots=day))
    return sum(len(group.samples) * len(group.channels) for group in mine[place].groups)


# The server.


class Server:
    def __init__(self, folder: Path, database_url: str) -> None:
        self.config = folder / "cloud.toml"
        (folder / "data").mkdir()
        lines = ["port = 0", 'data_dir = "data"', f"threads = {CONNECTIONS}"]
        lines += [f'database_url = "{database_url}"'] if database_url else []
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.folder = folder

    def start(self) -> None:
        line = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(self.config)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        assert found is not None, (self.folder / "server.log").read_text()
        self.port = int(found[1])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=120)

    def open(self) -> Engine:
        """The database of the store that is there from the start."""
        from aircue_cloud import stores
        from aircue_cloud.config import load

        return stores.open_database(load(self.config).place(db.MAIN))

    def keys(self, homes: int) -> list[str]:
        from aircue_cloud.identity import gateway_keys

        engine = self.open()
        with db.writing(engine) as connection:
            found = [gateway_keys.add(connection, f"gw-{n}", db.from_ms(0)) for n in range(homes)]
        engine.dispose()
        return found


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database on a server of this run's own, with its usual durability; "" where there is none."""
    program = shutil.which("initdb") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), None)
    if program is None:
        yield ""
        return
    folder = Path(tempfile.mkdtemp(prefix="aircue-bench-postgresql-", dir="/tmp"))
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    port = 54_000 + os.getpid() % 10_000
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"

    def run(name: str, *words: str) -> None:
        line = [Path(program).resolve().parent / name, "-D", folder / "data", *words]
        subprocess.run(line, check=True, cwd=folder, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "fast", "stop")
        shutil.rmtree(folder)


# The sender, a process of its own.


async def _send_all(
    port: int, keys: Sequence[str], folder: Path, total: int, homes: int, seconds: float, pace: float
) -> dict[str, Any]:
    waiting = iter(range(total))
    taken: list[tuple[float, float]] = []
    began = time.time()
    due = (lambda number: began + number / pace) if pace else (lambda _: time.time())
    await asyncio.gather(
        *(_connection(port, keys, folder, homes, waiting, taken, began + seconds, due) for _ in range(CONNECTIONS))
    )
    return {"began": began, "ended": time.time(), "acks": taken, "left": sum(1 for _ in waiting)}


async def _connection(
    port: int,
    keys: Sequence[str],
    folder: Path,
    homes: int,
    waiting: Iterator[int],
    taken: list[tuple[float, float]],
    end: float,
    due: Callable[[int], float],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in waiting:
        body = (folder / f"{number}.batch").read_bytes()
        head = (
            f"POST /api/v1/batches HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {keys[number % homes]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        sent = due(number)
        await asyncio.sleep(sent - time.time())
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        assert length is not None
        content = await reader.readexactly(int(length[1]))
        assert answer.startswith(b"HTTP/1.1 200"), (answer, content)
        taken.append((time.time(), time.time() - sent))
        if time.time() > end:
            break
    writer.close()


def send(port: int, keys: Sequence[str], folder: Path, homes: int, seconds: float, pace: float) -> dict[str, Any]:
    """Runs the sender in its own process. pace: batches a second; 0: as fast as answers come."""
    told = {"port": port, "keys": list(keys), "folder": str(folder), "homes": homes, "seconds": seconds, "pace": pace}
    asked = json.dumps(told)
    line = [sys.executable, "-m", "tests.bench.cloud", "--send"]
    done = subprocess.run(line, input=asked, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# What is measured.


def _delays(server: Server) -> tuple[np.ndarray[Any, Any], int]:
    """Seconds from acknowledgement to visibility of every batch, and how many wait."""
    engine = server.open()
    table = tables.batches.c
    with db.reading(engine) as connection:
        rows = connection.execute(
            select(table.received_at, table.layered_at).where(table.layered_at.is_not(None))
        ).all()
        waiting = connection.execute(select(func.count()).where(table.layered_at.is_(None))).scalar_one()
    engine.dispose()
    return np.array([(row.layered_at - row.received_at).total_seconds() for row in rows]), waiting


def _duplicates(server: Server) -> int:
    """Readings that were not new: a run with any would count what is quicker than storing."""
    engine = server.open()
    with db.reading(engine) as connection:
        found: int = connection.execute(select(func.coalesce(func.sum(tables.batches.c.duplicates), 0))).scalar_one()
    engine.dispose()
    return int(found)


class Backlog(Thread):
    """Looks every second how many batches wait."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._engine, self._over = server.open(), Event()
        self.curve: list[int] = []

    def run(self) -> None:
        table = tables.batches.c
        query = select(func.count()).where(table.layered_at.is_(None))
        while not self._over.wait(1.0):
            with db.reading(self._engine) as connection:
                self.curve.append(connection.execute(query).scalar_one())

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._engine.dispose()


def grows(curve: Sequence[int], per_s: float) -> bool:
    """per_s: batches. Whether the last third lies more than a second's worth above the first."""
    third = max(1, len(curve) // 3)
    return bool(curve) and sum(curve[-third:]) / third > sum(curve[:third]) / third + per_s


def ingest(
    folder: Path, database: str, batches: Path, homes: int, seconds: float, per_batch: float, pace: float = 0.0
) -> dict[str, Any]:
    """The server stays in folder with all it has stored. pace: readings a second; 0: flat out."""
    server = Server(folder, database)
    keys = server.keys(homes)
    server.start()
    backlog = Backlog(server)
    try:
        _warm(server)
        before = cpu_s(server.process.pid)
        backlog.start()
        sent = send(server.port, keys, batches, homes, seconds, pace / per_batch)
        backlog.stop()
        _, waiting = _delays(server)
        rss = rss_mb(server.process.pid)
        _drained(server)
        used = cpu_s(server.process.pid) - before
        delays, _ = _delays(server)
    finally:
        server.stop()
    took = np.array([took for _, took in sent["acks"]])
    span = sent["ended"] - sent["began"]
    found = {
        "readings_per_s": round(len(took) * per_batch / span),
        "seconds": round(span, 1),
        "duplicates": _duplicates(server),
        "waiting_at_end": waiting,
        "backlog_grows": grows(backlog.curve, len(took) / span),
        "backlog_most_batches": max(backlog.curve, default=waiting),
        "server_cpu_s_per_million": round(used / len(took) / per_batch * 1e6, 2),
        "ingest_p99_ms": round(float(np.quantile(took, 0.99)) * 1000, 1),
        "visible_p50_s": round(float(np.quantile(delays, 0.5)), 2),
        "visible_p99_s": round(float(np.quantile(delays, 0.99)), 2),
        "rss_mb": round(rss),
    }
    how = f"{pace:.0f} readings/s" if pace else "flat out"
    _say(f"{database.split(':')[0] or 'sqlite'}, {homes} homes, {how}: {found}")
    _say(f"  batches that waited, second by second: {backlog.curve}")
    return found


def _warm(server: Server) -> None:
    """Until the compiled reader is there: a start compiles it at most once on a machine."""
    from aircue_cloud.ingest import columns

    columns.warm()
    time.sleep(3)


def _drained(server: Server) -> None:
    end = time.time() + 120
    while _delays(server)[1] and time.time() < end:
        time.sleep(0.2)


def command(config: Path, *words: str) -> str:
    line = [sys.executable, "-m", "aircue_cloud", *words, "--config", str(config)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return done.stdout + done.stderr


_QUESTION = """
SELECT quantity, count(*), avg(value) FROM readings
WHERE measured_at >= (SELECT max(measured_at) FROM readings) - INTERVAL 7 DAY AND site IN ({sites}) GROUP BY quantity
"""


def lake_figures(folder: Path, database: str) -> dict[str, Any]:
    """Of a cloud that has taken everything in: its size after merging, a question, and making it again."""
    from aircue_cloud.app import open_layers, open_objects
    from aircue_cloud.config import load
    from aircue_cloud.layers import lake as lakes
    from aircue_cloud.layers import merging

    config = load(folder / "cloud.toml")
    place = config.place("main")
    worker = open_layers(config, place, open_objects(config, place))
    clock = lambda: db.from_ms(int(time.time() * 1000))  # noqa: E731
    merging.merge_all(worker.engine, worker.lake, clock)
    files = tables.lake_files.c
    with db.reading(worker.engine) as connection:
        query = select(func.sum(files.bytes), func.sum(files.rows)).where(files.removed_at.is_(None))
        size, rows = connection.execute(query).one()
    sites = ", ".join(f"'site-{n}'" for n in range(100))
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with db.reading(worker.engine) as connection, worker.lake.open(connection) as opened:
            lakes.asked(opened, _QUESTION.format(sites=sites))
        took.append(time.perf_counter() - began)
    worker.engine.dispose()
    began = time.perf_counter()
    command(folder / "cloud.toml", "layers", "rebuild", "--from", "base")
    again = time.perf_counter() - began
    found = {
        "lake_bytes_per_reading": round(size / rows, 2),
        "query_7_days_100_homes_ms": round(sorted(took)[2] * 1000, 1),
        "rebuild_readings_per_s": round(rows / again),
        "lake_readings": rows,
    }
    _say(f"lake: {found}")
    return found


def floor(batches: Path, folder: Path, per_batch: float, seconds: float) -> int:
    """Readings a second, if acknowledging were writing and syncing a file for each batch and nothing else."""
    names, written, end = sorted(batches.iterdir()), count(), time.perf_counter() + seconds
    folder.mkdir()

    def write(_: int) -> None:
        while time.perf_counter() < end:
            number = next(written)
            with (folder / str(number)).open("wb") as file:
                file.write(names[number % len(names)].read_bytes())
                file.flush()
                os.fsync(file.fileno())

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(write, range(CONNECTIONS)))
    shutil.rmtree(folder)
    return round(next(written) * per_batch / seconds)


def measured(root: Path, postgres: str | None, batches: int, homes: int, seconds: float) -> dict[str, Any]:
    """All figures with so many homes and batches. postgres: "" where there is no such server, None to leave it out."""
    found: dict[str, Any] = {}
    sealed_ = root / f"batches-{batches}"
    sealed_.mkdir()
    began = time.perf_counter()
    per_batch = stock(sealed_, batches, homes) / batches
    _say(f"{batches} batches of {per_batch:.0f} readings sealed in {time.perf_counter() - began:.0f} s")
    databases = {"sqlite": ""} | ({} if postgres is None else {"postgresql": postgres})
    for kind, database in databases.items():
        if kind == "postgresql" and not postgres:
            found[f"ingest_readings_per_s_{kind}"] = None
            found["postgresql_missing"] = "install PostgreSQL: initdb is not there"
            continue
        folder = root / f"{kind}-{batches}"
        folder.mkdir()
        url = _database(database, f"bench_{batches}") if database else ""
        one = ingest(folder, url, sealed_, homes, seconds, per_batch)
        found[f"ingest_readings_per_s_{kind}"] = one.pop("readings_per_s")
        found |= {f"{key}_{kind}": value for key, value in one.items() if key not in AT_PACE}
        found |= {f"{key}_flat_out_{kind}": one[key] for key in AT_PACE}
        found |= _paced(folder / "paced", kind, database, sealed_, homes, min(PACED_S, seconds), per_batch)
    found |= lake_figures(root / f"sqlite-{batches}", "")
    for key in MOST:
        found[key] = max(found[f"{key}_{kind}"] for kind in databases if f"{key}_{kind}" in found)
    found["floor_synced_files_readings_per_s"] = floor(sealed_, root / "floor", per_batch, min(5.0, seconds))
    shutil.rmtree(sealed_)
    return found


def _paced(
    folder: Path, kind: str, database: str, batches: Path, homes: int, seconds: float, per_batch: float
) -> dict[str, Any]:
    folder.mkdir()
    url = _database(database, f"paced_{len(list(batches.iterdir()))}") if database else ""
    one = ingest(folder, url, batches, homes, seconds, per_batch, PACE)
    return {f"{key}_{kind}": one[key] for key in AT_PACE} | {f"paced_readings_per_s_{kind}": one["readings_per_s"]}


def _database(url: str, name: str) -> str:
    """A database of its own on this server."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


AT_PACE = ("visible_p50_s", "visible_p99_s", "ingest_p99_ms")
MOST = ("visible_p99_s", "ingest_p99_ms", "rss_mb")  # the worse of both databases
GROWING = (
    "ingest_readings_per_s_sqlite",
    "ingest_readings_per_s_postgresql",
    *MOST,
    "rebuild_readings_per_s",
    "lake_bytes_per_reading",
    "lake_readings",
    "query_7_days_100_homes_ms",
)


def run(
    seconds: float = SECONDS,
    batches: int = BATCHES,
    homes: int = 100,
    grown: tuple[int, int] = GROWN,
    *,
    on_postgresql: bool = True,
) -> dict[str, Any]:
    """grown: batches and homes of 1x; 10x has ten times as many of both."""
    with tempfile.TemporaryDirectory(prefix="aircue-bench-cloud-") as name, postgresql() as server:
        root, postgres = Path(name), server if on_postgresql else None
        found = measured(root, postgres, batches, homes, seconds)
        for scale in (1, 10):
            one = measured(root, postgres, grown[0] * scale, grown[1] * scale, seconds)
            found |= {f"{key}_{scale}x": one[key] for key in GROWING if key in one}
    for key in GROWING:
        _say(f"{key:34} {found.get(f'{key}_1x')!s:>12} with 1x, {found.get(f'{key}_10x')!s:>12} with 10x the data")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--send", action="store_true", help="be the sender; what to send comes on standard input")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--homes", type=int, default=100)
    asked = parser.parse_args()
    if asked.send:
        told = json.load(sys.stdin)
        folder = Path(told["folder"])
        total = len(list(folder.glob("*.batch")))
        sent = asyncio.run(
            _send_all(told["port"], told["keys"], folder, total, told["homes"], told["seconds"], told["pace"])
        )
        sys.stdout.write(json.dumps(sent))
        return 0
    sys.stdout.write(json.dumps(run(asked.seconds, asked.batches, asked.homes)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
