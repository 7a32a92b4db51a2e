"""Boosted trees as flat arrays: what a library has grown, kept without the library, and taken apart by feature.

Friedman: Greedy function approximation: a gradient boosting machine, Annals of Statistics 2001. A tree is walked from
its root: left where x[feature] <= threshold, else right, until a leaf, whose value is its share of the log odds.

An inner node's value is the mean of the leaves below it, weighed by the lessons that reached them. So each step of a
walk changes the value by what the feature asked about is worth, and the steps of all walks, summed by feature, are what
the log odds are made of (Saabas 2014; Palczewska, Palczewski, Marchese Robinson, Neagu: Interpreting random forest
classification models using a feature contribution method, 2014): base + sum over features of contribution = log odds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.kernels import Floats, Ints, compiled

Amounts = npt.NDArray[np.float64]

_LEAF = -1  # the feature of a node that asks nothing


@dataclass(frozen=True, kw_only=True, eq=False)
class Trees:
    """start: the log odds before any tree. roots: where each tree begins, shape (trees,). Of each node: feature (-1: a
    leaf), threshold, left, right (places of nodes, each behind its own), value. Without a tree nothing was learnt."""

    start: float = 0.0
    roots: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int32), repr=False)
    feature: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int32), repr=False)
    threshold: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32), repr=False)
    left: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int32), repr=False)
    right: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int32), repr=False)
    value: Amounts = field(default_factory=lambda: np.zeros(0), repr=False)

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def base(self) -> float:
        """The log odds of a candidate of whom no feature is known."""
        return float(self.start + self.value[self.roots].sum())

    def log_odds(self, x: Floats) -> Amounts:
        """Of lessons or candidates, x of shape (rows, features)."""
        found = np.full(len(x), self.start)
        _walk(np.ascontiguousarray(x, dtype=np.float32), *self._nodes(), found)
        return found

    def contributions(self, x: Floats) -> Amounts:
        """By feature, shape as x; with `base` they sum to the log odds."""
        found = np.zeros(x.shape)
        _take_apart(np.ascontiguousarray(x, dtype=np.float32), *self._nodes(), found)
        return found

    def _nodes(self) -> tuple[Ints, Ints, Floats, Ints, Ints, Amounts]:
        return self.roots, self.feature, self.threshold, self.left, self.right, self.value

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {name: getattr(self, name) for name in _NODES} | {"roots": self.roots}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], start: float, features: int) -> "Trees":
        """KeyError or ValueError where these are no trees over so many features: a walk has to end at a leaf."""
        found = cls(start=float(start), roots=arrays["roots"], **{name: arrays[name] for name in _NODES})
        _check(found, features)
        return found


_NODES: Mapping[str, type] = {
    "feature": np.int32, "threshold": np.float32, "left": np.int32, "right": np.int32, "value": np.float64
}  # fmt: skip


def _check(trees: Trees, features: int) -> None:
    count = len(trees.feature)
    for name, kind in _NODES.items():
        array = getattr(trees, name)
        if array.shape != (count,) or array.dtype != kind:
            raise ValueError(f"trees: {name} is {array.dtype} of shape {array.shape}, expected {count} of {kind}")
    if trees.roots.ndim != 1 or trees.roots.dtype != np.int32:
        raise ValueError("trees: roots are no list of nodes")
    inner = np.flatnonzero(trees.feature != _LEAF)
    behind = [side[inner] > inner for side in (trees.left, trees.right)]
    inside = [(side >= 0) & (side < count) for side in (trees.left[inner], trees.right[inner], trees.roots)]
    if not all(map(np.all, [*behind, *inside, trees.feature >= _LEAF, trees.feature < features])):
        raise ValueError(f"trees: a node leads nowhere, or asks about none of {features} features")


@compiled()
def _walk(
    x: Floats, roots: Ints, feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Amounts, found: Amounts
) -> None:
    """Adds each tree's value to `found`, tree by tree, as the library does, so that not a bit differs."""
    for root in roots:
        for row in range(len(x)):
            node = root
            while feature[node] >= 0:
                node = left[node] if x[row, feature[node]] <= threshold[node] else right[node]
            found[row] += value[node]


@compiled()
def _take_apart(
    x: Floats, roots: Ints, feature: Ints, threshold: Floats, left: Ints, right: Ints, value: Amounts, found: Amounts
) -> None:
    for root in roots:
        for row in range(len(x)):
            node = root
            while feature[node] >= 0:
                asked = feature[node]
                child = left[node] if x[row, asked] <= threshold[node] else right[node]
                found[row, asked] += value[child] - value[node]
                node = child


# From scikit-learn.


def of_boosting(grown: Any) -> Trees:
    """Of a fitted HistGradientBoostingClassifier with two classes, numbers as features and none of them missing."""
    tables = [trees[0].nodes for trees in grown._predictors]  # its only way to the trees; a test holds both together
    if any(table["is_categorical"].any() for table in tables):
        raise ValueError("trees over categories cannot be stored: learn from numbers")
    roots = np.cumsum([0, *(len(table) for table in tables)])
    nodes = np.concatenate(tables)
    shift = np.repeat(roots[:-1], np.diff(roots))
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, 0, nodes[side].astype(np.int64) + shift) for side in ("left", "right"))
    return Trees(
        start=float(np.ravel(grown._baseline_prediction)[0]),
        roots=roots[:-1].astype(np.int32),
        feature=np.where(leaf, _LEAF, nodes["feature_idx"]).astype(np.int32),
        threshold=_rounded_down(np.where(leaf, 0.0, nodes["num_threshold"])),
        left=left.astype(np.int32),
        right=right.astype(np.int32),
        value=_means(leaf, left, right, nodes["count"].astype(np.float64), nodes["value"].astype(np.float64)),
    )


def _rounded_down(threshold: Amounts) -> Floats:
    """The largest float32 that is no larger: of float32 features the same ones lie up to it."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _means(
    leaf: npt.NDArray[np.bool_],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    count: Amounts,
    value: Amounts,
) -> Amounts:
    """Leaves keep their value, inner nodes have the mean of their leaves. Children lie behind their parent."""
    found = value.copy()
    for node in np.flatnonzero(~leaf)[::-1]:
        one, other = left[node], right[node]
        found[node] = (count[one] * found[one] + count[other] * found[other]) / (count[one] + count[other])
    return found
