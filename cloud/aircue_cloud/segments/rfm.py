"""Recency, frequency, monetary: who bought last, most often and most, as scores from 1 to 5, and segments by rules.

Pure. Scores are quintiles among the people of one currency; whoever ties gets one score, by the middle of the places
that they share, so that neither the order of the rows nor a name decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.errors import SettingsError
from aircue_cloud.settings import build

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SCORES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a person spent at one go. minor: minor units of the currency; under 0: given back."""

    person: str
    day: date
    minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Customer:
    """days: on which something was bought and kept; first, last: of them. minor: net of what came back. currency: the
    one of most of the days, of several the one used last."""

    person: str
    currency: str
    days: int
    first: date
    last: date
    minor: int


@dataclass(frozen=True, kw_only=True)
class Scored:
    """scores: recency, frequency, monetary."""

    customer: Customer
    recency_days: int
    scores: tuple[int, int, int]
    segment: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Scores that fit; all of them where nothing is said."""

    name: str
    about: str
    recency: list[int] = field(default_factory=list)
    frequency: list[int] = field(default_factory=list)
    monetary: list[int] = field(default_factory=list)

    @property
    def asked(self) -> tuple[list[int], list[int], list[int]]:
        return self.recency, self.frequency, self.monetary

    def fits(self, scores: tuple[int, int, int]) -> bool:
        return all(not wanted or score in wanted for wanted, score in zip(self.asked, scores, strict=True))


def read_rules(document: Mapping[str, Any], where: str) -> tuple[Rule, ...]:
    """SettingsError for rules that do not name everybody, or of which one can never fit."""
    if set(document) != {"rule"} or not isinstance(document["rule"], list) or not document["rule"]:
        raise SettingsError(f"{where}: expected tables [[rule]] and nothing else")
    rules = tuple(_rule(table, f"{where}: [[rule]] {number}") for number, table in enumerate(document["rule"], start=1))
    reached = {named(scores, rules, where).name for scores in EVERY}
    for rule in rules:
        if rule.name not in reached or [one.name for one in rules].count(rule.name) > 1:
            raise SettingsError(f"{where}: rule {rule.name!r} is never reached: another fits or is named so before it")
    return rules


def _rule(table: Any, where: str) -> Rule:
    rule = build(Rule, table if isinstance(table, dict) else {}, where)
    for key, wanted in zip(("recency", "frequency", "monetary"), rule.asked, strict=True):
        if any(score not in SCORES for score in wanted):
            raise SettingsError(f"{where}: key {key!r} is {wanted!r}, expected scores from 1 to 5")
    return rule


EVERY = tuple((r, f, m) for r in SCORES for f in SCORES for m in SCORES)


def named(scores: tuple[int, int, int], rules: Sequence[Rule], where: str = "rules") -> Rule:
    found = next((rule for rule in rules if rule.fits(scores)), None)
    if found is None:
        raise SettingsError(f"{where}: no rule fits the scores {scores}: let the last one ask for nothing")
    return found


@cache
def shipped() -> tuple[Rule, ...]:
    import tomllib

    text = files(__package__).joinpath("rfm.toml").read_text(encoding="utf-8")
    return read_rules(tomllib.loads(text), "rfm.toml")


def quintiles(values: Floats) -> Ints:
    """Of shape (people,): 1 for the lowest fifth, 5 for the highest.

    >>> quintiles(np.array([10.0, 20.0, 30.0, 40.0, 50.0])).tolist(), quintiles(np.array([7.0, 7.0, 7.0])).tolist()
    ([1, 2, 3, 4, 5], [3, 3, 3])
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    up_to = np.searchsorted(ordered, values, side="right")
    # The middle of the shared places is (below + up_to) / 2, of len(values): in whole numbers, so that nothing rounds.
    return np.asarray(1 + (5 * (below + up_to)) // (2 * len(values))).astype(np.int64)


def customers(spent: Iterable[Spent]) -> list[Customer]:
    """By person; nobody who gave back all they bought. What came back is taken from the latest day before it on which
    something is left, then from the one before."""
    ordered = sorted(spent, key=lambda one: (one.person, one.currency, one.day))
    found: dict[str, list[Customer]] = {}
    for (person, currency), rows in groupby(ordered, key=lambda one: (one.person, one.currency)):
        kept = _kept(rows)
        if kept:
            days = sorted(kept)
            known: dict[str, Any] = {"days": len(days), "first": days[0], "last": days[-1], "minor": sum(kept.values())}
            found.setdefault(person, []).append(Customer(person=person, currency=currency, **known))
    return [max(some, key=lambda one: (one.days, one.last, one.currency)) for _, some in sorted(found.items())]


def _kept(rows: Iterable[Spent]) -> dict[date, int]:
    """What is left of each day; rows in the order of days."""
    left: dict[date, int] = {}
    for one in sorted(rows, key=lambda row: (row.day, row.minor < 0)):
        if one.minor >= 0:
            left[one.day] = left.get(one.day, 0) + one.minor
            continue
        back = -one.minor
        for day in reversed(left):
            taken = min(back, left[day])
            left[day] -= taken
            back -= taken
    return {day: minor for day, minor in left.items() if minor > 0}


def scored(found: Sequence[Customer], today: date, rules: Sequence[Rule]) -> list[Scored]:
    """Each among those of the same currency, in the order given."""
    scores: dict[str, tuple[int, int, int]] = {}
    for currency in {one.currency for one in found}:
        group = [one for one in found if one.currency == currency]
        columns = [quintiles(_column(values)) for values in zip(*(_measured(one, today) for one in group), strict=True)]
        for one, r, f, m in zip(group, *columns, strict=True):
            scores[one.person] = (int(r), int(f), int(m))
    return [
        Scored(
            customer=one,
            recency_days=(today - one.last).days,
            scores=scores[one.person],
            segment=named(scores[one.person], rules).name,
        )
        for one in found
    ]


def _measured(one: Customer, today: date) -> tuple[int, int, int]:
    """The higher the better."""
    return -(today - one.last).days, one.days, one.minor


def _column(values: Iterable[int]) -> Floats:
    return np.array(list(values), dtype=np.float64)
