"""Families of models and what may be turned on each: a recipe is a family and values, as JSON can hold them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.ranker import Ranker
from aircue_cloud.recommender.models.rp3beta import Rp3Beta
from aircue_cloud.recommender.models.transitions import Transitions

Value = float | int | str | bool | None
Draw = Callable[[np.random.Generator], Value]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model that can be made again. params: of the family's space, all of them."""

    family: str
    params: Mapping[str, Value]

    def make(self) -> Model:
        params: dict[str, Any] = dict(self.params)
        if "shape" in params:
            params["weighting"] = Weighting(half_life_d=params.pop("half_life_d"), shape=params.pop("shape"))
        return FAMILIES[self.family].make(**params)


@dataclass(frozen=True, kw_only=True)
class Family:
    """start: the values to try first. space: how to draw each of them. Without one, a family is tried as it starts and
    no more. panel: of a model over others, (weight, family) of each, which it takes as they start."""

    make: Callable[..., Model]
    start: Mapping[str, Value]
    space: Mapping[str, Draw] = field(default_factory=dict)
    panel: tuple[tuple[float, str], ...] = ()

    def drawn(self, random: np.random.Generator) -> Mapping[str, Value]:
        return {**self.start, **{name: draw(random) for name, draw in self.space.items()}}


def _log_uniform(low: float, high: float) -> Draw:
    return lambda random: float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.3g}")


def _uniform(low: float, high: float) -> Draw:
    return lambda random: float(f"{random.uniform(low, high):.3g}")


def _one_of(*values: Value) -> Draw:
    return lambda random: values[int(random.integers(len(values)))]


_HALF_LIFE = _one_of(7, 14, 20, 30, 45, 60, 90, 180, None)
_SHAPE = _one_of("binary", "sqrt", "log", "linear")
_LATELY: Mapping[str, Value] = {"half_life_d": 30, "shape": "sqrt"}
_AGE = {"half_life_d": _HALF_LIFE, "shape": _SHAPE}

_NEW = ((1.0, "ease"), (0.5, "transitions-new"), (0.0, "transitions"), (0.0, "rp3beta"), (0.0, "als"))
_AGAIN = (
    (1.0, "ease"), (0.5, "transitions-new"), (1.0, "transitions"), (0.0, "rp3beta"), (0.0, "als"),
    (1.0, "own-frequency"),
)  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "popularity": Family(make=Popularity, start={"half_life_d": 14, "shape": "linear"}, space=_AGE),
        "own-frequency": Family(make=OwnFrequency, start={"half_life_d": 60, "shape": "linear"}, space=_AGE),
        "item-knn": Family(
            make=ItemKnn, start={"k": 100, **_LATELY}, space={"k": _one_of(20, 50, 100, 200, 400), **_AGE}
        ),
        "ease": Family(make=Ease, start={"l2": 50.0, **_LATELY}, space={"l2": _log_uniform(5, 1000), **_AGE}),
        "rp3beta": Family(
            make=Rp3Beta,
            start={"k": 500, "alpha": 0.7, "beta": 0.4, **_LATELY},
            space={
                "k": _one_of(100, 200, 500, 1000), "alpha": _uniform(0.3, 1.2), "beta": _uniform(0.0, 0.8), **_AGE
            },
        ),
        "als": Family(
            make=Als,
            start={"factors": 64, "l2": 10.0, "alpha": 1.0, "iterations": 12, "half_life_d": 30, "shape": "linear"},
            space={
                "factors": _one_of(32, 64, 96, 128), "l2": _log_uniform(1, 60), "alpha": _log_uniform(0.3, 20),
                "iterations": _one_of(8, 12, 16), **_AGE,
            },
        ),
        "transitions-new": Family(
            make=Transitions,
            start={"l2": 200.0, "periods": 2, "new": True, "half_life_d": 60, "shape": "sqrt"},
            space={"l2": _log_uniform(30, 1000), "periods": _one_of(1, 2, 3), **_AGE},
        ),
        "transitions": Family(
            make=Transitions,
            start={"l2": 100.0, "periods": 2, "new": False, "half_life_d": 60, "shape": "sqrt"},
            space={"l2": _log_uniform(30, 1000), "periods": _one_of(1, 2, 3), **_AGE},
        ),
        "ranker-new": Family(make=lambda **said: Ranker(_panel("ranker-new"), **said), start={"new": True}, panel=_NEW),
        "ranker": Family(make=lambda **said: Ranker(_panel("ranker"), **said), start={"new": False}, panel=_AGAIN),
    }
)  # fmt: skip


def started(family: str) -> Recipe:
    """The recipe that is tried first."""
    return Recipe(family=family, params=FAMILIES[family].start)


def _panel(ranker: str) -> list[tuple[float, Callable[[], Model]]]:
    return [(weight, started(family).make) for weight, family in FAMILIES[ranker].panel]
