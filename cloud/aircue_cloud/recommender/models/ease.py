"""EASE: the closed-form linear model whose items may not explain themselves.

With G = R^T R + lambda I and P = G^-1, B_ij = -P_ij / P_jj off the diagonal and 0 on it; the score is r_u B.
Steck: Embarrassingly shallow autoencoders for sparse data, WWW 2019.
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.linear import ItemItem, OfMatrix, heaviest, spread_out


class Ease(OfMatrix):
    """l2: lambda. most_items: the inverse is dense (items^2 doubles), so only that many items with the most weight take
    part; the others score 0."""

    def __init__(
        self,
        l2: float = 200.0,
        weighting: Weighting | None = None,
        profile: Weighting | None = None,
        most_items: int = 20_000,
    ) -> None:
        super().__init__(weighting if weighting is not None else Weighting(shape="binary"), profile)
        self.l2 = l2
        self.most_items = most_items

    def _learn(self, r: csr_array) -> ItemItem:
        heavy = heaviest(r, self.most_items)
        return spread_out(self._solve(r[:, heavy]), heavy, r.shape[1])

    def _solve(self, r: csr_array) -> npt.NDArray[np.float32]:
        g = (r.T @ r).toarray().astype(np.float64)
        g[np.diag_indices_from(g)] += self.l2
        p = _inverse(g)
        b = -p / p.diagonal()
        np.fill_diagonal(b, 0)
        return b.astype(np.float32)


def _inverse(g: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of a symmetric positive definite matrix, which is overwritten. LAPACK's potri takes half the time of solving for
    the unit matrix."""
    if not len(g):
        return g
    lower, failed = dpotrf(g.T, lower=True, overwrite_a=True)
    if not failed:
        p, failed = dpotri(lower, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError(f"R^T R + lambda I is not positive definite (LAPACK: {failed}): raise lambda")
    return np.asarray(np.tril(p) + np.tril(p, -1).T)
