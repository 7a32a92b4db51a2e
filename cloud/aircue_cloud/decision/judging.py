"""What a household could be offered against a need: products scored by a model, each with what hinders it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from math import log
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from aircue_cloud.decision import replenishing, shopping
from aircue_cloud.decision.affinity import Affinity, AffinitySource
from aircue_cloud.decision.candidates import (
    DUE,
    Candidate,
    Choice,
    Lifted,
    Product,
    best,
    candidates,
    choose_all,
    household_affinities,
    lifted,
)
from aircue_cloud.decision.known import Known, Shopped
from aircue_cloud.decision.policy import CHANNEL, REFUSED, Bought
from aircue_cloud.needs.needs import REPLENISH, Need
from aircue_cloud.outcomes.learnt import NOTHING, Stand
from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.asked import Context, Described, Told
from aircue_cloud.recommender.explanations import Reason
from aircue_cloud.recommender.lift import Posterior

_NO_CHOICE = Choice(chosen=None, propensity=1.0)
_AT_ONCE = 64  # households whose interests are asked for in one call


@dataclass(frozen=True, kw_only=True)
class Judged:
    """person: whom the offer would be for. why: reasons whose amounts sum to log affinity, of what was chosen or else
    is the best. lifts: what was learnt of the need's remedies, as JSON. lifts, model: None where no candidate may be
    looked for."""

    candidates: tuple[Candidate, ...] = ()
    choice: Choice = _NO_CHOICE
    why: Mapping[str, Any] = field(default_factory=dict)
    lifts: msgspec.Raw | None = None
    person: str | None = None
    bought: Bought | None = None
    model: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Only:
    """people: whom an offer may be for; empty: anybody of the household. product: the one that may be offered; None:
    any remedy. due: by product, the share of its life that has passed, where the trigger tells."""

    people: Sequence[str] = ()
    product: str | None = None
    due: Mapping[str, float] = field(default_factory=dict)


EVERYBODY = Only()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What could be offered to a household, about a need, in a push of that id."""

    household: str
    need: Need
    push: str
    only: Only = EVERYBODY


@dataclass(frozen=True, kw_only=True)
class _Interest:
    """shares: shape (people, catalogue). affinity: of the household, by product."""

    people: Sequence[str]
    shares: npt.NDArray[np.float64]
    affinity: npt.NDArray[np.float64]
    told: Told


@dataclass(frozen=True, kw_only=True)
class _Remedies:
    """Of one need. columns: of the catalogue. told: what was learnt of the lifts, written once for all of its
    decisions."""

    products: list[Product]
    described: list[Described]
    lifts: dict[str, Lifted]
    columns: npt.NDArray[np.intp]
    told: msgspec.Raw


@dataclass(frozen=True, kw_only=True)
class _Offers:
    """What one household could be offered; person: to whom."""

    household: str
    person: str
    candidates: tuple[Candidate, ...]
    lifts: msgspec.Raw
    bought: Bought | None


