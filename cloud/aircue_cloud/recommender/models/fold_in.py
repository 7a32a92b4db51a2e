"""Factors for whoever or whatever came after the training: a user from what they did, an item from what it is.

A user: half a sweep of ALS for one row. With C the diagonal of c_i = 1 + alpha |r_i| and p_i = 1 if r_i > 0 else 0,

    x = (Y^T C Y + lambda I)^-1 Y^T C p

(Hu, Koren, Volinsky 2008, formula 4), where Y^T Y + lambda I is made once and each event adds a rank-one term.

An item: ridge regression from attributes to the factors of known items (Gantner, Drumond, Freudenthaler, Rendle,
Schmidt-Thieme: Learning attribute-to-feature mappings for cold-start recommendations, ICDM 2010).
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve

from aircue_cloud.recommender.models.factors import Factors


class UserFoldIn:
    """y: the items' factors, shape (items, f); alpha and l2 as of the model that learnt them."""

    def __init__(self, y: Factors, alpha: float, l2: float) -> None:
        self._y = np.ascontiguousarray(y, dtype=np.float32)
        self._alpha = np.float32(alpha)
        self._base = self._y.T @ self._y + np.float32(l2) * np.eye(y.shape[1], dtype=np.float32)

    def of(self, items: npt.NDArray[np.integer], weights: npt.NDArray[np.floating]) -> Factors:
        """x, shape (f,), of a user who did `weights` with `items`; zeros for one who did nothing."""
        if not len(items):
            return np.zeros(self._y.shape[1], dtype=np.float32)
        own = self._y[items]
        extra = self._alpha * np.abs(weights).astype(np.float32)
        left = self._base + own.T @ (extra[:, None] * own)
        right = own.T @ ((1 + extra) * (weights > 0))
        return np.asarray(cho_solve(cho_factor(left, overwrite_a=True, check_finite=False), right, check_finite=False))


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
