"""A million items: the graph beside the exact scan. `python -m tests.bench.recommender_graph [items]`.

Items are copies of factors that implicit's ALS learnt on the generated log of recommender_serving, each moved at random
by a tenth of its length. Recall counts the exact ten that are among the ten of the graph, which are ranked by exact
scores; users are those of the log, what they have met is left out on both sides.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tests.bench.recommender_serving import K, Served, Zipf, alternate, moved

from aircue_cloud.recommender.hnsw import Hnsw
from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.retrieval import Retrieval

ITEMS, FACTORS = 1_000_000, 64


def compare(x: Floats, y: Floats, users: int = 300, threads: int = 2, seed: int = 9) -> dict[str, Any]:
    began = time.perf_counter()
    graph = Hnsw(y, threads=threads)
    built = time.perf_counter() - began
    exact = Retrieval(y)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "graph"
        graph.save(file)
        began = time.perf_counter()
        stored = Hnsw.load(y, file)
        loaded, size = time.perf_counter() - began, file.stat().st_size
    rows = np.random.default_rng(seed).choice(len(x), min(users, len(x)), replace=False)
    found, spent = [], []
    for user in x[rows]:
        ours, theirs = stored.one(user, K)[0], exact.one(user, K)[0]
        found.append(len(np.intersect1d(ours, theirs)) / K)
        sides = (lambda user=user: stored.one(user, K), lambda user=user: exact.one(user, K))  # type: ignore[misc]
        spent.append(np.median(alternate(sides, 3), axis=1) * 1e6)
    near, whole = np.percentile(np.array(spent), [50, 99], axis=0).T
    return {
        "items": len(y), "factors": y.shape[1], "users": len(rows), "recall_at_10": float(np.mean(found)),
        "graph_p50_us": near[0], "graph_p99_us": near[1], "exact_p50_us": whole[0], "exact_p99_us": whole[1],
        "build_s": built, "build_threads": threads, "load_s": loaded, "file_mb": size / 2**20,
    }  # fmt: skip


def main(items: int = ITEMS) -> int:
    trained = Served.trained(Zipf().draw(), FACTORS)
    y = moved(trained.y, -(-items // len(trained.y)))[:items]
    figures = {name: round(float(value), 4) for name, value in compare(trained.x, y).items()}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
