"""The study's experiment on other people's data: small sets of users, its formula (4) before and after an SVD of the
user-item matrix, and what Aircue would use beside it.

An interaction is the first time a user turns to an item, an entry of the user-item matrix. Each set: of the users with
at least 20 of them, 254 are drawn at random until they have 20,675, of which so many are drawn. 80 % are known, 20 %
are to be found: dealt at random as the study did, and, apart from that, the first 80 % in time. Accuracy is
precision@10 on what a user had not met before, by product and by category. K and the number of singular values are
chosen on the last fifth of what is known, dealt the same way; so is the blend.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import mean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from scipy.stats import t as student

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating.comparison import measure
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split, question
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.families import FAMILIES
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.linear import ItemItem, nearest
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.svd import Svd
from aircue_cloud.recommender.tuning import suited, tune

USERS, EVENTS, SETS, KNOWN, LEAST = 254, 20_675, 10, 0.8, 20
ACCURACY = "precision@10"
BEFORE, AFTER = "formula (4)", "formula (4) after SVD"
OURS = "tuned blend"
_TRIES = 1000
_NEIGHBOURS = (10, 30, 100)
_KEPT = (8, 16, 32, 64)  # singular values

Progress = Callable[[str], None]
Dealing = Callable[[Interactions, int], Split]


class AfterSvd(ItemKnn):
    """Formula (4) whose cosines are those of the columns of R = U S V^T without its small singular values: with U
    orthonormal they are the cosines of the rows of V S. r_ui stays what the user did."""

    def __init__(self, k: int, factors: int) -> None:
        super().__init__(k)
        self.factors = factors

    def _learn(self, r: csr_array) -> ItemItem:
        kept = min(self.factors, min(r.shape) - 1)
        start = np.random.default_rng(7).standard_normal(min(r.shape))
        _, s, vt = svds(r.astype(np.float64), k=kept, v0=start)
        rows = vt.T * s
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-9)
        cosine = unit @ unit.T
        np.fill_diagonal(cosine, 0)
        return nearest(cosine.astype(np.float32), self.k)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One set, split one way, seen by product or by category. accuracy: by model. chosen: what validation chose."""

    set: int
    split: str
    by: str
    users: int
    accuracy: Mapping[str, float]
    chosen: Mapping[str, Any]


def run(
    log: Interactions, categories: Mapping[str, str] | None, sets: int, seed: int, tune_s: float, progress: Progress
) -> list[Row]:
    """categories: by item; without them only products are looked at. tune_s: to choose each blend in; each family is
    tried once whatever it is."""
    rows: list[Row] = []
    entries = first_times(log)
    for number in range(sets):
        drawn = draw(entries, np.random.default_rng([seed, number]))
        views = (
            {"product": drawn}
            if categories is None
            else {"product": drawn, "category": first_times(by(drawn, categories))}
        )
        for (view, one), name in product(views.items(), DEALINGS):
            rows.append(_row(number, name, view, one, tune_s, seed + number))
            said = ", ".join(f"{model} {value:.3f}" for model, value in rows[-1].accuracy.items())
            progress(f"set {number + 1} of {sets}, {name} split, by {view}: {said}")
    return rows


def first_times(log: Interactions) -> Interactions:
    """The first event of each user with each item, each of weight 1."""
    _, places = np.unique(log.user.astype(np.int64) * log.shape[1] + log.item, return_index=True)
    kept = log.where(_marked(places, len(log)))
    return replace(kept, weight=np.ones_like(kept.weight))


def draw(log: Interactions, random: np.random.Generator, users: int = USERS, events: int = EVENTS) -> Interactions:
    """A set, numbered for itself. DatasetError where the log does not hold so many."""
    each = np.bincount(log.user, minlength=log.shape[0])
    known = np.flatnonzero(each >= min(LEAST, events / users))
    for _ in range(_TRIES if len(known) >= users else 0):
        chosen = random.choice(known, users, replace=False)
        if each[chosen].sum() >= events:
            own = np.flatnonzero(np.isin(log.user, chosen))
            return _compact(log.where(_marked(random.choice(own, events, replace=False), len(log))))
    raise DatasetError(
        f"{len(known):,} users with enough of the log's {len(log):,} interactions give no set of {users} users with"
        f" {events:,} interactions; take a larger log or smaller sets"
    )


