"""Reports about few people are reports about somebody: no figure on fewer than 20 people leaves this function.

Hiding one small cell is not enough where its row's total is shown: the rest gives it away. So where exactly one cell
of a group is hidden, or the hidden ones together count fewer than 20, the next smallest is hidden with it
(complementary suppression: Willenborg, de Waal, Elements of Statistical Disclosure Control, 2001, chapter 6).
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

K = 20

Key = TypeVar("Key")


def shown(people: Mapping[Key, int], k: int = K) -> dict[Key, int | None]:
    """People by cell, None where hidden. The cells' sum may be published: it gives no hidden cell away.

    >>> shown({"north": 120, "south": 45, "islands": 3})
    {'north': 120, 'south': None, 'islands': None}
    """
    hidden = _hidden(people, k)
    return {cell: None if cell in hidden else count for cell, count in people.items()}


def _hidden(people: Mapping[Key, int], k: int) -> set[Key]:
    by_size = sorted(people, key=lambda cell: people[cell])
    hidden = [cell for cell in by_size if 0 < people[cell] < k]
    rest = [cell for cell in by_size if people[cell] >= k]
    while hidden and rest and (len(hidden) < 2 or sum(people[cell] for cell in hidden) < k):
        hidden.append(rest.pop(0))
    return set(hidden)


def total(people: Mapping[Key, int], k: int = K) -> int | None:
    """The sum, None where it stands for too few, or would give the one cell there is away."""
    count = sum(people.values())
    return count if count >= k else None


def overlapping(groups: Sequence[frozenset[str]], new: frozenset[str], k: int = K) -> bool:
    """Whether a report on `new` beside the reports on `groups` tells of fewer than k people by their difference.

    Differences of two groups are looked at, not of longer sums.
    """
    return any(0 < len(old ^ new) < k for old in groups)
