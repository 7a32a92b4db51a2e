"""The answer time of recommendations over HTTP, by the product's own server on a shop of a realistic size.

The server is `aircue-cloud serve` in a process of its own, with its database (SQLite), a partner's key and an active
model; requests come from another process at a fixed pace, whether those before have been answered or not, and count
from the moment they are due, so that what waits in line counts. The shop is generated: its log is the one that factors
were trained on, three in ten of those who are asked for did something since the training, one in ten came after it, and
one request in ten names a need. A few products came after the training, some are sold out.

The model's head is a blend of the trained factors, links between alike items and popularity, so that all items are
scored; no early end helps it.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sqlalchemy import Connection, Table, insert
from tests.bench.proc import cpu_s, rss_mb

from aircue_cloud import db, tables
from aircue_cloud.config import load, make_folder
from aircue_cloud.identity import keys
from aircue_cloud.recommender import store
from aircue_cloud.recommender.artefact import MET, NEW, REPEAT, Artefact, Head, ModelInfo
from aircue_cloud.recommender.attributes import Vocabulary
from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.parts import CountsPart, FactorsPart, LinearPart, OwnPart
from aircue_cloud.recommender.retrieval import Retrieval

PER_S = 50
TIMES = ("api_p50_ms", "api_p99_ms", "api_max_ms", "api_first_ms", "api_tenth_ms")
CATEGORIES = ("dehumidifier", "dryer", "moisture-absorber", "lighting", "kitchen", "bedding", "garden", "toys")
KINDS = (("click", 1.0, 0.6), ("favourite", 3.0, 0.1), ("cart", 4.0, 0.1), ("purchase", 8.0, 0.2))
_LINKS = 50  # of an item to those most alike
_LATER, _LATE, _FRESH = 0.3, 200, 20  # share of people with later events; people and products after the training
_AT_ONCE = 50_000

Random = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Shop:
    """config: of the server. key: of a partner. paths: of requests."""

    config: Path
    key: str
    paths: Sequence[str]


# The shop.


def shop(folder: Path, x: Floats, y: Floats, met: csr_array, requests: int, seed: int = 4) -> Shop:
    """Its database and its model, in folder."""
    random, now = np.random.default_rng(seed), datetime.now(UTC)
    config = folder / "cloud.toml"
    config.write_text('data_dir = "data"\nport = 0\nrequests_per_minute = 100000\n')
    place = load(config).place(db.MAIN)
    make_folder(place)
    engine = db.open_database(place.database, place.store)
    with db.writing(engine) as connection:
        people = _people(connection, met.shape[0], now)
        _products(connection, met.shape[1], random)
        trained_at = _log(connection, met, people, random, now)
        key = keys.add(connection, "partner", "bench", ["recommendations:read"], now)
    engine.dispose()
    model = artefact(x, y, met, people[: met.shape[0]], trained_at)
    store.activate(place.model_dir, store.save(place.model_dir, model))
    return Shop(config=config, key=key, paths=list(_paths(people, requests, met.shape[0], random)))


def _people(connection: Connection, users: int, now: datetime) -> list[str]:
    """Ids: of those the training knew, then of those who came later. Each lives alone and agrees."""
    people = [f"p{number:06}" for number in range(users + _LATE)]
    homes = [f"h{number:06}" for number in range(len(people))]
    _fill(connection, tables.households, ({"id": home, "name": home} for home in homes))
    pairs = list(zip(people, homes, strict=True))
    _fill(connection, tables.people, ({"id": one, "household": home, "name": one} for one, home in pairs))
    said = {"purpose": "marketing", "channel": "in-app", "granted": True, "at": now - timedelta(days=100)}
    asked = ((home, category) for home in homes for category in ("behaviour", "sensor"))
    rows = ({**said, "household": h, "data_category": c, "receipt": f"{h}-{c}"} for h, c in asked)
    _fill(connection, tables.consents, rows)
    return people


def _products(connection: Connection, items: int, random: Random) -> None:
    """One in thirty is sold out."""
    stock = np.where(random.random(items + _FRESH) < 1 / 30, 0, 20).tolist()
    rows = (
        {
            "id": _product(number), "name": f"Product {number}", "category": CATEGORIES[number % len(CATEGORIES)],
            "price_minor": 1000 + number, "currency": "EUR", "stock": stock[number], "attributes": {"watts": number},
        }
        for number in range(items + _FRESH)
    )  # fmt: skip
    _fill(connection, tables.products, rows)


def _product(number: int) -> str:
    return f"i{number:06}"


def _log(connection: Connection, met: csr_array, people: Sequence[str], random: Random, now: datetime) -> float:
    """The moment of the training: a day ago."""
    trained_at = now - timedelta(days=1)
    table = met.tocoo()
    users, items = table.coords
    _acts(connection, people, users, items, _ago(now, random.uniform(1, 90, len(users))), random)
    later = np.flatnonzero(random.random(met.shape[0]) < _LATER)
    late = np.append(np.repeat(later, 2), np.repeat(np.arange(met.shape[0], len(people)), 5))
    fresh = items[random.integers(len(items), size=len(late))]
    _acts(connection, people, late, fresh, _ago(now, random.uniform(0, 0.9, len(late))), random)
    return trained_at.timestamp()


def _ago(now: datetime, days: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Milliseconds since 1970."""
    return np.asarray(db.to_ms(now) - days * 86_400_000, dtype=np.int64)


