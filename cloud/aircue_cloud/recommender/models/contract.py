"""What every model does: learn from interactions, score all items for some users."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import Interactions

Scores = npt.NDArray[np.float32]
Rows = Sequence[int] | npt.NDArray[np.intp]


class Model(ABC):
    """A model is configured by its constructor, and the same data, time and configuration give the same scores."""

    def fit(self, interactions: Interactions, now: float) -> None:
        """Learns from what happened before `now` (epoch seconds). DatasetError where nothing did."""
        if not len(interactions):
            raise DatasetError("no interactions to learn from")
        self._fit(interactions, now)

    @abstractmethod
    def scores(self, rows: Rows) -> Scores:
        """Shape (rows, items), finite; higher is better within a row, and rows are not comparable."""

    @abstractmethod
    def _fit(self, interactions: Interactions, now: float) -> None: ...
