"""Own frequency: what a user bought most often, lately. The head that repeat purchases need; it knows nothing new."""

import numpy as np
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model, Rows, Scores


class OwnFrequency(Model):
    """Score of item i for user u = r_ui, 0 for what u had nothing to do with."""

    def __init__(self, weighting: Weighting | None = None) -> None:
        self.weighting = weighting if weighting is not None else Weighting()
        self._r: csr_array = csr_array(np.zeros((0, 0), dtype=np.float32))

    def _fit(self, interactions: Interactions, now: float) -> None:
        self._r = interactions.matrix(self.weighting, now)

    def scores(self, rows: Rows) -> Scores:
        return np.asarray(self._r[np.asarray(rows, dtype=np.intp)].toarray(), dtype=np.float32)