def _acts(
    connection: Connection, people: Sequence[str], who: Any, what: Any, at_ms: npt.NDArray[np.int64], random: Random
) -> None:
    """Past SQLAlchemy, which takes four times as long for a million rows."""
    products = [_product(number) for number in range(int(what.max()) + 1)]
    kinds = random.choice(len(KINDS), len(who), p=[share for _, _, share in KINDS]).tolist()
    rows = (
        (people[user], products[item], *KINDS[kind][:2], at, 0)
        for user, item, kind, at in zip(who.tolist(), what.tolist(), kinds, at_ms.tolist(), strict=True)
    )
    columns = "person, product, kind, weight, at, pushed"
    while held := list(islice(rows, _AT_ONCE)):
        connection.exec_driver_sql(f"INSERT INTO interactions ({columns}) VALUES (?, ?, ?, ?, ?, ?)", held)


def _fill(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == _AT_ONCE:
            connection.execute(insert(table), held)
            held.clear()
    if held:
        connection.execute(insert(table), held)


def _paths(people: Sequence[str], requests: int, known: int, random: Random) -> Iterator[str]:
    late = random.random(requests) < 0.1
    who = np.where(late, random.integers(known, len(people), requests), random.integers(known, size=requests))
    needs = random.random(requests) < 0.1
    for user, need in zip(who.tolist(), needs.tolist(), strict=True):
        yield f"/api/v1/recommendations?person={people[user]}&n=10" + ("&need=damp-air" if need else "")


# The model.


def artefact(x: Floats, y: Floats, met: csr_array, people: Sequence[str], trained_at: float) -> Artefact:
    items = tuple(_product(number) for number in range(len(y)))
    counts = np.asarray(met.sum(axis=0), dtype=np.float32).ravel()
    parts = (
        FactorsPart(family="als", x=x, y=y, fold="ridge", alpha=1.0, l2=0.01, weighting=MET),
        LinearPart(family="item-knn", w=links(y), weighting=MET),
        CountsPart(family="popularity", sums=counts, weighting=MET),
        OwnPart(family="own-frequency", weighting=MET),
    )
    info = ModelInfo(
        engine="bench", trained_at=trained_at, users=len(people), items=len(items), interactions=met.nnz,
        fingerprint="b" * 64,
    )  # fmt: skip
    return Artefact(
        info=info, users=tuple(people), items=items, parts=parts,
        heads={
            NEW: Head(mix=((0, 0.5), (1, 0.4), (2, 0.1)), temperature=1.5),
            REPEAT: Head(mix=((0, 0.3), (1, 0.2), (3, 0.5)), temperature=1.5),
        },
        profiles={MET: met}, popularity=(counts + 0.5) / (counts + 0.5).sum(), floor=float(0.5 / (counts + 0.5).sum()),
        categories=tuple(CATEGORIES[number % len(CATEGORIES)] for number in range(len(items))),
        vocabulary=Vocabulary(), attributes=np.zeros((len(items), 0), dtype=np.float32),
    )  # fmt: skip


def links(y: Floats) -> csr_array:
    """Of each item to those of the most alike factors, by the cosine."""
    count, kept = len(y), min(_LINKS, len(y))
    unit = y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), np.float32(1e-12))
    nothing = csr_array((count, count), dtype=np.float32)
    found, scores = Retrieval(unit).many(unit, kept, nothing)
    w = csr_array((scores.ravel(), found.ravel(), np.arange(count + 1) * kept), shape=(count, count))
    w.sort_indices()
    return w


