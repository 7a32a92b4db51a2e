"""The offers of the person who is signed in: why each came, what to do with it, and when the next one can come."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response, abort, request, url_for
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.decision import policy, preferences
from aircue_cloud.delivery import buttons, live
from aircue_cloud.delivery.buttons import Said
from aircue_cloud.routes.access import by_shopper
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import frame, home, next_time, offered, ordering, visitor
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.visitor import Visitor

COUNTED = timedelta(days=8)  # as far back as caps look
_U, _D = tables.pushes.c, tables.decisions.c

blueprint = frame.pages("shop_inbox", __name__)


@blueprint.get("/offers")
@by_shopper
def offers() -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        content: dict[str, Any] = {
            "offers": offered.found(connection, page),
            "next_time": _next(connection, page),
            "version": live.version(connection, page.visitor.household),
            "view": home.followed(connection, page),
        }
    asked = request.args.get("said", "")
    return frame.shown(page, "offers.html", **content, said=asked if asked in buttons.ACTIONS else "")


@blueprint.post("/offers/answer")
@by_shopper
def answer() -> Response:
    """A button that is pressed on the page; what a link of the same offer did before is not done again."""
    action, push = request.form.get("action", ""), request.form.get("push", "")
    if action not in buttons.ACTIONS:
        abort(422, "this page has no such button")
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        row = _theirs(connection, page.visitor, push)
        said = Said(action, push, page.visitor.person, round(page.now.timestamp()) + 1)
        buttons.press(connection, said, preferences, page.now)
        if action == buttons.BUY:
            ordering.add(connection, page.visitor.person, row.product, 1, page.now, push=row.id)
    if action == buttons.BUY and config().has_storefront:
        return frame.to(url_for("shop_cart.cart"))
    return frame.to(url_for("shop_inbox.offers", said=action))


@blueprint.post("/offers/read")
@by_shopper
def read() -> Response:
    """Everything that came so far. It is the script's to say, or a button's: opening the page changes nothing."""
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        row = [{"person": page.visitor.person, "read_until": page.now}]
        connection.execute(db.insert_or_update(connection, tables.inbox_reads, ["read_until"]), row)
    return frame.to(url_for("shop_inbox.offers"))


def _theirs(connection: Connection, who: Visitor, push: str) -> Any:
    """404 for anybody else's."""
    query = select(tables.pushes).where(*offered.to(who), _U.id == push.replace("\0", " "))
    row = connection.execute(query).one_or_none()
    if row is None:
        abort(404, "this offer is not there any more")
    return row


def _next(connection: Connection, page: Page) -> str:
    """As a sentence."""
    who, store = page.visitor, config().pushes
    if not who.personalised:
        return page.t("inbox.next_off")
    if not visitor.gets_offers(connection, who.household, policy.CHANNEL):
        return page.t("inbox.next_not_agreed")
    wishes = visitor.wishes(connection, who.household, who.person)
    place = wishes.place(visitor.home_zone(connection, who.household), store)
    at = next_time.earliest(
        page.now,
        zone=place.zone,
        quiet=place.quiet,
        caps=wishes.caps(store),
        sent=_sent(connection, who, page.now),
        snoozed=_all_snoozed(wishes),
    )
    if at is None:
        return page.t("inbox.next_never")
    return page.t("inbox.next_now") if at <= page.now else page.t("inbox.next", time=page.formats.moment(at))


def _all_snoozed(wishes: preferences.Wishes) -> datetime | None:
    """Until when they put off everything."""
    said = (wishes.person.snoozed.get(preferences.ANY), wishes.household.snoozed.get(preferences.ANY))
    return max((at for at in said if at is not None), default=None)


def _sent(connection: Connection, who: Visitor, now: datetime) -> list[datetime]:
    """Marketing that caps count: sent, or held out."""
    offered = (_D.outcome.in_((policy.SEND, policy.GHOST)), _D.kind == policy.MARKETING, _D.at > now - COUNTED)
    mine = (_D.household == who.household, _D.person == who.person)
    return list(connection.execute(select(_D.at).where(*offered, *mine)).scalars())
