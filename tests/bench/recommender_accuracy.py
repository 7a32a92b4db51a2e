"""How well the recommender ranks on UCI Online Retail: three rolling 30-day tests, everything chosen on the 30 days
before each.

A customer's invoice line is an interaction; cancellations and lines without a customer are left out. Users and items
count that were known before the split; all such items are ranked. Peers: the study's formula (4) (cosine, binary,
K = 100), implicit's ALS as it comes (binary, mean of three seeds), and for repeats the customer's own purchase counts.
"""

import csv
import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.evaluating import bootstrap
from aircue_cloud.recommender.evaluating.comparison import HEADLINE, PerUser, measure
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split, question
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.factors import Factored, Factors
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.tuning import Progress, Tuned, suited, tune

TESTS = tuple(datetime(2011, month, day, tzinfo=UTC).timestamp() for month, day in ((7, 3), (8, 2), (9, 1)))
PERIOD_S = 30 * DAY_S
BUDGET_S = 120.0  # of each tuning run, six in all
OURS = "ours"
_SEEDS = (0, 1, 2)


class AlsAsItComes(Factored):
    """implicit 0.7.3 without a single argument, on what was bought or not."""

    def __init__(self, seed: int) -> None:
        super().__init__(Weighting(shape="binary"))
        self.seed = seed

    def _learn(self, r: csr_array) -> tuple[Factors, Factors]:
        solver = AlternatingLeastSquares(random_state=self.seed)
        with threadpool_limits(limits=1, user_api="blas"):
            solver.fit(csr_matrix((r.data, r.indices, r.indptr), shape=r.shape), show_progress=False)
        return solver.user_factors, solver.item_factors


def invoices(folder: Path) -> Interactions:
    with gzip.open(folder / "online_retail" / "invoices.csv.gz", "rt", encoding="utf-8", errors="replace") as file:
        return Interactions.of(_lines(csv.DictReader(file)))


def _lines(reader: "csv.DictReader[str]") -> Iterator[tuple[str, str, float, float]]:
    for row in reader:
        if row["CustomerID"] and not row["InvoiceNo"].startswith("C") and float(row["Quantity"]) > 0:
            at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC).timestamp()
            yield row["CustomerID"], row["StockCode"], at, 1.0


PEERS: dict[Protocol, dict[str, tuple[Callable[[], Model], ...]]] = {
    Protocol.NEW: {
        "formula4": (lambda: ItemKnn(k=100, weighting=Weighting(shape="binary")),),
        "als_default": tuple(lambda seed=seed: AlsAsItComes(seed) for seed in _SEEDS),  # type: ignore[misc]  # a default argument binds the loop's value
    },
    Protocol.REPEAT: {"own_frequency": (lambda: OwnFrequency(Weighting()),)},
}


def run(folder: Path, budget_s: float = BUDGET_S) -> dict[str, Any]:
    """The figures by name. Windows and protocols are shared out between the processors. tune_and_train_wall_s: to
    choose and fit both heads of one model, the mean of the windows; accuracy_wall_s: of everything here."""
    log = invoices(folder)
    began = time.monotonic()
    tasks = [(log, protocol, at, budget_s) for at in TESTS for protocol in PEERS]
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_window, *zip(*tasks, strict=True)))
    whole: dict[str, Any] = {
        "tune_and_train_wall_s": round(sum(spent for spent, _ in found) / len(TESTS), 1),
        "accuracy_wall_s": round(time.monotonic() - began, 1),
    }
    for protocol in PEERS:
        windows = [values for (_, asked, _, _), (_, values) in zip(tasks, found, strict=True) if asked is protocol]
        whole |= figures(protocol, {name: np.concatenate([one[name] for one in windows]) for name in windows[0]})
    return whole


def figures(protocol: Protocol, values: dict[str, PerUser]) -> dict[str, Any]:
    """values: NDCG@10 of each user of all windows, of OURS and of each peer."""
    ours = values[OURS]
    found: dict[str, Any] = {f"ndcg10_{protocol}": round(float(ours.mean()), 4), f"users_{protocol}": len(ours)}
    for name, theirs in values.items():
        if name == OURS:
            continue
        interval = bootstrap.ratio(ours, theirs)
        found[f"ndcg10_{protocol}_{name}"] = round(float(theirs.mean()), 4)
        found[f"ndcg10_{protocol}_vs_{name}"] = round(interval.value, 4)
        found[f"ndcg10_{protocol}_vs_{name}_ci95"] = [round(interval.low, 4), round(interval.high, 4)]
        found[f"ndcg10_{protocol}_vs_{name}_lower"] = round(interval.low, 4)
    return found


def _window(log: Interactions, protocol: Protocol, at: float, budget_s: float) -> tuple[float, dict[str, PerUser]]:
    """Seconds to choose and fit OURS, and NDCG@10 of each user of one test, of OURS, chosen on the period before it,
    and of each peer."""
    began = time.monotonic()
    day = f"{protocol} {datetime.fromtimestamp(at, UTC).date()}"
    tuned = chosen(log, protocol, at, budget_s, progress=lambda line: _say(f"{day}: {line}"))
    _say(f"{day}: {json.dumps(tuned.as_json()['parts'])}")
    split = Split.of(log, at, at + PERIOD_S)
    ours = tuned.make()
    ours.fit(split.known, split.at)
    spent = time.monotonic() - began
    asked = question(split, protocol)
    found = {OURS: measure(OURS, ours, split.known, protocol, asked).per_user[HEADLINE]}
    for name, makes in PEERS[protocol].items():
        found[name] = np.mean([ndcg(name, make(), split, protocol) for make in makes], axis=0)
    _say(f"{day}: " + ", ".join(f"{name} {values.mean():.4f}" for name, values in found.items()))
    return spent, found


def chosen(
    log: Interactions,
    protocol: Protocol,
    at: float,
    budget_s: float,
    families: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Tuned:
    """For a test that begins `at`, by the period before it."""
    asked = families or suited(protocol)
    return tune(Split.of(log, at - PERIOD_S, at), protocol, budget_s, progress, families=asked)


def ndcg(name: str, model: Model, split: Split, protocol: Protocol) -> PerUser:
    model.fit(split.known, split.at)
    return measure(name, model, split.known, protocol, question(split, protocol)).per_user[HEADLINE]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    figures = run(Path(os.environ["AIRCUE_DATA"]), float(os.environ.get("TUNE_S", BUDGET_S)))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
