"""Heads that are factors and nothing else: their best items are found without scoring all of them."""

from collections.abc import Mapping
from functools import cached_property
from math import sqrt

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.artefact import Artefact, Head
from aircue_cloud.recommender.kernels import Floats
from aircue_cloud.recommender.parts import FactorsPart
from aircue_cloud.recommender.retrieval import Retrieval
from aircue_cloud.recommender.searching import Search, Searching


class ShortestWay:
    """Of one head: utility = temperature * weight * x . y_i / standard deviation of x . y over all items."""

    def __init__(self, factors: FactorsPart, head: Head, search: Search) -> None:
        self.factors = factors
        self.search = search
        self._unit = head.temperature * head.mix[0][1]
        self._covariance = np.atleast_2d(np.cov(factors.y.T.astype(np.float64), bias=True))

    @cached_property
    def exact(self) -> Retrieval:
        """For many users at once."""
        return self.search if isinstance(self.search, Retrieval) else Retrieval(self.factors.y)

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


def ways(artefact: Artefact, by: Searching) -> Mapping[str, ShortestWay]:
    """By head, of those that have one. A part that two heads rest on is searched in one place."""
    searches: dict[int, Search] = {}
    found = {}
    for name, head in artefact.heads.items():
        number, weight = head.mix[0]
        part = artefact.parts[number]
        if len(head.mix) == 1 and isinstance(part, FactorsPart) and weight > 0:
            if number not in searches:
                searches[number] = by.search(number, part.y)
            found[name] = ShortestWay(part, head, searches[number])
    return found
