"""The contract of every model: fit a matrix of interactions, score and recommend its columns for its rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.errors import DatasetError

Scores = npt.NDArray[np.float32]
Rows = Sequence[int] | npt.NDArray[np.intp]
Progress = Callable[[str], None]


def silent(line: str) -> None:
    """Progress that nobody wants to see."""


class Model(ABC):
    """interactions: r_ui, shape (people, products); positive is liked, negative disliked, absent unknown."""

    def fit(self, interactions: csr_array, progress: Progress = silent) -> None:
        """Learn; DatasetError where the matrix holds nothing, or what is no number."""
        check(interactions)
        self._fit(interactions, progress)

    def recommend(self, row: int, n: int, without: Sequence[int] = ()) -> list[tuple[int, float]]:
        """At most n (column, score), best first; equal scores by column. without: columns to leave out."""
        return top(self.scores([row])[0], n, without)

    @abstractmethod
    def scores(self, rows: Rows) -> Scores:
        """Shape (rows, products); higher is better within a row."""

    @abstractmethod
    def _fit(self, interactions: csr_array, progress: Progress) -> None: ...


def top(scores: npt.NDArray[np.floating], n: int, without: Sequence[int] = ()) -> list[tuple[int, float]]:
    """At most n (column, score) of scores, shape (products,), best first; equal scores by column."""
    ranked = np.argsort(-scores, kind="stable")
    kept = ranked[~np.isin(ranked, without)][: max(n, 0)]
    return [(int(column), float(scores[column])) for column in kept]


def check(interactions: csr_array) -> None:
    people, products = interactions.shape
    if interactions.nnz == 0:
        raise DatasetError(f"matrix of {people} people x {products} products holds no interaction")
    if not np.isfinite(interactions.data).all():
        raise DatasetError(f"matrix of {people} people x {products} products holds NaN or infinite weights")
