"""Interval sets against Python's own sets."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.intervals import Intervals

NUMBERS = st.lists(st.integers(1, 60), max_size=80)


@given(NUMBERS)
def test_an_interval_set_is_the_set_of_what_was_added(numbers: list[int]) -> None:
    intervals, plain = Intervals(), set[int]()
    for number in numbers:
        assert intervals.add(number) is (number not in plain)
        plain.add(number)
    assert {n for first, last in intervals for n in range(first, last + 1)} == plain
    assert [n for n in range(70) if n in intervals] == sorted(plain)


@given(NUMBERS)
def test_ranges_ascend_and_never_touch(numbers: list[int]) -> None:
    intervals = Intervals()
    for number in numbers:
        intervals.add(number)
    ranges = intervals.ranges()
    assert all(first <= last for first, last in ranges)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))


@given(NUMBERS, NUMBERS)
def test_a_set_made_of_its_ranges_goes_on_alike(before: list[int], after: list[int]) -> None:
    intervals = Intervals()
    for number in before:
        intervals.add(number)
    again = Intervals(intervals.ranges())
    assert [intervals.add(number) for number in after] == [again.add(number) for number in after]
    assert again.ranges() == intervals.ranges()
