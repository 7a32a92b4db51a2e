"""Which article answers a question, and how likely that is; learnt anew when an article is saved.

What learns is loaded with the first question (reader.py): it brings scikit-learn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from sqlalchemy import Connection

from aircue_cloud.support import articles, words
from aircue_cloud.support.articles import Article, Key


@dataclass(frozen=True, kw_only=True)
class Match:
    """article: None where the bot had better not answer; then suggested has what comes nearest, if anything does.
    chance: of the best article being the right one."""

    language: str
    article: Article | None
    chance: float
    suggested: tuple[Article, ...] = ()


class Matching(Protocol):
    def match(self, question: str) -> Match: ...


class Answering:
    """Of one store; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest = -1
        self._articles: Mapping[Key, Article] = {}
        self._readers: dict[str, tuple[tuple[Article, ...], Matching]] = {}

    def articles(self, connection: Connection) -> Mapping[Key, Article]:
        """As they hold now."""
        newest = articles.newest(connection)
        with self._lock:
            if newest != self._newest:
                self._newest, self._articles, self._readers = newest, articles.current(connection), {}
            return self._articles

    def match(self, connection: Connection, question: str, language: str) -> Match:
        """In the language of the question; `language`, where it does not show."""
        spoken = words.language(question, language)
        found = tuple(one for (of, _), one in self.articles(connection).items() if of == spoken)
        return self._reader(spoken, found).match(question)

    def _reader(self, language: str, found: tuple[Article, ...]) -> Matching:
        """Learnt by the first who asks; others wait for it."""
        from aircue_cloud.support import reader

        with self._lock:
            known = self._readers.get(language)
            if known is None or known[0] != found:
                known = self._readers[language] = found, reader.of(language, found)
            return known[1]
