"""How fast the best items are found, beside implicit 0.7.3 in the same run and beside what the machine can do at all.

Factors are trained by implicit's ALS on a generated log: how often an item and a user occur falls off by Zipf's law,
and every user has a taste for a few groups of items. Gaussian factors stand beside them as the worst case: all lengths
are alike, so that no bound on a product says much. Seen items are left out on both sides. Rounds alternate between ours
and theirs, and medians are compared; every ratio says how many times faster ours is.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from tests.bench.recommender_api import api
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.kernels import Floats, Ints
from aircue_cloud.recommender.models.fold_in import UserFoldIn
from aircue_cloud.recommender.retrieval import Retrieval

K = 10
DIMENSIONS = (64, 128)
_L2, _ALPHA = 0.01, 1.0


@dataclass(frozen=True, kw_only=True)
class Zipf:
    """A log to generate: the n-th most frequent item occurs n^-item_exponent as often as the first, users likewise.
    Of a user's events 7 in 10 fall into their 3 groups."""

    users: int = 30_000
    items: int = 41_000
    events: int = 1_500_000
    item_exponent: float = 1.0
    user_exponent: float = 0.7
    groups: int = 50
    seed: int = 1

    def draw(self) -> csr_array:
        """1 where a user met an item, shape (users, items)."""
        random = np.random.default_rng(self.seed)
        user = random.choice(self.users, self.events, p=random.permutation(_shares(self.users, self.user_exponent)))
        tastes = random.integers(self.groups, size=(self.users, 3))
        own = tastes[user, random.integers(3, size=self.events)]
        group = np.where(random.random(self.events) < 0.7, own, random.integers(self.groups, size=self.events))
        size = self.items // self.groups
        item = random.choice(size, self.events, p=_shares(size, self.item_exponent)) * self.groups + group
        numbers = random.permutation(self.items)
        found = csr_array((np.ones(self.events, np.float32), (user, numbers[item])), shape=(self.users, self.items))
        found.sum_duplicates()
        found.data[:] = 1
        return found


SHORT = Zipf(users=400, items=1500, events=12_000, groups=10)


def _shares(count: int, exponent: float) -> npt.NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, kw_only=True)
class Served:
    """What both sides serve from: x (users, f), y (items, f), met (users, items)."""

    name: str
    x: Floats
    y: Floats
    met: csr_array

    @classmethod
    def trained(cls, met: csr_array, factors: int) -> "Served":
        solver = _implicit(factors, 0)
        solver.fit(_matrix(met), show_progress=False)
        return cls(name=f"d{factors}", x=solver.user_factors, y=solver.item_factors, met=met)

    @classmethod
    def gaussian(cls, met: csr_array, factors: int, seed: int = 1) -> "Served":
        random = np.random.default_rng(seed)
        x, y = (random.standard_normal((count, factors), dtype=np.float32) for count in met.shape)
        return cls(name=f"gaussian_d{factors}", x=x, y=y, met=met)

    def peer(self, threads: int) -> AlternatingLeastSquares:
        solver = _implicit(self.x.shape[1], threads)
        solver.user_factors, solver.item_factors = self.x, self.y
        return solver


def _implicit(factors: int, threads: int) -> AlternatingLeastSquares:
    with threadpool_limits(limits=1, user_api="blas"):
        return AlternatingLeastSquares(
            factors=factors, regularization=_L2, alpha=_ALPHA, random_state=1, num_threads=threads
        )


def _matrix(met: csr_array) -> csr_matrix:
    return csr_matrix((met.data, met.indices.astype(np.int32), met.indptr.astype(np.int32)), shape=met.shape)


def alternate(sides: Sequence[Callable[[], object]], rounds: int) -> npt.NDArray[np.float64]:
    """Seconds of every side in every round, shape (sides, rounds); each round begins with another side."""
    spent = np.zeros((len(sides), rounds))
    for at in range(rounds):
        for place in np.roll(np.arange(len(sides)), at):
            began = time.perf_counter()
            sides[place]()
            spent[place, at] = time.perf_counter() - began
    return spent


# The machine's limits.


def bandwidth(megabytes: int = 128) -> float:
    """Bytes a second that one thread reads: the best of some passes of a dot product over more than any cache holds."""
    values = np.ones(megabytes * 2**18, dtype=np.float32)
    return float(values.nbytes / alternate([lambda: np.dot(values, values[::-1][::-1])], 7).min())


def multiplication(factors: int) -> float:
    """Products of float32 numbers a second that one thread's BLAS makes."""
    a, b = np.ones((1024, factors), np.float32), np.ones((8192, factors), np.float32)
    with threadpool_limits(limits=1, user_api="blas"):
        return float(1024 * 8192 * factors / alternate([lambda: a @ b.T], 7).min())


# One task each.


