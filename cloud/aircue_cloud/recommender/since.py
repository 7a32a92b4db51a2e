"""What somebody did since the training, on top of what the training knew of them.

A stored profile is r = f(s), s the sum of the person's decayed weights and f the shape of its weighting. With s taken
back from r, decayed to now and the later weights added, the profile is the one that a training of this moment would
make. Only a binary profile cannot be taken back: there what was done later says which sign holds.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import DAY_S, SHAPES, Interactions, Weighting

Sums = npt.NDArray[np.float64]

_BACK: Mapping[str, Callable[[Sums], Sums]] = MappingProxyType(
    {
        "linear": lambda r: r,
        "sqrt": lambda r: np.sign(r) * r**2,
        "log": lambda r: np.sign(r) * np.expm1(np.abs(r)),
    }
)


def profile(weighting: Weighting, r: csr_array, trained_at: float, later: Interactions, now: float) -> csr_array:
    """Shape (1, items), as Interactions.matrix makes it. r: the stored one; later: what one user did since."""
    if weighting.shape == "binary":
        return _signs(r, later.matrix(weighting, now))
    decay = 1.0 if weighting.half_life_d is None else np.exp2((trained_at - now) / (DAY_S * weighting.half_life_d))
    known = csr_array((_BACK[weighting.shape](r.data.astype(np.float64)) * decay, r.indices, r.indptr), shape=r.shape)
    linear = Weighting(half_life_d=weighting.half_life_d)
    found = csr_array(known + later.matrix(linear, now).astype(np.float64))
    found.data = SHAPES[weighting.shape](found.data).astype(np.float32)
    return _tidy(found)


def _signs(r: csr_array, later: csr_array) -> csr_array:
    found = csr_array(r + 2 * later)
    found.data = np.sign(found.data).astype(np.float32)
    return _tidy(found)


def _tidy(found: csr_array) -> csr_array:
    found.eliminate_zeros()
    found.sort_indices()
    return found
