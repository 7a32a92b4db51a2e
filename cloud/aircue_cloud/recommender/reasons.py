"""What a person's score of an item is made of, part by part of a head."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import explanations
from aircue_cloud.recommender.artefact import Artefact, Head
from aircue_cloud.recommender.explanations import Reason
from aircue_cloud.recommender.parts import People, Pieces

Amounts = npt.NDArray[np.float64]

_TOLD = 10  # products that a score is taken apart by; the others are summed up
_BESIDE: Mapping[str, Callable[[Pieces], Amounts | None]] = MappingProxyType(
    {
        explanations.EVERYBODY: lambda one: one.everybody,
        explanations.TASTE: lambda one: one.taste,
        explanations.AVERAGE: lambda one: one.average,
    }
)


def reasons(
    artefact: Artefact, people: People, head: Head, spreads: Sequence[float], places: npt.NDArray[np.intp]
) -> list[list[Reason]]:
    """Of each of these items, in the head's scores. spreads: the standard deviation of each part's scores."""
    pieces = [artefact.parts[number].pieces(people, places) for number, _ in head.mix]
    scales = [
        head.temperature * weight / spread if spread > 0 else 0.0
        for (_, weight), spread in zip(head.mix, spreads, strict=True)
    ]
    own = np.unique(np.concatenate([one.own for one in pieces])).astype(np.intp)
    by_own = np.zeros((len(own), len(places)))
    beside = {kind: np.zeros(len(places)) for kind in _BESIDE}
    for one, scale in zip(pieces, scales, strict=True):
        by_own[np.searchsorted(own, one.own)] += scale * one.by_own
        for kind, amounts in ((kind, of(one)) for kind, of in _BESIDE.items()):
            beside[kind] += 0 if amounts is None else scale * amounts
    return [
        [
            *largest(explanations.OWN, artefact.items, own, by_own[:, at]),
            *_beside({kind: amounts[at] for kind, amounts in beside.items()}),
        ]
        for at in range(len(places))
    ]


def largest(kind: str, products: Sequence[str], which: npt.NDArray[np.integer], amounts: Amounts) -> list[Reason]:
    """The largest pieces, and the sum of all that are too small to be told. which: of the products."""
    first = np.argsort(-np.abs(amounts), kind="stable")[:_TOLD]
    told = [
        Reason(kind=kind, amount=amount, product=products[at])
        for at, amount in zip(which[first].tolist(), amounts[first].tolist(), strict=True)
        if amount != 0
    ]
    rest = float(np.delete(amounts, first).sum()) if len(amounts) > _TOLD else 0.0
    return [*told, Reason(kind=explanations.REST, amount=rest)] if rest else told


def _beside(amounts: dict[str, float]) -> list[Reason]:
    return [Reason(kind=kind, amount=float(amount)) for kind, amount in amounts.items() if amount != 0]
