"""The inner loops of serving, compiled: the k best products x . y of factors, without what a user has seen.

Two ways to the same ranking, which is the naive one: scores float32, best first, equal ones by item.

One user: items lie sorted by the length of their factors. As x . y <= |x| |y|, the scan ends where |x| times the next
length cannot beat the k-th best so far. Until there, each item is first held against the k-th best in a quarter of the
memory: y = s c + e with whole numbers c of a byte, so that, with x = r q + g,

    x . y <= r s q . c + |x| |e| + |g| |s c|

and only where that reaches the k-th best is the product itself made. Many users: products are made tile by tile, small
enough to stay in the cache, and of each tile only runs of items whose largest score beats a user's k-th best are looked
at.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
AnyFloats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int32]

NOBODY = -1  # the item at a place that no item is left for
_RUN = 16  # items whose largest score is compared at once
_ROUNDING = np.float32(1 + 1e-5)  # by which a computed product may exceed the bound of its lengths

F = TypeVar("F", bound=Callable[..., Any])


def compiled(fastmath: bool | set[str] = False) -> Callable[[F], F]:
    """fastmath: which of the rules of floating point the compiler may bend."""
    return cast("Callable[[F], F]", numba.njit(cache=True, nogil=True, fastmath=fastmath))


@compiled()
def place(scores: AnyFloats, items: Ints, score: np.floating, item: np.int32) -> None:
    """Puts an item into a list that is sorted best first, and drops the last; the caller knows that it belongs."""
    at = len(scores) - 1
    while at > 0 and (scores[at - 1] < score or (scores[at - 1] == score and items[at - 1] > item)):
        scores[at] = scores[at - 1]
        items[at] = items[at - 1]
        at -= 1
    scores[at] = score
    items[at] = item


@compiled()
def beats(score: np.floating, item: np.int32, scores: AnyFloats, items: Ints) -> bool:
    """Whether an item belongs into a list that is full, or holds NOBODY at -inf."""
    worst = scores[-1]
    return bool(score > worst or (score == worst and (items[-1] == NOBODY or item < items[-1])))


@compiled()
def contains(ordered: Ints, item: np.int32) -> bool:
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < len(ordered) and ordered[low] == item


@compiled(fastmath={"contract", "reassoc", "nsz"})
def dot(a: Floats, b: Floats) -> np.float32:
    total = np.float32(0)
    for at in range(len(a)):
        total += a[at] * b[at]
    return total


@compiled(fastmath={"contract", "reassoc", "nsz"})
def whole_dot(a: npt.NDArray[np.int16], b: npt.NDArray[np.int8]) -> np.int32:
    total = np.int32(0)
    for at in range(len(a)):
        total += np.int32(a[at]) * np.int32(b[at])
    return total


@compiled()
def coarse(x: Floats, whole: npt.NDArray[np.int16]) -> tuple[np.float32, np.float32]:
    """Fills whole with q of x = r q + g and returns (r, |g|). q is so small that q . c fits 32 bits."""
    most = np.float32(0)
    for value in x:
        most = max(most, abs(value))
    unit = most / np.float32(min(32767, 2**31 // (128 * max(len(x), 1))))
    lost = np.float32(0)
    for at in range(len(x)):
        whole[at] = np.int16(np.rint(x[at] / unit)) if unit > 0 else np.int16(0)
        rest = x[at] - unit * np.float32(whole[at])
        lost += rest * rest
    return unit, np.sqrt(lost)


@compiled()
def best_of_one(
    x: Floats,
    y: Floats,
    codes: npt.NDArray[np.int8],
    bounds: Floats,
    order: Ints,
    seen: Ints,
    scores: Floats,
    items: Ints,
) -> int:
    """Fills scores and items, shape (k,), for one user, and says how many items were looked at.

    y: float32 (items, f), sorted by length; codes: c, shape as y; bounds: of each row |y| rounded up, s and |e|, shape
    (items, 3), the first descending; order: the item at each row of y; seen: items to leave out, ascending. scores come
    filled with -inf, items with NOBODY.
    """
    rounding = np.float32(len(x) + 16) * np.float32(2.0**-23)
    length = np.sqrt(dot(x, x)) * (1 + rounding)
    whole = np.empty(len(x), dtype=np.int16)
    unit, lost = coarse(x, whole)
    lost = lost * (1 + rounding) + length * rounding
    for at in range(len(y)):
        worst = scores[-1]
        if length * bounds[at, 0] < worst:
            return at
        about = unit * bounds[at, 1] * np.float32(whole_dot(whole, codes[at]))
        if about + length * bounds[at, 2] + lost * (bounds[at, 0] + bounds[at, 2]) < worst:
            continue
        score = dot(x, y[at])
        if score >= worst and beats(score, order[at], scores, items) and not contains(seen, order[at]):
            place(scores, items, score, order[at])
    return len(y)


@compiled()
def best_of_scores(
    scores: npt.NDArray[np.float64], barred: npt.NDArray[np.bool_], best: npt.NDArray[np.float64], items: Ints
) -> None:
    """Fills best and items, shape (k,), that come filled with -inf and NOBODY, with the largest finite scores of what
    is not barred."""
    for at in range(len(scores)):
        score = scores[at]
        # Most end at the first comparison.
        if score >= best[-1] and not barred[at] and score > -np.inf and beats(score, np.int32(at), best, items):
            place(best, items, score, np.int32(at))


@compiled()
def still_open(lengths: Floats, longest: np.float32, scores: Floats, among: Ints) -> Ints:
    """Of the users `among`, those whose k-th best an item of the length `longest` could beat. lengths: the users'."""
    found = np.empty_like(among)
    count = 0
    for user in among:
        if lengths[user] * _ROUNDING * longest >= scores[user, -1]:
            found[count] = user
            count += 1
    return found[:count]


