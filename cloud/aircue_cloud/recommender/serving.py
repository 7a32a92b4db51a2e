"""Answers from a trained model, by id.

A person the training knew is answered from what it learnt and what they did since; anybody else is folded in from what
they did lately; where nothing is known, or may be used, recent popularity stands in.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product as pairs
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender import asker as askers
from aircue_cloud.recommender import for_all, shortest_way, store
from aircue_cloud.recommender.artefact import NEW, REPEAT, Artefact, ModelInfo
from aircue_cloud.recommender.asked import NOTHING, Act, Context, Described, Eligible, Surroundings, Told
from aircue_cloud.recommender.asking import Held, QuestionOf
from aircue_cloud.recommender.context_lifts import ContextLifts
from aircue_cloud.recommender.contract import Ranked
from aircue_cloud.recommender.explanations import Explanation
from aircue_cloud.recommender.kernels import Floats, Ints
from aircue_cloud.recommender.lift import Posterior
from aircue_cloud.recommender.newcomers import Newcomers
from aircue_cloud.recommender.reviews import Summary
from aircue_cloud.recommender.searching import Exactly, Searching, searching

__all__ = ["Ranked", "Recommender", "limit_threads"]


def limit_threads() -> None:
    """Holds BLAS to one thread in this process: a second one makes the small products of serving slower, and requests
    have threads of their own."""
    threadpool_limits(limits=1, user_api="blas")


class Recommender:
    """Holds one version of a model; immutable, so threads may share it and a newer version simply takes its place."""

    def __init__(self, artefact: Artefact, by: Searching | None = None) -> None:
        """by: how factors are searched; exactly where None."""
        self._artefact = artefact
        self._rows = {person: row for row, person in enumerate(artefact.users)}
        columns = {product: column for column, product in enumerate(artefact.items)}
        self._held = Held(
            artefact=artefact,
            columns=columns,
            log_popularity=np.log(artefact.popularity.astype(np.float64) * len(artefact.items)),
            newcomers=Newcomers(artefact, columns),
            lifts=ContextLifts(artefact, columns),
            ways=shortest_way.ways(artefact, Exactly() if by is None else by),
        )

    @classmethod
    def load(cls, model_dir: Path, graph_from_items: int = 0) -> "Recommender":
        """The active model of model_dir; ModelMissing or ModelCorrupt otherwise. graph_from_items: as of searching."""
        artefact = store.load_active(model_dir)
        return cls(artefact, searching(model_dir, artefact.info.version, graph_from_items))

    @property
    def version(self) -> str:
        return self._artefact.info.version

    @property
    def info(self) -> ModelInfo:
        return self._artefact.info

    @property
    def users(self) -> Sequence[str]:
        return self._artefact.users

    @property
    def items(self) -> Sequence[str]:
        return self._artefact.items

    @cached_property
    def reviews(self) -> Mapping[str, Summary]:
        """By product, what its ratings say; none of a product that nobody rated."""
        return {one.product: one for one in self._artefact.reviews}

    def knows_until(self, person: str) -> float:
        """Epoch seconds up to which what the person did is in the model; -inf for somebody it does not know."""
        return self._artefact.info.trained_at if person in self._rows else -np.inf

    def warm(self) -> None:
        """Does once what the first request would wait for: compiles, builds what is kept. Somebody the model knows,
        the same with something done since, somebody new and a stranger ask, of items and of a newcomer."""
        at, newcomer = self._artefact.info.trained_at, Described(id="", category="", price_minor=0)
        acts = [Act(product=product, at=at + 1, weight=1.0) for product in self.items[:1]]
        somebody = self._artefact.users[:1]
        for told in (NOTHING, Told(now=at + 1, did=dict.fromkeys((*somebody, ""), acts), newcomers=[newcomer])):
            for person, head in pairs((*somebody, ""), self._artefact.heads):
                asking = self.asking(person, told, head)
                asking.explain([one.product for one in asking.recommend(1)])

    def asking(self, person: str, told: Told = NOTHING, head: str = NEW) -> QuestionOf:
        """The head "new" leaves out what the person had to do with; "repeat" does not."""
        who = askers.asker(self._artefact, self._rows, self._held.columns, person, told)
        return QuestionOf(self._held, who, person, told, head)

    def recommend(
        self,
        user: str,
        n: int,
        context: Surroundings | None = None,
        eligible: Eligible | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Ranked]:
        """As contract.Asking.recommend."""
        return self.asking(user, told, head).recommend(n, context, eligible)

    def explain(
        self,
        person: str,
        products: Sequence[str],
        context: Surroundings | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Explanation]:
        """Why each product has the score it has in `recommend` under the same arguments."""
        return self.asking(person, told, head).explain(products, context)

    def recommend_all(
        self,
        n: int,
        context: Surroundings | None = None,
        eligible: Eligible | None = None,
        head: str = NEW,
        threads: int = 1,
    ) -> tuple[Ints, Floats]:
        """For all users of the model: places in `items` and scores, shape (users, n), NOBODY at -inf where none is
        left."""
        return for_all.recommend_all(self._held, n, context, eligible, head, threads)

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> npt.NDArray[np.float64]:
        """Shares of interest, shape (people, products), all over 0: of the products of the model each person's sum to
        1, newcomers stand beside them."""
        found = [self.asking(person, told, REPEAT).shares(products) for person in people]
        return np.array(found, dtype=np.float64).reshape(len(people), len(products))

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        """Why the product has the affinity it has; the score is log(affinity times the number of items), 0 for the
        average one's."""
        return self.asking(person, told, REPEAT).explain_share(product)

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        """How much more a product is wanted while the need holds; its prior is the rule's."""
        return self._held.lifts.lift(product, category, context)
