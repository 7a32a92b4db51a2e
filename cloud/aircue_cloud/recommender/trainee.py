"""From recipes to a model that can be stored: fits every recipe once, mixes heads, keeps what serving needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from json import dumps

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import parts
from aircue_cloud.recommender.artefact import MET, Artefact, Head, ModelInfo
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.attributes import Vocabulary
from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.lift import Evidence
from aircue_cloud.recommender.models.families import Recipe
from aircue_cloud.recommender.parts import Part

LATELY = Weighting(half_life_d=30)  # how popularity counts that stands in for people nobody knows
SMOOTHING = 0.5  # the weight that every product has before anybody turns to it

Mix = Sequence[tuple[float, Recipe]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """mix: weighted recipes; temperature as of Head."""

    mix: Mix
    temperature: float = 1.0


def build(
    log: Interactions,
    now: float,
    plans: Mapping[str, Plan],
    info: ModelInfo,
    catalogue: Sequence[Described] = (),
    evidence: Sequence[Evidence] = (),
) -> Artefact:
    """catalogue: what is known of the items; those it does not name have no category and no attributes."""
    recipes = _distinct(plans)
    fitted = tuple(_fit(recipe, log, now) for recipe in recipes.values())
    places = {key: place for place, key in enumerate(recipes)}
    weightings = list(dict.fromkeys([MET, *(part.weighting for part in fitted)]))
    popularity, floor = shares(log, now)
    described = {product.id: product for product in catalogue}
    known = [described.get(item, Described(id=item, category="", price_minor=0)) for item in log.items]
    vocabulary = Vocabulary.of([product for product in known if product.id in described])
    return Artefact(
        info=info,
        users=log.users,
        items=log.items,
        parts=fitted,
        heads={name: _head(plan, places) for name, plan in plans.items()},
        profiles={weighting: log.matrix(weighting, now) for weighting in weightings},
        popularity=popularity,
        floor=floor,
        categories=tuple(product.category for product in known),
        vocabulary=vocabulary,
        attributes=vocabulary.matrix(known),
        evidence=tuple(evidence),
    )


def shares(log: Interactions, now: float) -> tuple[npt.NDArray[np.float32], float]:
    """Recent popularity: each item's share of the weight of recent interactions, and that of one nobody turned to
    (additive smoothing)."""
    sums = np.asarray(log.matrix(LATELY, now).sum(axis=0), dtype=np.float64).ravel()
    weights = np.maximum(sums, 0) + SMOOTHING
    return (weights / weights.sum()).astype(np.float32), float(SMOOTHING / weights.sum())


def _distinct(plans: Mapping[str, Plan]) -> dict[str, Recipe]:
    """A recipe that both heads use is fitted and stored once."""
    return {_key(recipe): recipe for plan in plans.values() for _, recipe in plan.mix}


def _key(recipe: Recipe) -> str:
    return dumps([recipe.family, dict(recipe.params)], sort_keys=True)


def _fit(recipe: Recipe, log: Interactions, now: float) -> Part:
    model = recipe.make()
    model.fit(log, now)
    return parts.of_model(model, recipe.family, recipe.params)


def _head(plan: Plan, places: Mapping[str, int]) -> Head:
    return Head(mix=tuple((places[_key(recipe)], weight) for weight, recipe in plan.mix), temperature=plan.temperature)
