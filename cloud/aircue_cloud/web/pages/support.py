"""Support: conversations that wait for a person, what the bot had no answer to, and the articles it answers from."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, redirect, request, url_for
from sqlalchemy import Connection, select

from aircue_cloud import db, tables, texts
from aircue_cloud.decision import local_time
from aircue_cloud.errors import SettingsError
from aircue_cloud.routes.access import requires, who
from aircue_cloud.routes.services import services
from aircue_cloud.routes.support import READ, WRITE, author
from aircue_cloud.support import articles, conversations, states
from aircue_cloud.support.articles import Article, Key, Version
from aircue_cloud.support.conversations import Conversation, Question, Refused
from aircue_cloud.web import frame, wording
from aircue_cloud.web.listing import Cell, Column, Listing, Row

blueprint = frame.blueprint("support", __name__)

_STANDS = {
    states.BOT: "the bot answers",
    states.WAITING: "waits for a person",
    states.OPEN: "a person has it",
    states.SOLVED: "solved",
}
_DOES = {
    "": "nothing more",
    articles.ORDERS: "their orders and parcels",
    articles.WHY: "why their latest offer came",
    articles.PERSON: "hands over to a person",
}
_NO_TALK = (
    "Nobody has asked anything here. Shoppers find Support at the foot of every page of the shop; ask something there."
)


@blueprint.get("/support")
@requires(READ)
def page() -> Response:
    state = request.args.get("state", "")
    wanted = [state] if state in states.STATES else list(states.STATES)
    with db.reading(services().engine) as connection:
        found = conversations.listed(connection, wanted, frame.most())
        names = _names(connection, [one.person for one in found])
        open_questions = conversations.unanswered(connection, frame.most())
        known = services().support.answering.articles(connection)
        counts = conversations.counted(connection)
    return frame.page(
        "console/support.html",
        title="Support",
        listings=[_talks(found, names), _questions(open_questions), _articles(known)],
        counts=[(one, _STANDS[one], counts.get(one, 0)) for one in states.STATES],
        state=state if state in states.STATES else "",
        may=WRITE in who().scopes,
        written_in=texts.LANGUAGES,
    )


@blueprint.get("/support/conversations/<conversation>")
@requires(READ)
def talk(conversation: str) -> Response:
    return _talk(conversation, "")


@blueprint.post("/support/conversations/<conversation>")
@requires(WRITE)
def act(conversation: str) -> Response:
    """do: take, hand-back, solve or say."""
    what = request.form.get("do", "")
    if what not in _ACTS:
        abort(422, "this page has no such button")
    try:
        with db.writing(services().engine) as connection:
            _ACTS[what](connection, conversation, services().intake.clock())
    except Refused as error:
        return _talk(conversation, f"Not done: {error}.", 409)
    return _to(url_for(".talk", conversation=conversation, _anchor="end"))


def _take(connection: Connection, conversation: str, now: datetime) -> None:
    conversations.act(connection, conversation, states.TAKE, author(), now)


def _hand_back(connection: Connection, conversation: str, now: datetime) -> None:
    conversations.act(connection, conversation, states.HAND_BACK, author(), now)


def _solve(connection: Connection, conversation: str, now: datetime) -> None:
    conversations.act(connection, conversation, states.SOLVE, author(), now)


def _say(connection: Connection, conversation: str, now: datetime) -> None:
    conversations.tell(connection, conversation, author(), request.form.get("text", ""), now)


_ACTS: Mapping[str, Callable[[Connection, str, datetime], None]] = {
    states.TAKE: _take,
    states.HAND_BACK: _hand_back,
    states.SOLVE: _solve,
    "say": _say,
}


@blueprint.get("/support/questions/<int:message>")
@requires(READ)
def question(message: int) -> Response:
    """One that the bot had no answer to, with the articles it could be given to."""
    with db.reading(services().engine) as connection:
        found = _question(connection, message)
        known = services().support.answering.articles(connection)
    mine = [one for (language, _), one in known.items() if language == found.language]
    return frame.page(
        "console/question.html",
        title="A question without an answer",
        crumbs=[("Support", url_for(".page")), ("Question", "")],
        question=found,
        articles=mine,
        may=WRITE in who().scopes,
    )


@blueprint.post("/support/questions/<int:message>")
@requires(WRITE)
def settle(message: int) -> Response:
    """article: gets the question as one of its own; none: it needs no answer."""
    name = request.form.get("article", "")
    with db.writing(services().engine) as connection:
        found = _question(connection, message)
        if name:
            _taught(connection, (found.language, name), found)
        conversations.settle(connection, message)
    return _to(url_for(".page"))


@blueprint.get("/support/articles/<language>/<name>")
@requires(READ)
def article(language: str, name: str) -> Response:
    with db.reading(services().engine) as connection:
        found = services().support.answering.articles(connection).get((language, name))
        history = articles.history(connection, (language, name))
    if found is None and not history:
        abort(404, f"article {name!r:.80} in {language!r:.20} is not known: look for it on the page Support")
    shown = articles.document(found) if found is not None else dict(history[0].document)
    return _editor((language, name), shown, history)


@blueprint.post("/support/articles")
@requires(WRITE)
def save() -> Response:
    """Saves, or with do=retire takes away."""
    said = {name: request.form.get(name, "").replace("\r\n", "\n") for name in ("title", "body", "does", "questions")}
    key = request.form.get("language", ""), request.form.get("name", "").strip()
    lines = [line.strip() for line in said["questions"].splitlines() if line.strip()]
    shown: dict[str, Any] = said | {"questions": lines}
    try:
        with db.writing(services().engine) as connection:
            now, note = services().intake.clock(), request.form.get("note", "").strip()
            if request.form.get("do") == "retire":
                articles.retire(connection, key, author(), note, now)
            else:
                articles.save(connection, key, shown, author(), note, now)
    except SettingsError as error:
        with db.reading(services().engine) as connection:
            history = articles.history(connection, key)
        return _editor(key, shown, history, f"Not saved: {error}.", 422)
    return _to(url_for(".page", _anchor="table-articles"))


@blueprint.get("/support/new-article")
@requires(WRITE)
def new() -> Response:
    language = request.args.get("language", texts.ENGLISH)
    return _editor((language, ""), {"questions": [request.args.get("question", "")[:300]]}, [])


def _editor(
    key: Key, shown: Mapping[str, Any], history: Sequence[Version], said: str = "", status: int = 200
) -> Response:
    title = shown.get("title") or "A new article"
    return frame.page(
        "console/article.html",
        title=title,
        crumbs=[("Support", url_for(".page")), (key[1] or "new", "")],
        listings=[_history(history)],
        status=status,
        files=url_for(".article", language=key[0], name=key[1]) if key[1] else "",
        said=said,
        language=key[0],
        name=key[1],
        article=shown,
        questions="\n".join(shown.get("questions", ())),
        does=_DOES,
        written_in=texts.LANGUAGES,
        may=WRITE in who().scopes,
    )


def _talk(conversation: str, said: str, status: int = 200) -> Response:
    with db.reading(services().engine) as connection:
        found = conversations.found(connection, conversation)
        if found is None:
            abort(404, f"conversation {conversation!r:.50} is not known: look for it on the page Support")
        messages = conversations.transcript(connection, found.id)
        version = conversations.version(connection, found.id)
        name = _names(connection, [found.person]).get(found.person, found.person)
    mine = found.operator == author()
    return frame.page(
        "console/talk.html",
        title=f"Conversation with {name}",
        crumbs=[("Support", url_for(".page")), (name, "")],
        status=status,
        said=said,
        conversation=found,
        stands=_STANDS[found.state],
        messages=[(one, wording.day_and_time(one.at, ZoneInfo(local_time.UNSAID))) for one in messages],
        version=version,
        has_it=mine,
        may=WRITE in who().scopes,
        possible=[what for what in (states.TAKE, states.HAND_BACK, states.SOLVE) if states.after(found.state, what)],
        longest=conversations.LONGEST,
    )


def _to(path: str) -> Response:
    return redirect(path, 303)  # type: ignore[return-value]  # a werkzeug response; Flask serves both


def _names(connection: Connection, people: Sequence[str]) -> dict[str, str]:
    table = tables.people.c
    rows = connection.execute(select(table.id, table.name).where(table.id.in_(people)))
    return {row.id: row.name or row.id for row in rows}


def _question(connection: Connection, message: int) -> Question:
    found = next((one for one in conversations.unanswered(connection, 100_000) if one.id == message), None)
    if found is None:
        abort(404, "this question was seen to, or is not there any more")
    return found


def _taught(connection: Connection, key: Key, asked: Question) -> None:
    known = articles.current(connection).get(key)
    if known is None:
        abort(404, f"article {key[1]!r:.80} in {key[0]!r:.20} is not known")
    said = articles.document(known)
    said["questions"] = [*said["questions"], asked.text[: articles.LONGEST["question"]]]
    articles.save(connection, key, said, author(), "a shopper asked this", services().intake.clock())


# Tables.


def _talks(found: Sequence[Conversation], names: Mapping[str, str]) -> Listing:
    rows: list[Row] = [
        [
            Cell(text=names.get(one.person, one.person), href=url_for(".talk", conversation=one.id)),
            Cell(text=_STANDS[one.state], tone="warn" if one.state == states.WAITING else ""),
            one.operator,
            texts.LANGUAGES.get(one.language, one.language),
            _when(one.changed_at),
            _when(one.began_at),
        ]
        for one in found
    ]
    columns = ("With", "Stands", "Who has it", "Language", "Changed", "Began")
    return Listing(name="conversations", caption="Conversations", columns=columns, rows=rows, empty=_NO_TALK)


def _questions(found: Sequence[Question]) -> Listing:
    rows: list[Row] = [
        [
            Cell(text=one.text, href=url_for(".question", message=one.id)),
            texts.LANGUAGES.get(one.language, one.language),
            _when(one.at),
        ]
        for one in found
    ]
    empty = "The bot had an answer to everything so far, or each question was seen to."
    columns = (Column(label="Question", wide=True), "Language", "Asked")
    return Listing(name="questions", caption="Without an answer", columns=columns, rows=rows, empty=empty)


def _articles(known: Mapping[Key, Article]) -> Listing:
    rows: list[Row] = [
        [
            Cell(text=one.title, href=url_for(".article", language=one.language, name=one.name)),
            one.name,
            texts.LANGUAGES[one.language],
            len(one.questions),
            _DOES[one.does],
            f"version {one.version}" if one.version else "as shipped",
        ]
        for one in known.values()
    ]
    columns = ("Article", "Name", "Language", Column(label="Questions", number=True), "Looks up", "State")
    empty = "No article is left: write one, and the bot can answer."
    return Listing(name="articles", caption="Articles", columns=columns, rows=rows, empty=empty)


def _history(found: Sequence[Version]) -> Listing:
    rows: list[Row] = [
        [one.number, _when(one.at), one.author, "saved" if one.active else "taken away", one.note] for one in found
    ]
    columns = (Column(label="Version", number=True), "When", "Who", "What", Column(label="Why", wide=True))
    empty = "Never changed: it is as it shipped, or new."
    return Listing(name="history", caption="History", columns=columns, rows=rows, empty=empty)


def _when(at: datetime) -> Cell:
    return Cell(text=wording.day_and_time(at, ZoneInfo(local_time.UNSAID)), raw=at.isoformat(timespec="seconds"))
