"""Small trained models to test with, of every family that can be served."""

from collections.abc import Callable, Mapping

import numpy as np

from aircue_cloud.recommender import part_kinds
from aircue_cloud.recommender.artefact import MET, NEW, REPEAT, Artefact, Head, ModelInfo
from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.interactions import DAY_S, Interactions
from aircue_cloud.recommender.models.bpr import Bpr
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.families import FAMILIES, Recipe
from aircue_cloud.recommender.models.svd import Svd
from aircue_cloud.recommender.trainee import Beside, Plan, build, shares
from aircue_cloud.recommender.training import servable_families

NOW = 100 * DAY_S
USERS, ITEMS = 24, 15
CATALOGUE = tuple(
    Described(
        id=f"i{number:02}", category=("dehumidifier", "lamp", "mug")[number % 3], price_minor=500 * (number + 1),
        attributes={"tier": ("budget", "mid")[number % 2], "watts": float(number)},
    )
    for number in range(ITEMS)
)  # fmt: skip


def log(seed: int = 3, events: int = 260) -> Interactions:
    """Users like items of their own third more than the others; a few events are dislikes."""
    random = np.random.default_rng(seed)
    user, item = random.integers(USERS, size=events), random.integers(ITEMS, size=events)
    item = np.where(random.random(events) < 0.7, (item // 3) * 3 + user % 3, item)
    weight = np.where(random.random(events) < 0.05, -2.0, random.integers(1, 9, events))
    at = random.uniform(0, NOW, events)
    rows = zip(user.tolist(), item.tolist(), at.tolist(), weight.tolist(), strict=True)
    return Interactions.of((f"u{u:02}", f"i{i:02}", when, said) for u, i, when, said in rows)


def info(interactions: Interactions, fingerprint: str | None = None) -> ModelInfo:
    users, items = interactions.shape
    return ModelInfo(
        engine="test", trained_at=NOW, users=users, items=items, interactions=len(interactions),
        fingerprint=fingerprint or interactions.fingerprint,
    )  # fmt: skip


def of_recipes(*mix: tuple[float, Recipe], fingerprint: str | None = None, temperature: float = 1.5) -> Artefact:
    plan = Plan(mix=mix, temperature=temperature)
    return build(log(), NOW, {NEW: plan, REPEAT: plan}, info(log(), fingerprint), Beside(catalogue=CATALOGUE))


def start(family: str, **changes: object) -> Recipe:
    params = {**FAMILIES[family].start, **changes}
    return Recipe(family=family, params=params)  # type: ignore[arg-type]  # values of the family's space


def of_model(make: Callable[[], Model]) -> Artefact:
    """Of a model that no family makes."""
    model = make()
    model.fit(log(), NOW)
    part = part_kinds.of_model(model, type(model).__name__, {})
    head = Head(mix=((0, 1.0),), temperature=1.5)
    popularity, floor = shares(log(), NOW)
    profiles = {weighting: log().matrix(weighting, NOW) for weighting in (MET, part.weighting)}
    return Artefact(
        info=info(log()), users=log().users, items=log().items, parts=(part,), heads={NEW: head, REPEAT: head},
        profiles=profiles, popularity=popularity, floor=floor, categories=("",) * ITEMS,
    )  # fmt: skip


TRIED = servable_families()  # by training
ALONE: Mapping[str, Callable[[], Artefact]] = {
    **{family: lambda family=family: of_recipes((1.0, start(family))) for family in TRIED},  # type: ignore[misc]
    "svd": lambda: of_model(lambda: Svd(factors=4)),
    "bpr": lambda: of_model(lambda: Bpr(factors=4, iterations=20)),
    "ease of few items": lambda: of_model(lambda: Ease(l2=2.0, most_items=6)),
}
BLENDS: Mapping[str, Callable[[], Artefact]] = {
    "linear and factors": lambda: of_recipes((0.7, start("ease", l2=5.0)), (0.3, start("als", factors=4, l2=1.0))),
    "all families": lambda: of_recipes(*((1 / len(TRIED), start(family)) for family in TRIED)),
}
SERVABLE = {**ALONE, **BLENDS}