@compiled()
def take_tile(
    products: Floats, users: Ints, order: Ints, indptr: npt.NDArray[np.int64], seen: Ints, scores: Floats, items: Ints
) -> None:
    """Of a tile of products, shape (users, tile), into the lists of these users.

    order: the item of each column. indptr, seen: the items every user has seen, ascending, as a CSR matrix has them.
    scores, items: shape (all users, k).
    """
    width = products.shape[1]
    for row in range(len(users)):
        user = users[row]
        mine, best, who = products[row], scores[user], items[user]
        own = seen[indptr[user] : indptr[user + 1]]
        for begin in range(0, width, _RUN):
            end = min(begin + _RUN, width)
            if largest(mine[begin:end]) < best[-1]:
                continue
            for at in range(begin, end):
                if beats(mine[at], order[at], best, who) and not contains(own, order[at]):
                    place(best, who, mine[at], order[at])


@compiled(fastmath=True)
def largest(values: Floats) -> np.float32:
    found: np.float32 = values[0]
    for value in values:
        found = max(found, value)
    return found


@compiled()
def cholesky(a: Floats) -> bool:
    """Fills the lower triangle of a symmetric matrix with L of a = L L^T; False where there is none."""
    for row in range(len(a)):
        for column in range(row):
            a[row, column] = (a[row, column] - dot(a[row, :column], a[column, :column])) / a[column, column]
        left = a[row, row] - dot(a[row, :row], a[row, :row])
        if not left > 0:
            return False
        a[row, row] = np.sqrt(left)
    return True


@compiled()
def solve_cholesky(lower: Floats, b: Floats) -> None:
    """Turns b into x of L L^T x = b."""
    for row in range(len(b)):
        b[row] = (b[row] - dot(lower[row, :row], b[:row])) / lower[row, row]
    for row in range(len(b) - 1, -1, -1):
        b[row] /= lower[row, row]
        for above in range(row):
            b[above] -= lower[row, above] * b[row]


@compiled()
def fold_few(g: Floats, y: Floats, items: Ints, extra: Floats, wanted: Floats, x: Floats) -> bool:
    """Adds to x what a user of these items has for factors, in the symbols of models.fold_in; False where the matrix
    has no Cholesky factors. extra: the diagonal of E; wanted: w."""
    count = len(items)
    left, k_w = np.empty((count, count), dtype=np.float32), np.zeros(count, dtype=np.float32)
    s = np.sqrt(extra)
    for row in range(count):
        for column in range(row + 1):
            k = dot(g[items[row]], y[items[column]])
            left[row, column] = s[row] * k * s[column] + np.float32(row == column)
            k_w[row] += k * wanted[column]
            if column < row:
                k_w[column] += k * wanted[row]
    if not cholesky(left):
        return False
    k_w *= s
    solve_cholesky(left, k_w)
    for row in range(count):
        amount = wanted[row] - s[row] * k_w[row]
        for at in range(len(x)):
            x[at] += amount * g[items[row], at]
    return True
