"""Transitions: what people turn to next, given what they had turned to before; learnt from periods gone by.

The log is cut at moments t_1 > t_2 > ... that lie a period apart, the first one a period before now. With X_k what
users had done before t_k, weighted as at t_k, and Y_k what they turned to in the period from t_k on (1 or 0),

    B = argmin over B of sum over k of |Y_k - X_k B|^2 + lambda |B|^2 = (sum X_k^T X_k + lambda I)^-1 sum X_k^T Y_k

and the score is r_u B. EASE (Steck, WWW 2019) with order in time in the place of the zero diagonal: what sells more of
late, and what follows what, is in B. Of users idle in a period nothing is learnt.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.linear import ItemItem, Linear, heaviest, spread_out

_MET = Weighting(shape="binary")


class Transitions(Linear):
    """l2: lambda. periods: how many at most. new: learn from what users had not met before alone. A log shorter than
    two periods teaches nothing, and all items score 0, as do those past the most_items heaviest."""

    def __init__(
        self,
        l2: float = 200.0,
        period_d: float = 30.0,
        periods: int = 2,
        new: bool = True,
        weighting: Weighting | None = None,
        most_items: int = 20_000,
    ) -> None:
        super().__init__(weighting if weighting is not None else Weighting(half_life_d=60, shape="sqrt"))
        self.l2, self.period_d, self.periods, self.new, self.most_items = l2, period_d, periods, new, most_items

    def _links(self, interactions: Interactions, now: float) -> ItemItem:
        items = interactions.shape[1]
        taught = list(self._taught(interactions, now))
        if not taught:
            return spread_out(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.intp), items)
        heavy = heaviest(interactions.matrix(self.weighting, now), self.most_items)
        return spread_out(self._solve([(x[:, heavy], y[:, heavy]) for x, y in taught]), heavy, items)

    def _taught(self, log: Interactions, now: float) -> Iterator[tuple[csr_array, csr_array]]:
        """(X_k, Y_k) of the users active in each period that has both."""
        length = self.period_d * DAY_S
        for begin in (now - (k + 1) * length for k in range(self.periods)):
            x = log.between(-np.inf, begin).matrix(self.weighting, begin)
            y = log.between(begin, begin + length).matrix(_MET, now).maximum(0)
            if self.new:
                y = csr_array(y - y.multiply(_ones(x)))
            y.eliminate_zeros()
            active = (np.diff(y.indptr) > 0) & (np.diff(x.indptr) > 0)
            if active.any():
                yield x[active], y[active]

    def _solve(self, taught: Sequence[tuple[csr_array, csr_array]]) -> npt.NDArray[np.float32]:
        """In float32: lambda keeps the matrix far from singular, and it takes half the time."""
        g = np.asarray(sum((x.T @ x).toarray() for x, _ in taught), dtype=np.float32, order="F")
        wanted = np.asarray(sum((x.T @ y).toarray() for x, y in taught), dtype=np.float32, order="F")
        g[np.diag_indices_from(g)] += np.float32(self.l2)
        solved = cho_solve(cho_factor(g, overwrite_a=True, check_finite=False), wanted, overwrite_b=True)
        return np.asarray(solved, dtype=np.float32)


def _ones(r: csr_array) -> csr_array:
    """1 wherever r holds anything."""
    return csr_array((np.ones_like(r.data), r.indices, r.indptr), shape=r.shape)
