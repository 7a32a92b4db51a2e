"""The shop's front: what suits whoever looks, and why; or what is popular, the same for everybody."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.decision import recommending, shopping
from aircue_cloud.decision.recommending import Wish
from aircue_cloud.homes import personalisation
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import public
from aircue_cloud.routes.services import services
from aircue_cloud.storefront import air, frame, offered, reasons, shelf, visitor
from aircue_cloud.storefront.air import NeedNow
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.reasons import DEEDS, Words
from aircue_cloud.storefront.shelf import Card

SHOWN = 12
POPULAR = "popular"

blueprint = frame.pages("shop", __name__)


@dataclass(frozen=True, kw_only=True)
class Window:
    """What is shown, and whether it is fitted to whoever looks."""

    cards: Sequence[Card]
    personal: bool
    needs: Sequence[NeedNow] = ()


@blueprint.get("/")
@public
def home() -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection)
        wants = page.visitor.personalised and request.args.get("view") != POPULAR
        window = for_person(connection, page, SHOWN) if wants else for_anybody(connection, page, SHOWN)
        content: dict[str, Any] = {
            "window": window,
            "categories": shelf.categories(connection),
            "air_agreed": visitor.agrees(connection, page.visitor.household, visitor.SENSOR),
            "offer": offered.latest(connection, page) if window.personal else None,
            "off_at_home": _off_at_home(connection, page),
            "token": followed(connection, page),
        }
    return frame.shown(page, "home.html", **content)


def followed(connection: Connection, page: Page) -> str:
    """What names this view of a page in what its script tells; "" where nothing may be told."""
    return uuid.uuid4().hex if visitor.may_be_followed(connection, page.visitor) else ""


def _off_at_home(connection: Connection, page: Page) -> bool:
    return personalisation.since(connection, household=page.visitor.household) is not None


def for_anybody(connection: Connection, page: Page, n: int) -> Window:
    why = [page.t("reason.everybody")]
    found = shelf.popular(connection, n, page.now)
    return Window(cards=shelf.cards(connection, found, dict.fromkeys(found, why)), personal=False)


def for_person(connection: Connection, page: Page, n: int) -> Window:
    """With the needs of the home now, where it agreed to its air being used."""
    here, who = services(), page.visitor
    holding = air.needs_now(connection, who, here.needs, page.t.language, page.now)
    wish = Wish(n=n, home=tuple(here.needs.by_name.values()))
    [answer] = recommending.answer(connection, here.layers.affinity, [who.person], wish, page.now)
    named = frozenset().union(*(offer.why.named for offer in answer.offers))
    words = Words(
        t=page.t,
        names=shopping.names(connection, named),
        deeds=deeds(connection, who.person, named),
        said={need.name: need.said for need in holding},
    )
    why = {offer.product: reasons.sentences(offer.why, words) for offer in answer.offers}
    return Window(cards=shelf.cards(connection, list(why), why), personal=answer.personalised, needs=holding)


def deeds(connection: Connection, person: str, products: Iterable[str]) -> Mapping[str, str]:
    """What says most of what the person did with each of these."""
    table = tables.interactions.c
    mine = (table.person == person, table.product.in_(sorted(products)), table.kind.in_(DEEDS))
    found = connection.execute(select(table.product, table.kind).where(*mine).distinct())
    first = sorted(found, key=lambda row: DEEDS.index(row.kind), reverse=True)
    return {row.product: row.kind for row in first}


@blueprint.get("/products")
@public
def products() -> Response:
    """What is on sale, narrowed by category, need and words."""
    category, need = wire.text_argument("category"), wire.text_argument("need")
    text, number = wire.text_argument("q"), wire.whole_number("page", 0, 0, 10_000)
    known = services().needs.by_name
    within = list(known[need].remedies) if need in known else None
    with db.reading(services().engine) as connection:
        page = frame.opened(connection)
        cards, count = shelf.listed(connection, category=category, text=text, within=within, page=number)
        content: dict[str, Any] = {
            "cards": cards,
            "count": count,
            "categories": shelf.categories(connection),
            "category": category,
            "need": need if need in known else "",
            "q": text,
            "number": number,
            "more": count > (number + 1) * shelf.PAGE,
            "token": followed(connection, page),
        }
    return frame.shown(page, "products.html", **content)
