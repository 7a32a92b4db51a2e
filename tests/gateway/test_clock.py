"""Dating samples: by the node's own seconds where it has them, by arrival where it has not."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.clock import Clock, believed

BEGAN_MS = 1_763_700_000_437


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=30, unique=True))
def test_a_timed_sample_lies_within_its_second_and_keeps_the_order_of_uptimes(uptimes: list[int]) -> None:
    clock, dated = Clock(), []
    for uptime in sorted(uptimes):
        second = (BEGAN_MS + uptime) // 1000
        clock.note(uptime, second, 0)
        assert clock.at(uptime) // 1000 == second
        dated.append(clock.at(uptime))
    assert all(before < after for before, after in pairwise(dated))


def test_an_untimed_sample_takes_its_time_from_a_timed_one_of_the_same_boot() -> None:
    clock = Clock()
    clock.note(60_000, 1_763_700_060, received_at_ms=1)
    clock.note(30_000, 0, received_at_ms=1)
    assert clock.at(30_000) == 1_763_700_030_000


def test_without_any_time_the_least_delayed_arrival_counts() -> None:
    clock = Clock()
    for uptime, arrived in [(1000, 9_500), (2000, 10_100), (3000, 11_900)]:
        clock.note(uptime, 0, arrived)
    assert (clock.at(1000), clock.known) == (9_100, False)


def test_a_clock_that_is_set_anew_is_followed() -> None:
    clock = Clock()
    clock.note(1000, 1_763_700_001, 0)
    clock.note(2000, 1_763_707_202, 0)
    assert clock.at(2000) // 1000 == 1_763_707_202


def test_a_clock_that_is_set_back_is_followed() -> None:
    clock = Clock()
    clock.note(1000, 1_763_707_201, 0)
    clock.note(2000, 1_763_700_002, 0)
    assert clock.at(2000) == 1_763_700_002_999


def test_a_chips_own_epoch_is_not_believed() -> None:
    assert [believed(second) for second in (0, 5, 946_684_800, 1_763_700_000, 2**40)] == [
        True,
        False,
        False,
        True,
        False,
    ]
