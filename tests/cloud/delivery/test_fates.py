"""What becomes of a row, over all results and guarantees."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cloud.stage import NOW

from aircue_cloud.delivery import fates
from aircue_cloud.delivery.channel import AT_LEAST_ONCE, AT_MOST_ONCE, Failed, Gone, Handed, Refused, Unknown
from aircue_cloud.delivery.fates import DUE, EXPIRED, GONE, HANDED, IN_DOUBT, REFUSED, SPARE, TAKEN, WAITING

LATER = NOW + timedelta(days=1)
BOTH = {AT_LEAST_ONCE, AT_MOST_ONCE}


@pytest.mark.parametrize(
    ("result", "guarantees", "state"),
    [
        (Handed(), BOTH, HANDED),
        (Gone(), BOTH, GONE),
        (Refused(), BOTH, REFUSED),
        (Failed(), BOTH, DUE),
        (Unknown(), {AT_LEAST_ONCE}, DUE),
        (Unknown(), {AT_MOST_ONCE}, IN_DOUBT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Handed | Gone | Refused | Failed | Unknown) else None,
)
def test_a_result_makes_one_fate(
    result: Handed | Gone | Refused | Failed | Unknown, guarantees: set[str], state: str
) -> None:
    assert {fates.after(result, one, 1, NOW, LATER, 0.5).state for one in guarantees} == {state}


@given(st.integers(1, 1000), st.floats(0, 1))
def test_pauses_grow_to_their_limit_and_part_by_chance(attempts: int, chance: float) -> None:
    pause = fates.pause(attempts, chance)
    whole = min(fates.LONGEST_PAUSE, fates.FIRST_PAUSE * 2 ** min(attempts - 1, 20))
    assert whole / 2 <= pause <= whole
    assert fates.pause(attempts, 0.0) < fates.pause(attempts, 1.0)


@given(st.integers(1, 50), st.floats(0, 1), st.integers(1, 100_000))
def test_nothing_is_tried_again_after_its_end(attempts: int, chance: float, life_s: int) -> None:
    over = NOW + timedelta(seconds=life_s)
    for result in (Failed(), Failed(wait=timedelta(hours=1)), Unknown()):
        fate = fates.after(result, AT_LEAST_ONCE, attempts, NOW, over, chance)
        assert fate.state == EXPIRED or (fate.state == DUE and fate.ready_at is not None and NOW < fate.ready_at < over)


def test_the_next_place_is_tried_where_this_one_failed_for_certain_alone() -> None:
    assert fates.following([GONE, REFUSED]) == DUE
    assert [fates.following([GONE, one]) for one in (HANDED, IN_DOUBT, EXPIRED)] == [SPARE] * 3
    assert [fates.following([GONE, one]) for one in (DUE, TAKEN, WAITING)] == [None] * 3
