"""What goes well with a product, on its page: the same for everybody, but for the homes of the experiment's holdout."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from aircue_cloud import db
from aircue_cloud.associations import experiment, offers
from aircue_cloud.associations.experiment import Seen
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import shelf, visitor
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.shelf import Card

MOST = 4


@dataclass(frozen=True, kw_only=True)
class Beside:
    """cards: single products. together: two that go with it at once. mined: whether baskets told so beyond chance;
    otherwise it is what many bought as well. seen: how it stands with the visitor's home; None for whom nothing is
    written down."""

    cards: Sequence[Card]
    together: Sequence[Card] = ()
    mined: bool = False
    seen: Seen | None = None


def beside(connection: Connection, page: Page, product: str) -> Beside:
    """Changes nothing; see entered."""
    single = [one.products[0] for one in offers.goes_with(connection, product, MOST)]
    if not single:
        return Beside(cards=shelf.cards(connection, shelf.bought_with(connection, product, MOST)))
    two = next(iter(offers.bundles(connection, product, 1)), None)
    found = Beside(
        cards=shelf.cards(connection, single),
        together=[] if two is None else shelf.cards(connection, two.products),
        mined=True,
    )
    if not page.visitor.is_known or not visitor.may_be_followed(connection, page.visitor):
        return found
    said = config()
    return replace(
        found, seen=experiment.seen(connection, page.visitor.household, product, said.holdout, said.need_holdout)
    )


def entered(page: Page, product: str, found: Beside) -> Beside:
    """What is shown; the first time, how the home comes into the experiment is written down before."""
    if found.seen is None:
        return found
    shown = found.seen.shown
    if not found.seen.known:
        ids = [card.id for card in found.cards]
        with db.writing(services().engine) as connection:
            share = config().need_holdout
            shown = experiment.note(connection, page.visitor.household, product, ids, share, page.now)
    return found if shown else Beside(cards=())
