"""The catalogue: products as the shop gives them. What is no longer sold is retired, and stays for its history."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field
from msgspec.structs import asdict
from sqlalchemy import Connection, Row, select, update

from aircue_cloud import db, keyed, tables
from aircue_cloud.fields import Body, Id, Minor, Name, Reason, Text, changed
from aircue_cloud.needs.needs import Needs
from aircue_cloud.shop import money
from aircue_cloud.shop.money import Currency

_T = tables.products.c

Stock: TypeAlias = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Exponent: TypeAlias = Annotated[
    int, Meta(ge=0, le=4, description="decimals that the sender takes the currency to have; checked where it is given")
]
Number: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Attributes: TypeAlias = Annotated[dict[Name, Name | Number | float | bool], Meta(max_length=100)]


class Product(Body):
    """category: what needs name as their remedies. price_minor: what one piece costs."""

    name: Name
    category: Id
    price_minor: Minor
    currency: Currency
    stock: Stock
    exponent: Exponent | UnsetType = UNSET
    description: Text = ""
    attributes: Attributes = field(default_factory=dict)


class ListedProduct(Product, kw_only=True):
    """A product among many."""

    id: Id


class ProductPatch(Body):
    """Only what is to change."""

    name: Name | UnsetType = UNSET
    category: Id | UnsetType = UNSET
    price_minor: Minor | UnsetType = UNSET
    currency: Currency | UnsetType = UNSET
    stock: Stock | UnsetType = UNSET
    exponent: Exponent | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    attributes: Attributes | UnsetType = UNSET


class ProductDocument(Struct, kw_only=True, frozen=True):
    """A product as it is stored. exponent: decimals of the currency. remedies: the needs it is a remedy of, by its
    category. retired_at: null while it is sold."""

    id: str
    name: str
    category: str
    price_minor: int
    currency: str
    exponent: int
    stock: int
    description: str
    attributes: dict[str, str | int | float | bool]
    remedies: list[str]
    retired_at: datetime | None


def document(row: Row[Any], needs: Needs) -> ProductDocument:
    plain = ("id", "name", "category", "price_minor", "currency", "stock", "description", "attributes", "retired_at")
    return ProductDocument(
        **{name: getattr(row, name) for name in plain},
        exponent=money.exponent(row.currency),
        remedies=remedied(row.category, needs),
    )


def remedied(category: str, needs: Needs) -> list[str]:
    """The needs that products of a category are a remedy of."""
    return sorted(name for name, need in needs.by_name.items() if category in need.remedies)


def find(connection: Connection, id_: str) -> Row[Any] | None:
    return connection.execute(select(tables.products).where(_T.id == id_)).one_or_none()


def page(
    connection: Connection, *, after: str, limit: int, categories: Sequence[str] | None = None, retired: bool = False
) -> list[Row[Any]]:
    """By id. categories: only these. retired: those too that are no longer sold."""
    query = select(tables.products).where(_T.id > after).order_by(_T.id).limit(limit)
    if categories is not None:
        query = query.where(_T.category.in_(categories))
    if not retired:
        query = query.where(_T.retired_at.is_(None))
    return list(connection.execute(query))


def amiss(product: Product) -> Reason | None:
    """Why a product cannot be stored, though each of its fields is well."""
    if isinstance(product.exponent, UnsetType):
        return None
    return money.disagreement(product.currency, product.exponent)


def put(connection: Connection, products: Mapping[str, Product]) -> dict[str, str]:
    """Creates or replaces products by id, and puts retired ones on sale again: "created", "changed" or "same" each."""
    rows = [_row(id_, product) for id_, product in products.items()]
    before = _stored(connection, list(products))
    became = {row["id"]: _became(before.get(row["id"]), row) for row in rows}
    new = [row for row in rows if became[row["id"]] != "same"]
    if new:
        columns = [name for name in new[0] if name != "id"]
        connection.execute(db.insert_or_update(connection, tables.products, columns), new)
    return became


def patch(connection: Connection, row: Row[Any], body: ProductPatch) -> Reason | None:
    """Changes a stored product; the reason where the result would be none."""
    values = changed(body)
    said = values.pop("exponent", None)
    if said is not None:
        reason = money.disagreement(values.get("currency", row.currency), said)
        if reason is not None:
            return reason
    if values:
        connection.execute(update(tables.products).where(_T.id == row.id).values(values))
    return None


def retire(connection: Connection, id_: str, now: datetime) -> bool:
    """False where there is no such product. What is retired has no stock either; a second time changes nothing."""
    if find(connection, id_) is None:
        return False
    on_sale = update(tables.products).where(_T.id == id_, _T.retired_at.is_(None))
    connection.execute(on_sale.values(retired_at=now, stock=0))
    return True


def _row(id_: str, product: Product) -> dict[str, Any]:
    said = asdict(product)
    kept = ("name", "category", "price_minor", "currency", "stock", "description", "attributes")
    return {"id": id_, **{name: said[name] for name in kept}, "retired_at": None}


def _stored(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    known = sorted(keyed.present(connection, _T.id, ids))
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(known), 1000):
        query = select(tables.products).where(_T.id.in_(known[start : start + 1000]))
        found.update((row["id"], dict(row)) for row in connection.execute(query).mappings())
    return found


def _became(before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> str:
    if before is None:
        return "created"
    return "same" if dict(before) == dict(row) else "changed"
