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


def test_the_gateways_own_clock_that_was_ten_years_behind_is_followed_when_it_is_set() -> None:
    """The node has no time, and says something just now; what comes of the time before is dated from now on as well."""
    behind_ms, clock = 10 * 365 * 86_400_000, Clock()
    clock.note(30_000, 0, BEGAN_MS - behind_ms + 30_000)
    clock.heard(60_000, BEGAN_MS + 60_000)
    assert clock.at(90_000) == BEGAN_MS + 90_000
    clock.heard(90_000, BEGAN_MS - behind_ms + 90_000)
    assert clock.at(90_000) == BEGAN_MS - behind_ms + 90_000


def test_hours_on_the_way_and_a_node_with_a_time_of_its_own_change_nothing() -> None:
    clock, timed = Clock(), Clock()
    clock.note(0, 0, BEGAN_MS)
    clock.heard(1000, BEGAN_MS + 1000 + 80_000_000)
    timed.note(0, BEGAN_MS // 1000, 0)
    timed.heard(1000, BEGAN_MS + 10**12)
    assert (clock.at(0), timed.at(0)) == (BEGAN_MS, BEGAN_MS // 1000 * 1000)


def test_a_chips_own_epoch_is_not_believed() -> None:
    assert [believed(second) for second in (0, 5, 946_684_800, 1_763_700_000, 2**40)] == [
        True,
        False,
        False,
        True,
        False,
    ]
