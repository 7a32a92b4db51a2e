"""Lifts of all products at once, under a need or under all that hold in a home."""

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import Artefact
from aircue_cloud.recommender.asked import Context, Described, Environment, Surroundings
from aircue_cloud.recommender.explanations import Reason
from aircue_cloud.recommender.lift import Lift, Posterior

Utilities = npt.NDArray[np.float64]
_Key = tuple[str, tuple[tuple[str, float], ...]]


class ContextLifts:
    """What was learnt is worked out once for each need and its rules; columns: of the model's products."""

    def __init__(self, artefact: Artefact, columns: Mapping[str, int]) -> None:
        self._artefact = artefact
        self._columns = columns
        self._lifts: dict[_Key, Lift] = {}
        self._log_lifts: dict[_Key, Utilities] = {}

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        return self._lift(context).product(context.need, category, product)

    def reason(self, product: str, fresh: Sequence[Described], surroundings: Surroundings) -> Reason | None:
        """Of the needs that hold, the one that lifts the product most; None where none holds."""
        category = self._category(product, fresh)
        lifts = [(self.lift(product, category, one).mean, one.need) for one in needs(surroundings)]
        if not lifts:
            return None
        mean, need = max(lifts, key=lambda found: found[0])
        return Reason(kind=explanations.NEED, amount=log(mean), need=need)

    def logs(self, surroundings: Surroundings, fresh: Sequence[Described] = ()) -> Utilities:
        """Of items and newcomers; 0 where no need holds. A product without evidence of its own has its category's."""
        found = [self._of(context, fresh) for context in needs(surroundings)]
        return np.max(found, axis=0) if found else np.zeros(len(self._columns) + len(fresh))

    def _of(self, context: Context, fresh: Sequence[Described]) -> Utilities:
        key = _key(context)
        if key not in self._log_lifts:
            self._log_lifts[key] = self._learnt(context)
        new = [log(self.lift(one.id, one.category, context).mean) for one in fresh]
        return np.append(self._log_lifts[key], new)

    def _lift(self, context: Context) -> Lift:
        key = _key(context)
        if key not in self._lifts:
            rules = {(context.need, category): prior for category, prior in context.remedies.items()}
            self._lifts[key] = Lift(rules, self._artefact.evidence)
        return self._lifts[key]

    def _category(self, product: str, fresh: Sequence[Described]) -> str:
        column = self._columns.get(product)
        if column is not None:
            return self._artefact.categories[column]
        return next((one.category for one in fresh if one.id == product), "")

    def _learnt(self, context: Context) -> Utilities:
        learnt, categories = self._lift(context), self._artefact.categories
        means = {category: learnt.category(context.need, category).mean for category in set(categories)}
        found = np.array([means[category] for category in categories], dtype=np.float64)
        for column, category in self._evident(context.need):
            found[column] = learnt.product(context.need, category, self._artefact.items[column]).mean
        return np.log(found)

    def _evident(self, need: str) -> list[tuple[int, str]]:
        shown = {one.product for one in self._artefact.evidence if one.need == need} & self._columns.keys()
        return [(self._columns[product], self._artefact.categories[self._columns[product]]) for product in shown]


def needs(surroundings: Surroundings) -> tuple[Context, ...]:
    return surroundings.needs if isinstance(surroundings, Environment) else (surroundings,)


def _key(context: Context) -> _Key:
    return context.need, tuple(sorted(context.remedies.items()))
