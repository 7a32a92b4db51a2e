"""What factor models share: float32 factors of users and items, whose products are the scores."""

from abc import abstractmethod

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model, Rows, Scores

Factors = npt.NDArray[np.float32]


class Factored(Model):
    """x: shape (users, f). y: shape (items, f)."""

    def __init__(self, weighting: Weighting) -> None:
        self.weighting = weighting
        self.x: Factors = np.zeros((0, 0), dtype=np.float32)
        self.y: Factors = np.zeros((0, 0), dtype=np.float32)

    def _fit(self, interactions: Interactions, now: float) -> None:
        self.x, self.y = self._learn(interactions.matrix(self.weighting, now))

    def scores(self, rows: Rows) -> Scores:
        return np.asarray(self.x[np.asarray(rows, dtype=np.intp)] @ self.y.T, dtype=np.float32)

    @abstractmethod
    def _learn(self, r: csr_array) -> tuple[Factors, Factors]:
        """x and y of R, shape (users, items)."""
