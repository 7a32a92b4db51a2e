"""Why a product ranks where it does: pieces that add up to its score, and the same in plain words."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

EVERYBODY = "everybody"  # how popular it is
OWN = "own"  # a product the person had to do with, which may be this one
TASTE = "taste"  # what learnt factors hold beyond the products they were learnt from
ALIKE = "alike"  # a product that this one, which nobody has turned to yet, is described like
UNKNOWN = "unknown"  # nobody has turned to it, and nothing is known of it
NEED = "need"  # the lift of a need that holds
AVERAGE = "average"  # what sets the score beside the average product's
HOUSEHOLD = "household"  # what the other people of the household change
REST = "rest"  # pieces too small to be named

_NAMED = 5  # pieces that are told one by one
_SAID = 2  # products named in a sentence


@dataclass(frozen=True, kw_only=True)
class Reason:
    """amount: its piece of the score, in log odds. product, need: what it speaks of, where it speaks of one."""

    kind: str
    amount: float
    product: str | None = None
    need: str | None = None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """reasons: largest first; their amounts sum to score. basis: what is known of the person: BASES."""

    product: str
    basis: str
    reasons: tuple[Reason, ...]

    @property
    def score(self) -> float:
        return sum(reason.amount for reason in self.reasons)

    def with_reason(self, reason: Reason) -> "Explanation":
        known = ((one.kind, one.product, one.need) for one in self.reasons)
        if (reason.kind, reason.product, reason.need) in known:
            return explanation(self.product, self.basis, [*self.reasons, reason])
        return Explanation(product=self.product, basis=self.basis, reasons=_ranked([*self.reasons, reason]))

    def as_json(self, most: int = _NAMED) -> dict[str, Any]:
        """The largest reasons, and all others as one, so that the amounts still sum to the score."""
        named = [reason for reason in self.reasons if reason.kind != REST]
        shown = [_fields(reason) for reason in named[:most]]
        others = [*named[most:], *(reason for reason in self.reasons if reason.kind == REST)]
        rest = [{"kind": REST, "amount": sum(reason.amount for reason in others)}] if others else []
        return {"basis": self.basis, "score": self.score, "reasons": [*shown, *rest]}

    @property
    def named(self) -> frozenset[str]:
        """The products that `text` may name."""
        found = {self.product}
        for kind in (OWN, ALIKE):
            others = [reason.product for reason in self._of(kind) if reason.product not in (None, self.product)]
            found |= {str(product) for product in others[:_SAID]}
        return frozenset(found)

    def text(self, names: Mapping[str, str], need_title: str = "") -> str:
        """names: what people call the products. Only what speaks for the product is said."""
        found = [_sentence(kind, self._of(kind), self.product, names, need_title) for kind in _SENTENCES]
        return " ".join(sentence for sentence in found if sentence) or "It is in the shop."

    def _of(self, kind: str) -> list[Reason]:
        return [reason for reason in self.reasons if reason.kind == kind and reason.amount > 0]


BASES = ("history", "recent", "popularity")  # trained on, folded in from what they did lately, nothing known


def explanation(product: str, basis: str, reasons: Iterable[Reason]) -> Explanation:
    """Pieces about the same product of the same kind are one."""
    amounts: dict[tuple[str, str | None, str | None], float] = {}
    for one in reasons:
        key = (one.kind, one.product, one.need)
        amounts[key] = amounts.get(key, 0.0) + one.amount
    merged = [Reason(kind=kind, product=of, need=need, amount=sum_) for (kind, of, need), sum_ in amounts.items()]
    return Explanation(product=product, basis=basis, reasons=_ranked(merged))


def _ranked(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (-abs(reason.amount), reason.kind, reason.product or "")))


def _fields(reason: Reason) -> dict[str, Any]:
    return {name: value for name, value in vars(reason).items() if value is not None}


def _sentence(kind: str, found: Sequence[Reason], product: str, names: Mapping[str, str], need_title: str) -> str:
    return _SENTENCES[kind](found, product, names, need_title) if found else ""


def _need(found: Sequence[Reason], product: str, names: Mapping[str, str], need_title: str) -> str:
    return f"{need_title or found[0].need} makes it more wanted than at other times."


def _own(found: Sequence[Reason], product: str, names: Mapping[str, str], need_title: str) -> str:
    others = [names.get(str(one.product), str(one.product)) for one in found if one.product != product]
    again = "You turned to it before." if len(others) < len(found) else ""
    goes = f"It goes with {' and '.join(others[:_SAID])}, which you turned to." if others else ""
    return " ".join(part for part in (again, goes) if part)


def _alike(found: Sequence[Reason], product: str, names: Mapping[str, str], need_title: str) -> str:
    likes = [names.get(str(one.product), str(one.product)) for one in found[:_SAID]]
    return f"It is new, and described like {' and '.join(likes)}."


_Sentence = Callable[[Sequence[Reason], str, Mapping[str, str], str], str]
_SENTENCES: Mapping[str, _Sentence] = MappingProxyType(
    {
        NEED: _need,
        OWN: _own,
        ALIKE: _alike,
        TASTE: lambda *_: "It suits what you turned to as a whole.",
        EVERYBODY: lambda *_: "Many people turn to it these days.",
    }
)