class Judge:
    """Of one tick: what does not depend on the household is worked out once. stand: what pushes have done so far; where
    that says nothing of a lift, it is the model's."""

    def __init__(
        self, connection: Connection, source: AffinitySource, known: Known, now: datetime, stand: Stand = NOTHING
    ) -> None:
        self._connection, self._known, self._now, self._stand = connection, known, now, stand
        self._model: Affinity | None = None
        self._note: str | None = "the catalogue is empty"
        if known.catalogue:
            self._model, self._note = shopping.model(connection, source, now, lately=True)
        self._columns = {product: column for column, product in enumerate(known.catalogue)}
        self._needs: dict[str, _Remedies] = {}
        self._interests: dict[str, _Interest] = {}

    def prepare(self, households: Sequence[str], needs: Sequence[Need]) -> None:
        """Asks the model about all of them."""
        if self._model is None:
            return
        newcomers = [told for need in needs for told in self._remedies(need, self._model).described]
        for first in range(0, len(households), _AT_ONCE):
            self._ask(self._model, households[first : first + _AT_ONCE], newcomers)

    def _ask(self, model: Affinity, households: Sequence[str], newcomers: Sequence[Described]) -> None:
        people = {household: self._people(household) for household in households}
        told = self._told(model, people, newcomers)
        shares = model.affinity([one for some in people.values() for one in some], self._known.catalogue, told)
        counts = [len(some) for some in people.values()]
        homes = zip(people.items(), household_affinities(shares, counts), np.cumsum(counts).tolist(), strict=True)
        for (household, some), affinity, end in homes:
            theirs = shares[end - len(some) : end]
            self._interests[household] = _Interest(people=some, shares=theirs, affinity=affinity, told=told)

    def _people(self, household: str) -> Sequence[str]:
        """Somebody nobody knows stands in for a household that names no people."""
        return self._known.people.get(household) or [household]

    def _told(self, model: Affinity, people: Mapping[str, Sequence[str]], newcomers: Sequence[Described]) -> Told:
        agreeing = self._known.agreeing
        withheld = frozenset(one for home, some in people.items() if home not in agreeing for one in some)
        asked = (one for home, some in people.items() if home in agreeing for one in some)
        did = {one: shopping.did(self._connection, one, model.knows_until(one), self._now) for one in asked}
        return Told(now=self._now.timestamp(), newcomers=newcomers, did=did, withheld=withheld)

    def _remedies(self, need: Need, model: Affinity) -> _Remedies:
        if need.name not in self._needs:
            found = [one for category in sorted(need.remedies) for one in self._known.remedies.get(category, ())]
            context = Context(need=need.name, remedies=need.remedies)
            self._needs[need.name] = _Remedies(
                products=[product for product, _ in found],
                described=[told for _, told in found],
                lifts={product.id: lifted(self._lift(product, model, context)) for product, _ in found},
                told=msgspec.Raw(msgspec.json.encode(self._stand.told(need.name, need.remedies))),
                columns=np.array([self._columns[product.id] for product, _ in found], dtype=np.intp),
            )
        return self._needs[need.name]

    def _lift(self, product: Product, model: Affinity, context: Context) -> Posterior:
        learnt = self._stand.posterior(context.need, product.category, product.id)
        return model.lift(product.id, product.category, context) if learnt is None else learnt

    def judge(self, asked: Sequence[Asked], *, explore: bool) -> list[Judged]:
        """Only of households that were prepared."""
        if self._model is None:
            return [Judged(note=self._note)] * len(asked)
        found = [self._offers(one, self._model) for one in asked]
        seeded = [(offers.candidates, one.push) for offers, one in zip(found, asked, strict=True)]
        chosen = zip(found, choose_all(seeded, explore=explore), strict=True)
        return [self._judged(offers, choice, self._model) for offers, choice in chosen]

    def _offers(self, asked: Asked, model: Affinity) -> _Offers:
        household, need = asked.household, asked.need
        interest, remedies = self._interests[household], self._remedies(need, model)
        ids = (product.id for product in remedies.products)
        affinity = dict(zip(ids, interest.affinity[remedies.columns].tolist(), strict=True))
        shopped = self._known.shopped.get(household, ())
        kept = _kept(shopped)
        due = {**self._due(household, [one for one in remedies.described if kept.get(one.id, 0) > 0]), **asked.only.due}
        owned = frozenset(product for product, times in kept.items() if times > 0)
        coming = _coming(self._known.coming.get(household, frozenset()), remedies.products, need)
        barred = _barred(shopped, kept, remedies.products, self._now) | coming
        offered = [one for one in remedies.products if asked.only.product in (None, one.id)]
        found = candidates(need, offered, affinity, owned, lifts=remedies.lifts, due=due, barred=barred)
        return _Offers(
            household=household,
            person=interest.people[self._recipient(asked, interest, remedies)],
            candidates=tuple(found),
            lifts=remedies.told,
            bought=_bought(shopped, kept, need, due),
        )

    def _judged(self, offers: _Offers, choice: Choice, model: Affinity) -> Judged:
        told_of = choice.chosen or best(offers.candidates)
        told = self._interests[offers.household].told
        return Judged(
            candidates=offers.candidates,
            choice=choice,
            why={} if told_of is None else _why(model, offers.person, told_of, told),
            lifts=offers.lifts,
            person=offers.person if self._known.people.get(offers.household) else None,
            bought=offers.bought,
            model=model.version,
            note=self._note,
        )

    def _due(self, household: str, owned: Sequence[Described]) -> dict[str, float]:
        """Of what the household has and uses up, the share of its life that has passed."""
        if not owned:
            return {}
        used = replenishing.learn(self._connection, owned, self._now)
        shares = {product.id: used.due_at_home(household, product.id, self._now) for product in owned}
        return {product: share for product, share in shares.items() if share is not None}

    def _recipient(self, asked: Asked, interest: _Interest, remedies: _Remedies) -> int:
        """Of those who may have one, of those of them who would have an offer about the need, or else of all of them,
        the one most interested in any remedy."""
        everybody = list(range(len(interest.people)))
        places = [place for place in everybody if interest.people[place] in asked.only.people] or everybody
        if len(places) == 1 or not remedies.products:
            return places[0]
        most: list[float] = interest.shares[:, remedies.columns].max(axis=1).tolist()
        if not self._known.said:
            return max(places, key=lambda place: (most[place], -place))
        wishes = {place: self._known.wishes(asked.household, interest.people[place]) for place in places}
        open_ = {place: one.leaves_room(asked.need.name, CHANNEL, self._now) for place, one in wishes.items()}
        return max(places, key=lambda place: (open_[place], most[place], -place))


