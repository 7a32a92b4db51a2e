"""A ranker over other models: what several of them say, and what is known of user and item, weighed by boosted trees.

The models, a panel, are fitted as at a moment gone by, a period before now; of each user who came back within that
period the items they rank first are candidates, and trees learn which of them the user turned to (Friedman: Greedy
function approximation, 2001; scikit-learn's histogram trees). Then the models are fitted anew on everything, and the
trees weigh what those say. Nothing the trees learn from lies after `now`.

With s the panel's weighted sum of scores, each brought to one scale, C the candidates of a user (the first ones by s)
and z the trees' log odds, the score of an item is

    z_i + trust s_i - min over C of (z + trust s)    in C, so from 0 up
    trust (s_i - max of s over the others)           elsewhere, so from 0 down

so that what is no candidate is ranked as well, by the panel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models import features, trees
from aircue_cloud.recommender.models.blend import standardised
from aircue_cloud.recommender.models.contract import Model, Rows, Scores
from aircue_cloud.recommender.models.features import Table
from aircue_cloud.recommender.models.trees import Trees

_MET = Weighting(shape="binary")
_AT_ONCE = 512
_LEAST = 30  # wanted candidates that trees are grown from

Items = npt.NDArray[np.intp]
Panel = Sequence[tuple[float, Model]]  # (weight among those who name the candidates, model)


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Candidates of some users: items, shape (rows, candidates); x: what is said of them, shape (rows, candidates,
    features); whole: the panel's score of every item, shape (rows, items)."""

    items: Items
    x: Table
    whole: Scores


def ask(
    said: Sequence[Scores],
    weights: Sequence[float],
    hidden: npt.NDArray[np.bool_] | None,
    candidates: int,
    beside: Callable[[Items], Sequence[Table]],
) -> Asked:
    """said: each model's scores on one scale, shape (rows, items). hidden: what is no candidate, as long as there is
    anything else. beside: further features of candidates, each of shape (rows, candidates, features)."""
    whole = np.asarray(sum(np.float32(w) * one for w, one in zip(weights, said, strict=True)))
    open_ = whole if hidden is None else np.where(hidden, -np.inf, whole)
    items = np.argsort(-open_, axis=1, kind="stable")[:, :candidates]
    own = np.stack([np.take_along_axis(one, items, axis=1) for one in said], axis=2)
    x = np.concatenate([own, _ranks(own), *beside(items)], axis=2).astype(np.float32)
    return Asked(items=items, x=x, whole=whole)


def _ranks(values: Table) -> Table:
    """0 for the best candidate of each row, by feature."""
    order = np.argsort(-values, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable").astype(np.float32)


def beside(of_items: Table, of_users: Table, pairs: Callable[[Items], Table] | None) -> Callable[[Items], list[Table]]:
    """of_items: shape (items, features); of_users: shape (rows, features); pairs: of a row and an item."""

    def found(items: Items) -> list[Table]:
        users = np.broadcast_to(of_users[:, None], (*items.shape, of_users.shape[1]))
        return [of_items[items], users, *([] if pairs is None else [pairs(items)])]

    return found


def ranked(asked: Asked, grown: Trees, trust: float) -> Scores:
    """Shape (rows, items). Where nothing was learnt the panel's own score stands."""
    if not len(grown):
        return np.asarray(asked.whole, dtype=np.float32)
    odds = grown.log_odds(asked.x.reshape(-1, asked.x.shape[2])).reshape(asked.items.shape)
    odds += trust * np.take_along_axis(asked.whole, asked.items, axis=1)
    found = trust * (asked.whole - edges(asked, odds)[1])
    np.put_along_axis(found, asked.items, odds - edges(asked, odds)[0], axis=1)
    return found.astype(np.float32)


def edges(asked: Asked, odds: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], Scores]:
    """By row: the least of the candidates' odds, and the most that the panel gives to what is none. Shape (rows, 1)."""
    others = asked.whole.copy()
    np.put_along_axis(others, asked.items, -np.inf, axis=1)
    most = others.max(axis=1, keepdims=True, initial=-np.inf)
    return odds.min(axis=1, keepdims=True, initial=np.inf), np.where(np.isfinite(most), most, np.float32(0))


