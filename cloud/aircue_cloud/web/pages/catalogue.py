"""The catalogue: what is offered, and what people say of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, abort, request, url_for
from sqlalchemy import ColumnElement, Connection, func, select

from aircue_cloud import db, tables
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.services import services
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Listing, Row

blueprint = frame.blueprint("catalogue", __name__)
LOW_STOCK = 3
_P, _I = tables.products.c, tables.interactions.c
_COLUMNS = (
    "Product",
    "Id",
    "Category",
    Column(label="Price", number=True),
    Column(label="Stock", number=True),
    Column(label="Stars", number=True),
    Column(label="Ratings", number=True),
    "State",
)
_EMPTY = (
    "No product here yet. Send the shop's catalogue with PUT /api/v1/products/ID, or from a file with: "
    "aircue-cloud import"
)


@blueprint.get("/catalogue")
@requires("catalogue:read")
def page() -> Response:
    wanted, category = request.args.get("q", ""), request.args.get("category", "")
    after = request.args.get("after", "")
    with db.reading(services().engine) as connection:
        found = _products(connection, wanted, category, after, frame.most() + 1)
        categories = connection.execute(select(_P.category).distinct().order_by(_P.category)).scalars().all()
    return frame.page(
        "console/catalogue.html",
        title="Catalogue",
        listings=[_listing(found, frame.most())],
        wanted=wanted,
        category=category,
        categories=categories,
    )


@blueprint.get("/catalogue/<path:product>")
@requires("catalogue:read")
def product(product: str) -> Response:
    with db.reading(services().engine) as connection:
        found = connection.execute(_rated().where(_P.id == product)).mappings().one_or_none()
        reviews = _reviews(connection, product, frame.most())
    if found is None:
        abort(404, f"product {product!r:.100} is not known: look for it in the catalogue")
    row = dict(found)
    return frame.page(
        "console/product.html",
        title=row["name"],
        crumbs=[("Catalogue", url_for(".page")), (row["id"], "")],
        listings=[_attributes(row), reviews],
        product=row,
        facts=_facts(row),
    )


def _products(connection: Connection, wanted: str, category: str, after: str, limit: int) -> list[Mapping[str, Any]]:
    conditions: list[ColumnElement[bool]] = [_P.id > after]
    if wanted:
        conditions.append(_P.name.icontains(wanted, autoescape=True) | (_P.id == wanted))
    if category:
        conditions.append(_P.category == category)
    query = _rated().where(*conditions).order_by(_P.id).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _rated() -> Any:
    """Products with their mean of stars and how many gave some."""
    mine = (_I.product == _P.id, _I.kind == "rating", _I.rating.is_not(None))
    stars = select(func.avg(_I.rating)).where(*mine).scalar_subquery()
    ratings = select(func.count()).where(*mine).scalar_subquery()
    return select(tables.products, stars.label("stars"), ratings.label("ratings"))


def _listing(found: Sequence[Mapping[str, Any]], most: int) -> Listing:
    shown, more = found[:most], ""
    if len(found) > most:
        more = url_for(".page", **{**request.args.to_dict(), "after": shown[-1]["id"]})
    rows = [_row(row) for row in shown]
    return Listing(name="products", caption="Products", columns=_COLUMNS, rows=rows, empty=_EMPTY, more=more)


def _row(row: Mapping[str, Any]) -> Row:
    return [
        Cell(text=row["name"], href=url_for(".product", product=row["id"])),
        row["id"],
        row["category"],
        Cell(text=wording.price(row["price_minor"], row["currency"])),
        Cell(text=wording.count(row["stock"]), raw=row["stock"], tone="warn" if row["stock"] <= LOW_STOCK else ""),
        _stars(row),
        row["ratings"],
        "on sale" if row["retired_at"] is None else Cell(text="retired", tone="soft"),
    ]


def _stars(row: Mapping[str, Any]) -> Cell | None:
    return None if row["stars"] is None else Cell(text=f"{row['stars']:.1f}")


def _facts(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    stars = "none yet" if row["stars"] is None else f"{row['stars']:.1f} of 5, {row['ratings']} ratings"
    return [
        ("Id", row["id"]),
        ("Category", row["category"]),
        ("Price", wording.price(row["price_minor"], row["currency"])),
        ("Stock", wording.count(row["stock"])),
        ("Stars", stars),
        ("State", "on sale" if row["retired_at"] is None else f"retired on {row['retired_at']:%d %b %Y}"),
    ]


def _attributes(row: Mapping[str, Any]) -> Listing:
    rows = [[name, str(value)] for name, value in sorted(row["attributes"].items())]
    empty = "It has no attributes: a model can tell such products apart by their category alone."
    return Listing(name="attributes", caption="Attributes", columns=("Attribute", "Value"), rows=rows, empty=empty)


def _reviews(connection: Connection, product: str, limit: int) -> Listing:
    mine = (_I.product == product, _I.kind == "rating")
    query = select(_I.at, _I.rating, _I.text).where(*mine).order_by(_I.at.desc(), _I.id.desc()).limit(limit)
    rows = [[f"{row.at:%d %b %Y}", row.rating, row.text] for row in connection.execute(query)]
    columns = ("Day", Column(label="Stars", number=True), Column(label="Words", wide=True))
    empty = "Nobody rated it yet. Ratings come in as events: POST /api/v1/events."
    return Listing(name="reviews", caption="Ratings and reviews", columns=columns, rows=rows, empty=empty)
