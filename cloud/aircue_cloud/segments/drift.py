"""What has changed between two days: how far shares have moved, and who went where. Pure.

The population stability index is the sum over segments of (after - before) ln(after / before), shares with half a
person added to each segment, so that an empty one does no harm; it is 0 where nothing moved. Under 0.1 little has
changed, from 0.25 on much (Siddiqi: Credit Risk Scorecards, 2006).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum, log

NOWHERE = ""  # not in the profile on that day
LITTLE, MUCH = 0.1, 0.25


@dataclass(frozen=True, kw_only=True)
class Drift:
    """before, after: people by segment. flows: by where they were and where they are; NOWHERE is neither day's."""

    psi: float
    before: Mapping[str, int]
    after: Mapping[str, int]
    flows: Mapping[tuple[str, str], int]


def drift(before: Mapping[str, str], after: Mapping[str, str]) -> Drift:
    """Of the segment of each person on two days."""
    old, new = Counter(before.values()), Counter(after.values())
    people = before.keys() | after.keys()
    flows = Counter((before.get(one, NOWHERE), after.get(one, NOWHERE)) for one in people)
    return Drift(psi=psi(old, new), before=dict(old), after=dict(new), flows=dict(flows))


def psi(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """
    >>> psi({"a": 50, "b": 50}, {"a": 50, "b": 50}), round(psi({"a": 99, "b": 99}, {"a": 149, "b": 49}), 4)
    (0.0, 0.2777)
    """
    cells = sorted(before.keys() | after.keys())
    old, new = _shares(before, cells), _shares(after, cells)
    return fsum((b - a) * log(b / a) for a, b in zip(old, new, strict=True))


def _shares(counts: Mapping[str, int], cells: list[str]) -> list[float]:
    total = sum(counts.values()) + 0.5 * len(cells)
    return [(counts.get(cell, 0) + 0.5) / total for cell in cells]


def verdict(found: float) -> str:
    return "little has changed" if found < LITTLE else "some has changed" if found < MUCH else "much has changed"
