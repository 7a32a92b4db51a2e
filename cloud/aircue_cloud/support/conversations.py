"""Conversations of shoppers with the bot and with people: what is said, who has taken one over, and how each stands.

Within db.writing, where something is changed. Errors: Refused, where a conversation does not stand so that this could
be done; whoever acts second on the same state is refused.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.support import states
from aircue_cloud.support.bot import Reply

SHOPPER, BOT, OPERATOR = "shopper", "bot", "operator"
LONGEST = 2000  # characters of a message
_C, _M = tables.conversations.c, tables.messages.c


class Refused(CommandError):
    """It does not stand so that this could be done."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """operator: who has taken it over."""

    id: str
    person: str
    language: str
    state: str
    operator: str | None
    began_at: datetime
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Message:
    """author: shopper, bot or operator. article: name/version that is cited. about: the message it answers."""

    id: int
    author: str
    operator: str | None
    text: str
    at: datetime
    article: str | None
    chance: float | None
    about: int | None
    unanswered: bool


def fit(text: str) -> str:
    """A message as it is kept; Refused where it holds nothing, or too much."""
    clean = text.replace("\0", " ").replace("\r\n", "\n").strip()
    if not clean:
        raise Refused("a message has at least one character")
    if len(clean) > LONGEST:
        raise Refused(f"a message has up to {LONGEST} characters, and this one {len(clean)}")
    return clean


def current(connection: Connection, person: str) -> Conversation | None:
    """The latest one."""
    query = select(tables.conversations).where(_C.person == person).order_by(_C.began_at.desc(), _C.id).limit(1)
    return _one(connection, query)


def found(connection: Connection, conversation: str, person: str | None = None) -> Conversation | None:
    """person: None where it is somebody else's unless it is theirs."""
    mine = [_C.id == conversation.replace("\0", " ")] + ([] if person is None else [_C.person == person])
    return _one(connection, select(tables.conversations).where(*mine))


def of_person(connection: Connection, person: str, most: int) -> list[Conversation]:
    """The latest first."""
    query = select(tables.conversations).where(_C.person == person).order_by(_C.began_at.desc(), _C.id).limit(most)
    return [Conversation(**row) for row in connection.execute(query).mappings()]


def listed(connection: Connection, wanted: Sequence[str], most: int) -> list[Conversation]:
    """Those that stand so: who waits for a person longest first, then the latest."""
    query = select(tables.conversations).where(_C.state.in_(wanted))
    waiting = query.where(_C.state == states.WAITING).order_by(_C.changed_at, _C.id).limit(most)
    others = query.where(_C.state != states.WAITING).order_by(_C.changed_at.desc(), _C.id).limit(most)
    rows = [*connection.execute(waiting).mappings(), *connection.execute(others).mappings()]
    return [Conversation(**row) for row in rows[:most]]


def transcript(connection: Connection, conversation: str) -> list[Message]:
    query = select(tables.messages).where(_M.conversation == conversation).order_by(_M.id)
    return [_message(row) for row in connection.execute(query).mappings()]


def version(connection: Connection, conversation: str) -> str:
    """Changes when something is said, or it stands otherwise. It names nobody: shoppers see it."""
    last = select(func.coalesce(func.max(_M.id), 0)).where(_M.conversation == conversation).scalar_subquery()
    row = connection.execute(select(_C.state, last.label("last")).where(_C.id == conversation)).one()
    return f"{row.last}-{row.state}"


def say(connection: Connection, person: str, text: str, language: str, now: datetime) -> tuple[Conversation, int]:
    """What a shopper says, into their conversation; the first one begins it. Its number comes back."""
    words = fit(text)
    conversation = current(connection, person) or _begun(connection, person, language, now)
    conversation = _moved(connection, conversation, states.SAY, conversation.operator, now)
    return conversation, _add(connection, conversation, SHOPPER, words, now)


