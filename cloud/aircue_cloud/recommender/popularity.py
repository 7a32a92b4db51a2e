"""Popularity: the same ranking for everybody, and the share that stands in where a person is unknown.

Share of product i = (n_i + s) / sum_j (n_j + s), with n_i the number of people who liked i and s = SMOOTHING, so that
a product nobody has touched keeps a small share instead of none (additive smoothing).
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.model import Model, Progress, Rows, Scores

SMOOTHING = 0.5


class Popularity(Model):
    """shares: float64, shape (products,), sums to 1. floor: the share a product without any likes has beside them."""

    shares: npt.NDArray[np.float64]
    floor: float

    def _fit(self, interactions: csr_array, progress: Progress) -> None:
        likes = np.bincount(interactions.indices[interactions.data > 0], minlength=interactions.shape[1])
        self.shares = (likes + SMOOTHING) / (likes + SMOOTHING).sum()
        self.floor = float(SMOOTHING / (likes + SMOOTHING).sum())
        progress(f"popularity: {likes.sum()} likes of {len(likes)} products")

    def scores(self, rows: Rows) -> Scores:
        return np.tile(self.shares.astype(np.float32), (len(rows), 1))
