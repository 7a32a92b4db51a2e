"""Implicit ALS: matrix factorisation for what people did rather than said.

Hu, Koren, Volinsky: Collaborative Filtering for Implicit Feedback Datasets, ICDM 2008. In the paper's symbols: r_ui the
observed weight, p_ui = 1 if r_ui > 0 else 0 the preference, c_ui = 1 + alpha |r_ui| the confidence; minimised over the
factors x_u, y_i of length f is

    sum over all u, i of c_ui (p_ui - x_u . y_i)^2 + lambda (sum_u |x_u|^2 + sum_i |y_i|^2)

where the paper has r_ui >= 0 and a negative r_ui here is a known dislike: preference 0 held with confidence c_ui. The
solver is the package `implicit`'s, which takes c_ui itself (with the sign of r_ui), solved exactly (Cholesky).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender.model import Model, Progress, Rows, Scores


@dataclass(frozen=True, kw_only=True)
class Config:
    """f, lambda and alpha of the paper, sweeps over both sides, and the seed of the first factors.

    The defaults suit a catalogue of hundreds of products: chosen on the validation period of the demo's data.
    """

    factors: int = 8
    regularization: float = 20.0
    alpha: float = 0.6
    iterations: int = 15
    seed: int = 7


class Als(Model):
    """x: float32, shape (people, f). y: float32, (products, f). The same data and config give the same factors."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]

    def __init__(self, config: Config | None = None) -> None:
        self.config = config if config is not None else Config()

    def _fit(self, interactions: csr_array, progress: Progress) -> None:
        # A second BLAS thread makes the small solves slower, up to tenfold; implicit warns unless it is held to one.
        with threadpool_limits(limits=1, user_api="blas"):
            solver = self._solver()
            solver.fit(confidence(interactions, self.config.alpha), show_progress=False, callback=self._say(progress))
        self.x, self.y = solver.user_factors, solver.item_factors

    def _solver(self) -> AlternatingLeastSquares:
        return AlternatingLeastSquares(
            factors=self.config.factors,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            random_state=self.config.seed,
            use_cg=False,
            calculate_training_loss=True,
            num_threads=1,
        )

    def _say(self, progress: Progress) -> "_Callback":
        return _Callback(iterations=self.config.iterations, progress=progress)

    def scores(self, rows: Rows) -> Scores:
        """x_u . y_i: near 1 liked, near 0 not."""
        return np.asarray(self.x[rows] @ self.y.T, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class _Callback:
    iterations: int
    progress: Progress

    def __call__(self, iteration: int, seconds: float, loss: float) -> None:
        self.progress(f"als: iteration {iteration + 1}/{self.iterations}, loss {loss:.5f}")


def confidence(interactions: csr_array, alpha: float) -> csr_matrix:
    """c_ui = 1 + alpha |r_ui|, carrying the sign of r_ui as implicit wants it; shape as given."""
    r = interactions.data.astype(np.float32)
    c = np.sign(r) * (1 + alpha * np.abs(r))
    return csr_matrix((c, interactions.indices, interactions.indptr), shape=interactions.shape)
