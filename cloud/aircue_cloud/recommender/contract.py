"""What whoever decides may ask of a recommender: a trained model, or what stands in for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.artefact import NEW
from aircue_cloud.recommender.asked import NOTHING, Context, Eligible, Surroundings, Told
from aircue_cloud.recommender.explanations import Explanation
from aircue_cloud.recommender.lift import Posterior


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """score: comparable between the products of one answer."""

    product: str
    score: float


class Asking(Protocol):
    """One person's question: what is known of them is looked up and weighed once, however much is asked."""

    @property
    def basis(self) -> str:
        """What the answers rest on, one of explanations.BASES."""

    def recommend(self, n: int, context: Surroundings | None = None, eligible: Eligible | None = None) -> list[Ranked]:
        """At most n, best first, equal ones in the model's order. context: a need that holds, or all that hold in a
        home. eligible: what may be recommended; everything where None."""

    def explain(self, products: Sequence[str], context: Surroundings | None = None) -> list[Explanation]:
        """Why each product has the score it has in `recommend`."""


class Affinity(Protocol):
    """aircue_cloud.recommender.serving.Recommender, or what stands in for it."""

    @property
    def version(self) -> str: ...

    @property
    def items(self) -> Sequence[str]:
        """The products it learnt of."""

    def knows_until(self, person: str) -> float:
        """Epoch seconds up to which it knows what the person did: it has use for being told what came later. -inf:
        nothing; inf: it has use for nothing."""

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> npt.NDArray[np.float64]:
        """Shares of interest, shape (people, products), all over 0; known or not, everyone and everything has one."""

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        """Why the product has this share; the score is its logarithm over the average product's."""

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        """How much more it is wanted while the need holds."""

    def asking(self, person: str, told: Told = NOTHING, head: str = NEW) -> Asking:
        """The head "new" leaves out what the person had to do with; "repeat" does not."""
