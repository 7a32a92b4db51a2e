"""Implicit ALS: matrix factorisation for what people did rather than said.

Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008. In the paper's symbols: r_ui the
observed weight, p_ui = 1 if r_ui > 0 else 0 the preference, c_ui = 1 + alpha |r_ui| the confidence; minimised over the
factors x_u, y_i of length f is

    sum over all u, i of c_ui (p_ui - x_u . y_i)^2 + lambda (sum_u |x_u|^2 + sum_i |y_i|^2)

where the paper has r_ui >= 0 and a negative r_ui here is a known dislike: preference 0 held with confidence c_ui. The
solver is the package `implicit`'s, which takes c_ui itself (with the sign of r_ui), solved exactly (Cholesky).
"""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.factors import Factored, Factors


class Als(Factored):
    """f, lambda and alpha of the paper, sweeps over both sides, and the seed of the first factors."""

    def __init__(
        self,
        factors: int = 128,
        l2: float = 10.0,
        alpha: float = 1.0,
        iterations: int = 15,
        weighting: Weighting | None = None,
        seed: int = 7,
    ) -> None:
        super().__init__(weighting if weighting is not None else Weighting(half_life_d=30))
        self.factors, self.l2, self.alpha, self.iterations, self.seed = factors, l2, alpha, iterations, seed

    def _learn(self, r: csr_array) -> tuple[Factors, Factors]:
        solver = AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.l2,
            iterations=self.iterations,
            random_state=self.seed,
            use_cg=False,
            num_threads=1,
        )
        # A second BLAS thread makes the small solves slower, up to tenfold; implicit warns unless it is held to one.
        with threadpool_limits(limits=1, user_api="blas"):
            solver.fit(confidence(r, self.alpha), show_progress=False)
        return solver.user_factors, solver.item_factors


def confidence(r: csr_array, alpha: float) -> csr_matrix:
    """c_ui = 1 + alpha |r_ui|, carrying the sign of r_ui as implicit wants it; shape as given."""
    c = np.sign(r.data) * (1 + alpha * np.abs(r.data))
    return csr_matrix((c.astype(np.float32), r.indices, r.indptr), shape=r.shape)
