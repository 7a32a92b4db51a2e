"""The best items of very many, nearly: a graph that is walked towards the largest products, and exact scores of what it
finds. An option past about a million items, where even a scan cut short reads too much; below, Retrieval is exact.

Malkov, Yashunin: Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs, TPAMI 2020. The graph is the package `usearch`'s, over products themselves: to make them angles by one more
dimension (Bachrach et al., RecSys 2014) leaves factors of very unlike lengths with next to no angle between them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import RecommenderError
from aircue_cloud.recommender.kernels import Floats, Ints

WORTH_IT_FROM = 1_000_000  # items


class Hnsw:
    """y: the items' factors, shape (items, f). connectivity, effort_building, effort_searching: the paper's M,
    efConstruction and ef. wider: how many times as many candidates as are asked for are scored exactly."""

    def __init__(
        self,
        y: npt.NDArray[np.floating],
        connectivity: int = 16,
        effort_building: int = 96,
        effort_searching: int = 192,
        wider: int = 4,
        threads: int = 1,
    ) -> None:
        self._y = np.ascontiguousarray(y, dtype=np.float32)
        self._wider = wider
        self._graph = _index()(
            ndim=self._y.shape[1], metric="ip", dtype="f32", connectivity=connectivity,
            expansion_add=effort_building, expansion_search=effort_searching,
        )  # fmt: skip
        if len(self._y):
            self._graph.add(np.arange(len(self._y), dtype=np.uint64), self._y, threads=threads)

    @classmethod
    def load(cls, y: npt.NDArray[np.floating], file: Path) -> "Hnsw":
        """A graph that was saved; RecommenderError where it is not one of these items."""
        found = cls(y[:0])
        found._y = np.ascontiguousarray(y, dtype=np.float32)
        try:
            found._graph.load(str(file))
        except (RuntimeError, ValueError, OSError) as error:
            raise RecommenderError(f"{file}: no graph ({error}); remove it, and it is made again") from error
        if (len(found._graph), found._graph.ndim) != y.shape:
            raise RecommenderError(f"{file}: a graph of other items; remove it, and it is made again")
        return found

    def save(self, file: Path) -> None:
        self._graph.save(str(file))

    def one(self, x: Floats, k: int, seen: Ints | Sequence[int] = ()) -> tuple[Ints, Floats]:
        """As Retrieval.one: at most k (item, score), best first, equal ones by item. Where seen items leave too few of
        those that were found, all items are scored."""
        left_out = np.asarray(seen, dtype=np.int32)
        user = np.ascontiguousarray(x, dtype=np.float32)
        open_ = len(self._y) - len(left_out)
        found = self._near(user, self._wider * k + len(left_out))
        found = found[~np.isin(found, left_out)]
        if len(found) < min(k, open_):
            found = np.setdiff1d(np.arange(len(self._y), dtype=np.int32), left_out)
        scores = self._y[found] @ user
        best = np.lexsort((found, -scores))[:k]
        return found[best], scores[best]

    def _near(self, x: Floats, count: int) -> Ints:
        if not len(self._y):
            return np.zeros(0, dtype=np.int32)
        return np.asarray(self._graph.search(x, min(count, len(self._y))).keys, dtype=np.int32)


def _index() -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise RecommenderError("searching by a graph needs the package usearch: pip install usearch") from error
    return Index
