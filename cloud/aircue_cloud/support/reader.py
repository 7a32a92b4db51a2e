"""Reading questions in one language: learnt from the store's articles, calibrated on their own questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aircue_cloud.support import calibration, matching, words
from aircue_cloud.support.answering import Match
from aircue_cloud.support.articles import Article
from aircue_cloud.support.calibration import Calibrated
from aircue_cloud.support.matching import Matcher, Nearest

SUGGESTED = 3
_FAR = 0.15  # of Nearest's scale of 0 to 1: below it an article has little more than small words in common


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


@lru_cache(maxsize=16)
def of(language: str, found: tuple[Article, ...]) -> Reader:
    """Learnt once for the same articles, whichever store they are of."""
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