def _why(model: Affinity, person: str, candidate: Candidate, told: Told) -> dict[str, Any]:
    """Of whom the offer is for; what the others of the household change is a reason of its own."""
    found = model.explain_affinity(person, candidate.product.id, told)
    household = Reason(kind=explanations.HOUSEHOLD, amount=log(candidate.affinity) - found.score)
    return {"product": candidate.product.id, "person": person, **found.with_reason(household).as_json()}


def _kept(shopped: Sequence[Shopped]) -> dict[str, int]:
    """How often each product was bought and not given back."""
    kept: dict[str, int] = {}
    for one in shopped:
        if one.kind != "dismissal":
            kept[one.product] = kept.get(one.product, 0) + (1 if one.kind == "purchase" else -1)
    return kept


def _barred(
    shopped: Sequence[Shopped], kept: Mapping[str, int], products: Sequence[Product], now: datetime
) -> dict[str, str]:
    """Why products may not be offered to whom they were sold before, or who turned one of their kind down."""
    if not shopped:
        return {}
    turned_down = {
        one.category: f"a product of its kind was turned down on {one.at:%d %b %Y}"
        for one in reversed(shopped)
        if one.kind == "dismissal" and now - one.at < REFUSED
    }
    found = {one.id: turned_down[one.category] for one in products if one.category in turned_down}
    returned = {one.product for one in shopped if one.kind == "return" and kept.get(one.product, 0) <= 0}
    return found | dict.fromkeys(returned, "the household gave it back")


def _coming(products: Set[str], sold: Sequence[Product], need: Need) -> dict[str, str]:
    """What is on its way is not offered; nor, where the need is that something is used up, another one of its kind."""
    kinds = {one.category for one in sold if one.id in products} if need.source == REPLENISH else set()
    found = dict.fromkeys(products, "a parcel with it is on its way to the household")
    of_kind = (one.id for one in sold if one.category in kinds and one.id not in products)
    return found | dict.fromkeys(of_kind, "a parcel with one of its kind is on its way to the household")


def _bought(shopped: Sequence[Shopped], kept: Mapping[str, int], need: Need, due: Mapping[str, float]) -> Bought | None:
    """What is nearly used up helps no longer."""
    for one in shopped:
        remedy = one.kind == "purchase" and one.category in need.remedies and kept.get(one.product, 0) > 0
        if remedy and due.get(one.product, 0.0) < DUE:
            return Bought(product=one.name, at=one.at)
    return None
