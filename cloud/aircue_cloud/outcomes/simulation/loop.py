"""The whole loop on simulated homes: damp air, the real policy, purchases by a known true lift, and what is learnt.

A home's bathroom becomes damp at random, some homes more often than others. The product's own code then chooses a
remedy (Thompson sampling over the lifts as they are known that day) and asks every gate, the holdout last. Within its
span a home buys a remedy at a rate of its own, times the remedy's true lift where it was pushed. Each evening the lifts
are learnt anew from pushes and ghosts that offered the same remedy. Homes, purchases and lifts are drawn from a seed;
no figure of it says anything about a real shop.

Regret: the purchases that the best decision would have added, less those that the one taken did, a decision. The best
knows the true lifts; it may be no push.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from aircue_cloud.decision.candidates import Candidate, Product, candidates, choose, lifted
from aircue_cloud.decision.policy import GHOST, SEND, Bought, Facts, LastOffer, decide
from aircue_cloud.needs.needs import Need
from aircue_cloud.outcomes.rate_ratio import Comparison, as_gamma
from aircue_cloud.outcomes.units import Numbers
from aircue_cloud.recommender.lift import Posterior

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """lifts: the true ones, by category. damp: mean share of days on which a home's air becomes damp. base: chance to
    buy a remedy within the span, without a push, of a home that likes it as much as any. taste: sigma of the logarithm
    of what homes like more or less. learning: whether what is learnt is used, or the rules for ever."""

    need: Need
    lifts: Mapping[str, float]
    homes: int = 600
    days: int = 240
    damp: float = 0.08
    base: float = 0.08
    taste: float = 0.4
    holdout: float = 0.1
    need_holdout: float = 0.1
    learning: bool = True
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decision that passed all gates but the holdout. value: purchases that offering it adds; best: those of the
    best decision. sent: False for a ghost, where the same would have been offered."""

    day: int
    category: str
    sent: bool
    bought: bool
    value: float
    best: float

    @property
    def regret(self) -> float:
        return self.best - self.value


@dataclass
class _Home:
    """affinity: by category."""

    name: str
    damp: float
    affinity: dict[str, float]
    sent: list[datetime] = field(default_factory=list)
    last_offer: LastOffer | None = None
    bought: Bought | None = None


def drawn_lifts(need: Need, seed: int) -> dict[str, float]:
    """True lifts that the rules know nothing of: evenly from 0.8 to 3.2."""
    random = np.random.default_rng([seed, 1])
    return {category: float(random.uniform(0.8, 3.2)) for category in sorted(need.remedies)}


def run(terms: Terms) -> list[Decided]:
    """Everything that was decided, in order."""
    random = np.random.default_rng(terms.seed)
    homes = _homes(terms, random)
    products = [Product(id=name, name=name, category=name, stock=10**6) for name in sorted(terms.need.remedies)]
    found: list[Decided] = []
    for day in range(terms.days):
        lifts = learnt(terms.need, found) if terms.learning else {}
        for home in [one for one in homes if random.random() < one.damp]:
            decided = _decide(terms, home, products, lifts, day, random)
            found += [] if decided is None else [decided]
    return found


def learnt(need: Need, found: Sequence[Decided]) -> dict[str, Posterior]:
    """The lifts by category, from pushes and ghosts that offered it."""
    return {category: as_gamma(compared(found, category), prior) for category, prior in need.remedies.items()}


def compared(found: Sequence[Decided], category: str) -> Comparison:
    offered = [one for one in found if one.category == category]
    sent, held = ([one for one in offered if one.sent == side] for side in (True, False))
    return Comparison(
        bought=sum(one.bought for one in sent),
        households=len(sent),
        bought_held=sum(one.bought for one in held),
        households_held=len(held),
    )


