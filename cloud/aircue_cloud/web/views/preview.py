"""What a person would be recommended, as a page shows it: each score split into affinity and environment. Pure.

Both are in log odds and sum to the score: the environment is the lift of the needs that hold, affinity everything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aircue_cloud.decision.recommending import Answer, Offer
from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.explanations import Reason

MOST = 20
_NAMED = 6
BASES: Mapping[str, str] = {
    "history": "what they did until the model was trained, and since",
    "recent": "what they did lately: the model was trained before they came",
    "popularity": "nothing is known of them: what is popular",
}
_SAID: Mapping[str, str] = {
    explanations.EVERYBODY: "popular with everybody",
    explanations.OWN: "had to do with {product}",
    explanations.TASTE: "suits their taste as a whole",
    explanations.ALIKE: "described like {product}",
    explanations.UNKNOWN: "new, nothing is known of it",
    explanations.NEED: "lifted by {need}",
    explanations.AVERAGE: "beside the average product",
    explanations.HOUSEHOLD: "what the household did",
    explanations.REST: "smaller pieces",
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """amount: of the score, log odds."""

    said: str
    amount: float


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A recommended product; affinity and environment sum to score."""

    place: int
    product: str
    name: str
    score: float
    affinity: float
    environment: float
    text: str
    pieces: tuple[Piece, ...]


def shown(found: Answer, names: Mapping[str, str], titles: Mapping[str, str]) -> tuple[Shown, ...]:
    """names: of products; titles: of needs."""
    return tuple(_shown(place, one, names, titles) for place, one in enumerate(found.offers, 1))


def named(found: Answer) -> frozenset[str]:
    """The products that the pieces speak of."""
    return frozenset(reason.product for one in found.offers for reason in one.why.reasons if reason.product is not None)


def _shown(place: int, one: Offer, names: Mapping[str, str], titles: Mapping[str, str]) -> Shown:
    reasons = one.why.reasons
    environment = sum(reason.amount for reason in reasons if reason.kind == explanations.NEED)
    return Shown(
        place=place,
        product=one.product,
        name=one.name,
        score=one.why.score,
        affinity=one.why.score - environment,
        environment=environment,
        text=one.text,
        pieces=tuple(_pieces(reasons, names, titles)),
    )


def _pieces(reasons: Sequence[Reason], names: Mapping[str, str], titles: Mapping[str, str]) -> list[Piece]:
    """The largest, and the others as one, so that they still sum to the score."""
    told = [Piece(said=_said(one, names, titles), amount=one.amount) for one in reasons[:_NAMED]]
    rest = sum(one.amount for one in reasons[_NAMED:])
    return [*told, Piece(said=_SAID[explanations.REST], amount=rest)] if len(reasons) > _NAMED else told


def _said(one: Reason, names: Mapping[str, str], titles: Mapping[str, str]) -> str:
    product, need = str(one.product), str(one.need)
    return _SAID.get(one.kind, one.kind).format(product=names.get(product, product), need=titles.get(need, need))
