"""Why a product is shown, in the reader's words, from the pieces of its score. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.explanations import Explanation, Reason
from aircue_cloud.texts import Texts

MOST = 2  # sentences a product
DEEDS = ("purchase", "cart", "favourite", "rating", "click", "view")  # what says most of a product first


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a reason is told with. names: of products. deeds: what the person did with a product, one of DEEDS. said:
    what was measured, by the need that holds now; a need without it is one that is likely soon."""

    t: Texts
    names: Mapping[str, str]
    deeds: Mapping[str, str]
    said: Mapping[str, str]

    def name(self, product: str | None) -> str:
        return self.names.get(str(product), str(product))


def sentences(why: Explanation, words: Words) -> list[str]:
    """Only what speaks for the product, the occasion first."""
    found = []
    for kind, saying in _SAYING.items():
        pieces = [one for one in why.reasons if one.kind == kind and one.amount > 0]
        if pieces:
            found.append(saying(pieces, why.product, words))
    return found[:MOST] or [words.t("reason.shop")]


def _need(pieces: Sequence[Reason], _: str, words: Words) -> str:
    need = str(pieces[0].need)
    if need in words.said:
        return words.said[need]
    return words.t("reason.need_soon", need=words.t.name("needs", need))


def _own(pieces: Sequence[Reason], product: str, words: Words) -> str:
    """What counts most of what the person had to do with; the product itself, where that was it."""
    other = str(pieces[0].product)
    if other == product:
        return words.t("reason.again")
    return words.t(f"reason.own.{words.deeds.get(other, 'other')}", product=words.name(other))


_SAYING: Mapping[str, Callable[[Sequence[Reason], str, Words], str]] = MappingProxyType(
    {
        explanations.NEED: _need,
        explanations.OWN: _own,
        explanations.ALIKE: lambda pieces, _, words: words.t("reason.alike", product=words.name(pieces[0].product)),
        explanations.TASTE: lambda _, __, words: words.t("reason.taste"),
        explanations.EVERYBODY: lambda _, __, words: words.t("reason.everybody"),
    }
)
