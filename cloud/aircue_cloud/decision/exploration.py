"""Which of several offers is made, or none: Thompson sampling whose chances are known exactly. Pure.

What is known of an arm's score is a normal distribution: log interest with its noise, plus log lift with the mean and
the variance of the logarithm of its Gamma posterior (digamma and trigamma of its shape). "No push" has a fixed score c.
Thompson sampling draws a score of every arm and takes the best, so arm k is taken with the chance

    pi_k = integral over x > c of f_k(x) * product over j != k of F_j(x) dx,    pi_none = product over j of F_j(c)

which a quadrature gives to 1e-6. Every arm, no push among them, has at least FLOOR of a chance:
p_k = (1 - n FLOOR) pi_k + FLOOR. The arm is drawn from these by a number that the push key alone decides, so the same
decision made again is the same. Candidates that score no better than no push are no arms, nor those behind the best
MOST_ARMS: their propensity is 0. (Agrawal, Goyal: Thompson sampling, COLT 2012; Gamma's log moments: Prentice 1974.)
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, ndtr, polygamma

FLOOR = 0.02
MOST_ARMS = 5
INTEREST_NOISE = 0.3  # standard deviation of log interest, of people the model knows by their history
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_REACH = 6.0  # standard deviations that the quadrature goes to either side

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Chances:
    """arms: in the order asked for. none: of no push. Together 1."""

    arms: tuple[float, ...]
    none: float


@lru_cache(maxsize=4096)
def log_lift(shape: float, rate: float) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of a Gamma(shape, rate)."""
    return float(digamma(shape)) - log(rate), sqrt(float(polygamma(1, shape)))


Arms = tuple[Sequence[float], Sequence[float]]  # mean and deviation of each arm's score, the deviations over 0


def chances(means: Sequence[float], deviations: Sequence[float], none: float, floor: float = FLOOR) -> Chances:
    """none: the score of no push."""
    return chances_of_many([(means, deviations)], none, floor)[0]


def chances_of_many(asked: Sequence[Arms], none: float, floor: float = FLOOR) -> list[Chances]:
    """The same for many decisions at once, which takes a fraction of the time of one after the other."""
    found = [Chances(arms=(), none=1.0)] * len(asked)
    for count in {len(means) for means, _ in asked} - {0}:
        places = [place for place, (means, _) in enumerate(asked) if len(means) == count]
        mu, sd = (np.array([asked[place][which] for place in places]) for which in (0, 1))
        mixed = (1 - (count + 1) * floor) * _best(mu, sd, none) + floor
        for place, row in zip(places, mixed.tolist(), strict=True):
            found[place] = Chances(arms=tuple(row[:-1]), none=row[-1])
    return found


def greedy(means: Sequence[float]) -> Chances:
    """Without exploration: the first of the best arms, where there is one."""
    place = max(range(len(means)), key=lambda one: means[one], default=None)
    arms = tuple(1.0 if one == place else 0.0 for one in range(len(means)))
    return Chances(arms=arms, none=0.0 if means else 1.0)


def _best(mu: Numbers, sd: Numbers, none: float) -> Numbers:
    """The chance of each arm, then of none, to have the highest score; mu and sd have the shape (decisions, arms)."""
    low = np.maximum(mu - _REACH * sd, none)
    half = np.maximum(mu + _REACH * sd - low, 0.0) / 2
    x = _NODES * half[..., None] + (low + half)[..., None]  # (decisions, arms, nodes): scores of each arm
    density = np.exp(-0.5 * ((x - mu[..., None]) / sd[..., None]) ** 2) / (sd[..., None] * _ROOT)
    for arm in range(mu.shape[1]):
        others = np.arange(mu.shape[1]) != arm
        behind = (x[:, arm, None, :] - mu[:, others, None]) / sd[:, others, None]  # (decisions, others, nodes)
        density[:, arm] *= ndtr(behind).prod(axis=1)
    arms = (density @ _WEIGHTS) * half
    found = np.column_stack([arms, ndtr((none - mu) / sd).prod(axis=1)])
    return np.asarray(found / found.sum(axis=1, keepdims=True))


_ROOT = sqrt(2 * np.pi)


def draw(found: Chances, seed: str) -> int | None:
    """The place of the arm, None for no push; the same for the same seed."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7]) / 2**56
    for place, chance in enumerate(found.arms):
        number -= chance
        if number < 0:
            return place
    return None
