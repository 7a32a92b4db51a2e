"""What item-to-item models share: a user's scores are r_u W, a sum over what the user had to do with."""

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array, csr_array

from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model, Rows, Scores

ItemItem = npt.NDArray[np.float32] | csr_array


class Linear(Model):
    """w: shape (items, items); w[i, j] is what one unit of interest in i says for j. profile: the weighting of r_u in
    scores, where it is another than the one w was learnt with."""

    def __init__(self, weighting: Weighting, profile: Weighting | None = None) -> None:
        self.weighting = weighting
        self.profile = profile if profile is not None else weighting
        self.w: ItemItem = np.zeros((0, 0), dtype=np.float32)
        self._r: csr_array = csr_array(np.zeros((0, 0), dtype=np.float32))

    def _fit(self, interactions: Interactions, now: float) -> None:
        self.w = self._links(interactions, now)
        self._r = interactions.matrix(self.profile, now)

    def scores(self, rows: Rows) -> Scores:
        found: Any = self._r[np.asarray(rows, dtype=np.intp)] @ self.w
        return np.asarray(found if isinstance(found, np.ndarray) else found.toarray(), dtype=np.float32)

    def because(self, row: int, item: int, n: int = 3) -> list[tuple[int, float]]:
        """The user's own items that made `item` rank, with their parts of its score, largest first."""
        own = self._r.indices[self._r.indptr[row] : self._r.indptr[row + 1]]
        weights = self._r.data[self._r.indptr[row] : self._r.indptr[row + 1]]
        column = self.w[:, [item]]
        links = np.asarray(column if isinstance(column, np.ndarray) else column.toarray()).ravel()[own]
        parts = weights * links
        best = np.argsort(-parts, kind="stable")[:n]
        return [(int(own[place]), float(parts[place])) for place in best if parts[place] > 0]

    @abstractmethod
    def _links(self, interactions: Interactions, now: float) -> ItemItem:
        """W."""


class OfMatrix(Linear):
    """Those whose W follows from R alone."""

    def _links(self, interactions: Interactions, now: float) -> ItemItem:
        return self._learn(interactions.matrix(self.weighting, now))

    @abstractmethod
    def _learn(self, r: csr_array) -> ItemItem:
        """W of R, shape (users, items)."""


def heaviest(r: csr_array, most: int) -> npt.NDArray[np.intp]:
    """The items with the most weight, ascending; all of them where they are no more than `most`."""
    return np.sort(np.argsort(-abs(r).sum(axis=0), kind="stable")[:most])


def spread_out(w: npt.NDArray[np.float32], among: npt.NDArray[np.intp], items: int) -> ItemItem:
    """A W of some items, shape (among, among), as one of all; the others have no links."""
    if len(among) == items:
        return w
    inside = csr_array((np.ones(len(among), dtype=np.float32), (among, np.arange(len(among)))), (items, len(among)))
    return csr_array(inside @ csr_array(w) @ inside.T)


def nearest(similarity: npt.NDArray[np.float32], k: int) -> csr_array:
    """Of every column its k largest entries over 0, shape as given; among equal ones the first rows."""
    items = similarity.shape[0]
    k = min(k, items)
    rows = np.argsort(-similarity, axis=0, kind="stable")[:k]
    data = np.take_along_axis(similarity, rows, axis=0)
    columns = np.broadcast_to(np.arange(items), rows.shape)
    kept = data > 0
    return csc_array((data[kept], (rows[kept], columns[kept])), shape=(items, items)).tocsr()
