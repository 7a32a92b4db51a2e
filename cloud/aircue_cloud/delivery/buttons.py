"""Links of a push's buttons: signed and sealed, bound to push, person and action, over after a while. A GET shows what
the link would do; a POST does it, once for a push, a person and an action."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.config import STORE_NAME
from aircue_cloud.delivery import own_keys
from aircue_cloud.recommender.weights import WEIGHTS

BUY, LATER, NOT_FOR_ME, STOP = "buy", "later", "not-for-me", "stop"
ACTIONS = (BUY, LATER, NOT_FOR_ME, STOP)
UNSUBSCRIBE = "unsubscribe"
LIFE = timedelta(days=7)
UNSUBSCRIBE_LIFE = timedelta(days=400)  # a message may be found long after
SNOOZE = timedelta(days=1)
_PERSON = "person"


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What a link says. subject: a push, or an address for UNSUBSCRIBE. ends: epoch second."""

    action: str
    subject: str
    person: str
    ends: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A button that a person pressed."""

    action: str
    push: str
    person: str
    household: str
    need: str
    product: str
    category: str
    at: datetime


class Preferences(Protocol):
    """What people want from now on; each writes within the caller's transaction. kind: whose word it is, person."""

    def snooze(
        self, connection: Connection, kind: str, subject: str, need: str, until: datetime, now: datetime
    ) -> None: ...

    def stop(self, connection: Connection, kind: str, subject: str, need: str, now: datetime) -> None: ...


class Links:
    """Of one store."""

    def __init__(self, store: str, folder: Path, base_url: str) -> None:
        self.store, self.base_url = store, base_url
        self._fernet = Fernet(own_keys.kept(folder, "links", Fernet.generate_key))

    def draw(self, action: str, subject: str, person: str, now: datetime) -> str:
        """A token: the store's name, a dot, and what only this store can read and write."""
        life = UNSUBSCRIBE_LIFE if action == UNSUBSCRIBE else LIFE
        said = Said(action, subject, person, round((now + life).timestamp()))
        return f"{self.store}.{self._fernet.encrypt(msgspec.json.encode(said)).decode()}"

    def read(self, token: str, now: datetime) -> Said | None:
        """None for a token that this store did not write, or that is over."""
        store, _, sealed = token.partition(".")
        if store != self.store or not STORE_NAME.fullmatch(store):
            return None
        try:
            if base64.urlsafe_b64encode(base64.urlsafe_b64decode(sealed)) != sealed.encode():
                return None  # the bits that base64 leaves unused could be changed in a token that is valid all the same
            said = msgspec.json.decode(self._fernet.decrypt(sealed.encode()), type=Said)
        except (InvalidToken, msgspec.MsgspecError, ValueError):
            return None
        return said if now.timestamp() < said.ends else None

    def of_push(self, push: str, person: str, now: datetime) -> dict[str, str]:
        """URLs by action."""
        return {action: f"{self.base_url}/offers/{self.draw(action, push, person, now)}" for action in ACTIONS}

    def unsubscribing(self, address: str, person: str, now: datetime) -> str:
        return f"{self.base_url}/unsubscribe/{self.draw(UNSUBSCRIBE, address, person, now)}"

    @property
    def home(self) -> str:
        return f"{self.base_url}/me"


def press(connection: Connection, said: Said, preferences: Preferences, now: datetime) -> tuple[Answer, bool] | None:
    """The answer, and whether it was new: a second press changes nothing. None where the push is gone, or the person;
    only within db.writing."""
    answer = answer_of(connection, said, now)
    if answer is None:
        return None
    row = {"push": said.subject, "person": said.person, "action": said.action, "at": now}
    if connection.execute(db.insert_absent(connection, tables.answers), [row]).rowcount == 0:
        return answer, False
    _DOING[answer.action](connection, answer, preferences)
    return answer, True


def was_pressed(connection: Connection, said: Said) -> bool:
    table = tables.answers.c
    mine = (table.push == said.subject, table.person == said.person, table.action == said.action)
    return connection.execute(select(table.at).where(*mine)).first() is not None


def answer_of(connection: Connection, said: Said, now: datetime) -> Answer | None:
    """What pressing would say."""
    pushes, people = tables.pushes.c, tables.people.c
    theirs = (pushes.id == said.subject, people.id == said.person, people.household == pushes.household)
    query = select(pushes.household, pushes.need, pushes.product, pushes.category).where(*theirs)
    row = connection.execute(query).one_or_none()
    if row is None or said.action not in ACTIONS:
        return None
    return Answer(action=said.action, push=said.subject, person=said.person, at=now, **row._mapping)


def _buy(connection: Connection, answer: Answer, _: Preferences) -> None:
    _interact(connection, answer, "click")


def _later(connection: Connection, answer: Answer, preferences: Preferences) -> None:
    preferences.snooze(connection, _PERSON, answer.person, answer.need, answer.at + SNOOZE, answer.at)


def _not_for_me(connection: Connection, answer: Answer, _: Preferences) -> None:
    """A dislike of the product, which keeps its whole category away for a while."""
    _interact(connection, answer, "dismissal")


def _stop(connection: Connection, answer: Answer, preferences: Preferences) -> None:
    preferences.stop(connection, _PERSON, answer.person, answer.need, answer.at)


_DOING: Mapping[str, Callable[[Connection, Answer, Preferences], None]] = {
    BUY: _buy,
    LATER: _later,
    NOT_FOR_ME: _not_for_me,
    STOP: _stop,
}


def _interact(connection: Connection, answer: Answer, kind: str) -> None:
    """It followed from a push of ours, and says so."""
    row = {
        "person": answer.person,
        "product": answer.product,
        "kind": kind,
        "weight": WEIGHTS[kind],
        "at": answer.at,
        "pushed": True,
        "event": f"push-{answer.push}-{answer.person}-{kind}",
    }
    named = {"push": answer.push} if "push" in tables.interactions.c else {}
    connection.execute(db.insert_absent(connection, tables.interactions), [row | named])
