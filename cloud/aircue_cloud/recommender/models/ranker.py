"""A ranker over other models: what several of them say, and what is known of user and item, weighed by boosted trees.

The models are fitted as at a moment gone by, a period before now; of each user who came back within that period the
items they rank first are candidates, and trees learn which of them the user turned to (Friedman: Greedy function
approximation, 2001; scikit-learn's histogram trees). Then the models are fitted anew on everything, and the trees weigh
what those say. Nothing the trees learn from lies after `now`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models import features
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.blend import standardised
from aircue_cloud.recommender.models.contract import Model, Rows, Scores
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.rp3beta import Rp3Beta
from aircue_cloud.recommender.models.transitions import Transitions

_MET = Weighting(shape="binary")
_LATELY = Weighting(half_life_d=30, shape="sqrt")
_AT_ONCE = 512
_LEAST = 30  # wanted candidates that trees are grown from


def _panel(new: bool) -> list[tuple[float, Model]]:
    """(weight among those who name the candidates, model)."""
    head = [] if new else [(1.0, OwnFrequency(Weighting(half_life_d=60)))]
    return [
        (1.0, Ease(l2=50.0, weighting=_LATELY)),
        (0.5, Transitions(new=True)),
        (0.0 if new else 1.0, Transitions(l2=100.0, new=False)),
        (0.0, Rp3Beta(k=500, alpha=0.7, beta=0.4, weighting=_LATELY)),
        (0.0, Als(factors=64, l2=10.0, iterations=12, weighting=Weighting(half_life_d=30))),
        *head,
    ]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """Candidates of some users: items, shape (rows, candidates); x: what is said of them, shape (rows, candidates,
    features); whole: the panel's score of every item, shape (rows, items)."""

    items: npt.NDArray[np.intp]
    x: npt.NDArray[np.float32]
    whole: Scores


class _Panel:
    """The models as at one moment."""

    def __init__(self, models: Sequence[tuple[float, Model]], log: Interactions, now: float, new: bool) -> None:
        self._models = models
        for _, model in models:
            model.fit(log, now)
        self._met = log.matrix(_MET, now)
        self._of_items, self._of_users = features.of_items(log, now), features.of_users(log, now)
        self._pairs = features.Pairs(log, now)
        self._new = new

    def ask(self, rows: Rows, candidates: int) -> _Asked:
        places = np.asarray(rows, dtype=np.intp)
        said = [standardised(model.scores(places)) for _, model in self._models]
        whole = np.asarray(sum(np.float32(w) * one for (w, _), one in zip(self._models, said, strict=True)))
        open_ = np.where(self._met[places].toarray() != 0, -np.inf, whole) if self._new else whole
        items = np.argsort(-open_, axis=1, kind="stable")[:, :candidates]
        own = np.stack([np.take_along_axis(one, items, axis=1) for one in said], axis=2)
        of_users = np.broadcast_to(self._of_users[places][:, None], (*items.shape, self._of_users.shape[1]))
        x = [own, _ranks(own), self._of_items[items], of_users]
        if not self._new:
            x.append(self._pairs.of(places, items))
        return _Asked(items=items, x=np.concatenate(x, axis=2).astype(np.float32), whole=whole)


def _ranks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """0 for the best candidate of each row, by feature."""
    order = np.argsort(-values, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable").astype(np.float32)


class Ranker(Model):
    """new: rank what a user has not met, and leave the rest to the panel. Where the log is too short to learn from, the
    panel's own score stands. trust: how much of that score is added to the trees' log odds."""

    def __init__(
        self,
        new: bool = True,
        candidates: int = 150,
        period_d: float = 30.0,
        periods: int = 2,
        trees: int = 150,
        trust: float = 0.1,
        seed: int = 7,
    ) -> None:
        self.new, self.candidates, self.period_d, self.periods = new, candidates, period_d, periods
        self.trees, self.trust, self.seed = trees, trust, seed
        self._now: _Panel | None = None
        self._grown: Any = None

    def _fit(self, interactions: Interactions, now: float) -> None:
        self._grown = self._grow(list(self._lessons(interactions, now)))
        self._now = _Panel(_panel(self.new), interactions, now, self.new)

    def _lessons(self, log: Interactions, now: float) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
        """(x, wanted) of the candidates of each period gone by."""
        length = self.period_d * DAY_S
        for begin in (now - (k + 1) * length for k in range(self.periods)):
            known, later = log.between(-np.inf, begin), log.between(begin, begin + length)
            if not (len(known) and len(later)):
                return
            wanted, had = later.matrix(_MET, now), known.matrix(_MET, begin)
            rows = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(had.indptr) > 0))
            panel = _Panel(_panel(self.new), known, begin, self.new)
            for part in _parts(rows):
                asked = panel.ask(part, self.candidates)
                liked = np.take_along_axis(wanted[part].toarray(), asked.items, axis=1) > 0
                if self.new:
                    liked &= np.take_along_axis(had[part].toarray(), asked.items, axis=1) == 0
                some = liked.any(axis=1)
                yield asked.x[some].reshape(-1, asked.x.shape[2]), liked[some].ravel()

    def _grow(self, lessons: Sequence[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]) -> Any:
        if sum(int(wanted.sum()) for _, wanted in lessons) < _LEAST:
            return None
        x, wanted = (np.concatenate(parts) for parts in zip(*lessons, strict=True))
        grower = _boosting()(
            max_iter=self.trees, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=100,
            l2_regularization=5.0, random_state=self.seed, early_stopping=False,
        )  # fmt: skip
        return grower.fit(x, wanted)

    def scores(self, rows: Rows) -> Scores:
        if self._now is None:
            raise DatasetError("the ranker has not been fitted")
        places = np.asarray(rows, dtype=np.intp)
        blocks = [self._of(part, self._now) for part in _parts(places)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self._now._of_items)), dtype=np.float32)

    def _of(self, rows: npt.NDArray[np.intp], panel: _Panel) -> Scores:
        """The candidates above everything else, among themselves by the trees."""
        asked = panel.ask(rows, self.candidates)
        if self._grown is None:
            return np.asarray(asked.whole, dtype=np.float32)
        odds = self._grown.decision_function(asked.x.reshape(-1, asked.x.shape[2])).reshape(asked.items.shape)
        odds += self.trust * np.take_along_axis(asked.whole, asked.items, axis=1)
        found = np.zeros_like(asked.whole)
        np.put_along_axis(found, asked.items, (odds - odds.min(axis=1, keepdims=True)).astype(np.float32), axis=1)
        return found


def _parts(rows: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    for begin in range(0, len(rows), _AT_ONCE):
        yield rows[begin : begin + _AT_ONCE]


def _boosting() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise DatasetError("the ranker needs scikit-learn: install it, or leave this family out") from error
    return HistGradientBoostingClassifier
