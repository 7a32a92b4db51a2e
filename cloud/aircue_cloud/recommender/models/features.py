"""What can be said of users, items and the two together without any model: how much, how lately, how regularly.

Every function looks at events before `now` (epoch seconds) alone; days are float32.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.contract import Rows

Table = npt.NDArray[np.float32]

OF_ITEMS, OF_USERS, OF_PAIRS = 10, 9, 7  # how many features there are

_MET = Weighting(shape="binary")
_NEVER = -1.0


def of_items(log: Interactions, now: float) -> Table:
    """Shape (items, 10): log users of the last 7, 14, 30, 90 days, how it grew over 7, 14 and 30, days since the first
    and the last event, events a user."""
    users = {days: _users_of_items(log.between(now - days * DAY_S, np.inf)) for days in (7, 14, 30, 90)}
    ever = np.maximum(_users_of_items(log), 1)
    first, last = _ends(log.item, log.at, log.shape[1], now)
    growth = [np.log((users[short] * (long / short) + 1) / (users[long] + 1)) for short, long in _GROWTH]
    again = np.bincount(log.item, minlength=log.shape[1]) / ever
    return _table([*map(np.log1p, users.values()), *growth, first, last, again])


_GROWTH = ((7, 14), (14, 30), (30, 90))


def of_users(log: Interactions, now: float) -> Table:
    """Shape (users, 9): log events of the last 30, 90 days and ever, log items, days with events, days since the last
    and the first, events a day with events, events an item."""
    count = log.shape[0]
    lately = [np.bincount(log.user[log.at >= now - days * DAY_S], minlength=count) for days in (30, 90)]
    ever = np.bincount(log.user, minlength=count)
    items = np.diff(log.matrix(_MET, now).indptr)
    days = np.bincount(_days(log)[:, 0], minlength=count)
    first, last = _ends(log.user, log.at, count, now)
    amounts = [np.log1p(one) for one in (*lately, ever, items)]
    return _table([*amounts, days, last, first, ever / np.maximum(days, 1), ever / np.maximum(items, 1)])


PAIR_WEIGHTS = tuple(Weighting(half_life_d=days) for days in (20, 60, 180))
EMPTY = (0.0, _NEVER, _NEVER, _NEVER)  # what they are of a user and an item that never met


class Pairs:
    """Of a user and an item: days on which the user turned to it, days since, the mean gap in days, the share of the
    gap that has passed, and what events weigh under PAIR_WEIGHTS."""

    def __init__(self, log: Interactions, now: float) -> None:
        user, item, day = _days(log).T
        keys = user * log.shape[1] + item
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.intp)
        ends = np.r_[starts[1:], len(keys)] - 1
        count, since = ends - starts + 1.0, now / DAY_S - day[ends]
        gap = (day[ends] - day[starts]) / np.maximum(count - 1, 1)
        at = user[starts], item[starts]
        tables = (
            count,
            since,
            np.where(count > 1, gap, _NEVER),
            np.where(count > 1, since / np.maximum(gap, 0.5), _NEVER),
        )
        self.tables = [
            csr_array((table - empty, at), shape=log.shape, dtype=np.float32)
            for table, empty in zip(tables, EMPTY, strict=True)
        ]
        self.weights = [log.matrix(weighting, now) for weighting in PAIR_WEIGHTS]

    def of(self, rows: Rows, items: npt.NDArray[np.intp]) -> Table:
        """Shape (rows, candidates, 7). items: shape (rows, candidates)."""
        places = np.asarray(rows, dtype=np.intp)
        return of_pairs([one[places] for one in self.tables], [one[places] for one in self.weights], items)


# What is known of one user as at the end of a training, brought up to what they did since.


def user_since(known: Table, items: int, later: Interactions, then: float, now: float) -> Table:
    """`of_users` of one user as of `now`. known: their row as of `then`, shape (1, 9). items: they had to do with, of
    both times. later: what they did since. What left the last 30 and 90 days meanwhile is not known, and stays in; what
    was done with an item before and after `then` on one day counts as two days with it."""
    thirty, ninety, ever, _, days, _, first = known[0, :7].astype(np.float64)
    lately = [np.expm1(one) + np.sum(later.at >= now - span * DAY_S) for one, span in ((thirty, 30), (ninety, 90))]
    ever, days = np.expm1(ever) + len(later), days + len(_days(later))
    last, first = (now - later.at.max()) / DAY_S, first + (now - then) / DAY_S
    amounts = np.log1p([*lately, ever, items])
    return np.array([[*amounts, days, last, first, ever / max(days, 1), ever / max(items, 1)]], dtype=np.float32)


def pairs_since(known: Sequence[csr_array], later: Interactions, then: float, now: float) -> list[csr_array]:
    """`Pairs.tables` of one user as of `now`: what is known as of `then`, each of shape (1, items), is exact still."""
    count, since, gap, _ = (
        one.toarray()[0].astype(np.float64) + empty for one, empty in zip(known, EMPTY, strict=True)
    )
    _, item, day = _days(later).T
    met = count > 0
    last = np.where(met, np.rint(then / DAY_S - since), -np.inf)
    first = np.where(met, np.rint(last - np.where(count > 1, gap, 0.0) * (count - 1)), np.inf)
    fresh = day > last[item]
    np.add.at(count, item[fresh], 1.0)
    np.minimum.at(first, item, day)
    np.maximum.at(last, item, day)
    (at,) = np.nonzero(count)
    return _as_tables(count[at], first[at], last[at], at, now, len(count))


def _as_tables(
    count: npt.NDArray[Any],
    first: npt.NDArray[Any],
    last: npt.NDArray[Any],
    at: npt.NDArray[Any],
    now: float,
    items: int,
) -> list[csr_array]:
    since, gap = now / DAY_S - last, (last - first) / np.maximum(count - 1, 1)
    again = count > 1
    tables: tuple[Any, ...] = (
        count,
        since,
        np.where(again, gap, _NEVER),
        np.where(again, since / np.maximum(gap, 0.5), _NEVER),
    )
    places: Any = (np.zeros_like(at), at)
    return [
        csr_array((table - empty, places), shape=(1, items), dtype=np.float32)
        for table, empty in zip(tables, EMPTY, strict=True)
    ]


def of_pairs(tables: Sequence[csr_array], weights: Sequence[csr_array], items: npt.NDArray[np.intp]) -> Table:
    """tables: less what they are where nothing is known (EMPTY), as Pairs has them; both of shape (rows, items)."""
    found = [
        np.take_along_axis(table.toarray(), items, axis=1) + np.float32(empty)
        for table, empty in zip(tables, EMPTY, strict=True)
    ]
    found += [np.take_along_axis(weight.toarray(), items, axis=1) for weight in weights]
    return np.stack(found, axis=2).astype(np.float32)


def _users_of_items(part: Interactions) -> npt.NDArray[np.float64]:
    met = part.matrix(_MET, np.inf)
    return np.bincount(met.indices, minlength=part.shape[1]).astype(np.float64)


def _days(log: Interactions) -> npt.NDArray[np.int64]:
    """(user, item, day) of every day with an event of the two, sorted."""
    rows = np.stack([log.user.astype(np.int64), log.item.astype(np.int64), (log.at // DAY_S).astype(np.int64)], axis=1)
    return np.unique(rows, axis=0)


def _ends(of: npt.NDArray[np.int32], at: npt.NDArray[np.float64], count: int, now: float) -> tuple[Table, Table]:
    """Days since the first and since the last event of each; 0 and very long for who had none."""
    first, last = np.full(count, now), np.zeros(count)
    np.minimum.at(first, of, at)
    np.maximum.at(last, of, at)
    return ((now - first) / DAY_S).astype(np.float32), ((now - last) / DAY_S).astype(np.float32)


def _table(columns: Sequence[npt.NDArray[Any]]) -> Table:
    return np.stack(columns, axis=1).astype(np.float32)
