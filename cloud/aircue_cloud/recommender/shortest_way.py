"""Heads that are factors and nothing else: their best items are found without scoring all of them."""

from collections.abc import Mapping
from math import sqrt

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.artefact import Artefact, Head
from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.parts import FactorsPart
from aircue_cloud.recommender.retrieval import Retrieval


class ShortestWay:
    """Of one head: utility = temperature * weight * x . y_i / standard deviation of x . y over all items."""

    def __init__(self, factors: FactorsPart, head: Head, search: Retrieval) -> None:
        self.factors = factors
        self.search = search
        self._unit = head.temperature * head.mix[0][1]
        self._covariance = np.atleast_2d(np.cov(factors.y.T.astype(np.float64), bias=True))

    def spread(self, x: Floats) -> float:
        """The standard deviation, without looking at the items."""
        wide = x.astype(np.float64)
        return sqrt(max(float(wide @ self._covariance @ wide), 0.0))

    def scale(self, x: Floats) -> float:
        """What a product x . y_i is multiplied by; 0 where nothing tells the items apart."""
        spread = self.spread(x)
        return self._unit / spread if spread > 0 else 0.0

    def scales(self, x: Floats) -> npt.NDArray[np.float64]:
        """Of many users, shape (users,)."""
        wide = x.astype(np.float64)
        spread = np.sqrt(np.maximum(np.einsum("uf,uf->u", wide @ self._covariance, wide), 0.0))
        return np.asarray(np.divide(self._unit, spread, out=np.zeros_like(spread), where=spread > 0))


def ways(artefact: Artefact) -> Mapping[str, ShortestWay]:
    """By head, of those that have one. A part that two heads rest on is sorted once."""
    searches: dict[int, Retrieval] = {}
    found = {}
    for name, head in artefact.heads.items():
        part = artefact.parts[head.mix[0][0]] if len(head.mix) == 1 else None
        if isinstance(part, FactorsPart) and head.mix[0][1] > 0:
            if id(part) not in searches:
                searches[id(part)] = Retrieval(part.y)
            found[name] = ShortestWay(part, head, searches[id(part)])
    return found
