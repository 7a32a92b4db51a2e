"""BPR: factors that rank what a user turned to above what not. The solver is the package `implicit`'s.

Rendle, Freudenthaler, Gantner, Schmidt-Thieme: BPR: Bayesian personalized ranking from implicit feedback, UAI 2009.
One thread, for on two the same seed gives other factors each time.
"""

from implicit.cpu.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_array, csr_matrix

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.factors import Factored, Factors


class Bpr(Factored):
    """The last factor of x is 1 and that of y the item's bias."""

    def __init__(
        self,
        factors: int = 64,
        learning_rate: float = 0.05,
        l2: float = 0.01,
        iterations: int = 100,
        weighting: Weighting | None = None,
        seed: int = 7,
    ) -> None:
        super().__init__(weighting if weighting is not None else Weighting(shape="binary"))
        self.factors, self.learning_rate, self.l2 = factors, learning_rate, l2
        self.iterations, self.seed = iterations, seed

    def _learn(self, r: csr_array) -> tuple[Factors, Factors]:
        solver = BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.l2,
            iterations=self.iterations,
            random_state=self.seed,
            num_threads=1,
        )
        liked = r.maximum(0)
        solver.fit(csr_matrix((liked.data, liked.indices, liked.indptr), shape=r.shape), show_progress=False)
        return solver.user_factors, solver.item_factors
