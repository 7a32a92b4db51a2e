"""Products that came after the training, by what they are described like."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import Artefact
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.explanations import Reason
from aircue_cloud.recommender.models.fold_in import ItemFoldIn
from aircue_cloud.recommender.reasons import largest

_REFERENCES = 4096  # items, the most popular ones, that newcomers are described by

Utilities = npt.NDArray[np.float64]


class Newcomers:
    """columns: of the model's products."""

    def __init__(self, artefact: Artefact, columns: Mapping[str, int]) -> None:
        self._artefact = artefact
        self._columns = columns

        self._last: tuple[Sequence[Described], Sequence[Described], Utilities] = ((), (), np.zeros((0, 0)))

    def among(self, described: Sequence[Described]) -> Sequence[Described]:
        """Those that the model did not learn of."""
        return self._weighed(described)[0] if described else ()

    def extended(self, utility: Utilities, described: Sequence[Described]) -> Utilities:
        """The items' utilities, behind them the newcomers'."""
        if not self.among(described):
            return utility
        return np.append(utility, self._weighed(described)[1] @ utility[self._references])

    def _weighed(self, described: Sequence[Described]) -> tuple[Sequence[Described], Utilities]:
        """The fresh ones and their likeness. Kept for the next request, which is told the same sequence."""
        last = self._last
        if last[0] is not described:
            fresh = [product for product in described if product.id not in self._columns]
            self._last = last = (described, fresh, self._likeness(fresh))
        return last[1], last[2]

    def reasons(self, utility: Utilities, product: Described) -> list[Reason]:
        middle = float(utility.mean())
        amounts = self._likeness([product])[0] * (utility[self._references] - middle)
        alike = largest(explanations.ALIKE, self._artefact.items, self._references, amounts)
        return [*alike, Reason(kind=explanations.AVERAGE, amount=middle)]

    def _likeness(self, fresh: Sequence[Described]) -> Utilities:
        """Shape (newcomers, references), rows sum to 1. A ridge regression is linear in what it predicts, so the one
        from attributes to the factors of a model gives the same score as these weights on its scores of the
        references; and they serve every kind of model."""
        return np.asarray(self._ridge.of(self._artefact.vocabulary.matrix(fresh)), dtype=np.float64)

    @cached_property
    def _references(self) -> npt.NDArray[np.intp]:
        return np.sort(np.argsort(-self._artefact.popularity, kind="stable")[:_REFERENCES])

    @cached_property
    def _ridge(self) -> ItemFoldIn:
        attributes = self._artefact.attributes
        known = np.zeros((len(self._artefact.items), 0), np.float32) if attributes is None else attributes
        return ItemFoldIn(known[self._references].astype(np.float64), np.eye(len(self._references), dtype=np.float32))
