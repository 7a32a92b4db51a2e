"""Simulated shoppers: who they are, what they like, and what they did in the shop over the last half year.

Nothing here was observed; it is drawn from a seed so that the shop has something to learn from. The chance that person
u looks at product i is a softmax over the catalogue of

    taste of u for i's category + purse of u x tier of i + liking of u for i's maker + style_u . style_i + log Zipf(i)

and what follows a look (favourite, cart, purchase, stars) is likelier the better i suits u compared with other products
of its category. Members of a household share part of their purse.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import numpy.typing as npt

from aircue_cloud.demo import reviews
from aircue_cloud.demo.catalogue import TIERS, Product
from aircue_cloud.recommender.acts import Event

DAYS = 180
SESSIONS = 20.0  # mean of a person's visits in DAYS
LOOKS = 2.4  # mean of products looked at in a visit
SAME_CATEGORY = 0.6  # chance that a further look of a visit stays in the category of the first
STYLES = 4  # dimensions of taste that neither category nor price nor maker explains
ZIPF = 0.8
SOLD_OUT = 60  # what a product without stock counts as having had

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shopper:
    """purse: about -2 (buys what is cheap) to 2 (buys what is good). loves: categories liked beyond the drawn taste."""

    id: str
    household: str
    name: str
    purse: float | None = None
    loves: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Act:
    """A row of a shopper's history; text goes with stars."""

    event: Event
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tastes:
    """fit: what suits whom; draw: the same plus what is popular. Shape (people, products)."""

    fit: Floats
    draw: Floats

    @cached_property
    def looks(self) -> Floats:
        """Cumulated chances of a look, a row a person."""
        chances = np.exp(self.draw - self.draw.max(axis=1, keepdims=True))
        return np.asarray(np.cumsum(chances, axis=1))


def tastes(shoppers: Sequence[Shopper], products: Sequence[Product], rng: np.random.Generator) -> Tastes:
    fit = (
        _category_taste(shoppers, products, rng)
        + _purse_taste(shoppers, products, rng)
        + _maker_taste(len(shoppers), products, rng)
        + rng.normal(0, 0.8, (len(shoppers), STYLES)) @ rng.normal(0, 0.8, (STYLES, len(products)))
    )
    return Tastes(fit=fit, draw=fit - ZIPF * np.log(_places(products, rng)))


