"""Which article answers a question, and how likely that is; learnt anew when an article is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from aircue_cloud.support import articles, calibration, matching, words
from aircue_cloud.support.articles import Article, Key
from aircue_cloud.support.calibration import Calibrated
from aircue_cloud.support.matching import Matcher, Nearest

SUGGESTED = 3
_FAR = 0.15  # of Nearest's scale of 0 to 1: below it an article has little more than small words in common


@dataclass(frozen=True, kw_only=True)
class Match:
    """article: None where the bot had better not answer; then suggested has what comes nearest, if anything does.
    chance: of the best article being the right one."""

    language: str
    article: Article | None
    chance: float
    suggested: tuple[Article, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Of the articles of one language. learnt: None where there are too few to tell apart."""

    language: str
    by_name: Mapping[str, Article]
    nearest: Nearest | None
    learnt: tuple[Matcher, Calibrated] | None

    def match(self, question: str) -> Match:
        near = self._near(question)
        if self.learnt is None or not words.terms(question):
            return Match(language=self.language, article=None, chance=0.0, suggested=near)
        matcher, line = self.learnt
        scores = matcher.scores([question])
        sureness = matcher.sureness(scores)
        best = self.by_name[matcher.intents[int(scores[0].argmax())]]
        is_sure = bool(sureness[0] >= line.least) and any(one.name == best.name for one in near)
        chance = float(line.chance(sureness)[0])
        return Match(
            language=self.language,
            article=best if is_sure else None,
            chance=chance,
            suggested=tuple(one for one in near if not is_sure or one.name != best.name),
        )

    def _near(self, question: str) -> tuple[Article, ...]:
        """What shares words with the question, nearest first."""
        if self.nearest is None:
            return ()
        scores = self.nearest.scores([question])[0]
        order = [int(place) for place in (-scores).argsort(kind="stable")[:SUGGESTED] if scores[place] >= _FAR]
        return tuple(self.by_name[self.nearest.intents[place]] for place in order)


def reader(language: str, found: Sequence[Article]) -> Reader:
    asked = [passage for one in found for passage in one.passages if words.terms(passage)]
    names = [one.name for one in found for passage in one.passages if words.terms(passage)]
    by_name = {one.name: one for one in found}
    nearest = Nearest(asked, names) if asked else None
    return Reader(language, by_name, nearest, _learnt(asked, names))


def _learnt(asked: Sequence[str], names: Sequence[str]) -> tuple[Matcher, Calibrated] | None:
    if len(set(names)) < 2:
        return None
    fit = matching.fitting(names)
    line = calibration.calibrated(calibration.rehearse(fit, asked, names))
    return fit(asked, names), line


class Answering:
    """Of one store; any number of threads may ask."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest = -1
        self._articles: Mapping[Key, Article] = {}
        self._readers: dict[str, Reader] = {}

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
        found = [one for (of, _), one in self.articles(connection).items() if of == spoken]
        return self._reader(spoken, found).match(question)

    def _reader(self, language: str, found: Sequence[Article]) -> Reader:
        """Learnt by the first who asks; others wait for it."""
        with self._lock:
            known = self._readers.get(language)
            if known is None or list(known.by_name.values()) != list(found):
                known = self._readers[language] = reader(language, found)
            return known
