"""What was bought while needs held, beside what was to be expected then: the evidence behind lifts. Pure.

observed: purchases of a product, not pushed by us, in homes whose need held at the time or had ended at most AFTER_S
before. expected: the rate at which the same product sold in the same PERIOD_S to all those homes, times the days that
the need held in it; so season and what is popular at the time are the same on both sides.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from aircue_cloud.recommender.interactions import DAY_S
from aircue_cloud.recommender.lift import Evidence

PERIOD_S = 30 * DAY_S
AFTER_S = 2 * DAY_S


@dataclass(frozen=True, kw_only=True)
class Bought:
    """at: epoch seconds."""

    household: str
    product: str
    at: float


@dataclass(frozen=True, kw_only=True)
class Spell:
    """A need held in a home from begin to end, epoch seconds."""

    household: str
    need: str
    begin: float
    end: float


_Span = tuple[float, float]


def evidence(
    bought: Sequence[Bought],
    spells: Iterable[Spell],
    households: int,
    categories: Mapping[str, str],
    remedies: Mapping[str, Set[str]],
    until: float,
) -> list[Evidence]:
    """Of every need and each product of the categories that remedy it, where anything was expected. households: how
    many homes there are, with needs and without. categories: by product."""
    begin = min((one.at for one in bought), default=until)
    held = _merged(spells, begin, until)
    sold = _sold(bought, categories, begin)
    found = (
        _of(need, product, bought_at, held.get(need, {}), households, categories[product], begin, until)
        for need, wanted in sorted(remedies.items())
        for product, bought_at in sorted(sold.items())
        if categories[product] in wanted
    )
    return [one for one in found if one.expected > 0]


def _of(
    need: str,
    product: str,
    bought: Sequence[Bought],
    held: Mapping[str, list[_Span]],
    households: int,
    category: str,
    begin: float,
    until: float,
) -> Evidence:
    observed = sum(1 for one in bought if _holds(held.get(one.household, []), one.at))
    expected = 0.0
    for first, last in _periods(begin, until):
        sales = sum(1 for one in bought if first <= one.at < last)
        seconds = sum(_overlap(span, first, last) for spans in held.values() for span in spans)
        expected += sales * seconds / (households * (last - first))
    return Evidence(product=product, category=category, need=need, observed=observed, expected=expected)


def _sold(bought: Sequence[Bought], categories: Mapping[str, str], begin: float) -> dict[str, list[Bought]]:
    sold: dict[str, list[Bought]] = {}
    for one in bought:
        if one.product in categories:
            sold.setdefault(one.product, []).append(one)
    return sold


def _periods(begin: float, until: float) -> Iterator[_Span]:
    """The last one ends just after `until`, so that what was bought then is in it."""
    end = until + 1.0
    while begin < end:
        yield begin, min(begin + PERIOD_S, end)
        begin += PERIOD_S


def _merged(spells: Iterable[Spell], begin: float, until: float) -> dict[str, dict[str, list[_Span]]]:
    """By need and household: spans that do not overlap, ascending, each with its aftermath, within the time told of."""
    found: dict[str, dict[str, list[_Span]]] = {}
    for one in sorted(spells, key=lambda spell: spell.begin):
        first, last = max(one.begin, begin), min(one.end + AFTER_S, until + 1.0)
        spans = found.setdefault(one.need, {}).setdefault(one.household, [])
        if spans and first <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], last)
        elif first < last:
            spans.append((first, last))
    return found


def _holds(spans: Sequence[_Span], at: float) -> bool:
    place = bisect_right(spans, (at, float("inf"))) - 1
    return place >= 0 and at < spans[place][1]


def _overlap(span: _Span, first: float, last: float) -> float:
    return max(0.0, min(span[1], last) - max(span[0], first))