def answer(connection: Connection, conversation: str, about: int, reply: Reply, now: datetime) -> bool:
    """What the bot says; whether it said it. It is silent in a conversation that a person has, or is called to, by
    now."""
    known = found(connection, conversation)
    if known is None or not states.bot_speaks(known.state):
        return False
    _add(connection, known, BOT, reply.text, now, article=reply.cited, chance=reply.chance, about=about)
    if reply.unanswered:
        connection.execute(update(tables.messages).where(_M.id == about).values(unanswered=True))
    if reply.hands_over:
        _moved(connection, known, states.ASK, None, now)
    return True


def ask_person(connection: Connection, person: str, language: str, now: datetime) -> Conversation:
    """A shopper's wish; one that waits already, or has a person, goes on as it is."""
    conversation = current(connection, person) or _begun(connection, person, language, now)
    if conversation.state in (states.WAITING, states.OPEN):
        return conversation
    return _moved(connection, conversation, states.ASK, None, now)


def act(connection: Connection, conversation: str, what: str, operator: str, now: datetime) -> Conversation:
    """What an operator does: take, hand-back or solve. Refused of one that is not known."""
    known = found(connection, conversation)
    if known is None:
        raise Refused(f"conversation {conversation!r:.50} is not known")
    holder = operator if what == states.TAKE else None
    return _moved(connection, known, what, holder, now)


def tell(connection: Connection, conversation: str, operator: str, text: str, now: datetime) -> int:
    """What the operator says who has taken it over."""
    words, known = fit(text), found(connection, conversation)
    if known is None or known.state != states.OPEN or known.operator != operator:
        raise Refused("nobody answers before they have taken the conversation over: take it over first")
    connection.execute(update(tables.conversations).where(_C.id == known.id).values(changed_at=now))
    return _add(connection, known, OPERATOR, words, now, operator=operator)


@dataclass(frozen=True, kw_only=True)
class Question:
    """That the bot had no answer to."""

    id: int
    conversation: str
    text: str
    language: str
    at: datetime


def unanswered(connection: Connection, most: int) -> list[Question]:
    """The latest first."""
    columns = (_M.id, _M.conversation, _M.text, _M.at, _C.language)
    query = select(*columns).join(tables.conversations).where(_M.unanswered.is_(True)).order_by(_M.id.desc())
    return [Question(**row) for row in connection.execute(query.limit(most)).mappings()]


def settle(connection: Connection, message: int) -> None:
    """An article answers it now, or none is needed."""
    connection.execute(update(tables.messages).where(_M.id == message).values(unanswered=False))


def counted(connection: Connection) -> dict[str, int]:
    """Conversations by state."""
    query = select(_C.state, func.count().label("number")).group_by(_C.state)
    return {row.state: row.number for row in connection.execute(query)}


def _begun(connection: Connection, person: str, language: str, now: datetime) -> Conversation:
    begun = Conversation(
        id=str(uuid.uuid4()),
        person=person,
        language=language,
        state=states.BOT,
        operator=None,
        began_at=now,
        changed_at=now,
    )
    connection.execute(insert(tables.conversations), vars(begun))
    return begun


def _moved(connection: Connection, known: Conversation, what: str, operator: str | None, now: datetime) -> Conversation:
    state = states.after(known.state, what)
    if state is None:
        raise Refused(f"this conversation stands at {known.state}: {what} is not possible now")
    values = {"state": state, "operator": operator, "changed_at": now}
    as_seen = (_C.id == known.id, _C.state == known.state)
    if connection.execute(update(tables.conversations).where(*as_seen).values(**values)).rowcount == 0:
        raise Refused("somebody else has just changed this conversation: look again")
    return Conversation(**(vars(known) | values))


def _add(connection: Connection, conversation: Conversation, author: str, text: str, now: datetime, **more: Any) -> int:
    row = {"conversation": conversation.id, "person": conversation.person, "author": author, "text": text, "at": now}
    added = connection.execute(insert(tables.messages).values(**row, unanswered=False, **more))
    key = added.inserted_primary_key
    return int(key[0]) if key is not None else 0


def _one(connection: Connection, query: Any) -> Conversation | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Conversation(**row)


def _message(row: Any) -> Message:
    return Message(**{name: value for name, value in row.items() if name not in ("conversation", "person")})
