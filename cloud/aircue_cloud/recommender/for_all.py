"""The best items of all users of a model at once."""

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender import asker as askers
from aircue_cloud.recommender.artefact import MET, NEW, Head
from aircue_cloud.recommender.asked import Eligible, Surroundings
from aircue_cloud.recommender.asking import Held, Utilities, barred
from aircue_cloud.recommender.evaluating.protocol import top
from aircue_cloud.recommender.kernels import NOBODY, Floats, Ints
from aircue_cloud.recommender.models.blend import spreads
from aircue_cloud.recommender.parts import People
from aircue_cloud.recommender.shortest_way import ShortestWay

_USERS_AT_ONCE = 512


def recommend_all(
    held: Held, n: int, context: Surroundings | None, eligible: Eligible | None, head: str, threads: int
) -> tuple[Ints, Floats]:
    """As Recommender.recommend_all."""
    met = held.artefact.profiles[MET]
    hidden = met if head == NEW else _nothing(met.shape)
    way = held.ways.get(head)
    if way is not None and context is None and eligible is None:
        return _by_way(way, n, hidden, threads)
    return _by_scores(held, held.artefact.heads[head], n, hidden, _offsets(held, context, eligible))


def _by_way(way: ShortestWay, n: int, hidden: csr_array, threads: int) -> tuple[Ints, Floats]:
    items, scores = way.exact.many(way.factors.x, n, hidden, threads)
    scales = way.scales(way.factors.x)[:, None]
    with np.errstate(invalid="ignore"):
        return items, np.where(items == NOBODY, -np.inf, scores * scales).astype(np.float32)


def _offsets(held: Held, context: Surroundings | None, eligible: Eligible | None) -> Utilities:
    """What is added to every user's scores: log lifts, and -inf where an item may not be recommended."""
    count = len(held.columns)
    added = np.zeros(count) if context is None else held.lifts.logs(context)
    known = held.columns
    added[barred(count, eligible, lambda products: [known[one] for one in products if one in known])] = -np.inf
    return added


def _by_scores(held: Held, head: Head, n: int, hidden: csr_array, added: Utilities) -> tuple[Ints, Floats]:
    users, items = hidden.shape
    found = np.full((users, max(n, 0)), NOBODY, dtype=np.int32), np.full((users, max(n, 0)), -np.inf, dtype=np.float32)
    if not items or n <= 0:
        return found
    with threadpool_limits(limits=1, user_api="blas"):
        for begin in range(0, users, _USERS_AT_ONCE):
            part = slice(begin, min(begin + _USERS_AT_ONCE, users))
            scores = _utilities(held, head, part) + added
            scores[hidden[part].toarray() != 0] = -np.inf
            _place(found, part, scores, n)
    return found


def _utilities(held: Held, head: Head, part: slice) -> Utilities:
    """Of these users, shape (users, items)."""
    rows = np.arange(part.start, part.stop, dtype=np.intp)
    people = People(profiles={one: r[part] for one, r in held.artefact.profiles.items()}, rows=rows)
    raw = askers.raw_scores(held.artefact, head, people)
    blended = askers.blended(head, raw, [spreads(scores) for scores in raw])
    scores = head.temperature * blended.astype(np.float64)
    scores[~askers.tells_apart(blended)] = held.log_popularity
    return scores


def _place(found: tuple[Ints, Floats], part: slice, scores: Utilities, n: int) -> None:
    places = top(scores, n)
    best = np.take_along_axis(scores, places, axis=1)
    width = places.shape[1]
    found[0][part, :width] = np.where(np.isfinite(best), places, NOBODY)
    found[1][part, :width] = best


def _nothing(shape: tuple[int, int]) -> csr_array:
    empty = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32), np.zeros(shape[0] + 1, dtype=np.int64)
    return csr_array(empty, shape=shape)
