"""Popularity: the items most users turned to, the same ranking for everybody; with a half-life, lately."""

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model, Rows, Scores


class Popularity(Model):
    """Score of item i = sum over users of r_ui. weighting: binary counts users; with half_life_d, recent popularity."""

    def __init__(self, weighting: Weighting | None = None) -> None:
        self.weighting = weighting if weighting is not None else Weighting(shape="binary")
        self._sums: npt.NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def _fit(self, interactions: Interactions, now: float) -> None:
        self._sums = np.asarray(interactions.matrix(self.weighting, now).sum(axis=0), dtype=np.float32).ravel()

    def scores(self, rows: Rows) -> Scores:
        return np.tile(self._sums, (len(rows), 1))
