"""The best blend within a time budget, chosen on a validation period and on nothing that lies behind it.

First every family as it starts, then draws from the families' spaces, more from those whose best trial ranks higher.
From the best trials a blend is built greedily: again and again the one is added, with one more unit of weight, that
makes the blend rank best. Caruana, Niculescu-Mizil, Crew, Ksikes: Ensemble selection from libraries of models, ICML
2004.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import metrics
from aircue_cloud.recommender.evaluating.protocol import Protocol, Question, Split, counts, hits, question, top
from aircue_cloud.recommender.models.blend import standardised
from aircue_cloud.recommender.models.contract import Model, Scores
from aircue_cloud.recommender.models.families import FAMILIES, Recipe, started
from aircue_cloud.recommender.models.fitting import Fitting, Mix

Progress = Callable[[str], None]

PLACES = 10
_KEPT = 4  # trials of a family that may join the blend
_ROUNDS = 40
_PATIENCE = 8  # rounds without gain


# What a user has met before is all that these rank, or the one thing that they do not.
_MEANT_FOR = {"ranker": Protocol.REPEAT, "own-frequency": Protocol.REPEAT, "ranker-new": Protocol.NEW}


def suited(protocol: Protocol, families: Sequence[str] = ()) -> tuple[str, ...]:
    """Of these families, by default all, those worth a trial under a protocol."""
    return tuple(family for family in families or FAMILIES if _MEANT_FOR.get(family, protocol) is protocol)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """value: mean NDCG@10 on the validation period. seconds: to fit and to rank."""

    recipe: Recipe
    value: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """parts: (weight, recipe), the weights summing to 1; value: theirs on the validation period, which is too kind to
    them. trials: everything that was tried."""

    parts: tuple[tuple[float, Recipe], ...]
    value: float
    trials: tuple[Trial, ...]

    def make(self) -> Model:
        return Mix(self.parts)

    def as_json(self) -> dict[str, Any]:
        return {
            "parts": [{"weight": weight, **asdict(recipe)} for weight, recipe in self.parts],
            "validation_ndcg@10": self.value,
            "trials": [asdict(trial) for trial in self.trials],
        }


@dataclass(frozen=True, kw_only=True)
class _Tried:
    trial: Trial
    scores: Scores


def tune(
    split: Split, protocol: Protocol, budget_s: float, progress: Progress, seed: int = 7, families: Sequence[str] = ()
) -> Tuned:
    """families: those to choose from; by default all that suit the protocol. Each is tried once whatever the budget.
    DatasetError where the split leaves nobody to ask about."""
    asked = question(split, protocol)
    if not len(asked.rows):
        raise DatasetError(f"{protocol} protocol: the validation period leaves nobody to choose a model by")
    trials: list[Trial] = []
    library: dict[str, list[_Tried]] = {}
    fitting = Fitting(split.known, split.at)
    for recipe in _recipes(tuple(families) or suited(protocol), library, time.monotonic() + budget_s, seed):
        tried = _try(recipe, fitting, asked)
        trials.append(tried.trial)
        best = sorted([*library.get(recipe.family, []), tried], key=lambda one: -one.trial.value)
        library[recipe.family] = best[:_KEPT]
        progress(f"{len(trials)}: {recipe.family} {dict(recipe.params)} {tried.trial.value:.4f}")
    parts, value = _blended([one for kept in library.values() for one in kept], asked)
    progress("blend: " + ", ".join(f"{weight:.2f} {recipe.family}" for weight, recipe in parts) + f" {value:.4f}")
    return Tuned(parts=parts, value=value, trials=tuple(trials))


def _recipes(
    families: Sequence[str], library: Mapping[str, Sequence[_Tried]], until: float, seed: int
) -> Iterator[Recipe]:
    """library grows while this is read, so that later draws follow what earlier ones found."""
    random = np.random.default_rng(seed)
    for family in families:
        yield Recipe(family=family, params=FAMILIES[family].start)
    turned = [family for family in families if FAMILIES[family].space]
    while turned and time.monotonic() < until:
        values = np.array([library[family][0].trial.value for family in turned])
        family = turned[int(random.choice(len(turned), p=_chances(values)))]
        yield Recipe(family=family, params=FAMILIES[family].drawn(random))


def _chances(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """By rank: the best is drawn most often and none is given up."""
    ranks = np.argsort(np.argsort(-values, kind="stable"), kind="stable")
    weights = 1 / (1.0 + ranks)
    return np.asarray(weights / weights.sum())


def _try(recipe: Recipe, fitting: Fitting, asked: Question) -> _Tried:
    """What a family starts as is kept: a ranker may look at it."""
    began = time.monotonic()
    model = fitting.of(recipe) if recipe == started(recipe.family) else fitting.once(recipe)
    scores = standardised(model.scores(asked.rows))
    scores[asked.hidden.toarray()] = -np.inf
    value = _value(scores, asked)
    return _Tried(trial=Trial(recipe=recipe, value=value, seconds=time.monotonic() - began), scores=scores)


def _value(scores: Scores, asked: Question) -> float:
    """Mean NDCG of a ranking by scores, shape (rows, items), -inf where hidden."""
    return float(metrics.ndcg(hits(top(scores, PLACES), asked), counts(asked), PLACES).mean())


def _blended(tried: Sequence[_Tried], asked: Question) -> tuple[tuple[tuple[float, Recipe], ...], float]:
    picks: list[int] = []
    best: tuple[float, list[int]] = (-1.0, [])
    total = np.zeros_like(tried[0].scores)
    while len(picks) < _ROUNDS and len(picks) - len(best[1]) < _PATIENCE:
        values = [_value(total + one.scores, asked) for one in tried]
        pick = int(np.argmax(values))
        picks.append(pick)
        total = total + tried[pick].scores
        if values[pick] > best[0]:
            best = (values[pick], list(picks))
    value, chosen = best
    parts = tuple((count / len(chosen), tried[pick].trial.recipe) for pick, count in Counter(chosen).items())
    return parts, value