def batch(served: Served, users: int, rounds: int = 5) -> dict[str, float]:
    """Users a second of all at once, each side at the number of threads that suits it best."""
    retrieval, rows = Retrieval(served.y), np.arange(min(users, len(served.x)))
    met, x = served.met[rows], np.ascontiguousarray(served.x[rows])
    liked, counts = _matrix(met), sorted({1, os.cpu_count() or 1})
    peers = [served.peer(threads) for threads in counts]
    ours = [lambda threads=threads: retrieval.many(x, K, met, threads) for threads in counts]  # type: ignore[misc]
    theirs = [lambda peer=peer: peer.recommend(rows, liked, N=K) for peer in peers]  # type: ignore[misc]
    with threadpool_limits(limits=1, user_api="blas"):
        alternate([*ours, *theirs], 1)
        spent = np.median(alternate([*ours, *theirs], rounds), axis=1)
        unlike = differing(served, rows, retrieval.many(x, K, met)[0], peers[0].recommend(rows, liked, N=K)[0])
    best, peer = spent[: len(counts)].min(), spent[len(counts) :].min()
    return {
        "batch_users_per_s": len(rows) / best,
        "batch_users_per_s_implicit": len(rows) / peer,
        "batch_users_per_s_vs_implicit": peer / best,
        "batch_lists_differing": unlike,
    }


def differing(served: Served, rows: npt.NDArray[np.intp], ours: Ints, theirs: Ints) -> int:
    """Users whose lists differ by more than the order of products that float32 cannot tell apart."""
    places = np.flatnonzero((ours != theirs).any(axis=1))
    if not len(places):
        return 0
    x = served.x[rows[places]].astype(np.float64)
    scores = [np.einsum("uf,ukf->uk", x, served.y[lists[places]].astype(np.float64)) for lists in (ours, theirs)]
    rounding = 1e-5 * np.linalg.norm(x, axis=1) * np.linalg.norm(served.y, axis=1).max()
    return int((np.abs(scores[0] - scores[1]).max(axis=1) > rounding).sum())


def single(served: Served, users: int, rounds: int = 5, seed: int = 5) -> dict[str, float]:
    """Microseconds of one user at a time: of each user the median of some rounds, so that what the machine does
    meanwhile stays out, and over users the median and the 99th percentile."""
    rows = np.random.default_rng(seed).choice(len(served.x), min(users, len(served.x)), replace=False)
    retrieval, peer, liked = Retrieval(served.y), served.peer(1), _matrix(served.met)
    spent = np.zeros((2, len(rows), rounds))
    unlike = 0
    with threadpool_limits(limits=1, user_api="blas"):
        for at, user in enumerate(rows):
            met = liked.indices[liked.indptr[user] : liked.indptr[user + 1]]
            x, row = served.x[user], liked[user]
            sides = (
                lambda x=x, met=met: retrieval.one(x, K, met),  # type: ignore[misc]
                lambda user=user, row=row: peer.recommend(user, row, N=K),  # type: ignore[misc]
            )
            spent[:, at] = alternate(sides, rounds)
            unlike += differing(served, rows[[at]], sides[0]()[0][None], sides[1]()[0][None])
    ours, theirs = np.percentile(np.median(spent, axis=2) * 1e6, [50, 99], axis=1).T
    return {
        "single_p50_us": ours[0],
        "single_p99_us": ours[1],
        "single_p50_us_implicit": theirs[0],
        "single_p99_us_implicit": theirs[1],
        "single_p50_vs_implicit": theirs[0] / ours[0],
        "single_p99_vs_implicit": theirs[1] / ours[1],
        "single_lists_differing": unlike,
    }


def fold_in(served: Served, users: int, rounds: int = 5, seed: int = 6) -> dict[str, float]:
    """Microseconds to give one user factors from what they met."""
    rows = np.random.default_rng(seed).choice(len(served.x), min(users, len(served.x)), replace=False)
    fold, peer, liked = UserFoldIn(served.y, _ALPHA, _L2), served.peer(1), _matrix(served.met)
    spent = np.zeros((2, len(rows), rounds))
    with threadpool_limits(limits=1, user_api="blas"):
        peer.recalculate_user(0, liked[0])
        for at, user in enumerate(rows):
            row = liked[user]
            sides = (
                lambda row=row: fold.of(row.indices, row.data),  # type: ignore[misc]
                lambda user=user, row=row: peer.recalculate_user(user, row),  # type: ignore[misc]
            )
            spent[:, at] = alternate(sides, rounds)
    ours, theirs = np.median(np.median(spent, axis=2), axis=1) * 1e6
    read = 2 * 4 * served.x.shape[1] * np.median(np.diff(liked.indptr)[rows])  # of Y and of G, a row an item
    return {
        "fold_in_us": ours,
        "fold_in_us_implicit": theirs,
        "fold_in_us_vs_implicit": theirs / ours,
        "fold_in_floor_us": read / bandwidth() * 1e6,
    }


