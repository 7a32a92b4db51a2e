"""From recipes to a model that can be stored: fits every recipe once, mixes heads, keeps what serving needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import part_kinds
from aircue_cloud.recommender.artefact import MET, Artefact, Head, ModelInfo
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.attributes import Vocabulary
from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.lift import Evidence
from aircue_cloud.recommender.models.families import Recipe
from aircue_cloud.recommender.models.fitting import Fitting, key, panel
from aircue_cloud.recommender.parts import Part
from aircue_cloud.recommender.reviews import Summary

LATELY = Weighting(half_life_d=30)  # how popularity counts that stands in for people nobody knows
SMOOTHING = 0.5  # the weight that every product has before anybody turns to it

Mix = Sequence[tuple[float, Recipe]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """mix: weighted recipes; temperature as of Head."""

    mix: Mix
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What a model keeps beside what people did. catalogue: what is known of the items; those it does not name have no
    category and no attributes. evidence: purchases under needs. reviews: what ratings say, by product."""

    catalogue: Sequence[Described] = ()
    evidence: Sequence[Evidence] = ()
    reviews: Sequence[Summary] = ()


NOTHING_BESIDE = Beside()


def build(
    log: Interactions, now: float, plans: Mapping[str, Plan], info: ModelInfo, beside: Beside = NOTHING_BESIDE
) -> Artefact:
    fitted = tuple(_fitted(_distinct(plans), log, now))
    places = {key(recipe): place for place, recipe in enumerate(_distinct(plans))}
    weightings = list(dict.fromkeys([MET, *(one for part in fitted for one in sorted(part.weightings, key=repr))]))
    popularity, floor = shares(log, now)
    described = {product.id: product for product in beside.catalogue}
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
        evidence=tuple(beside.evidence),
        reviews=tuple(beside.reviews),
    )


def shares(log: Interactions, now: float) -> tuple[npt.NDArray[np.float32], float]:
    """Recent popularity: each item's share of the weight of recent interactions, and that of one nobody turned to
    (additive smoothing)."""
    sums = np.asarray(log.matrix(LATELY, now).sum(axis=0), dtype=np.float64).ravel()
    weights = np.maximum(sums, 0) + SMOOTHING
    return (weights / weights.sum()).astype(np.float32), float(SMOOTHING / weights.sum())


def _distinct(plans: Mapping[str, Plan]) -> list[Recipe]:
    """A recipe that is used twice is fitted and stored once; a panel's stand before what looks at them."""
    wanted = [recipe for plan in plans.values() for _, recipe in plan.mix]
    panels = [recipe for one in wanted for _, recipe in panel(one)]
    return list({key(recipe): recipe for recipe in [*panels, *wanted]}.values())


def _fitted(recipes: Sequence[Recipe], log: Interactions, now: float) -> Iterator[Part]:
    """In their order."""
    fitting = Fitting(log, now)
    found: dict[str, Part] = {}
    for recipe in recipes:
        over = [found[key(one)] for _, one in panel(recipe)]
        found[key(recipe)] = part_kinds.of_model(fitting.of(recipe), recipe.family, recipe.params, over)
        yield found[key(recipe)]


def _head(plan: Plan, places: Mapping[str, int]) -> Head:
    return Head(mix=tuple((places[key(recipe)], weight) for weight, recipe in plan.mix), temperature=plan.temperature)