def _marked(places: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(count, dtype=np.bool_)
    found[places] = True
    return found


def _compact(part: Interactions) -> Interactions:
    """Without the users and items that have no event."""
    users, user = np.unique(part.user, return_inverse=True)
    items, item = np.unique(part.item, return_inverse=True)
    return replace(
        part,
        users=tuple(part.users[place] for place in users),
        items=tuple(part.items[place] for place in items),
        user=user.astype(np.int32),
        item=item.astype(np.int32),
    )


def by(log: Interactions, categories: Mapping[str, str]) -> Interactions:
    """The same events with categories for items."""
    names = tuple(sorted({categories.get(item, "other") for item in log.items}))
    places = {name: place for place, name in enumerate(names)}
    of_item = np.array([places[categories.get(item, "other")] for item in log.items], dtype=np.int32)
    return replace(log, items=names, item=of_item[log.item])


def at_random(log: Interactions, seed: int) -> Split:
    """Known and later are dealt; times are given up, for a model must not tell one from the other by them."""
    known = np.random.default_rng(seed).permutation(len(log)) < round(KNOWN * len(log))
    at = np.where(known, 0.0, 1.0)
    order = np.argsort(at, kind="stable")
    dealt = replace(log, user=log.user[order], item=log.item[order], weight=log.weight[order], at=at[order])
    return Split.of(dealt, 1.0, np.inf)


def in_time(log: Interactions, seed: int) -> Split:
    """The first 80 %, as far as events of one moment let it."""
    return Split.of(log, float(log.at[round(KNOWN * len(log))]), np.inf)


DEALINGS: Mapping[str, Dealing] = {"random": at_random, "temporal": in_time}


def _row(number: int, name: str, view: str, one: Interactions, tune_s: float, seed: int) -> Row:
    split = DEALINGS[name](one, seed)
    models, chosen = _chosen(DEALINGS[name](split.known, seed), tune_s)
    accuracy = {model: accuracy_of(make(), split) for model, make in models.items()}
    users = len(question(split, Protocol.NEW).rows)
    return Row(set=number, split=name, by=view, users=users, accuracy=accuracy, chosen=chosen)


# So few users teach no trees.
_FAMILIES = tuple(name for name in suited(Protocol.NEW) if not FAMILIES[name].panel)


def _chosen(inner: Split, tune_s: float) -> tuple[dict[str, Callable[[], Model]], dict[str, Any]]:
    """The models as the inner split would have them."""
    k = _best(_NEIGHBOURS, lambda k: ItemKnn(k), inner)
    kept, plain = _best(_KEPT, lambda f: AfterSvd(k, f), inner), _best(_KEPT, lambda f: Svd(f), inner)
    blend = tune(inner, Protocol.NEW, tune_s, lambda _: None, families=_FAMILIES)
    models: dict[str, Callable[[], Model]] = {
        "popularity": Popularity,
        BEFORE: lambda: ItemKnn(k),
        AFTER: lambda: AfterSvd(k, kept),
        "SVD alone": lambda: Svd(plain),
        OURS: blend.make,
    }
    return models, {"k": k, "factors_after_svd": kept, "factors_svd_alone": plain, "blend": blend.as_json()["parts"]}


def _best(values: Sequence[int], make: Callable[[int], Model], inner: Split) -> int:
    return max(values, key=lambda value: accuracy_of(make(value), inner))


def accuracy_of(model: Model, split: Split) -> float:
    """Mean over users of precision@10 on what was new to them."""
    model.fit(split.known, split.at)
    found = measure("", model, split.known, Protocol.NEW, question(split, Protocol.NEW))
    return float(found.per_user[ACCURACY].mean())


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Over the sets. by model: mean and spread (standard deviation). gain: each model's accuracy minus formula (4)'s on
    the same set, with 95 % by Student's t; sets share customers, so it is too narrow rather than too wide."""

    split: str
    by: str
    sets: int
    accuracy: Mapping[str, tuple[float, float]]
    gain: Mapping[str, tuple[float, float, float]]


def summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    for split, view in dict.fromkeys((row.split, row.by) for row in rows):
        own = [row.accuracy for row in rows if (row.split, row.by) == (split, view)]
        values = {model: [one[model] for one in own] for model in own[0]}
        gains = {
            model: _interval([one - base for one, base in zip(found, values[BEFORE], strict=True)])
            for model, found in values.items()
            if model != BEFORE
        }
        accuracy = {model: (mean(found), _spread(found)) for model, found in values.items()}
        yield Summary(split=split, by=view, sets=len(own), accuracy=accuracy, gain=gains)


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else float("nan")


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the two ends of its interval; of one value there is none."""
    middle = mean(values)
    half = _spread(values) * float(student.ppf(0.975, max(1, len(values) - 1))) / len(values) ** 0.5
    return middle, middle - half, middle + half


def table(found: Sequence[Summary]) -> Iterator[str]:
    """Lines for a terminal."""
    for one in found:
        yield f"{one.split} split, by {one.by}, {one.sets} sets: {ACCURACY} mean +- spread; gain on {BEFORE}, 95 %"
        for model, (middle, spread) in one.accuracy.items():
            gain = "" if model == BEFORE else "    {:+.4f} ({:+.4f} to {:+.4f})".format(*one.gain[model])
            yield f"  {model:<24}{middle:>8.4f} +- {spread:.4f}{gain}"
