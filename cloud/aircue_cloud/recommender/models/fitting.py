"""Recipes fitted on one log as at one moment, each of them once, however many models look at it."""

from collections.abc import Sequence
from json import dumps

from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.models.blend import mixed
from aircue_cloud.recommender.models.contract import Model, Rows, Scores
from aircue_cloud.recommender.models.families import FAMILIES, Recipe, started
from aircue_cloud.recommender.models.ranker import Ranker


def key(recipe: Recipe) -> str:
    """The same for recipes that make the same model."""
    return dumps([recipe.family, dict(recipe.params)], sort_keys=True)


def panel(recipe: Recipe) -> list[tuple[float, Recipe]]:
    """The models that one over others looks at."""
    return [(weight, started(family)) for weight, family in FAMILIES[recipe.family].panel]


class Fitting:
    """Models are kept as they are asked for."""

    def __init__(self, log: Interactions, now: float) -> None:
        self._log, self._now = log, now
        self._models: dict[str, Model] = {}

    def of(self, recipe: Recipe) -> Model:
        found = self._models.get(key(recipe))
        return found if found is not None else self._models.setdefault(key(recipe), self.once(recipe))

    def once(self, recipe: Recipe) -> Model:
        """Not kept, only its panel is."""
        model = recipe.make()
        if isinstance(model, Ranker):
            model.take([(weight, self.of(one)) for weight, one in panel(recipe)], self._log, self._now)
        else:
            model.fit(self._log, self._now)
        return model


class Mix(Model):
    """A blend of recipes: parts are (weight, recipe)."""

    def __init__(self, parts: Sequence[tuple[float, Recipe]]) -> None:
        if not parts:
            raise ValueError("a blend of no models")
        self.parts = tuple(parts)
        self._fitted: list[tuple[float, Model]] = []

    def _fit(self, interactions: Interactions, now: float) -> None:
        fitting = Fitting(interactions, now)
        self._fitted = [(weight, fitting.of(recipe)) for weight, recipe in self.parts]

    def scores(self, rows: Rows) -> Scores:
        return mixed(self._fitted, rows)
