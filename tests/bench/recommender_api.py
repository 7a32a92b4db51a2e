"""The answer time of recommendations over HTTP: a waitress process of its own, requests at a fixed pace.

The application is a minimal one around Retrieval (which user, which items they have seen, ten items as JSON), served by
the product's server; authentication and the database are not in it.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
import waitress
from scipy.sparse import csr_array
from tests.bench.proc import rss_mb
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.retrieval import Retrieval

PER_S = 50
_THREADS = 8
_PATH = "/recommendations/"

Start = Callable[[str, list[tuple[str, str]]], object]


def api(x: Floats, y: Floats, met: csr_array, seconds: float, seed: int = 4) -> dict[str, float]:
    """Milliseconds from the moment a request is due to the end of its answer, so that what waits in line counts."""
    users = np.random.default_rng(seed).integers(len(x), size=max(1, round(PER_S * seconds)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "served.npz"
        np.savez(file, x=x, y=y, indptr=met.indptr, indices=met.indices)
        with _server(file) as (port, pid):
            _paced(port, users[:PER_S])
            spent = _paced(port, users)
            resident = rss_mb(pid)
    p50, p99 = np.percentile(spent, [50, 99])
    return {"api_p50_ms": float(p50), "api_p99_ms": float(p99), "rss_mb": resident}


def _paced(port: int, users: Iterable[int]) -> list[float]:
    """PER_S requests a second, whether those before have been answered or not."""
    kept, connections = local(), list[HTTPConnection]()
    begin = time.perf_counter() + 0.05

    def ask(place: int, user: int) -> float:
        due = begin + place / PER_S
        time.sleep(max(0.0, due - time.perf_counter()))
        if not hasattr(kept, "connection"):
            kept.connection = HTTPConnection("127.0.0.1", port, timeout=30)
            connections.append(kept.connection)
        kept.connection.request("GET", f"{_PATH}{user}")
        answer = kept.connection.getresponse()
        if answer.status != 200 or not json.loads(answer.read()):
            raise RuntimeError(f"user {user}: status {answer.status}, or nothing recommended")
        return (time.perf_counter() - due) * 1000

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(ask, *zip(*enumerate(int(user) for user in users), strict=True)))
    finally:
        for connection in connections:
            connection.close()


@contextmanager
def _server(file: Path) -> Iterator[tuple[int, int]]:
    """Port and process id."""
    command = [sys.executable, "-m", "tests.bench.recommender_api", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def application(x: Floats, y: Floats, indptr: Any, indices: Any) -> Callable[[dict[str, Any], Start], list[bytes]]:
    retrieval = Retrieval(y)
    retrieval.one(x[0], 10)

    def answer(environ: dict[str, Any], start: Start) -> list[bytes]:
        user = int(environ["PATH_INFO"].removeprefix(_PATH))
        items, scores = retrieval.one(x[user], 10, indices[indptr[user] : indptr[user + 1]])
        rows = [{"item": item, "score": score} for item, score in zip(items.tolist(), scores.tolist(), strict=True)]
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(rows).encode()]

    return answer


def _serve(file: Path) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with np.load(file) as arrays, threadpool_limits(limits=1, user_api="blas"):
        app = application(*(arrays[name] for name in ("x", "y", "indptr", "indices")))
        server = waitress.create_server(app, host="127.0.0.1", port=0, threads=4)
        sys.stdout.write(f"{server.effective_port}\n")  # type: ignore[union-attr]
        sys.stdout.flush()
        server.run()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
