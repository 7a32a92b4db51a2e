"""Item-based collaborative filtering as the study has it: formula (4) over K nearest neighbours.

The co-occurrence matrix D counts, for items i and j, the users who like both; the cosine of two items' vectors is
w_ji = D_ij / sqrt(D_ii D_jj). With N(u) the items user u likes and S(j, K) the K items nearest to j,

    P_uj = sum over i in N(u) and S(j, K) of w_ji r_ui                                                      (4)

Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms, WWW 2001.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.linear import ItemItem, OfMatrix, nearest


class ItemKnn(OfMatrix):
    """k: neighbours of an item. The default weighting is the study's: liked or not."""

    def __init__(self, k: int = 100, weighting: Weighting | None = None, profile: Weighting | None = None) -> None:
        super().__init__(weighting if weighting is not None else Weighting(shape="binary"), profile)
        self.k = k

    def _learn(self, r: csr_array) -> ItemItem:
        d = co_occurrence(r)
        lengths = np.sqrt(d.diagonal())
        cosine = np.divide(d, np.outer(lengths, lengths), out=np.zeros_like(d), where=d > 0)
        np.fill_diagonal(cosine, 0)
        return nearest(cosine.astype(np.float32), self.k)


def co_occurrence(r: csr_array) -> npt.NDArray[np.float32]:
    """D, shape (items, items), of R of zeros and ones, shape (users, items); on its diagonal who likes an item."""
    return np.asarray((r.T @ r).toarray())
