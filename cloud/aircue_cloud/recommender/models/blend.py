"""A blend: the weighted sum of several models' scores, each brought to the same scale within a row."""

from collections.abc import Sequence

import numpy as np

from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.models.contract import Model, Rows, Scores


class Blend(Model):
    """parts: (weight, model). A row's scores are divided by their standard deviation, so that the weights say how much
    a model counts and not in which unit it scores; a row that says nothing adds nothing."""

    def __init__(self, parts: Sequence[tuple[float, Model]]) -> None:
        if not parts:
            raise ValueError("a blend of no models")
        self.parts = tuple(parts)

    def _fit(self, interactions: Interactions, now: float) -> None:
        for _, model in self.parts:
            model.fit(interactions, now)

    def scores(self, rows: Rows) -> Scores:
        return mixed(self.parts, rows)


def mixed(parts: Sequence[tuple[float, Model]], rows: Rows) -> Scores:
    """Of models that are fitted."""
    found = [np.float32(weight) * standardised(model.scores(rows)) for weight, model in parts]
    return np.asarray(sum(found), dtype=np.float32)


def standardised(scores: Scores) -> Scores:
    return scaled(scores, spreads(scores))


def spreads(scores: Scores) -> Scores:
    """The standard deviation of each row, shape (rows, 1)."""
    return np.asarray(scores.std(axis=1, keepdims=True))


def scaled(scores: Scores, spread: Scores) -> Scores:
    return np.asarray(np.divide(scores, spread, out=np.zeros_like(scores), where=spread > 0))
