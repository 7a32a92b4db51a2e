"""Pushes as their readers see them: what each is about, why it came, what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, or_, select

from aircue_cloud import tables
from aircue_cloud.decision import policy
from aircue_cloud.storefront import shelf, visitor, why
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.shelf import Card
from aircue_cloud.storefront.visitor import Visitor

MOST = 50
_U, _D, _A = tables.pushes.c, tables.decisions.c, tables.answers.c


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A push as its reader sees it. why: sentences. answered: by which buttons. ends: None where its end is too far
    away to matter. is_over: it is not sent any more."""

    push: Any
    card: Card
    why: Sequence[str]
    answered: frozenset[str]
    ends: datetime | None
    is_new: bool
    is_over: bool


def to(who: Visitor) -> tuple[Any, ...]:
    """Of pushes that are for this person, or for everybody at their home, and were not withdrawn."""
    to_them = _U.person.is_(None) | (_U.person == who.person)
    return _U.household == who.household, to_them, _U.withdrawn_at.is_(None)


def latest(connection: Connection, page: Page) -> Any | None:
    """The newest push that still stands and that the person has not answered."""
    who = page.visitor
    answered = exists().where(_A.push == _U.id, _A.person == who.person)
    stands = or_(_U.expires_at.is_(None), _U.expires_at > page.now)
    query = select(tables.pushes).where(*to(who), stands, ~answered)
    return connection.execute(query.order_by(_U.created_at.desc(), _U.id).limit(1)).one_or_none()


def found(connection: Connection, page: Page) -> list[Offer]:
    """The latest first."""
    query = select(tables.pushes).where(*to(page.visitor)).order_by(_U.created_at.desc(), _U.id).limit(MOST)
    rows = list(connection.execute(query))
    ids = [row.id for row in rows]
    cards = {card.id: card for card in shelf.cards(connection, [row.product for row in rows])}
    told, pressed = _told(connection, page, ids), _pressed(connection, page.visitor, ids)
    until = visitor.read_until(connection, page.visitor)
    return [
        Offer(
            push=row,
            card=cards[row.product],
            why=told.get(row.id, ()),
            answered=pressed.get(row.id, frozenset()),
            ends=why.near(row.expires_at, row.created_at),
            is_new=until is None or row.created_at > until,
            is_over=row.expires_at is not None and row.expires_at <= page.now,
        )
        for row in rows
    ]


def _told(connection: Connection, page: Page, pushes: Sequence[str]) -> dict[str, list[str]]:
    """By push, of the decision that sent it."""
    query = select(_D.push, _D.trace).where(_D.push.in_(pushes), _D.outcome == policy.SEND).order_by(_D.id)
    return {row.push: why.sentences(row.trace, page.t, page.formats) for row in connection.execute(query)}


def _pressed(connection: Connection, who: Visitor, pushes: Sequence[str]) -> dict[str, frozenset[str]]:
    query = select(_A.push, _A.action).where(_A.person == who.person, _A.push.in_(pushes))
    by_push: dict[str, frozenset[str]] = {}
    for row in connection.execute(query):
        by_push[row.push] = by_push.get(row.push, frozenset()) | {row.action}
    return by_push
