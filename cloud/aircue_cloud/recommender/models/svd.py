"""Truncated SVD: the study's second step, the user-item matrix without its small singular values.

R = U S V^T cut off after f values; the score of user u is r_u V V^T. Cremonesi, Koren, Turrin: Performance of
recommender algorithms on top-n recommendation tasks, RecSys 2010 (PureSVD).
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.factors import Factored, Factors


class Svd(Factored):
    """factors: f, singular values that are kept. y = V, and x = R V."""

    def __init__(self, factors: int = 32, weighting: Weighting | None = None, seed: int = 7) -> None:
        super().__init__(weighting if weighting is not None else Weighting(shape="binary"))
        self.factors = factors
        self.seed = seed

    def _learn(self, r: csr_array) -> tuple[Factors, Factors]:
        v = _right(r, self.factors, self.seed).astype(np.float32)
        return np.asarray(r @ v, dtype=np.float32), v


def _right(r: csr_array, factors: int, seed: int) -> npt.NDArray[np.float64]:
    """The first right singular vectors, shape (items, f). Small matrices are solved whole: Lanczos wants f < both
    sides."""
    if factors < min(r.shape) - 1:
        start = np.random.default_rng(seed).standard_normal(min(r.shape))
        return np.asarray(svds(r.astype(np.float64), k=factors, v0=start)[2].T)
    return np.asarray(np.linalg.svd(r.toarray().astype(np.float64), full_matrices=False)[2][:factors].T)
