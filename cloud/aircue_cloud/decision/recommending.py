"""Answers for people who are asked about through the API: what they may be offered, ranked, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from aircue_cloud import tables
from aircue_cloud.decision import outlooks, shopping
from aircue_cloud.decision.affinity import Affinity, AffinitySource
from aircue_cloud.homes import personalisation
from aircue_cloud.needs.needs import Need
from aircue_cloud.recommender.artefact import HEADS, NEW
from aircue_cloud.recommender.asked import AllBut, Context, Environment, Surroundings, Told
from aircue_cloud.recommender.contract import Asking, Ranked
from aircue_cloud.recommender.explanations import Explanation

IMPERSONAL = "not personalised, as was asked for: what is popular, the same for everybody"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """need: one that is to count whether it holds or not. home: needs of which those count that hold in the person's
    home, and by their chance those that its air is heading for. head: "new", or "repeat" for what the person had to do
    with before too."""

    n: int
    need: Need | None = None
    home: tuple[Need, ...] = ()
    head: str = NEW

    @property
    def titles(self) -> dict[str, str]:
        return {need.name: need.title for need in (*self.home, *(() if self.need is None else (self.need,)))}


@dataclass(frozen=True, kw_only=True)
class Offer:
    product: str
    name: str
    score: float
    why: Explanation
    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """basis: what is known of the person, one of explanations.BASES. note: where no trained model answers.
    personalised: False where the person, or their household, said no to it."""

    person: str
    personalised: bool
    basis: str
    model: str
    note: str | None
    offers: tuple[Offer, ...]


_SPARE = 4  # ranked beyond what is asked for, since some may be sold out


class PersonUnknown(LookupError):
    """Nobody of that id is known."""


def answer(
    connection: Connection, source: AffinitySource, people: Sequence[str], wish: Wish, now: datetime
) -> list[Answer]:
    """One for each person, in order. PersonUnknown names the first that is not known."""
    homes = _at_home(connection, people)
    model, note = shopping.model(connection, source, now, lately=True)
    newcomers = shopping.newcomers(connection, model, now)
    found = []
    for person in people:
        home, personalised = homes[person]
        if not personalised:
            found.append(_for_anybody(connection, person, wish.n, now))
            continue
        told = shopping.told(connection, model, home, [person], newcomers, now)
        owned = _owned(connection, home, wish)
        context = _context(connection, home, wish, now)
        found.append(_answer(connection, model, note, person, wish, context, told, owned))
    return found


def _for_anybody(connection: Connection, person: str, n: int, now: datetime) -> Answer:
    """What is popular: nothing that this person or home did or measured is read, nor the need of its air."""
    popular = shopping.lately_popular(connection, now)
    told = Told(now=now.timestamp(), withheld=frozenset((person,)))
    found = _answer(connection, popular, IMPERSONAL, person, Wish(n=n), None, told, frozenset())
    return replace(found, personalised=False)


def rehearse(connection: Connection, model: Affinity, now: datetime) -> None:
    """Answers somebody, so that what a model's first answer has to make and read is there for the next."""
    somebody = connection.execute(select(tables.people.c.id).limit(1)).scalar_one_or_none()
    for head in () if somebody is None else HEADS:
        answer(connection, _Only(model), [str(somebody)], Wish(n=1, head=head), now)


@dataclass(frozen=True)
class _Only:
    """A source of one model."""

    model: Affinity

    def current(self) -> Affinity | None:
        return self.model


_HOMES = (
    select(tables.people.c.id, tables.people.c.household, personalisation.of_person().label("personalised"))
    .join(tables.households)
    .where(tables.people.c.id.in_(bindparam("ids", expanding=True)))
)


def _at_home(connection: Connection, people: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """Of each person the household, and whether anything may be fitted to them."""
    found = connection.execute(_HOMES, {"ids": sorted(set(people))})
    homes = {row.id: (row.household, bool(row.personalised)) for row in found}
    for person in people:
        if person not in homes:
            raise PersonUnknown(person)
    return homes


def _owned(connection: Connection, household: str, wish: Wish) -> frozenset[str]:
    """Who asks for what is new, or for a remedy, wants nothing that is there already."""
    return shopping.owned(connection, household) if wish.head == NEW or wish.titles else frozenset()


def _context(connection: Connection, household: str, wish: Wish, now: datetime) -> Surroundings | None:
    if wish.need is not None:
        return _of(wish.need)
    if not wish.home:
        return None
    holding = shopping.needs_at_home(connection, household)
    chances = {name: seen.chance for name, seen in outlooks.expected(connection, household, wish.home, now).items()}
    chances |= dict.fromkeys(holding, 1.0)
    return Environment(
        needs=tuple(replace(_of(need), chance=chances[need.name]) for need in wish.home if need.name in chances)
    )


def _of(need: Need) -> Context:
    return Context(need=need.name, remedies=need.remedies)


def _text(why: Explanation, names: Mapping[str, str], wish: Wish) -> str:
    """The need that lifts it is called by its title."""
    lifted = next((reason.need for reason in why.reasons if reason.need is not None), "")
    return why.text(names, wish.titles.get(lifted, lifted))


def _answer(
    connection: Connection,
    model: Affinity,
    note: str | None,
    person: str,
    wish: Wish,
    context: Surroundings | None,
    told: Told,
    owned: frozenset[str],
) -> Answer:
    asking = model.asking(person, told, wish.head)
    ranked = _on_sale(connection, asking, wish.n, context, AllBut(products=owned))
    reasons = asking.explain([one.product for one in ranked], context)
    names = shopping.names(connection, frozenset().union(*(one.named for one in reasons)))
    offers = tuple(
        Offer(product=one.product, name=names[one.product], score=one.score, why=why, text=_text(why, names, wish))
        for one, why in zip(ranked, reasons, strict=True)
    )
    basis = reasons[0].basis if reasons else "nothing left"
    return Answer(person=person, personalised=True, basis=basis, model=model.version, note=note, offers=offers)


def _on_sale(
    connection: Connection, asking: Asking, n: int, context: Surroundings | None, eligible: AllBut
) -> list[Ranked]:
    """The first n that are in stock: more are ranked until there are as many, which is sooner than to read what the
    whole catalogue has in stock."""
    asked = n + _SPARE
    while True:
        ranked = asking.recommend(asked, context, eligible)
        gone = shopping.sold_out(connection, [one.product for one in ranked])
        left = [one for one in ranked if one.product not in gone]
        if len(left) >= n or len(ranked) < asked:
            return left[:n]
        asked = 2 * asked + len(gone)
