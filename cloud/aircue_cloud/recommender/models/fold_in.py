"""Factors for whoever or whatever came after the training: a user from what they did, an item from what it is.

A user: half a sweep of ALS for one row. With C the diagonal of c_i = 1 + alpha |r_i| and p_i = 1 if r_i > 0 else 0,

    x = (Y^T C Y + lambda I)^-1 Y^T C p

(Hu, Koren, Volinsky 2008, formula 4). A = Y^T Y + lambda I is made once, and of a user only the rows Y_o of their own
items are looked at, with E the diagonal of c_i - 1. Who has as many items as there are factors is solved as written,
with Y^T C Y + lambda I = A + Y_o^T E Y_o. For the others a system as large as their items will do (Woodbury): with
G = Y A^-1, made once, K = G_o Y_o^T and w = C p,

    x = G_o^T (I + E K)^-1 w,  (I + E K)^-1 w = w - S (I + S K S)^-1 S K w,  S = E^(1/2)

whose matrix is well conditioned, for K has no eigenvalue over 1.

An item: ridge regression from attributes to the factors of known items (Gantner, Drumond, Freudenthaler, Rendle,
Schmidt-Thieme: Learning attribute-to-feature mappings for cold-start recommendations, ICDM 2010).
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import sposv

from aircue_cloud.recommender.kernels import fold_few
from aircue_cloud.recommender.models.factors import Factors

Vector = npt.NDArray[np.float32]


class UserFoldIn:
    """y: the items' factors, shape (items, f); alpha and l2 as of the model that learnt them."""

    def __init__(self, y: Factors, alpha: float, l2: float) -> None:
        self._y = np.ascontiguousarray(y, dtype=np.float32)
        self._alpha = np.float32(alpha)
        base = self._y.T.astype(np.float64) @ self._y + l2 * np.eye(y.shape[1])
        self._base = base.astype(np.float32)
        self._g = np.ascontiguousarray(np.linalg.solve(base, self._y.T.astype(np.float64)).T, dtype=np.float32)

    def of(self, items: npt.NDArray[np.integer], weights: npt.NDArray[np.floating]) -> Factors:
        """x, shape (f,), of a user who did `weights` with `items`; zeros for one who did nothing."""
        extra = self._alpha * np.abs(weights).astype(np.float32)
        wanted = (1 + extra) * (weights > 0)
        if len(items) >= self._y.shape[1]:
            return self._by_factors(items, extra, wanted)
        x = np.zeros(self._y.shape[1], dtype=np.float32)
        if not fold_few(self._g, self._y, items.astype(np.int32), extra, wanted, x):
            raise ValueError("factors or weights that no user can be folded into: are they finite?")
        return x

    def _by_factors(self, items: npt.NDArray[np.integer], extra: Vector, wanted: Vector) -> Factors:
        own = self._y[items]
        left = self._base + own.T @ (extra[:, None] * own)
        # left is symmetric, so its transpose is what LAPACK takes in place.
        _, x, failed = sposv(left.T, own.T @ wanted, overwrite_a=True, overwrite_b=True)
        if failed:
            raise ValueError(f"factors or weights that no user can be folded into (LAPACK sposv: {failed})")
        return np.asarray(x, dtype=np.float32)


class ItemFoldIn:
    """attributes: shape (items, attributes), of the items whose factors y, shape (items, f), are known. l2: how little
    attributes are trusted. Factors have no zero of their own, so what attributes do not say is the items' mean."""

    def __init__(self, attributes: npt.NDArray[np.floating], y: Factors, l2: float = 1.0) -> None:
        self._mean_attributes = attributes.mean(axis=0)
        self._mean = y.mean(axis=0)
        a = attributes - self._mean_attributes
        left = a.T @ a + l2 * np.eye(a.shape[1])
        self._map = np.linalg.solve(left, a.T @ (y - self._mean))

    def of(self, attributes: npt.NDArray[np.floating]) -> Factors:
        """Factors of new items, shape (new items, f)."""
        return np.asarray(self._mean + (attributes - self._mean_attributes) @ self._map, dtype=np.float32)
