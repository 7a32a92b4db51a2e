"""Which failures lead to which step: enumerated, over days of simulated failing."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_node.escalation import (
    ABSENT,
    ANSWERED,
    REFUSED,
    REJOIN,
    RESET,
    RETRY,
    UNJOINED,
    UNREACHED,
    Escalation,
)

KINDS = (ABSENT, UNJOINED, UNREACHED, ANSWERED, REFUSED)
NOT_THE_RADIO = (ABSENT, UNREACHED, ANSWERED, REFUSED)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
Step = tuple[int, str]


def joined(resets: int = 0) -> Escalation:
    """A node that was in its network in this boot."""
    escalation = Escalation(resets)
    escalation.joined()
    return escalation


def failing(escalation: Escalation, kind: str, until_ms: int, every_ms: int = 6000, from_ms: int = 0) -> list[Step]:
    """(moment, step) of every step but RETRY, while one kind of failure comes again and again."""
    steps: list[Step] = []
    for now in range(from_ms, until_ms, every_ms):
        if kind not in (ABSENT, UNJOINED):
            escalation.joined()
        step = escalation.after(kind, now)
        if step != RETRY:
            steps.append((now, step))
        if step == RESET:
            break
    return steps


@pytest.mark.parametrize("kind", NOT_THE_RADIO)
def test_a_server_or_a_network_that_is_away_for_a_week_resets_nothing(kind: str) -> None:
    assert RESET not in [step for _, step in failing(joined(), kind, 7 * DAY)]


@pytest.mark.parametrize("kind", [ANSWERED, REFUSED])
def test_a_gateway_that_answers_is_no_reason_to_touch_the_radio(kind: str) -> None:
    assert failing(joined(), kind, DAY) == []


def test_no_five_failures_of_any_kinds_lead_to_a_reset() -> None:
    for sequence in product(KINDS, repeat=5):
        escalation = joined()
        steps = [escalation.after(kind, index * DAY) for index, kind in enumerate(sequence)]
        assert RESET not in steps, sequence


@given(st.lists(st.tuples(st.sampled_from(NOT_THE_RADIO), st.integers(0, DAY)), max_size=200), st.integers(0, 5))
def test_whatever_is_away_in_whatever_order_only_the_radio_leads_to_a_reset(
    failures: list[tuple[str, int]], resets: int
) -> None:
    escalation, now = Escalation(resets), 0
    for kind, after_ms in failures:
        now += after_ms
        assert escalation.after(kind, now) != RESET


def test_the_radio_is_switched_after_four_attempts_without_a_sign_of_the_host() -> None:
    escalation = joined()
    steps = [escalation.after(UNREACHED, index * 5000) for index in range(4)]
    assert steps == [RETRY, RETRY, RETRY, REJOIN]


def test_a_sign_of_the_host_in_between_counts_from_one_again() -> None:
    escalation = joined()
    kinds = [UNREACHED, UNREACHED, UNREACHED, ANSWERED, UNREACHED, UNREACHED, UNREACHED]
    assert [escalation.after(kind, index) for index, kind in enumerate(kinds)] == [RETRY] * 7


def test_rejoins_for_a_host_that_is_away_become_rare() -> None:
    moments = [at for at, step in failing(joined(), UNREACHED, DAY) if step == REJOIN]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert gaps == sorted(gaps)
    assert gaps[0] < 2 * MINUTE
    assert all(30 * MINUTE <= gap < 31 * MINUTE for gap in gaps[10:])


def test_a_session_that_stood_makes_the_next_rejoin_quick_again() -> None:
    escalation = joined()
    failing(escalation, UNREACHED, HOUR)
    escalation.settled()
    steps = [escalation.after(UNREACHED, HOUR + index * 5000) for index in range(4)]
    assert steps[-1] == REJOIN


def test_a_radio_that_does_not_join_is_switched_every_second_time_and_reset_after_half_an_hour() -> None:
    steps = failing(joined(), UNJOINED, DAY, every_ms=20_000)
    assert [at for at, step in steps[:3] if step == REJOIN] == [20_000, 60_000, 100_000]
    assert steps[-1] == (30 * MINUTE, RESET)


def test_slow_attempts_are_ten_rejoins_before_a_reset() -> None:
    steps = failing(joined(), UNJOINED, DAY, every_ms=10 * MINUTE)
    assert [step for _, step in steps] == [REJOIN] * 10 + [RESET]


@pytest.mark.parametrize(("resets", "minutes"), [(0, 30), (1, 60), (2, 120), (5, 960), (6, 1440), (50, 1440)])
def test_each_reset_for_the_radios_sake_comes_twice_as_late_and_at_most_daily(resets: int, minutes: int) -> None:
    """resets came right before this boot, in which the radio has not joined."""
    escalation = Escalation(resets)
    if resets == 0:
        escalation.joined()
    assert failing(escalation, UNJOINED, 3 * DAY, every_ms=20_000)[-1] == (minutes * MINUTE, RESET)
    assert escalation.resets == resets + 1


def test_a_node_that_never_was_in_the_network_is_not_reset() -> None:
    """Its settings are wrong more likely than its radio."""
    steps = failing(Escalation(0), UNJOINED, 3 * DAY, every_ms=20_000)
    assert {step for _, step in steps} == {REJOIN}


@pytest.mark.parametrize("what", ["joined", "absent"])
def test_a_network_that_lets_it_in_or_goes_away_begins_the_half_hour_anew(what: str) -> None:
    escalation = joined()
    failing(escalation, UNJOINED, 29 * MINUTE, every_ms=20_000)
    if what == "joined":
        escalation.joined()
    else:
        escalation.after(ABSENT, 29 * MINUTE)
    steps = failing(escalation, UNJOINED, 3 * HOUR, every_ms=20_000, from_ms=29 * MINUTE)
    assert steps[-1] == (59 * MINUTE, RESET)


def test_once_joined_the_resets_before_are_forgotten() -> None:
    escalation = Escalation(5)
    escalation.joined()
    assert failing(escalation, UNJOINED, DAY, every_ms=20_000)[-1] == (30 * MINUTE, RESET)


@pytest.mark.parametrize(
    ("kind", "pauses_ms"),
    [
        (ABSENT, [500] * 8),
        (UNJOINED, [500] * 8),
        (UNREACHED, [500, 1000, 2000, 2000, 2000, 2000, 2000, 2000]),
        (ANSWERED, [500, 1000, 2000, 2000, 2000, 2000, 2000, 2000]),
        (REFUSED, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]),
    ],
)
def test_pauses_grow_as_long_as_waiting_costs_nothing(kind: str, pauses_ms: list[int]) -> None:
    escalation, found = joined(), []
    for index in range(8):
        escalation.after(kind, index)
        found.append(escalation.pause_ms())
    assert found == pauses_ms
    failing(escalation, kind, DAY)
    assert escalation.pause_ms() == pauses_ms[-1]
