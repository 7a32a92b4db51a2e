"""The shop's support: anybody asks the bot; whoever is signed in has a conversation, in which a person may answer too.

It works by forms alone; with its script, what the other side says appears by itself.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, abort, request, url_for
from sqlalchemy import Connection

from aircue_cloud import db, texts
from aircue_cloud.identity.rates import Limit
from aircue_cloud.routes import browsers, language, limits
from aircue_cloud.routes.access import by_shopper, public, shopper
from aircue_cloud.routes.services import config, services
from aircue_cloud.storefront import frame, visitor
from aircue_cloud.storefront.formats import Formats
from aircue_cloud.storefront.frame import Page
from aircue_cloud.storefront.told import Told
from aircue_cloud.support import conversations
from aircue_cloud.support.articles import Article
from aircue_cloud.support.asking import FactsOf
from aircue_cloud.support.bot import Facts
from aircue_cloud.support.conversations import LONGEST, Conversation, Refused

EARLIER = 20
BY_PERSON = Limit(what="support person", most=60, window=timedelta(minutes=15))
BY_ADDRESS = Limit(what="support address", most=60, window=timedelta(minutes=15))

blueprint = frame.pages("shop_support", __name__)


@blueprint.get("/support")
@public
def show() -> Response:
    """The conversation of whoever is signed in; for anybody else, a question and its answer, kept nowhere."""
    wrong = request.args.get("wrong", "")
    with db.reading(services().engine) as connection:
        page = frame.opened(connection)
        if page.visitor.is_known:
            return _talk(page, connection, conversations.current(connection, page.visitor.person), wrong=wrong)
        known = services().support.answering.articles(connection)
    asked, answer = request.args.get("q", "").strip(), None
    if asked:
        limits.must_not_be_too_often(BY_ADDRESS, browsers.address())
        _, answer = services().support.once(asked[:LONGEST], page.t.language)
    return frame.shown(
        page,
        "support.html",
        asked=asked,
        answer=answer,
        cited=_cited(known, page.t.language),
        articles=_of(known, page.t.language),
        longest=LONGEST,
        wrong="",
    )


@blueprint.post("/support")
@by_shopper
def say() -> Response:
    wrong = _wrong(request.form.get("question", ""))
    if wrong:
        return frame.to(url_for("shop_support.show", wrong=wrong))
    person = shopper()
    limits.must_not_be_too_often(BY_PERSON, _nameless(person))
    here = services()
    here.support.say(person, request.form["question"], language.wanted(), facts_of(person), here.intake.clock())
    return frame.to(url_for("shop_support.show", _anchor="end"))


@blueprint.post("/support/person")
@by_shopper
def ask_person() -> Response:
    with db.writing(services().engine) as connection:
        page = frame.opened(connection, known=True)
        conversations.ask_person(connection, page.visitor.person, page.t.language, page.now)
    return frame.to(url_for("shop_support.show", _anchor="end"))


@blueprint.get("/support/conversations/<conversation>")
@by_shopper
def earlier(conversation: str) -> Response:
    """404 for anybody else's."""
    with db.reading(services().engine) as connection:
        page = frame.opened(connection, known=True)
        found = conversations.found(connection, conversation, page.visitor.person)
        if found is None:
            abort(404, "this conversation is not there")
        return _talk(page, connection, found)


@blueprint.get("/support/articles/<name>")
@public
def article(name: str) -> Response:
    with db.reading(services().engine) as connection:
        page = frame.opened(connection)
        known = services().support.answering.articles(connection)
    found = known.get((page.t.language, name)) or known.get((texts.ENGLISH, name))
    if found is None:
        abort(404, "there is no such answer")
    return frame.shown(page, "answer.html", article=found)


def facts_of(person: str) -> FactsOf:
    """What may be told to this person."""

    def of(connection: Connection, spoken: str) -> Facts | None:
        who = visitor.of_person(connection, person, config().pushes)
        if who is None:
            return None
        formats = Formats(spoken, who.zone)
        now = services().intake.clock()
        return Told(connection=connection, visitor=who, t=texts.of(spoken), formats=formats, now=now)

    return of


def _nameless(person: str) -> str:
    """For a counter of a few minutes, which an erasure does not look through."""
    return hashlib.sha256(person.encode()).hexdigest()[:32]


def _wrong(text: str) -> str:
    try:
        conversations.fit(text)
    except Refused:
        return "long" if text.strip() else "empty"
    return ""


def _talk(page: Page, connection: Connection, found: Conversation | None, wrong: str = "") -> Response:
    now = conversations.current(connection, page.visitor.person)
    known = services().support.answering.articles(connection)
    others = conversations.of_person(connection, page.visitor.person, EARLIER)
    content: dict[str, Any] = {
        "conversation": found,
        "version": "" if found is None else conversations.version(connection, found.id),
        "messages": [] if found is None else conversations.transcript(connection, found.id),
        "earlier": [one for one in others if found is None or one.id != found.id],
        "is_current": found is None or now is None or found.id == now.id,
        "wrong": wrong if wrong in ("empty", "long") else "",
        "cited": _cited(known, page.t.language),
        "articles": _of(known, page.t.language),
        "longest": LONGEST,
    }
    return frame.shown(page, "support.html", **content)


def _of(known: Mapping[tuple[str, str], Article], spoken: str) -> list[Article]:
    return [one for (of, _), one in known.items() if of == spoken]


def _cited(known: Mapping[tuple[str, str], Article], spoken: str) -> Mapping[str, str]:
    """What articles are called, by name, in the page's language where it has them."""
    titles = {name: one.title for (_, name), one in known.items()}
    return titles | {one.name: one.title for one in _of(known, spoken)}
