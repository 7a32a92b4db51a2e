"""Answers from a trained model, by id."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from aircue_cloud.recommender import store
from aircue_cloud.recommender.model import top
from aircue_cloud.recommender.store import Artefact

_UNKNOWN = -1
_LEAST = np.finfo(np.float64).tiny  # what a share so small that it underflows is kept at, so that its logarithm exists


class Recommender:
    """Holds one version of a model; immutable, so threads may share it and a newer version simply takes its place.

    Affinity is p(i | u) of aircue_cloud.recommender.affinity: a share of interest, strictly positive, that sums to 1
    over the products of the model. A person the model does not know has the products' popularity shares; a product it
    does not know has the share of one that nobody has touched (the floor), and no personal score.
    """

    def __init__(self, artefact: Artefact) -> None:
        self._artefact = artefact
        self._rows = {person: row for row, person in enumerate(artefact.people)}
        self._columns = {product: column for column, product in enumerate(artefact.products)}

    @classmethod
    def load(cls, model_dir: Path) -> "Recommender":
        """The active model of model_dir; ModelMissing or ModelCorrupt otherwise."""
        return cls(store.load_active(model_dir))

    @property
    def version(self) -> str:
        return self._artefact.info.version

    def affinity(self, people: Sequence[str], products: Sequence[str]) -> npt.NDArray[np.float64]:
        """Shape (people, products), all > 0."""
        columns = np.array([self._columns.get(product, _UNKNOWN) for product in products], dtype=np.intp)
        shares = np.empty((len(people), len(products)))
        for row, person in enumerate(people):
            shares[row] = self._shares(person)[columns]
        return shares

    def recommend(self, person: str, n: int, without: Collection[str] = ()) -> list[tuple[str, float]]:
        """At most n (product, affinity), best first; equal ones by id. without: products to leave out."""
        columns = [self._columns[product] for product in without if product in self._columns]
        ranked = top(self._shares(person)[:_UNKNOWN], n, columns)
        return [(self._artefact.products[column], share) for column, share in ranked]

    def _shares(self, person: str) -> npt.NDArray[np.float64]:
        """p(. | person) over the products of the model, and behind them, at _UNKNOWN, of a product it does not know."""
        artefact = self._artefact
        popularity = np.append(artefact.shares, artefact.floor)
        row = self._rows.get(person)
        if row is None:
            return popularity
        scores = np.append(artefact.y @ artefact.x[row], np.float32(0))
        utility = artefact.logit.utility(popularity, scores)
        # The unknown product stands beside the catalogue, so it takes no part in the sum.
        return np.maximum(np.exp(utility - logsumexp(utility[:_UNKNOWN])), _LEAST)
