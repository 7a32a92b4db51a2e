"""The catalogue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

from flask import Blueprint, Response, abort
from msgspec import Struct

from aircue_cloud import db
from aircue_cloud.associations import offers, stored
from aircue_cloud.associations.offers import Offer
from aircue_cloud.fields import Outcome, Reason
from aircue_cloud.keyed import Verdict
from aircue_cloud.recommender.serving import Recommender
from aircue_cloud.rights import small_groups
from aircue_cloud.routes import bulk, wire
from aircue_cloud.routes.access import requires
from aircue_cloud.routes.described import AFTER_ID, LIMIT, Argument, Operation, described
from aircue_cloud.routes.services import services
from aircue_cloud.shop import catalogue
from aircue_cloud.shop.catalogue import ListedProduct, Product, ProductDocument, ProductPatch

blueprint = Blueprint("products", __name__, url_prefix="/api/v1/products")

_TEXT = {"type": "string", "maxLength": 200}


class ProductPage(Struct, kw_only=True, frozen=True):
    """next: what to give as after for the rows that follow."""

    products: list[ProductDocument]
    next: str


@blueprint.get("")
@requires("catalogue:read")
@described(
    Operation(
        summary="List products by id",
        replies={200: ProductPage},
        query=(
            AFTER_ID,
            LIMIT,
            Argument(name="category", about="only these", schema=_TEXT),
            Argument(name="remedies", about="only remedies of this need", schema=_TEXT),
            Argument(name="retired", about="those too that are no longer sold", schema={"type": "boolean"}),
        ),
    )
)
def get() -> Response:
    after, limit, retired = wire.text_argument("after"), wire.limit(), wire.flag("retired")
    with db.reading(services().engine) as connection:
        rows = catalogue.page(connection, after=after, limit=limit, categories=_categories(), retired=retired)
    found = [catalogue.document(row, services().needs) for row in rows]
    return wire.reply(ProductPage(products=found, next=found[-1].id if found else after))


def _categories() -> list[str] | None:
    """Those that the query narrows the catalogue to; None: all."""
    category, need = wire.text_argument("category"), wire.text_argument("remedies")
    if not need:
        return [category] if category else None
    needs = services().needs.by_name
    if need not in needs:
        abort(400, f"query parameter remedies is {need!r:.50}, expected one of {', '.join(sorted(needs))}")
    return [name for name in needs[need].remedies if category in ("", name)]


@blueprint.put("")
@requires("catalogue:write")
@described(
    Operation(
        summary="Create or replace up to 10,000 products; of one id the last holds",
        bodies={wire.JSON: list[ListedProduct], wire.NDJSON: {"type": "string"}},
        replies={200: Outcome, 207: Outcome},
        refusals=(413, 415, 422),
    )
)
def put_many() -> Response:
    return bulk.many(ListedProduct, bulk.lines(), _store, _never)


def _store(products: Sequence[ListedProduct]) -> list[Verdict | Reason]:
    reasons = [catalogue.amiss(product) for product in products]
    fit = {product.id: product for product, reason in zip(products, reasons, strict=True) if reason is None}
    with db.writing(services().engine) as connection:
        became = catalogue.put(connection, fit)
    return [
        reason or ("duplicate" if became[product.id] == "same" else "stored")
        for product, reason in zip(products, reasons, strict=True)
    ]


def _never(id_: str) -> NoReturn:
    raise AssertionError(f"product {id_}: a product may always be replaced")


@blueprint.get("/<product>")
@requires("catalogue:read")
@described(Operation(summary="One product, sold or retired", replies={200: ProductDocument}, refusals=(404,)))
def get_one(product: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_document(connection, product))


class RatedAspect(Struct, kw_only=True, frozen=True):
    """mentions: clauses that judge it. positive: their share."""

    name: str
    mentions: int
    positive: float


class ReviewSummary(Struct, kw_only=True, frozen=True):
    """What ratings say of a product, as the active model learnt it. quality: 1 to 5 stars, drawn towards the mean of
    all products. unknown: the share of texts that could not be judged. All null where fewer than 20 rated it."""

    product: str
    model: str | None
    ratings: int | None = None
    quality: float | None = None
    unknown: float | None = None
    aspects: list[RatedAspect] | None = None


@blueprint.get("/<product>/reviews")
@requires("catalogue:read")
@described(Operation(summary="What ratings say of a product", replies={200: ReviewSummary}, refusals=(404,)))
def get_reviews(product: str) -> Response:
    with db.reading(services().engine) as connection:
        _known(connection, product)
    model = services().layers.affinity.current()
    if not isinstance(model, Recommender):
        return wire.reply(ReviewSummary(product=product, model=None))
    found = model.reviews.get(product)
    if found is None or found.ratings < small_groups.K:
        return wire.reply(ReviewSummary(product=product, model=model.version))
    return wire.reply(
        ReviewSummary(
            product=product,
            model=model.version,
            ratings=found.ratings,
            quality=found.quality,
            unknown=found.unknown,
            aspects=[RatedAspect(name=one.name, mentions=one.mentions, positive=one.positive) for one in found.aspects],
        )
    )


class GoesWith(Struct, kw_only=True, frozen=True):
    """products: one, or of a bundle two. kind: pair, triple, or device: what homes buy that own one of its category.
    confidence: the share of its buyers that buy them too; lift: by how much that is more than of all. price_minor: of
    all of them, the same for everybody. worth_minor: what showing them is expected to earn, a buyer of the product."""

    products: list[str]
    names: list[str]
    kind: str
    confidence: float
    lift: float
    false_share: float
    price_minor: int
    currency: str
    worth_minor: float


class GoesWithList(Struct, kw_only=True, frozen=True):
    """The most worth first; nothing that fewer than 20 people bought together. mined_at: null before the first time."""

    product: str
    mined_at: datetime | None
    goes_with: list[GoesWith]
    bundles: list[GoesWith]


@blueprint.get("/<product>/goes-with")
@requires("catalogue:read")
@described(
    Operation(
        summary="What is bought with a product more often than chance explains, on sale and in stock",
        replies={200: GoesWithList},
        query=(Argument(name="limit", about="of each kind", schema={"type": "integer", "minimum": 1, "maximum": 100}),),
        refusals=(404,),
    )
)
def goes_with(product: str) -> Response:
    most = wire.whole_number("limit", 10, 1, 100)
    with db.reading(services().engine) as connection:
        _known(connection, product)
        run = stored.last(connection)
        found = GoesWithList(
            product=product,
            mined_at=None if run is None else run.made_at,
            goes_with=[_offered(one) for one in offers.goes_with(connection, product, most)],
            bundles=[_offered(one) for one in offers.bundles(connection, product, most)],
        )
    return wire.reply(found)


def _offered(one: Offer) -> GoesWith:
    return GoesWith(
        products=list(one.products),
        names=list(one.names),
        kind=one.rule.kind,
        confidence=round(one.rule.confidence, 2),
        lift=round(one.rule.lift, 1),
        false_share=one.rule.q,
        price_minor=one.price_minor,
        currency=one.currency,
        worth_minor=round(one.worth, 1),
    )


@blueprint.put("/<product>")
@requires("catalogue:write")
@described(
    Operation(
        summary="Create or replace a product; a retired one is on sale again",
        bodies={wire.JSON: Product},
        replies={200: ProductDocument, 201: ProductDocument},
        refusals=(413, 415, 422),
    )
)
def put(product: str) -> Response:
    id_, body = wire.new_id(product, "product"), wire.body(Product)
    reason = catalogue.amiss(body)
    if reason is not None:
        wire.refuse(422, reason)
    with db.writing(services().engine) as connection:
        became = catalogue.put(connection, {id_: body})[id_]
        return wire.reply(_document(connection, id_), 201 if became == "created" else 200)


@blueprint.patch("/<product>")
@requires("catalogue:write")
@described(
    Operation(
        summary="Change fields of a product",
        bodies={wire.JSON: ProductPatch},
        replies={200: ProductDocument},
        refusals=(404, 413, 415, 422),
    )
)
def patch(product: str) -> Response:
    body = wire.body(ProductPatch)
    with db.writing(services().engine) as connection:
        reason = catalogue.patch(connection, _known(connection, product), body)
        if reason is not None:
            wire.refuse(422, reason)
        return wire.reply(_document(connection, product))


@blueprint.delete("/<product>")
@requires("catalogue:write")
@described(
    Operation(
        summary="Retire a product: no longer sold or offered, kept for what people did with it",
        replies={204: None},
        refusals=(404,),
    )
)
def delete(product: str) -> Response:
    with db.writing(services().engine) as connection:
        _known(connection, product)
        catalogue.retire(connection, product, services().intake.clock())
    return Response(status=204)


def _document(connection: Any, id_: str) -> ProductDocument:
    return catalogue.document(_known(connection, id_), services().needs)


def _known(connection: Any, id_: str) -> Any:
    row = None if "\0" in id_ else catalogue.find(connection, id_)
    if row is None:
        abort(404, f"product {id_!r:.100} is not known; GET /api/v1/products lists those that are")
    return row
