"""The best items of factors, exactly: for one user at once, for all users in tiles and threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender import kernels
from aircue_cloud.recommender.kernels import NOBODY, Floats, Ints

_USERS_AT_ONCE = 128
_ITEMS_AT_ONCE = 1024
_UP = 1 + 2.0**-20


class Retrieval:
    """y: the items' factors, shape (items, f). Kept once, sorted by length. Safe to share between threads."""

    def __init__(self, y: npt.NDArray[np.floating]) -> None:
        factors = np.asarray(y, dtype=np.float32)
        lengths = np.linalg.norm(factors.astype(np.float64), axis=1)
        self._order: Ints = np.argsort(-lengths, kind="stable").astype(np.int32)
        self._sorted = np.ascontiguousarray(factors[self._order])
        self._codes, self._bounds = _coarse(self._sorted, lengths[self._order])
        self._lengths: Floats = np.ascontiguousarray(self._bounds[:, 0])

    def one(self, x: Floats, k: int, seen: Ints | Sequence[int] = ()) -> tuple[Ints, Floats]:
        """At most k (item, score) for a user's factors, best first. seen: items to leave out, ascending."""
        scores, items = _lists(1, k)
        left_out = np.asarray(seen, dtype=np.int32)
        user = np.ascontiguousarray(x, dtype=np.float32)
        parts = (self._sorted, self._codes, self._bounds, self._order)
        kernels.best_of_one(user, *parts, left_out, scores[0], items[0])
        found = items[0] != NOBODY
        return items[0][found], scores[0][found]

    def many(self, x: Floats, k: int, seen: csr_array, threads: int = 1) -> tuple[Ints, Floats]:
        """Items and scores of many users, shape (users, k), NOBODY at -inf where none is left. seen: what not to
        recommend, shape (users, items), indices sorted."""
        scores, items = _lists(len(x), k)
        users = np.ascontiguousarray(x, dtype=np.float32)
        indptr, indices = seen.indptr.astype(np.int64), seen.indices.astype(np.int32)

        lengths = np.linalg.norm(users, axis=1).astype(np.float32)

        def block(begin: int) -> None:
            rows = np.arange(begin, min(begin + _USERS_AT_ONCE, len(users)), dtype=np.int32)
            for first in range(0, len(self._sorted), _ITEMS_AT_ONCE):
                rows = kernels.still_open(lengths, self._lengths[first], scores, rows)
                if not len(rows):
                    return
                part = slice(first, first + _ITEMS_AT_ONCE)
                products = users[rows] @ self._sorted[part].T
                kernels.take_tile(products, rows, self._order[part], indptr, indices, scores, items)

        begins = range(0, len(users), _USERS_AT_ONCE)
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, begins))
        return items, scores


def _coarse(y: Floats, lengths: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int8], Floats]:
    """c of y = s c + e, and of each row |y|, s and |e|, the lengths rounded up so that they bound."""
    scale = (np.abs(y).max(axis=1, initial=0) / 127).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1))
    codes = np.rint(y / scale[:, None]).astype(np.int8)
    lost = np.linalg.norm(y.astype(np.float64) - scale[:, None].astype(np.float64) * codes, axis=1)
    bounds = np.stack([lengths * _UP, scale, lost * _UP], axis=1)
    return codes, np.ascontiguousarray(bounds, dtype=np.float32)


def _lists(users: int, k: int) -> tuple[Floats, Ints]:
    return np.full((users, k), -np.inf, dtype=np.float32), np.full((users, k), NOBODY, dtype=np.int32)
