"""A question on its way: written down, made out, answered in the store's words or passed to a person."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from aircue_cloud import db, texts
from aircue_cloud.support import adapter, bot, conversations, states
from aircue_cloud.support.adapter import Detector
from aircue_cloud.support.answering import Answering, Match
from aircue_cloud.support.bot import Facts, Reply
from aircue_cloud.support.conversations import Conversation

FactsOf = Callable[[Connection, str], Facts | None]  # of a language


@dataclass(frozen=True, kw_only=True)
class Support:
    """Of one store."""

    engine: Engine
    answering: Answering
    detector: Detector | None = None

    def once(self, question: str, language: str, facts: FactsOf = lambda *_: None) -> tuple[Match, Reply]:
        """An answer that is written down nowhere, and sent nowhere."""
        with db.reading(self.engine) as connection:
            match = self.answering.match(connection, question, language)
            return match, self._reply(connection, match, None, facts)

    def say(self, person: str, text: str, language: str, facts: FactsOf, now: datetime) -> Conversation:
        """What a shopper says, and what the bot says to it unless a person has the conversation. The service outside is
        asked between two transactions, and only where the bot speaks."""
        with db.writing(self.engine) as connection:
            conversation, number = conversations.say(connection, person, text, language, now)
        if not states.bot_speaks(conversation.state):
            return conversation
        detected = adapter.asked(self.detector, text, conversation.id, language)
        with db.reading(self.engine) as connection:
            match = self.answering.match(connection, text, language)
            reply = self._reply(connection, match, detected, facts)
        with db.writing(self.engine) as connection:
            conversations.answer(connection, conversation.id, number, reply, now)
        return conversation

    def _reply(self, connection: Connection, match: Match, detected: adapter.Detected | None, facts: FactsOf) -> Reply:
        known = {name: one for (of, name), one in self.answering.articles(connection).items() if of == match.language}
        t = texts.of(match.language)
        return bot.replied(match, detected, known, facts(connection, match.language), t)
