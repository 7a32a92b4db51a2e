"""Models side by side on one split: every metric, its interval, and how far each model lies from popularity."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import bootstrap, metrics
from aircue_cloud.recommender.evaluating.bootstrap import Interval
from aircue_cloud.recommender.evaluating.protocol import Protocol, Question, Split, counts, hits, question, rank
from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.table import POPULARITY

PLACES = (5, 10, 20, 50, 100)
HEADLINE = "ndcg@10"

Progress = Callable[[str], None]
PerUser = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One model under one protocol. per_user: each metric's values, shape (users,); whole: those of all lists."""

    model: str
    protocol: Protocol
    per_user: Mapping[str, PerUser]
    whole: Mapping[str, float]


def compare(
    split: Split,
    models: Mapping[str, Callable[[], Model]],
    progress: Progress,
    protocols: Iterable[Protocol] = tuple(Protocol),
) -> list[Measured]:
    """Every model under every protocol that has somebody to ask about. DatasetError where none has."""
    asked = {protocol: question(split, protocol) for protocol in protocols}
    for protocol, one in asked.items():
        progress(f"{protocol}: {len(one.rows)} users" if len(one.rows) else f"{protocol}: left out, {_NOBODY}")
    asked = {protocol: one for protocol, one in asked.items() if len(one.rows)}
    if not asked:
        raise DatasetError(f"{_NOBODY}; choose an earlier split or a longer log")
    return [measured for name, make in models.items() for measured in _of(name, make(), split, asked, progress)]


_NOBODY = "nobody known before the split turned to a known item after it"


def _of(
    name: str, model: Model, split: Split, asked: Mapping[Protocol, Question], progress: Progress
) -> Iterator[Measured]:
    model.fit(split.known, split.at)
    for protocol, one in asked.items():
        found = measure(name, model, split.known, protocol, one)
        progress(f"{name}, {protocol}: {HEADLINE} {found.per_user[HEADLINE].mean():.4f}")
        yield found


def measure(name: str, model: Model, known: Interactions, protocol: Protocol, asked: Question) -> Measured:
    """Of a model that is fitted on `known`."""
    ranked = rank(model, asked, min(max(PLACES), known.shape[1]))
    found, wanted = hits(ranked, asked), counts(asked)
    per_user = {
        f"{metric}@{k}": of_users(found, wanted, k) for metric, of_users in metrics.PER_USER.items() for k in PLACES
    }
    return Measured(model=name, protocol=protocol, per_user=per_user, whole=_of_lists(ranked, known))


def _of_lists(ranked: npt.NDArray[np.intp], known: Interactions) -> dict[str, float]:
    met = known.matrix(Weighting(shape="binary"), np.inf)
    popularity = np.asarray((met > 0).sum(axis=0), dtype=np.float64).ravel()
    users, items = int((np.diff(met.indptr) > 0).sum()), int((popularity > 0).sum())
    first = ranked[:, :10]
    return {
        "coverage@10": metrics.coverage(first, items),
        "gini@10": metrics.gini(first, known.shape[1]),
        "novelty@10": metrics.novelty(first, popularity, users),
    }


def report(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """A row a model and protocol, ready for JSON: each metric's mean and interval, and what the headline metric gains
    on popularity under the same protocol, paired by user."""
    base = {one.protocol: one.per_user[HEADLINE] for one in found if one.model == POPULARITY}
    return [_row(one, base.get(one.protocol)) for one in found]


def _row(one: Measured, popularity: PerUser | None) -> dict[str, Any]:
    row: dict[str, Any] = {"model": one.model, "protocol": one.protocol.value, "users": len(one.per_user[HEADLINE])}
    intervals = bootstrap.means(np.stack(list(one.per_user.values()), axis=1))
    row["metrics"] = dict(zip(one.per_user, map(asdict, intervals), strict=True)) | dict(one.whole)
    if popularity is not None:
        row[f"{HEADLINE}_over_popularity"] = asdict(bootstrap.difference(one.per_user[HEADLINE], popularity))
    return row


def paired(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """Every two models under one protocol: the difference of the headline metric, the better one first."""
    ranked = sorted(found, key=lambda one: -one.per_user[HEADLINE].mean())
    pairs = [(one, other) for one, other in combinations(ranked, 2) if one.protocol is other.protocol]
    return [
        {"protocol": one.protocol.value, "ours": one.model, "theirs": other.model, "metric": HEADLINE}
        | asdict(bootstrap.difference(one.per_user[HEADLINE], other.per_user[HEADLINE]))
        for one, other in pairs
    ]


SHOWN = ("ndcg@10", "recall@20", "precision@10", "map@10", "mrr@10", "coverage@10", "gini@10", "novelty@10")
_OVER = f"{HEADLINE}_over_popularity"


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lines for a terminal."""
    heads = "".join(f"{name:>13}" for name in SHOWN)
    yield f"{'model':<18}{'protocol':<9}{'users':>6}{heads}   95 % of {HEADLINE}   {HEADLINE} over popularity, 95 %"
    for row in rows:
        values = [row["metrics"][name] for name in SHOWN]
        numbers = "".join(f"{value['value'] if isinstance(value, Mapping) else value:>13.4f}" for value in values)
        whole = f"{row['model']:<18}{row['protocol']:<9}{row['users']:>6}{numbers}   {_span(row['metrics'][HEADLINE])}"
        yield whole + (f"    {row[_OVER]['value']:+.4f} ({_span(row[_OVER])})" if _OVER in row else "")


def _span(interval: Mapping[str, float]) -> str:
    return f"{interval['low']:.4f} to {interval['high']:.4f}"


def shuffled_in_time(split: Split, seed: int = 7) -> Split:
    """The same events dealt at random into as many before and after: what a random split would say. It lets a model
    learn from the future of those it is asked about, so it flatters; it is for comparison alone."""
    whole = _joined(split)
    random = np.random.default_rng(seed)
    at = np.where(random.permutation(len(whole)) < len(split.known), split.at - 1, split.at)
    order = np.argsort(at, kind="stable")
    dealt = Interactions(
        users=whole.users, items=whole.items, user=whole.user[order], item=whole.item[order],
        at=at[order].astype(np.float64), weight=whole.weight[order],
    )  # fmt: skip
    return Split.of(dealt, split.at, np.inf)


def _joined(split: Split) -> Interactions:
    parts = (split.known, split.later)
    return Interactions(
        users=split.known.users,
        items=split.known.items,
        user=np.concatenate([part.user for part in parts]),
        item=np.concatenate([part.item for part in parts]),
        at=np.concatenate([part.at for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def ratio(ours: Sequence[Measured], theirs: Sequence[Measured], metric: str = HEADLINE) -> Interval:
    """Of the pooled users of several windows, paired."""
    return bootstrap.ratio(_pooled(ours, metric), _pooled(theirs, metric))


def _pooled(found: Sequence[Measured], metric: str) -> PerUser:
    return np.concatenate([one.per_user[metric] for one in found])
