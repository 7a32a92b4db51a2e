"""RP3beta: three-step random walks from a user over items and users, with popular ends held back.

With P the transition probabilities of the user-item graph raised to alpha, W = P_iu P_ui, whose column j is divided by
(popularity of j)^beta; of every column the k largest are kept. Paudel, Christoffel, Newell, Bernstein: Updatable,
accurate, diverse, and scalable recommendations for interactive applications, ACM TiiS 2017.
"""

import numpy as np
from scipy.sparse import csr_array, diags_array

from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.models.linear import ItemItem, OfMatrix, nearest


class Rp3Beta(OfMatrix):
    def __init__(
        self,
        k: int = 200,
        alpha: float = 1.0,
        beta: float = 0.5,
        weighting: Weighting | None = None,
        profile: Weighting | None = None,
    ) -> None:
        super().__init__(weighting if weighting is not None else Weighting(shape="binary"), profile)
        self.k = k
        self.alpha = alpha
        self.beta = beta

    def _learn(self, r: csr_array) -> ItemItem:
        """A dislike is no way to walk."""
        liked = r.maximum(0)
        popularity = np.asarray((liked > 0).sum(axis=0), dtype=np.float64)
        from_user, from_item = _steps(liked, self.alpha), _steps(csr_array(liked.T), self.alpha)
        damped = np.divide(1.0, popularity**self.beta, out=np.zeros_like(popularity), where=popularity > 0)
        w = (from_item @ from_user @ diags_array(damped)).toarray()
        np.fill_diagonal(w, 0)
        return nearest(w.astype(np.float32), self.k)


def _steps(weights: csr_array, alpha: float) -> csr_array:
    """The probability of each step out of a row, to the power alpha."""
    sums = np.asarray(weights.sum(axis=1), dtype=np.float64)
    shares = diags_array(np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)) @ weights
    found = csr_array(shares)
    found.data **= alpha
    return found
