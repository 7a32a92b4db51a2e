"""What an operator says that no database knows: the margin, what a push costs, what is fixed. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from aircue_cloud.outcomes.whole import Costs
from aircue_cloud.shop import money

MONTHS = (6, 12, 24)


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """margin: of what is spent, a share; None where nobody says. per_send, fixed: as typed, in whole units of the
    currency. typed: the fields as they came. errors: by field, for whoever typed them; its default counts then."""

    months: int = 12
    currency: str | None = None
    margin: float | None = None
    per_send: float = 0.0
    fixed: float = 0.0
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def minor(self, amount: float, currency: str) -> float:
        return amount * float(10 ** money.exponent(currency))

    def costs(self, currency: str) -> Costs:
        return Costs(
            margin=self.margin, per_send=self.minor(self.per_send, currency), fixed=self.minor(self.fixed, currency)
        )


def read(asked: Mapping[str, str]) -> Assumptions:
    """Of a form's fields; an empty one says nothing."""
    typed = {name: text.strip() for name in _FIELDS if (text := asked.get(name, "")).strip()}
    found: dict[str, object] = {}
    errors: dict[str, str] = {}
    for name, text in typed.items():
        try:
            found[name] = _FIELDS[name](text)
        except ValueError as error:
            errors[name] = str(error)
    return Assumptions(**found, typed=typed, errors=errors)  # type: ignore[arg-type]  # each field by its own reader


def _number(text: str, most: float, said: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not isfinite(found) or not 0 <= found <= most:
        raise ValueError(f"{text[:20]!r}: expected {said}")
    return found


def _margin(text: str) -> float:
    return _number(text, 100, "percent from 0 to 100") / 100


def _amount(text: str) -> float:
    return _number(text, 1e9, "an amount of 0 or more, such as 0.05")


def _months(text: str) -> int:
    if text not in map(str, MONTHS):
        raise ValueError(f"{text[:20]!r}: expected one of {', '.join(map(str, MONTHS))}")
    return int(text)


def _currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isupper():
        raise ValueError(f"{text[:20]!r}: expected three capital letters, such as EUR")
    return text


_FIELDS: Mapping[str, Callable[[str], object]] = {
    "months": _months,
    "currency": _currency,
    "margin": _margin,
    "per_send": _amount,
    "fixed": _amount,
}
