"""Support: the store's articles with their history, the bot asked once, conversations and who answers them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, abort
from msgspec import Meta, Struct, field
from sqlalchemy import Connection

from aircue_cloud import db, texts
from aircue_cloud.errors import SettingsError
from aircue_cloud.fields import Body
from aircue_cloud.needs.stored import LONGEST_NOTE
from aircue_cloud.routes import wire
from aircue_cloud.routes.access import by_shopper, requires, shopper, who
from aircue_cloud.routes.described import LIMIT, Argument, Operation, described
from aircue_cloud.routes.inbox import VERSION, WAIT
from aircue_cloud.routes.services import services
from aircue_cloud.support import articles, conversations, live, states
from aircue_cloud.support.articles import Article, Key
from aircue_cloud.support.conversations import Conversation, Message, Refused

blueprint = Blueprint("support", __name__, url_prefix="/api/v1")
READ, WRITE = "support:read", "support:write"

_WORDS = r"^[^\x00]*[^\x00\s][^\x00]*$"
Said = Annotated[str, Meta(pattern=_WORDS, min_length=1, max_length=conversations.LONGEST)]
Asked = Annotated[str, Meta(pattern=_WORDS, min_length=1, max_length=articles.LONGEST["question"])]
Language = Annotated[str, Meta(pattern=f"^({'|'.join(texts.LANGUAGES)})$", max_length=8)]
_STATE = Argument(name="state", about="only those", schema={"type": "string", "enum": list(states.STATES)})


class ArticleDocument(Body):
    """questions: as people ask for it. does: orders, why or person, what the bot looks up beside the text. note: why it
    was changed, for those who read the history."""

    title: Annotated[str, Meta(pattern=_WORDS, min_length=1, max_length=articles.LONGEST["title"])]
    body: Annotated[str, Meta(pattern=_WORDS, min_length=1, max_length=articles.LONGEST["body"])]
    questions: Annotated[list[Asked], Meta(max_length=articles.MOST_QUESTIONS)] = field(default_factory=list)
    does: Literal["", "orders", "why", "person"] = ""
    note: Annotated[str, Meta(pattern=r"^[^\x00]*$", max_length=LONGEST_NOTE)] = ""


class ArticleShown(Struct, kw_only=True, frozen=True):
    """version: 0 of what ships."""

    language: str
    name: str
    title: str
    body: str
    questions: list[str]
    does: str
    version: int


class ArticleList(Struct, kw_only=True, frozen=True):
    articles: list[ArticleShown]


class ArticleVersion(Struct, kw_only=True, frozen=True):
    """active: false where it took the article away."""

    number: int
    document: dict[str, Any]
    author: str
    at: datetime
    note: str
    active: bool


class ArticleHistory(Struct, kw_only=True, frozen=True):
    """Newest first."""

    versions: list[ArticleVersion]


class Question(Body):
    question: Said
    language: Language = texts.ENGLISH


class Answer(Struct, kw_only=True, frozen=True):
    """answered: false where the bot does not know. article: that it cites. chance: of it being the right one, as the
    bot sees it. suggested: names of articles that come near."""

    answered: bool
    text: str
    article: str | None
    chance: float | None
    suggested: list[str]


class ConversationLine(Struct, kw_only=True, frozen=True):
    """state: bot, waiting (for a person), open (a person has it) or solved."""

    id: str
    person: str
    language: str
    state: str
    operator: str | None
    began_at: datetime
    changed_at: datetime


class ConversationList(Struct, kw_only=True, frozen=True):
    conversations: list[ConversationLine]


class Line(Struct, kw_only=True, frozen=True):
    """author: shopper, bot or operator."""

    id: int
    author: str
    text: str
    at: datetime
    article: str | None


class Talk(ConversationLine, kw_only=True, frozen=True):
    """version: to be named in the next request."""

    messages: list[Line]
    version: str


class OwnTalk(Struct, kw_only=True, frozen=True):
    """Of whoever asks. state: "" while nothing was said."""

    state: str
    messages: list[Line]
    version: str


class Words(Body):
    text: Said


# Articles.


@blueprint.get("/support/articles")
@requires(READ)
@described(Operation(summary="All articles as they hold now", replies={200: ArticleList}))
def listed() -> Response:
    with db.reading(services().engine) as connection:
        found = services().support.answering.articles(connection).values()
    return wire.reply(ArticleList(articles=[_shown(one) for one in found]))


@blueprint.get("/support/articles/<language>/<article>")
@requires(READ)
@described(Operation(summary="An article", replies={200: ArticleShown}, refusals=(404,)))
def get(language: str, article: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_shown(_known(connection, (language, article))))


@blueprint.put("/support/articles/<language>/<article>")
@requires(WRITE)
@described(
    Operation(
        summary="Save an article, which holds from then on; what it was before stays in its history",
        bodies={wire.JSON: ArticleDocument},
        replies={200: ArticleShown},
        refusals=(413, 415, 422),
    )
)
def put(language: str, article: str) -> Response:
    said = wire.body(ArticleDocument)
    document = {"title": said.title, "body": said.body, "questions": said.questions, "does": said.does}
    now, by = services().intake.clock(), author()
    with db.writing(services().engine) as connection:
        saved = _fitting(lambda: articles.save(connection, (language, article), document, by, said.note, now))
    return wire.reply(_shown(saved))


@blueprint.delete("/support/articles/<language>/<article>")
@requires(WRITE)
@described(Operation(summary="Take an article away; saved again it is back", replies={204: None}, refusals=(404,)))
def delete(language: str, article: str) -> Response:
    by = author()
    with db.writing(services().engine) as connection:
        _known(connection, (language, article))
        articles.retire(connection, (language, article), by, "", services().intake.clock())
    return Response(status=204)


@blueprint.get("/support/articles/<language>/<article>/history")
@requires(READ)
@described(Operation(summary="Every version of an article", replies={200: ArticleHistory}, refusals=(404,)))
def history(language: str, article: str) -> Response:
    with db.reading(services().engine) as connection:
        versions = articles.history(connection, (language, article))
        if not versions:
            _known(connection, (language, article))
    kept = [{key: value for key, value in vars(one).items() if key not in ("language", "name")} for one in versions]
    return wire.reply(ArticleHistory(versions=[ArticleVersion(**one) for one in kept]))


@blueprint.post("/support/ask")
@requires(READ)
@described(
    Operation(
        summary="What the bot would say to somebody who is not signed in; nothing is kept",
        bodies={wire.JSON: Question},
        replies={200: Answer},
        refusals=(413, 415, 422),
    )
)
def ask() -> Response:
    said = wire.body(Question)
    _, reply = services().support.once(said.question, said.language)
    return wire.reply(
        Answer(
            answered=not reply.unanswered,
            text=reply.text,
            article=reply.cited,
            chance=reply.chance,
            suggested=[one.name for one in reply.suggested],
        )
    )


# Conversations.


@blueprint.get("/support/conversations")
@requires(READ)
@described(
    Operation(
        summary="Conversations: who waits for a person first, the longest waiting before, then the latest",
        replies={200: ConversationList},
        query=(_STATE, LIMIT),
    )
)
def talks() -> Response:
    state = wire.text_argument("state")
    if state and state not in states.STATES:
        abort(400, f"query parameter state is {state!r:.50}, expected one of {', '.join(states.STATES)}")
    with db.reading(services().engine) as connection:
        found = conversations.listed(connection, [state] if state else states.STATES, wire.limit())
    return wire.reply(ConversationList(conversations=[ConversationLine(**vars(one)) for one in found]))


@blueprint.get("/support/conversations/<conversation>")
@requires(READ)
@described(Operation(summary="A conversation with what was said", replies={200: Talk}, refusals=(404,)))
def talk(conversation: str) -> Response:
    with db.reading(services().engine) as connection:
        return wire.reply(_talk(connection, _there(connection, conversation)))


@blueprint.post("/support/conversations/<conversation>/take")
@requires(WRITE)
@described(
    Operation(summary="Take a conversation over: the bot falls silent", replies={200: Talk}, refusals=(404, 409))
)
def take(conversation: str) -> Response:
    return _acted(conversation, states.TAKE)


@blueprint.post("/support/conversations/<conversation>/hand-back")
@requires(WRITE)
@described(Operation(summary="Hand a conversation back to the bot", replies={200: Talk}, refusals=(404, 409)))
def hand_back(conversation: str) -> Response:
    return _acted(conversation, states.HAND_BACK)


@blueprint.post("/support/conversations/<conversation>/solve")
@requires(WRITE)
@described(Operation(summary="Close a conversation", replies={200: Talk}, refusals=(404, 409)))
def solve(conversation: str) -> Response:
    return _acted(conversation, states.SOLVE)


@blueprint.post("/support/conversations/<conversation>/messages")
@requires(WRITE)
@described(
    Operation(
        summary="Say something in a conversation that was taken over",
        bodies={wire.JSON: Words},
        replies={200: Talk},
        refusals=(404, 409, 413, 415, 422),
    )
)
def tell(conversation: str) -> Response:
    said = wire.body(Words)

    def told(connection: Connection, now: datetime) -> object:
        return conversations.tell(connection, conversation, author(), said.text, now)

    return _changed(conversation, told)


@blueprint.get("/me/support")
@by_shopper
@described(
    Operation(
        summary="The conversation of whoever asks, as it is or as soon as it changes",
        replies={200: OwnTalk},
        query=(VERSION, WAIT),
        refusals=(401, 404),
    )
)
def mine() -> Response:
    """With version and wait, the answer comes when something was said, or the time is over."""
    seen, wait_s = wire.text_argument("version"), wire.whole_number("wait", 0, 0, 25)
    here, person = services(), shopper()
    with db.reading(here.engine) as connection:
        found = conversations.current(connection, person)
    if found is not None and seen and wait_s:
        with here.waiting.place() as may_wait:
            if may_wait:
                live.changed(here.engine, found.id, seen, wait_s)
    with db.reading(here.engine) as connection:
        found = conversations.current(connection, person)
        if found is None:
            return wire.reply(OwnTalk(state="", messages=[], version=""))
        lines = [_line(one) for one in conversations.transcript(connection, found.id)]
        version = conversations.version(connection, found.id)
    return wire.reply(OwnTalk(state=found.state, messages=lines, version=version))


def author() -> str:
    """Whoever acts, as in the audit log; "this machine" while nobody signs in."""
    actor = who()
    return f"{actor.kind} {actor.name}" if actor.name else "this machine"


def _acted(conversation: str, what: str) -> Response:
    return _changed(
        conversation, lambda connection, now: conversations.act(connection, conversation, what, author(), now)
    )


def _changed(conversation: str, change: Callable[[Connection, datetime], object]) -> Response:
    try:
        with db.writing(services().engine) as connection:
            _there(connection, conversation)
            change(connection, services().intake.clock())
            return wire.reply(_talk(connection, _there(connection, conversation)))
    except Refused as error:
        abort(409, str(error))


def _fitting(make: Callable[[], Article]) -> Article:
    try:
        return make()
    except SettingsError as error:
        abort(422, str(error))


def _known(connection: Connection, key: Key) -> Article:
    found = services().support.answering.articles(connection).get(key)
    if found is None:
        abort(404, f"article {key[1]!r:.80} in {key[0]!r:.20} is not known")
    return found


def _there(connection: Connection, conversation: str) -> Conversation:
    found = conversations.found(connection, conversation)
    if found is None:
        abort(404, f"conversation {conversation!r:.50} is not known")
    return found


def _shown(article: Article) -> ArticleShown:
    return ArticleShown(**(vars(article) | {"questions": list(article.questions)}))


def _talk(connection: Connection, found: Conversation) -> Talk:
    lines = [_line(one) for one in conversations.transcript(connection, found.id)]
    return Talk(**vars(found), messages=lines, version=conversations.version(connection, found.id))


def _line(one: Message) -> Line:
    return Line(id=one.id, author=one.author, text=one.text, at=one.at, article=one.article)
