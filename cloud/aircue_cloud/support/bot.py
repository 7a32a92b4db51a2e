"""What the bot says to a question: an article with what it looked up, or that it does not know. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from aircue_cloud.support import articles
from aircue_cloud.support.adapter import Detected
from aircue_cloud.support.answering import Match
from aircue_cloud.support.articles import Article
from aircue_cloud.texts import Texts


class Facts(Protocol):
    """About the person who asks and nobody else, in sentences of the language they ask in; none where there is nothing
    to tell."""

    def orders(self) -> Sequence[str]:
        """Their latest orders, with where each parcel is."""

    def why(self) -> Sequence[str]:
        """Their latest offer, and what its decision was made of."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """cited: name and version of the article it comes from. unanswered: the bot did not know. hands_over: they asked
    for a person. suggested: articles that come near."""

    text: str
    cited: str | None = None
    chance: float | None = None
    unanswered: bool = False
    hands_over: bool = False
    suggested: tuple[Article, ...] = ()


def replied(
    match: Match, detected: Detected | None, known: Mapping[str, Article], facts: Facts | None, t: Texts
) -> Reply:
    """detected: what a service outside made of the question, where one is configured and is sure. known: the articles
    of the question's language, by name. facts: None for somebody who is not signed in."""
    if detected is not None:
        article = known.get(detected.intent)
        if article is not None:
            return _of(article, detected.confidence, (), facts, t)
        if detected.reply:
            return Reply(text=detected.reply, chance=detected.confidence)
    if match.article is None:
        return _not_known(match, t)
    return _of(match.article, match.chance, match.suggested, facts, t)


def _not_known(match: Match, t: Texts) -> Reply:
    titles = "; ".join(one.title for one in match.suggested)
    text = t("support.not_known_near", titles=titles) if match.suggested else t("support.not_known")
    return Reply(text=text, chance=match.chance, unanswered=True, suggested=match.suggested)


def _of(article: Article, chance: float, near: tuple[Article, ...], facts: Facts | None, t: Texts) -> Reply:
    looked_up = _LOOKED_UP[article.does](facts, t)
    return Reply(
        text="\n".join((article.body, *looked_up)),
        cited=article.cited,
        chance=chance,
        hands_over=article.does == articles.PERSON and facts is not None,
        suggested=near,
    )


def _orders(facts: Facts | None, t: Texts) -> Sequence[str]:
    if facts is None:
        return (t("support.sign_in_orders"),)
    return facts.orders() or (t("support.no_orders"),)


def _why(facts: Facts | None, t: Texts) -> Sequence[str]:
    if facts is None:
        return (t("support.sign_in_why"),)
    return facts.why() or (t("support.no_offers"),)


def _person(facts: Facts | None, t: Texts) -> Sequence[str]:
    return () if facts is not None else (t("support.sign_in_person"),)


_LOOKED_UP: Mapping[str, Callable[[Facts | None, Texts], Sequence[str]]] = MappingProxyType(
    {"": lambda _facts, _t: (), articles.ORDERS: _orders, articles.WHY: _why, articles.PERSON: _person}
)
