"""Products as pages show them: found, counted, rated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from aircue_cloud import consents, tables
from aircue_cloud.decision import shopping
from aircue_cloud.homes import personalisation
from aircue_cloud.recommender import reviews
from aircue_cloud.rights import small_groups
from aircue_cloud.storefront.visitor import BEHAVIOUR, MARKETING

FEW = 5  # pieces left that are worth saying
PAGE = 24
_P, _I = tables.products.c, tables.interactions.c


@dataclass(frozen=True, kw_only=True)
class Stars:
    """Of a product. mean: drawn towards overall, the shop's mean, by QUALITY_TRUST ratings."""

    count: int
    mean: float
    overall: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """A product on a page. why: sentences; stars: None where nobody rated it."""

    id: str
    name: str
    category: str
    price_minor: int
    currency: str
    stock: int
    description: str
    attributes: Mapping[str, Any]
    retired_at: datetime | None
    stars: Stars | None = None
    why: Sequence[str] = field(default=())

    @property
    def can_be_bought(self) -> bool:
        return self.stock > 0 and self.retired_at is None

    @property
    def few(self) -> bool:
        return 0 < self.stock <= FEW


def cards(connection: Connection, ids: Sequence[str], why: Mapping[str, Sequence[str]] | None = None) -> list[Card]:
    """In the order of the ids; those that are not known are left out."""
    rows = {row["id"]: row for row in connection.execute(select(tables.products).where(_P.id.in_(ids))).mappings()}
    return _cards(connection, [dict(rows[id_]) for id_ in ids if id_ in rows], why or {})


def _cards(connection: Connection, rows: Sequence[dict[str, Any]], why: Mapping[str, Sequence[str]]) -> list[Card]:
    rated = stars(connection, [row["id"] for row in rows])
    return [Card(**row, stars=rated.get(row["id"]), why=why.get(row["id"], ())) for row in rows]


def one(connection: Connection, id_: str) -> Card | None:
    """Sold or retired."""
    return next(iter(cards(connection, [] if "\0" in id_ else [id_])), None)


def listed(
    connection: Connection, *, category: str, text: str, within: Sequence[str] | None, page: int
) -> tuple[list[Card], int]:
    """On sale, by name, PAGE a page from 0; and how many there are. within: categories that narrow it."""
    asked: list[ColumnElement[bool]] = [_P.retired_at.is_(None)]
    asked += [_P.category == category] if category else []
    asked += [_P.category.in_(within)] if within is not None else []
    asked += [func.lower(_P.name).contains(word, autoescape=True) for word in text.lower().split()[:8]]
    count = connection.execute(select(func.count()).select_from(tables.products).where(*asked)).scalar_one()
    query = select(tables.products).where(*asked).order_by(_P.stock == 0, _P.name, _P.id)
    rows = connection.execute(query.limit(PAGE).offset(page * PAGE)).mappings()
    return _cards(connection, [dict(row) for row in rows], {}), count


def categories(connection: Connection) -> list[str]:
    """Those of what is on sale."""
    query = select(_P.category).where(_P.retired_at.is_(None)).distinct().order_by(_P.category)
    return list(connection.execute(query).scalars())


def popular(connection: Connection, n: int, now: datetime) -> list[str]:
    """The same for everybody: of those in stock, what many people who agree to it turn to."""
    ranked = [one.product for one in shopping.lately_popular(connection, now).recommend(4 * n)]
    gone = shopping.sold_out(connection, ranked)
    return [product for product in ranked if product not in gone][:n]


# Ratings.


def _latest() -> Any:
    """The number of the last rating of each person for each product: a later one takes the place of an earlier."""
    mine = (_I.kind == "rating", _I.rating.is_not(None))
    return select(func.max(_I.id)).where(*mine).group_by(_I.person, _I.product)


def stars(connection: Connection, products: Iterable[str]) -> dict[str, Stars]:
    """Of those that somebody rated."""
    ids = list(products)
    if not ids:
        return {}
    overall = connection.execute(select(func.avg(_I.rating)).where(_I.kind == "rating")).scalar_one()
    last = _latest().where(_I.product.in_(ids))
    query = select(_I.product, func.count(), func.sum(_I.rating)).where(_I.id.in_(last)).group_by(_I.product)
    return {
        product: Stars(count=count, mean=_mean(float(total), count, float(overall)), overall=float(overall))
        for product, count, total in connection.execute(query)
    }


def _mean(total: float, count: int, overall: float) -> float:
    """As reviews.quality."""
    return (reviews.QUALITY_TRUST * overall + total) / (reviews.QUALITY_TRUST + count)


@dataclass(frozen=True, kw_only=True)
class Review:
    """verified: the person bought the product here or in the shop that told of it. mine: of who looks."""

    stars: int
    text: str
    at: datetime
    verified: bool
    mine: bool


def told(connection: Connection, product: str, person: str, limit: int, offset: int = 0) -> list[Review]:
    """The latest first, nobody named."""
    bought = select(_I.person).where(_I.product == product, _I.kind == "purchase")
    columns = (_I.rating, _I.text, _I.at, _I.person, _I.person.in_(bought).label("verified"))
    query = select(*columns).where(_I.id.in_(_latest().where(_I.product == product)))
    query = query.order_by(_I.at.desc(), _I.id.desc()).limit(limit).offset(offset)
    return [
        Review(stars=row.rating, text=row.text or "", at=row.at, verified=bool(row.verified), mine=row.person == person)
        for row in connection.execute(query)
    ]


def bought_with(connection: Connection, product: str, most: int) -> list[str]:
    """What at least small_groups.K people bought as well, of those who agree to it; the most often first. Nothing where
    there are fewer: who bought what is nobody's business."""
    theirs = consents.granting(purpose=MARKETING, data_category=BEHAVIOUR)
    willing = select(tables.people.c.id).where(tables.people.c.household.in_(theirs), personalisation.willing())
    owners = select(_I.person).where(_I.product == product, _I.kind == "purchase", _I.person.in_(willing))
    people = func.count(_I.person.distinct())
    others = (_I.kind == "purchase", _I.product != product, _I.person.in_(owners))
    query = select(_I.product).join(tables.products, _I.product == _P.id)
    query = query.where(*others, _P.retired_at.is_(None), _P.stock > 0).group_by(_I.product)
    query = query.having(people >= small_groups.K).order_by(people.desc(), _I.product).limit(most)
    return list(connection.execute(query).scalars())