def _places(products: Sequence[Product], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """1 for the best seller, and so on. A shop stocks more of what sells; what is sold out sold well."""
    stock = np.array([product.stock or SOLD_OUT for product in products])
    return np.argsort(np.argsort(-np.log(stock) - rng.normal(0, 0.7, len(products)))) + 1


def _category_taste(shoppers: Sequence[Shopper], products: Sequence[Product], rng: np.random.Generator) -> Floats:
    names = sorted({product.category for product in products})
    taste = rng.normal(0, 1.1, (len(shoppers), len(names)))
    for row, shopper in enumerate(shoppers):
        taste[row, [names.index(category) for category in shopper.loves]] = 2.0
    return np.asarray(taste[:, [names.index(product.category) for product in products]])


def _purse_taste(shoppers: Sequence[Shopper], products: Sequence[Product], rng: np.random.Generator) -> Floats:
    homes = {household: rng.normal() for household in dict.fromkeys(shopper.household for shopper in shoppers)}
    own = rng.normal(0, 0.6, len(shoppers))
    purse = [
        homes[shopper.household] + drawn if shopper.purse is None else shopper.purse
        for shopper, drawn in zip(shoppers, own, strict=True)
    ]
    tier = [TIERS.index(product.tier) - 1 for product in products]
    return np.outer(purse, tier)


def _maker_taste(people: int, products: Sequence[Product], rng: np.random.Generator) -> Floats:
    makers = sorted({product.maker for product in products})
    liking = rng.normal(0, 0.5, (people, len(makers)))
    return np.asarray(liking[:, [makers.index(product.maker) for product in products]])


class Shop:
    """Plays the visits of everybody, one after the other, ending at `until`."""

    def __init__(
        self, shoppers: Sequence[Shopper], products: Sequence[Product], until: datetime, rng: np.random.Generator
    ) -> None:
        self._shoppers = shoppers
        self._products = products
        self._until = until
        self._rng = rng
        self._tastes = tastes(shoppers, products, rng)
        self._shelves = _shelves(products)
        self._suits = _suits(self._tastes.fit, products, self._shelves)
        self._quality = rng.normal(0, 0.6, len(products))  # what only owners find out

    def history(self) -> list[Act]:
        """What everybody did, oldest first."""
        acts = [act for row in range(len(self._shoppers)) for act in self._visits(row)]
        seen = [act for act in acts if act.event.at < self._until]
        return sorted(seen, key=lambda act: (act.event.at, act.event.person, act.event.product, act.event.kind))

    def _visits(self, row: int) -> Iterator[Act]:
        eager = self._rng.gamma(3.0, SESSIONS / 3.0)
        for _ in range(1 + self._rng.poisson(eager)):
            yield from self._visit(row, self._moment())

    def _moment(self) -> datetime:
        """A visit's start: any day, evenings more than mornings."""
        day, hour = self._rng.integers(DAYS), self._rng.normal(18.5, 3.5) % 24
        return self._until - timedelta(days=int(day) + 1) + timedelta(seconds=round(hour * 3600))

    def _visit(self, row: int, at: datetime) -> Iterator[Act]:
        first = self._look(row)
        for look in range(self._rng.geometric(1 / LOOKS)):
            column = first if look == 0 else self._further(row, first)
            at += timedelta(seconds=int(self._rng.integers(20, 240)))
            yield from self._choices(row, column, at)

    def _look(self, row: int) -> int:
        chances = self._tastes.looks[row]
        return min(int(np.searchsorted(chances, self._rng.random() * chances[-1], side="right")), len(chances) - 1)

    def _further(self, row: int, first: int) -> int:
        if self._rng.random() > SAME_CATEGORY:
            return self._look(row)
        shelf = self._shelves[self._products[first].category]
        chances = np.exp(self._tastes.draw[row, shelf])
        return int(shelf[np.searchsorted(np.cumsum(chances), self._rng.random() * chances.sum())])

    def _choices(self, row: int, column: int, at: datetime) -> Iterator[Act]:
        """A look, and what it leads to; each step is taken by fewer, and by those the product suits."""
        suits = self._suits[row, column]
        yield self._act(row, column, "click", at)
        if self._rng.random() < 0.2 * suits:
            yield self._act(row, column, "favourite", at + timedelta(seconds=15))
        if self._products[column].stock == 0 or self._rng.random() > 0.32 * suits:
            return
        yield self._act(row, column, "cart", at + timedelta(seconds=30))
        if self._rng.random() < 0.15 + 0.4 * suits:
            yield self._act(row, column, "purchase", at + timedelta(minutes=4))
            yield from self._rating(row, column, at)

    def _rating(self, row: int, column: int, bought_at: datetime) -> Iterator[Act]:
        if self._rng.random() > 0.45:
            return
        pleased = 4.2 + 2.0 * (self._suits[row, column] - 0.7) + self._quality[column] + self._rng.normal(0, 0.9)
        stars = int(np.clip(round(pleased), 1, 5))
        text = reviews.sentence(stars, self._products[column].category, self._rng)
        at = bought_at + timedelta(hours=float(self._rng.uniform(30, 240)))
        yield self._act(row, column, "rating", at.replace(microsecond=0), stars, text)

    def _act(
        self, row: int, column: int, kind: str, at: datetime, stars: int | None = None, text: str | None = None
    ) -> Act:
        person, product = self._shoppers[row].id, self._products[column].id
        return Act(event=Event(person=person, product=product, kind=kind, at=at, stars=stars), text=text)


def _shelves(products: Sequence[Product]) -> dict[str, npt.NDArray[np.intp]]:
    """The columns of each category."""
    categories = np.array([product.category for product in products])
    return {str(category): np.flatnonzero(categories == category) for category in np.unique(categories)}


def _suits(fit: Floats, products: Sequence[Product], shelves: dict[str, npt.NDArray[np.intp]]) -> Floats:
    """0..1: how well a product suits a person beside the others on its shelf."""
    middle = np.empty_like(fit)
    for product, column in zip(products, range(len(products)), strict=True):
        middle[:, column] = fit[:, shelves[product.category]].mean(axis=1)
    return np.asarray(1 / (1 + np.exp(-(fit - middle))))
