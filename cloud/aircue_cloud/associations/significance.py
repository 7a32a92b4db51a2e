"""How likely chance alone is the cause: Fisher's exact test, one-sided, and the control of false findings. Pure.

Benjamini, Hochberg: Controlling the False Discovery Rate, JRSS B 57 (1995); for tests that depend on each other in
whatever way: Benjamini, Yekutieli, Annals of Statistics 29 (2001).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Method = Literal["by", "bh"]
METHODS: tuple[Method, ...] = ("by", "bh")
_NEGLIGIBLE = 1e-17  # of the sum


def fisher(both: Counts, first: Counts, second: Counts, total: Counts) -> Floats:
    """The chance of `both` baskets or more that hold two things, where `first` and `second` of `total` hold each and
    the two have nothing to do with each other. All of one shape; 0 where it is too small for a float.

    >>> fisher(np.array([3]), np.array([3]), np.array([4]), np.array([8])).round(6).tolist()
    [0.071429]
    """
    k, a, b, n = (np.asarray(one, dtype=np.float64) for one in (both, first, second, total))
    is_upper = k * n > a * b
    upper = _tail(np.where(is_upper, k, np.minimum(a, b) + 1), a, b, n, up=True)
    lower = _tail(np.where(is_upper, -1.0, k - 1), a, b, n, up=False)
    return np.clip(np.where(is_upper, upper, 1.0 - lower), 0.0, 1.0)


def _tail(k: Floats, a: Floats, b: Floats, n: Floats, *, up: bool) -> Floats:
    """The sum of chances from k on, upwards or downwards; k is on that side of the mean, so they fall."""
    inside = (k >= np.maximum(0.0, a + b - n)) & (k <= np.minimum(a, b))
    total = np.zeros_like(k)
    places = np.flatnonzero(inside)
    k, a, b, n = k[places], a[places], b[places], n[places]
    term = np.exp(_log_chance(k, a, b, n))
    found = term.copy()
    going = np.arange(len(k))
    while len(going):
        at, x, y, z = k[going], a[going], b[going], n[going]
        ratio = (x - at) * (y - at) / ((at + 1) * (z - x - y + at + 1)) if up else _down(at, x, y, z)
        term = term * ratio
        found[going] += term
        k[going] += 1.0 if up else -1.0
        still = term > _NEGLIGIBLE * found[going]
        going, term = going[still], term[still]
    total[places] = found
    return total


def _down(at: Floats, a: Floats, b: Floats, n: Floats) -> Floats:
    return np.asarray(at * (n - a - b + at) / ((a - at + 1) * (b - at + 1)))


def _log_chance(k: Floats, a: Floats, b: Floats, n: Floats) -> Floats:
    """Hypergeometric."""
    return np.asarray(_choose(a, k) + _choose(n - a, b - k) - _choose(n, b))


def _choose(n: Floats, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def false_share(p: Floats, tests: int, method: Method = "by") -> Floats:
    """By finding, the share of false ones to expect among all that are at least as sure. tests: how many there were in
    all; those that are not in p count as if nothing had been found by them, so p may be cut where it pleases.

    >>> false_share(np.array([0.01, 0.04, 0.03]), 4, "bh").round(6).tolist()
    [0.04, 0.053333, 0.053333]
    """
    if tests < len(p):
        raise ValueError(f"tests is {tests}, expected at least the {len(p)} that were made")
    if not len(p):
        return np.zeros(0)
    order = np.argsort(p, kind="stable")
    harsh = _harmonic(tests) if method == "by" else 1.0
    scaled = p[order] * tests * harsh / np.arange(1, len(p) + 1)
    found = np.empty(len(p))
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found


def _harmonic(n: int) -> float:
    """1 + 1/2 + ... + 1/n; beyond a million by its expansion, which is off by less than 1e-13 there."""
    if n <= 1_000_000:
        return float(np.sum(1.0 / np.arange(1, n + 1)))
    return float(np.log(n) + np.euler_gamma + 1 / (2 * n))
