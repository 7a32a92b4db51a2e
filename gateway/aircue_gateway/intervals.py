"""Sets of sequence numbers, kept as ranges: what one boot of a node delivered is nearly always one range."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of whole numbers in ascending, disjoint, never touching ranges.

    >>> seen = Intervals([(1, 3)])
    >>> seen.add(5), seen.add(5), seen.add(4)
    (True, False, True)
    >>> seen.ranges()
    [(1, 5)]
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self._firsts.append(first)
            self._lasts.append(last)

    def add(self, number: int) -> bool:
        """Whether the number was new."""
        if self._lasts and number == self._lasts[-1] + 1:
            self._lasts[-1] = number
            return True
        right = bisect_right(self._firsts, number)
        if right and number <= self._lasts[right - 1]:
            return False
        self._insert(right, number)
        return True

    def extend(self, first: int, last: int) -> bool:
        """Adds first to last, both included, where all of them lie behind every number so far; whether they do."""
        if self._lasts and first <= self._lasts[-1]:
            return False
        if self._lasts and first == self._lasts[-1] + 1:
            self._lasts[-1] = last
        else:
            self._firsts.append(first)
            self._lasts.append(last)
        return True

    def _insert(self, right: int, number: int) -> None:
        """Puts a new number before the range at index right, and closes the gaps that it fills."""
        touches_left = right > 0 and self._lasts[right - 1] == number - 1
        touches_right = right < len(self._firsts) and self._firsts[right] == number + 1
        if touches_left and touches_right:
            self._lasts[right - 1] = self._lasts.pop(right)
            del self._firsts[right]
        elif touches_left:
            self._lasts[right - 1] = number
        elif touches_right:
            self._firsts[right] = number
        else:
            self._firsts.insert(right, number)
            self._lasts.insert(right, number)

    def without(self, others: "Intervals") -> Iterator[tuple[int, int]]:
        """The ranges of what is in this set and not in the other one.

        >>> list(Intervals([(1, 9)]).without(Intervals([(3, 4), (9, 12)])))
        [(1, 2), (5, 8)]
        """
        for first, last in self:
            at = bisect_right(others._firsts, first)
            if at and others._lasts[at - 1] >= first:
                first = others._lasts[at - 1] + 1
            while at < len(others._firsts) and others._firsts[at] <= last:
                if first < others._firsts[at]:
                    yield first, others._firsts[at] - 1
                first = others._lasts[at] + 1
                at += 1
            if first <= last:
                yield first, last

    def __contains__(self, number: int) -> bool:
        right = bisect_right(self._firsts, number)
        return right > 0 and number <= self._lasts[right - 1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def ranges(self) -> list[tuple[int, int]]:
        """(first, last), both included, ascending."""
        return list(self)
