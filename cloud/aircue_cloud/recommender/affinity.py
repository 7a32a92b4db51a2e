"""From scores to shares of interest: strictly positive, comparable between people, products and models.

Affinity of person u with product i is a conditional logit (McFadden 1974) over the catalogue,

    p(i | u) = exp(a log share_i + b s_ui) / sum_j exp(a log share_j + b s_uj)

with share_i the product's popularity share and s_ui the model's score. a and b >= 0 are those that make the likes of a
held-out period most likely, held near a = 1, b = 0 by a ridge: as long as the data do not say otherwise, and for a
person nobody knows, affinity is popularity. Over the products of a model each person's affinities sum to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp

Shares = npt.NDArray[np.float64]
RIDGE = 1.0


@dataclass(frozen=True, kw_only=True)
class Logit:
    """a: how much popularity counts. b: how much the person's own score counts."""

    a: float = 1.0
    b: float = 0.0

    def utility(self, shares: Shares, scores: npt.NDArray[np.float32]) -> Shares:
        """a log share_i + b s_ui; shares broadcast against scores."""
        return np.asarray(self.a * np.log(shares) + self.b * scores.astype(np.float64))


def fit(
    shares: Shares, scores: npt.NDArray[np.float32], likes: Mapping[int, set[int]], open_to: npt.NDArray[np.bool_]
) -> Logit:
    """The logit under which `likes` (row -> columns) are most likely among what each person was open to.

    scores and open_to: shape (people, products). Products somebody knew before are no choice for them (the NEW
    protocol), and their scores are high because the model was fitted to them: they would drag b towards 0.
    """
    picks = [(row, column) for row, columns in sorted(likes.items()) for column in sorted(columns)]
    if not picks:
        return Logit()
    rows, columns = np.array(picks).T

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        a, b = parameters
        utility = np.where(open_to, Logit(a=a, b=b).utility(shares, scores), -np.inf)
        log_p = utility[rows, columns] - logsumexp(utility[rows], axis=1)
        return float(-log_p.sum() + RIDGE * ((a - 1) ** 2 + b**2))

    a, b = minimize(loss, x0=[1.0, 0.0], bounds=[(0, None), (0, None)], method="L-BFGS-B").x
    return Logit(a=float(a), b=float(b))