# The server, and who asks it.


def api(x: Floats, y: Floats, met: csr_array, seconds: float) -> dict[str, float | None]:
    """Milliseconds; after a few seconds of which nothing counts but the very first answers, and not before the server
    has come to rest (its first start on a machine compiles for half a minute, beside the requests). None of them where
    the machine has so much else to do that the server falls behind for good."""
    count = max(1, round(PER_S * seconds))
    with tempfile.TemporaryDirectory() as folder:
        made = shop(Path(folder), x, y, met, count + PER_S * 3)
        with server(made.config) as (port, pid):
            rest(pid)
            warming, asked = made.paths[: PER_S * 3], made.paths[PER_S * 3 :]
            try:
                first, spent = (ask(port, made.key, paths) for paths in (warming, asked))
            except subprocess.TimeoutExpired:
                sys.stderr.write(f"api: {PER_S} requests/s were more than was answered; null stands for its times\n")
                return dict.fromkeys(TIMES) | {"rss_mb": rss_mb(pid)}
            resident = rss_mb(pid)
    times = (*np.percentile(spent, [50, 99, 100]).tolist(), first[0], first[9])
    return dict(zip(TIMES, times, strict=True)) | {"rss_mb": resident}


@contextmanager
def server(config: Path) -> Iterator[tuple[int, int]]:
    """Port and process id."""
    command = [sys.executable, "-m", "aircue_cloud", "serve", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
            if found is None:
                raise RuntimeError(f"the server did not start: {said!r}")
            yield int(found[1]), process.pid
        finally:
            process.terminate()


def rest(pid: int, most_s: int = 120) -> None:
    """Waits for a second in which the process took less than 50 ms of processor time."""
    spent = cpu_s(pid)
    for _ in range(most_s):
        time.sleep(1)
        before, spent = spent, cpu_s(pid)
        if spent - before < 0.05:
            return
    sys.stderr.write(f"api: the server was still busy with itself after {most_s} s\n")


def ask(port: int, key: str, paths: Sequence[str], per_s: float = PER_S) -> list[float]:
    """Milliseconds of each, from a process of its own. TimeoutExpired after three times as long as it should take."""
    asked = json.dumps({"port": port, "key": key, "paths": list(paths), "per_s": per_s})
    line = [sys.executable, "-m", "tests.bench.recommender_api"]
    patience = 3 * len(paths) / per_s + 30
    done = subprocess.run(line, input=asked, capture_output=True, text=True, check=True, timeout=patience)
    found: list[float] = json.loads(done.stdout)
    return found


class Pace:
    """Connections are kept, and as many are open as are needed."""

    def __init__(self, port: int, key: str, per_s: float) -> None:
        self._port = port
        self._head = f"HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
        self._per_s = per_s
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def all(self, paths: Sequence[str]) -> list[float]:
        begin = asyncio.get_running_loop().time() + 0.2
        try:
            dues = (begin + place / self._per_s for place in range(len(paths)))
            return await asyncio.gather(*(self._one(due, path) for due, path in zip(dues, paths, strict=True)))
        finally:
            for _, writer in self._idle:
                writer.close()

    async def _one(self, due: float, path: str) -> float:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(due - loop.time())
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(f"GET {path} {self._head}".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length is not None else b""
        spent = (loop.time() - due) * 1000
        if not head.startswith(b"HTTP/1.1 200") or not json.loads(body)["recommendations"]:
            raise RuntimeError(f"{path}: {head!r} {body!r:.300}, or nothing recommended")
        self._idle.append((reader, writer))
        return spent


def main() -> int:
    asked = json.load(sys.stdin)
    pace = Pace(asked["port"], asked["key"], asked["per_s"])
    json.dump(asyncio.run(pace.all(asked["paths"])), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
