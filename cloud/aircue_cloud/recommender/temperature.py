"""From scores to shares of interest: strictly positive, comparable between people, products and models.

The share of person u's interest that item i has is a conditional logit (McFadden 1974) over the catalogue,

    p(i | u) = exp(b s_ui) / sum_j exp(b s_uj)

with s_ui the head's score and b > 0 its temperature: the one under which the choices of a held-out period are most
likely, held near 1 by a ridge. It changes no ranking; it says how far apart two places of a ranking are.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

START = 1.0
RIDGE = 1.0
LEAST, MOST = 0.01, 50.0  # never 0, which would make a ranking of equals


def fit(
    scores: npt.NDArray[np.floating],
    picks: Sequence[tuple[int, int]] | npt.NDArray[np.integer],
    hidden: npt.NDArray[np.bool_],
) -> float:
    """scores, hidden: shape (people, items); hidden items were no choice. picks: (row, column) of what was chosen."""
    if not len(picks):
        return START
    rows, columns = np.asarray(picks, dtype=np.intp).T
    among, counts = np.unique(rows, return_counts=True)
    open_to = np.where(hidden[among], -np.inf, scores[among].astype(np.float64))
    chosen = float(scores[rows, columns].astype(np.float64).sum())

    def loss(b: float) -> float:
        with np.errstate(invalid="ignore"):
            utility = np.where(np.isneginf(open_to), -np.inf, b * open_to)
        return float(counts @ logsumexp(utility, axis=1) - b * chosen + RIDGE * (b - START) ** 2)

    return float(minimize_scalar(loss, bounds=(LEAST, MOST), method="bounded", options={"xatol": 1e-4}).x)


def log_shares(utility: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """log p of utilities b s, shape (..., items)."""
    return np.asarray(utility - logsumexp(utility, axis=-1, keepdims=True))
