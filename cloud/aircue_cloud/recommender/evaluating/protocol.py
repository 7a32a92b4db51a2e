"""What is held against what: a split in time, the users of it, all items ranked.

NEW: items a user had to do with before the split are neither recommended nor wanted, so that remembering is not
mistaken for recommending. REPEAT: everything may be recommended and is wanted, as a shop sees it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.contract import Model

_ROWS_AT_ONCE = 512
_MET = Weighting(shape="binary")


class Protocol(StrEnum):
    NEW = "new"
    REPEAT = "repeat"


@dataclass(frozen=True, kw_only=True)
class Split:
    """known: before the moment `at` (epoch seconds); later: from then on, to an end."""

    known: Interactions
    later: Interactions
    at: float

    @classmethod
    def of(cls, log: Interactions, at: float, end: float) -> "Split":
        return cls(known=log.between(-np.inf, at), later=log.between(at, end), at=at)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Whom a protocol asks about and what they turned to. rows: users, ascending; wanted and hidden: bool, shape (rows,
    items): hidden items are not to be recommended."""

    rows: npt.NDArray[np.intp]
    wanted: csr_array
    hidden: csr_array


def question(split: Split, protocol: Protocol) -> Question:
    """Users known before the split, items known before it: what nobody had met cannot be found by what they did."""
    seen = split.known.matrix(_MET, split.at).tocoo()
    shape = split.known.shape
    known_users, known_items = _flags(seen.row, shape[0]), _flags(seen.col, shape[1])
    user, item = _liked(split.later)
    asked = known_users[user] & known_items[item]
    if protocol is Protocol.NEW:
        asked &= ~np.isin(_keys(user, item, shape[1]), _keys(seen.row, seen.col, shape[1]))
    rows = np.unique(user[asked])
    hidden = _among(rows, seen.row, seen.col) if protocol is Protocol.NEW else (_NONE, _NONE)
    strangers = np.flatnonzero(~known_items)
    everybody = np.repeat(np.arange(len(rows)), len(strangers)), np.tile(strangers, len(rows))
    return Question(
        rows=rows,
        wanted=_table(_among(rows, user[asked], item[asked]), (len(rows), shape[1])),
        hidden=_table(_joined(hidden, everybody), (len(rows), shape[1])),
    )


_Places = npt.NDArray[np.intp]
_Pairs = tuple[_Places, _Places]
_NONE: _Places = np.zeros(0, dtype=np.intp)


def _liked(part: Interactions) -> _Pairs:
    found = part.matrix(_MET, np.inf).tocoo()
    return found.row[found.data > 0].astype(np.intp), found.col[found.data > 0].astype(np.intp)


def _flags(places: npt.NDArray[np.integer], count: int) -> npt.NDArray[np.bool_]:
    return np.bincount(places, minlength=count) > 0


def _keys(user: npt.NDArray[np.integer], item: npt.NDArray[np.integer], items: int) -> npt.NDArray[np.int64]:
    return user.astype(np.int64) * items + item


def _among(rows: _Places, user: npt.NDArray[np.integer], item: npt.NDArray[np.integer]) -> _Pairs:
    """The pairs of users that are asked about, each user by their place among those."""
    kept = np.isin(user, rows)
    return np.searchsorted(rows, user[kept]), item[kept].astype(np.intp)


def _joined(one: _Pairs, other: _Pairs) -> _Pairs:
    return np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]])


def _table(pairs: _Pairs, shape: tuple[int, int]) -> csr_array:
    found = csr_array((np.ones(len(pairs[0]), dtype=np.bool_), pairs), shape=shape)
    found.sort_indices()
    return found


def rank(model: Model, asked: Question, n: int) -> npt.NDArray[np.intp]:
    """The first n items of each row, shape (rows, n); equal scores by item."""
    blocks = list(_blocks(model, asked, n))
    return np.concatenate(blocks) if blocks else np.zeros((0, n), dtype=np.intp)


def _blocks(model: Model, asked: Question, n: int) -> Iterator[npt.NDArray[np.intp]]:
    for begin in range(0, len(asked.rows), _ROWS_AT_ONCE):
        part = slice(begin, begin + _ROWS_AT_ONCE)
        scores = model.scores(asked.rows[part]).astype(np.float64)
        scores[asked.hidden[part].toarray()] = -np.inf
        yield top(scores, n)


def top(scores: npt.NDArray[np.floating], n: int) -> npt.NDArray[np.intp]:
    """Columns of the n largest of each row, n or all there are, best first, equal ones by column."""
    n = min(n, scores.shape[1])
    nth = np.partition(scores, scores.shape[1] - n, axis=1)[:, [scores.shape[1] - n]]
    larger, equal = scores > nth, scores == nth
    chosen = larger | (equal & (np.cumsum(equal, axis=1) <= n - larger.sum(axis=1, keepdims=True)))
    columns = np.nonzero(chosen)[1].reshape(len(scores), n)
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)


def hits(ranked: npt.NDArray[np.intp], asked: Question) -> npt.NDArray[np.bool_]:
    return np.asarray(np.take_along_axis(asked.wanted.toarray(), ranked, axis=1), dtype=np.bool_)


def counts(asked: Question) -> npt.NDArray[np.intp]:
    """How many items each row wanted."""
    return np.diff(asked.wanted.indptr).astype(np.intp)
