"""Answers from a trained model, by id.

A person the training knew is answered from what it learnt; anybody else is folded in from what they did lately; where
nothing is known, or may be used, recent popularity stands in. Whichever it is, an item's utility is on the scale of log
odds (aircue_cloud.recommender.temperature), so that

    score = utility + log lift(item, context)
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from math import log
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from aircue_cloud.recommender import asker as askers
from aircue_cloud.recommender import explanations, store
from aircue_cloud.recommender.artefact import MET, NEW, REPEAT, Artefact, Head, ModelInfo
from aircue_cloud.recommender.asked import NOTHING, AllBut, Context, Described, Eligible, Told
from aircue_cloud.recommender.asker import Asker
from aircue_cloud.recommender.evaluating.protocol import top
from aircue_cloud.recommender.explanations import Explanation, Reason
from aircue_cloud.recommender.kernels import NOBODY, Floats, Ints
from aircue_cloud.recommender.lift import Lift, Posterior
from aircue_cloud.recommender.models.fold_in import ItemFoldIn
from aircue_cloud.recommender.parts import FactorsPart, People, Pieces
from aircue_cloud.recommender.retrieval import Retrieval

_UNKNOWN = -1
_LEAST = np.finfo(np.float64).tiny  # what a share so small that it underflows is kept at, so that its logarithm exists
_REFERENCES = 4096  # items, the most popular ones, that newcomers are described by
_USERS_AT_ONCE = 512

Utilities = npt.NDArray[np.float64]
_BESIDE: Mapping[str, Callable[[Pieces], Utilities | None]] = {
    explanations.EVERYBODY: lambda one: one.everybody,
    explanations.TASTE: lambda one: one.taste,
    explanations.AVERAGE: lambda one: one.average,
}
_ContextKey = tuple[str, tuple[tuple[str, float], ...]]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """score: comparable between the products of one answer."""

    product: str
    score: float


def limit_threads() -> None:
    """Holds BLAS to one thread in this process: a second one makes the small products of serving slower, and requests
    have threads of their own."""
    threadpool_limits(limits=1, user_api="blas")


class Recommender:
    """Holds one version of a model; immutable, so threads may share it and a newer version simply takes its place."""

    def __init__(self, artefact: Artefact) -> None:
        self._artefact = artefact
        self._rows = {person: row for row, person in enumerate(artefact.users)}
        self._columns = {product: column for column, product in enumerate(artefact.items)}
        # Of the average item: 0.
        self._log_popularity = np.log(artefact.popularity.astype(np.float64) * len(artefact.items))
        self._lifts: dict[_ContextKey, Lift] = {}
        self._log_lifts_of_items: dict[_ContextKey, Utilities] = {}

    @classmethod
    def load(cls, model_dir: Path) -> "Recommender":
        """The active model of model_dir; ModelMissing or ModelCorrupt otherwise."""
        return cls(store.load_active(model_dir))

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

    def knows(self, person: str) -> bool:
        """Whether the training saw them; of anybody else it helps to tell what they did."""
        return person in self._rows

    def warm(self) -> None:
        """Does once what the first request would wait for: compiles, builds what is kept."""
        for person in self._artefact.users[:1]:
            for head in self._artefact.heads:
                self.recommend(person, 1, head=head)

    # Shares of interest.

    def affinity(self, people: Sequence[str], products: Sequence[str], told: Told = NOTHING) -> Utilities:
        """Shares of interest, shape (people, products), all over 0: of the products of the model each person's sum to
        1, newcomers stand beside them."""
        places = self._places(told.newcomers)
        columns = np.array([places.get(product, _UNKNOWN) for product in products], dtype=np.intp)
        shares = np.empty((len(people), len(products)))
        for row, person in enumerate(people):
            shares[row] = self._shares(self._asker(person, told), told.newcomers)[columns]
        return shares

    def _shares(self, who: Asker, newcomers: Sequence[Described]) -> Utilities:
        """Of items, newcomers, and last, at _UNKNOWN, of what is neither."""
        _, utility = self._utility(who, self._artefact.heads[REPEAT])
        beside = np.append(self._extended(utility, newcomers), self._unheard_of(utility))
        return np.maximum(np.exp(beside - logsumexp(utility)), _LEAST)

    def _unheard_of(self, utility: Utilities) -> float:
        """Nobody turned to it and nobody described it: no better than the least of the others."""
        below = log(self._artefact.floor * len(utility)) - float(self._log_popularity.min())
        return float(utility.min()) + min(below, 0.0)

    # Rankings.

    def recommend(
        self,
        user: str,
        n: int,
        context: Context | None = None,
        eligible: Eligible | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Ranked]:
        """At most n, best first, equal ones in the model's order. eligible: what may be recommended; everything where
        None. The head "new" leaves out what the person had to do with; "repeat" does not."""
        who, mixed = self._asker(user, told), self._artefact.heads[head]
        met = who.met if head == NEW else []
        if context is None and not told.newcomers and (eligible is None or isinstance(eligible, AllBut)):
            barred = [] if eligible is None else self._known_columns(eligible.products)
            return self._of_items(who, n, np.array(sorted({*met, *barred}), dtype=np.intp), mixed)
        names, scores = self._scored(who, context, told, mixed)
        scores[met] = -np.inf
        scores[_barred(names, eligible)] = -np.inf
        return self._ranked(names, scores, n)

    def _known_columns(self, products: Set[str]) -> list[int]:
        return [self._columns[product] for product in products if product in self._columns]

    def _of_items(self, who: Asker, n: int, hidden: npt.NDArray[np.intp], head: Head) -> list[Ranked]:
        """Of the model's items alone, by the shortest way there is."""
        if n > 0 and who.profiles and (factors := self._factors_alone(head)) is not None:
            x = factors.users(who.profiles[factors.weighting], who.rows)[0]
            scale = self._scale(factors, x) * head.temperature * head.mix[0][1]
            if scale > 0:
                items, scores = self._retrieval(factors).one(x, n, hidden.astype(np.int32))
                pairs = zip(items.tolist(), (scores * scale).tolist(), strict=True)
                return [Ranked(product=self._artefact.items[item], score=score) for item, score in pairs]
        _, utility = self._utility(who, head)
        utility[hidden] = -np.inf
        return self._ranked(self._artefact.items, utility, n)

    def _scored(self, who: Asker, context: Context | None, told: Told, head: Head) -> tuple[Sequence[str], Utilities]:
        """Names and scores of items and newcomers."""
        _, utility = self._utility(who, head)
        names = [*self._artefact.items, *(product.id for product in self._new(told.newcomers))]
        scores = self._extended(utility, told.newcomers)
        return names, scores if context is None else scores + self._log_lifts(context, told.newcomers)

    def _ranked(self, names: Sequence[str], scores: Utilities, n: int) -> list[Ranked]:
        if n <= 0 or not len(scores):
            return []
        places = top(scores[None], n)[0].tolist()
        return [Ranked(product=names[at], score=float(scores[at])) for at in places if np.isfinite(scores[at])]

    def recommend_all(
        self,
        n: int,
        context: Context | None = None,
        eligible: Eligible | None = None,
        head: str = NEW,
        threads: int = 1,
    ) -> tuple[Ints, Floats]:
        """For all users of the model: places in `items` and scores, shape (users, n), NOBODY at -inf where none is
        left."""
        met = self._artefact.profiles[MET]
        hidden = met if head == NEW else _nothing(met.shape)
        mixed, factors = self._artefact.heads[head], self._factors_alone(self._artefact.heads[head])
        if factors is not None and context is None and eligible is None and mixed.mix[0][1] > 0:
            return self._all_by_factors(factors, mixed, n, hidden, threads)
        return self._all_by_scores(mixed, n, hidden, self._offsets(context, eligible))

    def _offsets(self, context: Context | None, eligible: Eligible | None) -> Utilities:
        """What is added to every user's scores: log lifts, and -inf where an item may not be recommended."""
        added = np.zeros(len(self._artefact.items)) if context is None else self._log_lifts(context, ())
        added[_barred(self._artefact.items, eligible)] = -np.inf
        return added

    def _all_by_factors(
        self, factors: FactorsPart, head: Head, n: int, hidden: csr_array, threads: int
    ) -> tuple[Ints, Floats]:
        items, scores = self._retrieval(factors).many(factors.x, n, hidden, threads)
        scales = np.array([self._scale(factors, x) for x in factors.x]) * head.temperature * head.mix[0][1]
        with np.errstate(invalid="ignore"):
            return items, np.where(items == NOBODY, -np.inf, scores * scales[:, None]).astype(np.float32)

    def _all_by_scores(self, head: Head, n: int, hidden: csr_array, added: Utilities) -> tuple[Ints, Floats]:
        users, items = self._artefact.profiles[MET].shape
        found = np.full((users, n), NOBODY, dtype=np.int32), np.full((users, n), -np.inf, dtype=np.float32)
        if not items or n <= 0:
            return found
        with threadpool_limits(limits=1, user_api="blas"):
            for begin in range(0, users, _USERS_AT_ONCE):
                part = slice(begin, min(begin + _USERS_AT_ONCE, users))
                scores = self._block(head, part) + added
                scores[hidden[part].toarray() != 0] = -np.inf
                self._place(found, part, scores, n)
        return found

    def _block(self, head: Head, part: slice) -> Utilities:
        """Utilities of users, shape (users, items)."""
        rows = np.arange(part.start, part.stop, dtype=np.intp)
        profiles = {one: r[part] for one, r in self._artefact.profiles.items()}
        scores = head.temperature * askers.scores(self._artefact, head, People(profiles=profiles, rows=rows)).astype(
            np.float64
        )
        silent = scores.std(axis=1) == 0
        scores[silent] = self._log_popularity
        return scores

    @staticmethod
    def _place(found: tuple[Ints, Floats], part: slice, scores: Utilities, n: int) -> None:
        places = top(scores, n)
        best = np.take_along_axis(scores, places, axis=1)
        width = places.shape[1]
        found[0][part, :width] = np.where(np.isfinite(best), places, NOBODY)
        found[1][part, :width] = best

    # Utilities.

    def _asker(self, person: str, told: Told) -> Asker:
        return askers.asker(self._artefact, self._rows, self._columns, person, told)

    def _utility(self, who: Asker, head: Head) -> tuple[str, Utilities]:
        """On what it rests, and the items' utilities; where nothing tells items apart, recent popularity does."""
        if who.profiles:
            scores = askers.scores(self._artefact, head, who.people)[0]
            if len(scores) and scores.std() > 0:
                return who.basis, head.temperature * scores.astype(np.float64)
        return askers.POPULARITY, self._log_popularity.copy()

    def _factors_alone(self, head: Head) -> FactorsPart | None:
        part = self._artefact.parts[head.mix[0][0]] if len(head.mix) == 1 else None
        return part if isinstance(part, FactorsPart) else None

    def _retrieval(self, factors: FactorsPart) -> Retrieval:
        return self._retrievals[id(factors)]

    @cached_property
    def _retrievals(self) -> Mapping[int, Retrieval]:
        alone = [self._factors_alone(head) for head in self._artefact.heads.values()]
        return {id(part): Retrieval(part.y) for part in alone if part is not None}

    def _scale(self, factors: FactorsPart, x: Floats) -> float:
        """1 / standard deviation of x . y_i over all items, without looking at them; 0 where there is none."""
        variance = float(x @ self._covariances[id(factors)] @ x)
        return variance**-0.5 if variance > 0 else 0.0

    @cached_property
    def _covariances(self) -> Mapping[int, npt.NDArray[np.float64]]:
        alone = [part for part in self._artefact.parts if isinstance(part, FactorsPart)]
        return {id(part): np.atleast_2d(np.cov(part.y.T.astype(np.float64), bias=True)) for part in alone}

    # Newcomers.

    def _new(self, newcomers: Sequence[Described]) -> list[Described]:
        return [product for product in newcomers if product.id not in self._columns]

    def _places(self, newcomers: Sequence[Described]) -> Mapping[str, int]:
        fresh = {product.id: len(self._columns) + at for at, product in enumerate(self._new(newcomers))}
        return {**self._columns, **fresh}

    def _extended(self, utility: Utilities, newcomers: Sequence[Described]) -> Utilities:
        """The items' utilities, behind them the newcomers'."""
        fresh = self._new(newcomers)
        if not fresh:
            return utility
        return np.append(utility, self._likeness(fresh) @ utility[self._references])

    def _likeness(self, fresh: Sequence[Described]) -> Utilities:
        """Shape (newcomers, references), rows sum to 1. A ridge regression is linear in what it predicts, so the one
        from attributes to the factors of a model gives the same score as these weights on its scores of the
        references; and they serve every kind of model."""
        return np.asarray(self._ridge.of(self._artefact.vocabulary.matrix(fresh)), dtype=np.float64)

    @cached_property
    def _references(self) -> npt.NDArray[np.intp]:
        return np.sort(np.argsort(-self._artefact.popularity, kind="stable")[:_REFERENCES])

    @cached_property
    def _ridge(self) -> ItemFoldIn:
        attributes = self._artefact.attributes
        known = np.zeros((len(self._artefact.items), 0), np.float32) if attributes is None else attributes
        return ItemFoldIn(known[self._references].astype(np.float64), np.eye(len(self._references), dtype=np.float32))

    # Lifts.

    def lift(self, product: str, category: str, context: Context) -> Posterior:
        """How much more a product is wanted while the need holds; its prior is the rule's."""
        return self._lift(context).product(context.need, category, product)

    def _lift(self, context: Context) -> Lift:
        key = _key(context)
        if key not in self._lifts:
            rules = {(context.need, category): prior for category, prior in context.remedies.items()}
            self._lifts[key] = Lift(rules, self._artefact.evidence)
        return self._lifts[key]

    def _category(self, product: str, newcomers: Sequence[Described]) -> str:
        column = self._columns.get(product)
        if column is not None:
            return self._artefact.categories[column]
        return next((one.category for one in newcomers if one.id == product), "")

    def _log_lifts(self, context: Context, newcomers: Sequence[Described]) -> Utilities:
        """Of items and newcomers. A product without evidence of its own has its category's lift."""
        key = _key(context)
        if key not in self._log_lifts_of_items:
            self._log_lifts_of_items[key] = self._learnt_log_lifts(context)
        fresh = [log(self.lift(one.id, one.category, context).mean) for one in self._new(newcomers)]
        return np.append(self._log_lifts_of_items[key], fresh)

    def _learnt_log_lifts(self, context: Context) -> Utilities:
        learnt, categories = self._lift(context), self._artefact.categories
        means = {category: learnt.category(context.need, category).mean for category in set(categories)}
        found = np.array([means[category] for category in categories], dtype=np.float64)
        for column, category in self._evident(context.need):
            found[column] = learnt.product(context.need, category, self._artefact.items[column]).mean
        return np.log(found)

    def _evident(self, need: str) -> list[tuple[int, str]]:
        shown = {one.product for one in self._artefact.evidence if one.need == need} & self._columns.keys()
        return [(self._columns[product], self._artefact.categories[self._columns[product]]) for product in shown]

    # Explanations.

    def explain(
        self,
        person: str,
        products: Sequence[str],
        context: Context | None = None,
        told: Told = NOTHING,
        head: str = NEW,
    ) -> list[Explanation]:
        """Why each product has the score it has in `recommend` under the same arguments."""
        found = self._explained(person, products, told, self._artefact.heads[head])
        return [one if context is None else self._with_lift(one, context, told) for one in found]

    def _with_lift(self, found: Explanation, context: Context, told: Told) -> Explanation:
        category = self._category(found.product, told.newcomers)
        amount = log(self.lift(found.product, category, context).mean)
        return found.with_reason(Reason(kind=explanations.NEED, amount=amount, need=context.need))

    def explain_affinity(self, person: str, product: str, told: Told = NOTHING) -> Explanation:
        """Why the product has the affinity it has; the score is log(affinity times the number of items), 0 for the
        average one's."""
        mixed = self._artefact.heads[REPEAT]
        _, utility = self._utility(self._asker(person, told), mixed)
        average = log(len(utility)) - float(logsumexp(utility))
        [found] = self._explained(person, [product], told, mixed)
        return found.with_reason(Reason(kind=explanations.AVERAGE, amount=average))

    def _explained(self, person: str, products: Sequence[str], told: Told, head: Head) -> list[Explanation]:
        who = self._asker(person, told)
        basis, utility = self._utility(who, head)
        known = {one: self._columns[one] for one in products if one in self._columns}
        places = np.array(list(known.values()), dtype=np.intp)
        if basis == askers.POPULARITY:
            reasons = {one: _popular(float(utility[column])) for one, column in known.items()}
        else:
            reasons = dict(zip(known, self._reasons(who, head, places), strict=True))
        reasons |= {one: self._reasons_of_newcomer(utility, one, told) for one in products if one not in known}
        return [explanations.explanation(one, basis, reasons[one]) for one in products]

    def _reasons(self, who: Asker, head: Head, places: npt.NDArray[np.intp]) -> list[list[Reason]]:
        """Of each of these items, in the head's scores."""
        pieces = [self._pieces(who, number, places) for number, _ in head.mix]
        scales = self._scales(who, head)
        own = np.unique(np.concatenate([one.own for one in pieces])).astype(np.intp)
        by_own = np.zeros((len(own), len(places)))
        beside = {kind: np.zeros(len(places)) for kind in _BESIDE}
        for one, scale in zip(pieces, scales, strict=True):
            by_own[np.searchsorted(own, one.own)] += scale * one.by_own
            for kind, of in _BESIDE.items():
                amounts = of(one)
                beside[kind] += 0 if amounts is None else scale * amounts
        names = [self._artefact.items[item] for item in own]
        return [
            _listed(names, by_own[:, at], {kind: found[at] for kind, found in beside.items()})
            for at in range(len(places))
        ]

    def _pieces(self, who: Asker, number: int, places: npt.NDArray[np.intp]) -> Pieces:
        return self._artefact.parts[number].pieces(who.people, places)

    def _scales(self, who: Asker, head: Head) -> list[float]:
        """By which each part's scores enter the utility."""
        spreads = [self._spread(who, number) for number, _ in head.mix]
        return [
            head.temperature * weight / spread if spread > 0 else 0.0
            for (_, weight), spread in zip(head.mix, spreads, strict=True)
        ]

    def _spread(self, who: Asker, number: int) -> float:
        return float(self._artefact.parts[number].scores(who.people)[0].std())

    def _reasons_of_newcomer(self, utility: Utilities, product: str, told: Told) -> list[Reason]:
        described = [one for one in told.newcomers if one.id == product]
        if not described:
            return [Reason(kind=explanations.UNKNOWN, amount=self._unheard_of(utility))]
        middle = float(utility.mean())
        amounts = self._likeness(described[:1])[0] * (utility[self._references] - middle)
        names = (self._artefact.items[at] for at in self._references)
        alike = [
            Reason(kind=explanations.ALIKE, amount=amount, product=name)
            for name, amount in zip(names, amounts.tolist(), strict=True)
        ]
        return [*alike, Reason(kind=explanations.AVERAGE, amount=middle)]


def _popular(amount: float) -> list[Reason]:
    return [Reason(kind=explanations.EVERYBODY, amount=amount)]


def _listed(names: Sequence[str], by_own: Utilities, beside: Mapping[str, float]) -> list[Reason]:
    own = zip(names, by_own.tolist(), strict=True)
    found = [Reason(kind=explanations.OWN, amount=amount, product=name) for name, amount in own if amount != 0]
    return found + [Reason(kind=kind, amount=float(amount)) for kind, amount in beside.items() if amount != 0]


def _key(context: Context) -> _ContextKey:
    return context.need, tuple(sorted(context.remedies.items()))


def _barred(names: Sequence[str], eligible: Eligible | None) -> npt.NDArray[np.bool_]:
    """Shape (names,): what may not be recommended."""
    if eligible is None:
        return np.zeros(len(names), dtype=np.bool_)
    if isinstance(eligible, AllBut):
        return np.array([name in eligible.products for name in names], dtype=np.bool_)
    allowed = frozenset(eligible)
    return np.array([name not in allowed for name in names], dtype=np.bool_)


def _nothing(shape: tuple[int, int]) -> csr_array:
    empty = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32), np.zeros(shape[0] + 1, dtype=np.int64)
    return csr_array(empty, shape=shape)