class Ranker(Model):
    """panel: how to make each model of it, and its weight. new: rank what a user has not met, and leave the rest to the
    panel. trust: how much of the panel's score is added to the trees' log odds."""

    def __init__(
        self,
        panel: Sequence[tuple[float, Callable[[], Model]]],
        new: bool = True,
        candidates: int = 150,
        period_d: float = 30.0,
        periods: int = 2,
        trees: int = 150,
        trust: float = 0.1,
        seed: int = 7,
    ) -> None:
        self.panel, self.new, self.candidates, self.period_d, self.periods = panel, new, candidates, period_d, periods
        self.trees, self.trust, self.seed = trees, trust, seed
        self.grown = Trees()
        self.now: _AsAt | None = None

    def _fit(self, interactions: Interactions, now: float) -> None:
        self.take(_fitted(self.panel, interactions, now), interactions, now)

    def take(self, panel: Panel, interactions: Interactions, now: float) -> None:
        """Fits with a panel that is fitted already, on the same interactions as at the same moment."""
        self.grown = self._grow(list(self._lessons(interactions, now)))
        self.now = _AsAt.of(panel, interactions, now, self.new)

    def _lessons(self, log: Interactions, now: float) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
        """(x, wanted) of the candidates of each period gone by."""
        length = self.period_d * DAY_S
        for begin in (now - (k + 1) * length for k in range(self.periods)):
            known, later = log.between(-np.inf, begin), log.between(begin, begin + length)
            if not (len(known) and len(later)):
                return
            wanted, had = later.matrix(_MET, now), known.matrix(_MET, begin)
            rows = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(had.indptr) > 0))
            then = _AsAt.of(_fitted(self.panel, known, begin), known, begin, self.new)
            for part in _parts(rows):
                asked = then.ask(part, self.candidates)
                liked = np.take_along_axis(wanted[part].toarray(), asked.items, axis=1) > 0
                if self.new:
                    liked &= np.take_along_axis(had[part].toarray(), asked.items, axis=1) == 0
                some = liked.any(axis=1)
                yield asked.x[some].reshape(-1, asked.x.shape[2]), liked[some].ravel()

    def _grow(self, lessons: Sequence[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]) -> Trees:
        if sum(int(wanted.sum()) for _, wanted in lessons) < _LEAST:
            return Trees()
        x, wanted = (np.concatenate(parts) for parts in zip(*lessons, strict=True))
        if wanted.all():
            return Trees()
        grower = _boosting()(
            max_iter=self.trees, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=100,
            l2_regularization=5.0, random_state=self.seed, early_stopping=False,
        )  # fmt: skip
        return trees.of_boosting(grower.fit(x, wanted))

    def scores(self, rows: Rows) -> Scores:
        if self.now is None:
            raise DatasetError("the ranker has not been fitted")
        places = np.asarray(rows, dtype=np.intp)
        blocks = [ranked(self.now.ask(part, self.candidates), self.grown, self.trust) for part in _parts(places)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self.now.of_items)), dtype=np.float32)


def _fitted(panel: Sequence[tuple[float, Callable[[], Model]]], log: Interactions, now: float) -> Panel:
    models = [(weight, make()) for weight, make in panel]
    for _, model in models:
        model.fit(log, now)
    return models


@dataclass(frozen=True, kw_only=True, eq=False)
class _AsAt:
    """The panel and the features as at one moment. pairs: where repeats are ranked."""

    panel: Panel
    met: Any
    of_items: Table
    of_users: Table
    pairs: features.Pairs | None = field(repr=False)

    @classmethod
    def of(cls, panel: Panel, log: Interactions, now: float, new: bool) -> "_AsAt":
        return cls(
            panel=panel,
            met=log.matrix(_MET, now) if new else None,
            of_items=features.of_items(log, now),
            of_users=features.of_users(log, now),
            pairs=None if new else features.Pairs(log, now),
        )

    def ask(self, rows: Items, candidates: int) -> Asked:
        said = [standardised(model.scores(rows)) for _, model in self.panel]
        hidden = None if self.met is None else self.met[rows].toarray() != 0
        pairs = self.pairs
        of_pairs = None if pairs is None else lambda items: pairs.of(rows, items)
        return ask(
            said, [weight for weight, _ in self.panel], hidden, candidates,
            beside(self.of_items, self.of_users[rows], of_pairs),
        )  # fmt: skip


def _parts(rows: Items) -> Iterator[Items]:
    for begin in range(0, len(rows), _AT_ONCE):
        yield rows[begin : begin + _AT_ONCE]


def _boosting() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise DatasetError("the ranker needs scikit-learn: install it, or leave this family out") from error
    return HistGradientBoostingClassifier