def growth(served: Served, users: int, rounds: int = 3) -> dict[str, float]:
    """How many times the time of one user and of one in a batch grow with 10x items and 10x users; 10 for the items is
    what a whole scan would take. The further ones are generated: copies of the trained ones, moved at random by a tenth
    of their length."""
    wide = replace(served, y=moved(served.y), met=_no_one(len(served.x), 10 * len(served.y)))
    many = replace(served, x=moved(served.x), met=csr_array(_repeat(served.met)))
    singles = [_alone(one, users, rounds) for one in (served, wide)]
    rates = [_together(one, rounds) for one in (served, wide, many)]
    return {
        "growth_items": float(len(wide.y)),
        "growth_users": float(len(many.x)),
        "growth_single_p50_us_10x_items": singles[1],
        "growth_single_floor_us_10x_items": wide.y.nbytes / bandwidth() * 1e6,
        "growth_batch_users_per_s_10x_items": rates[1],
        "growth_batch_users_per_s_10x_users": rates[2],
        "growth_single_p50_10x_items": singles[1] / singles[0],
        "growth_batch_user_10x_items": rates[0] / rates[1],
        "growth_batch_user_10x_users": rates[0] / rates[2],
    }


def _alone(served: Served, users: int, rounds: int, seed: int = 5) -> float:
    """Microseconds of the median user of ours."""
    retrieval, met = Retrieval(served.y), _matrix(served.met)
    rows = np.random.default_rng(seed).choice(len(served.x), min(users, len(served.x)), replace=False)
    sides = [
        lambda user=user: retrieval.one(served.x[user], K, met.indices[met.indptr[user] : met.indptr[user + 1]])  # type: ignore[misc]
        for user in rows
    ]
    return float(np.median(np.median(alternate(sides, rounds), axis=1)) * 1e6)


def _together(served: Served, rounds: int) -> float:
    """Users a second of ours, all of them in one batch, on all processors."""
    retrieval, threads = Retrieval(served.y), os.cpu_count() or 1
    spent = alternate([lambda: retrieval.many(served.x, K, served.met, threads)], rounds)
    return float(len(served.x) / np.median(spent))


def moved(factors: Floats, times: int = 10, seed: int = 3) -> Floats:
    """So many copies, each moved at random by a tenth of its length."""
    random = np.random.default_rng(seed)
    lengths = np.linalg.norm(factors, axis=1, keepdims=True) / np.float32(10 * np.sqrt(factors.shape[1]))
    return np.concatenate(
        [factors + random.standard_normal(factors.shape, dtype=np.float32) * lengths for _ in range(times)]
    )


def _repeat(met: csr_array) -> csr_matrix:
    whole = _matrix(met)
    return whole[np.tile(np.arange(met.shape[0]), 10)]


def _no_one(users: int, items: int) -> csr_array:
    return csr_array((users, items), dtype=np.float32)


# All of it.


def run(zipf: Zipf | None = None, users: int = 4000, api_s: float = 20.0) -> dict[str, Any]:
    """The figures by name. A key of a ratio without a suffix is the least of the dimensions."""
    zipf = zipf if zipf is not None else Zipf()
    met = zipf.draw()
    _say(f"log: {zipf}, {met.nnz} pairs")
    figures: dict[str, Any] = {}
    for factors in DIMENSIONS:
        trained = Served.trained(met, factors)
        _say(f"d{factors}: item lengths at 0, 10, 50, 90, 99, 100 %: {_lengths(trained.y)}")
        for served in (trained, Served.gaussian(met, factors)):
            figures |= _tasks(served, users)
        if factors == DIMENSIONS[0]:
            figures |= _told("growth", growth(trained, users // 8))
            figures |= _told("api", api(trained.x, trained.y, met, api_s))
    figures |= _least(figures)
    figures["lists_differing"] = sum(value for name, value in figures.items() if "lists_differing_" in name)
    return {name: None if value is None else round(float(value), 3) for name, value in figures.items()}


def _least(figures: dict[str, Any]) -> dict[str, float]:
    """Of the dimensions."""
    found = {}
    for name in ("batch_users_per_s", "single_p50", "single_p99", "fold_in_us"):
        for kind in ("", "gaussian_"):
            each = [figures[f"{name}_vs_implicit_{kind}d{factors}"] for factors in DIMENSIONS]
            found[f"{name}_vs_implicit" + ("_gaussian" if kind else "")] = min(each)
    return found


def _tasks(served: Served, users: int) -> dict[str, float]:
    found = batch(served, users) | single(served, users // 4) | fold_in(served, users // 8)
    found |= _floors(served)
    _told(served.name, found)
    return {f"{name}_{served.name}": value for name, value in found.items()}


def _told(what: str, found: Mapping[str, float | None]) -> Mapping[str, float | None]:
    said = (f"{name} {'null' if value is None else f'{value:.4g}'}" for name, value in found.items())
    _say(f"{what}: {', '.join(said)}")
    return found


def _floors(served: Served) -> dict[str, float]:
    """What a whole scan of the items costs at the least: one user's is bound by memory, many users' by multiplication.
    Ours may lie below, for it does not look at everything."""
    count, factors = served.y.shape
    scan = served.y.nbytes / bandwidth()
    return {
        "single_floor_us": scan * 1e6,
        "batch_users_per_s_ceiling_of_a_thread": multiplication(factors) / (count * factors),
    }


def _lengths(y: Floats) -> list[float]:
    found = np.quantile(np.linalg.norm(y, axis=1), [0, 0.1, 0.5, 0.9, 0.99, 1])
    return [round(float(value), 4) for value in found]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    sys.stdout.write(json.dumps(run()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