def _homes(terms: Terms, random: np.random.Generator) -> list[_Home]:
    damp = random.beta(2.0, 2.0 / terms.damp - 2.0, terms.homes)
    likes = np.exp(random.normal(0, terms.taste, (terms.homes, len(terms.need.remedies))))
    names = sorted(terms.need.remedies)
    return [
        _Home(
            name=f"simulated-{number}", damp=float(damp[number]), affinity=dict(zip(names, row.tolist(), strict=True))
        )
        for number, row in enumerate(likes)
    ]


def _decide(
    terms: Terms,
    home: _Home,
    products: Sequence[Product],
    lifts: Mapping[str, Posterior],
    day: int,
    random: np.random.Generator,
) -> Decided | None:
    """None where a gate before the holdout held it."""
    now = BEGIN + day * DAY
    episode = f"{home.name}/{day}"
    gammas = {name: lifted(one) for name, one in lifts.items()}
    found = candidates(terms.need, products, home.affinity, frozenset(), lifts=gammas)
    choice = choose(found, f"{terms.seed}/{episode}", explore=terms.learning)
    facts = Facts(
        now=now,
        site=home.name,
        household=home.name,
        need=terms.need.name,
        episode=episode,
        push=episode,
        person=home.name,
        confirmed_at=now,
        consent=True,
        candidates=tuple(found),
        choice=choice,
        last_offer=home.last_offer,
        bought=home.bought,
        sent=tuple(home.sent),
        holdout=terms.holdout,
        need_holdout=terms.need_holdout,
    )
    verdict = decide(facts)
    if verdict.outcome not in (SEND, GHOST) or verdict.winner is None:
        return None
    return _played(terms, home, verdict.winner, day, random, sent=verdict.outcome == SEND)


def _played(
    terms: Terms, home: _Home, winner: Candidate, day: int, random: np.random.Generator, *, sent: bool
) -> Decided:
    """What the home does then; it counts as offered even to one that is held out."""
    category, now = winner.product.category, BEGIN + day * DAY
    rates = {name: terms.base * liking for name, liking in home.affinity.items()}
    chance = min(1.0, rates[category] * (terms.lifts[category] if sent else 1.0))
    bought = bool(random.random() < chance)
    home.sent.append(now)
    home.last_offer = LastOffer(category=category, at=now)
    if bought:
        home.bought = Bought(product=category, at=now)
    added = {name: rate * (terms.lifts[name] - 1) for name, rate in rates.items()}
    best = max(0.0, *added.values())
    return Decided(day=day, category=category, sent=sent, bought=bought, value=added[category], best=best)


# What came of it.


@dataclass(frozen=True, kw_only=True)
class Course:
    """Mean regret a decision, in each fifth of the days."""

    fifths: tuple[float, ...]
    decisions: int

    @property
    def fall(self) -> float:
        """Of the last fifth over the first: under 1 it fell."""
        return self.fifths[-1] / self.fifths[0]


def course(found: Sequence[Decided], days: int) -> Course:
    regret = np.array([one.regret for one in found])
    fifth = np.array([one.day * 5 // days for one in found])
    return Course(fifths=tuple(_mean(regret[fifth == number]) for number in range(5)), decisions=len(found))


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else 0.0


def told(terms: Terms, found: Sequence[Decided]) -> Iterator[str]:
    """Lines for a terminal, each of them called simulated."""
    ran = course(found, terms.days)
    yield f"simulated: {terms.homes:,} homes, {terms.days} days, {ran.decisions:,} decisions that reached the holdout"
    fifths = ", ".join(f"{value:.4f}" for value in ran.fifths)
    yield f"simulated: regret a decision in each fifth of the days: {fifths}"
    for category, posterior in sorted(learnt(terms.need, found).items()):
        low, high = posterior.interval()
        truth, rule = terms.lifts[category], terms.need.remedies[category]
        shown = f"rule {rule:.2f}, learnt {posterior.mean:.2f} [{low:.2f}, {high:.2f}], true {truth:.2f}"
        yield f"simulated: lift of {category}: {shown}"
