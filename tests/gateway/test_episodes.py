"""The episode machine: strict thresholds, hysteresis, dwell and recovery in event time, gaps, restarts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules import DAMP

from aircue_gateway.episodes import Change, Phase, Rule, State, step

DRY = replace(DAMP, need="dry-air", direction="below", enter=30, exit=33)


def course(rule: Rule, *readings: tuple[float, float]) -> list[tuple[float, Change]]:
    """What changed, and when, over (minute, value) readings."""
    state, changes = State(), []
    for minute, value in readings:
        state, change = step(rule, state, minute * 60, value)
        if change is not None:
            changes.append((minute, change))
    return changes


def test_eighty_does_not_pass_eighty() -> None:
    assert course(DAMP, (0, 80), (30, 80), (60, 80)) == []


def test_an_episode_starts_when_the_dwell_is_over_and_ends_after_recovery() -> None:
    readings = [(0.0, 81.0), (10, 85), (15, 84), (20, 78), (25, 77), (30, 70)]
    assert course(DAMP, *readings) == [
        (0, Change.ARMED),
        (15, Change.STARTED),
        (20, Change.RECOVERING),
        (30, Change.ENDED),
    ]


def test_between_exit_and_enter_the_dwell_goes_on_but_no_episode_starts() -> None:
    assert course(DAMP, (0, 81), (5, 79), (15, 79), (16, 80)) == [(0, Change.ARMED)]
    assert course(DAMP, (0, 81), (5, 79), (15, 79), (17, 81)) == [(0, Change.ARMED), (17, Change.STARTED)]
    assert course(DAMP, (0, 81), (15, 81), (20, 79), (60, 79)) == [(0, Change.ARMED), (15, Change.STARTED)]


def test_a_short_excursion_starts_nothing() -> None:
    assert course(DAMP, (0, 81), (10, 78), (20, 70)) == [(0, Change.ARMED), (10, Change.DISARMED)]


def test_coming_back_while_recovering_is_the_same_episode() -> None:
    changes = course(DAMP, (0, 81), (15, 81), (20, 70), (25, 82), (60, 70))
    assert changes == [
        (0, Change.ARMED),
        (15, Change.STARTED),
        (20, Change.RECOVERING),
        (25, Change.RESUMED),
        (60, Change.RECOVERING),
    ]


def test_a_long_gap_counts_neither_as_dwell_nor_as_recovery() -> None:
    assert course(DAMP, (0, 81), (100, 81), (110, 81)) == [(0, Change.ARMED)]
    assert course(DAMP, (0, 81), (15, 81), (20, 70), (120, 70), (129, 70))[-1] == (20, Change.RECOVERING)
    assert course(DAMP, (0, 81), (100, 81), (115, 81))[-1] == (115, Change.STARTED)


def test_a_rule_below_is_the_mirror_image() -> None:
    assert course(DRY, (0, 30), (5, 29), (20, 28), (25, 33), (35, 40)) == [
        (5, Change.ARMED),
        (20, Change.STARTED),
        (25, Change.RECOVERING),
        (35, Change.ENDED),
    ]


def test_no_dwell_and_no_recovery_act_at_once() -> None:
    at_once = replace(DAMP, dwell_s=0, keep_s=0)
    assert course(at_once, (0, 81), (1, 70)) == [(0, Change.STARTED), (1, Change.ENDED)]


def test_zero_is_a_reading() -> None:
    frost = replace(DRY, need="cold", quantity="temperature", enter=5, exit=7, dwell_s=0)
    assert course(frost, (0, 0.0)) == [(0, Change.STARTED)]


def test_a_reading_seen_again_or_older_changes_nothing() -> None:
    state, _ = step(DAMP, State(), 600, 85)
    assert step(DAMP, state, 600, 10) == (state, None)
    assert step(DAMP, state, 0, 10) == (state, None)


def test_the_furthest_value_is_kept() -> None:
    state = State()
    for minute, value in ((0, 81), (5, 92), (16, 85)):
        state, _ = step(DAMP, state, minute * 60, value)
    assert (state.phase, state.peak) == (Phase.FIRING, 92)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"direction": "over"}, "direction 'over'"),
        ({"exit": 82}, "exit 82 lies beyond enter 80"),
        ({"dwell_s": -1}, "may not be negative"),
        ({"max_gap_s": 0}, "over 0"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=f"need damp-air: .*{named}"):
        replace(DAMP, **change)  # type: ignore[arg-type]  # wrong on purpose


_readings = st.lists(st.tuples(st.integers(1, 2400), st.integers(70, 90)), max_size=60)


@given(_readings)
def test_starts_and_ends_alternate_and_each_start_had_its_dwell(steps: list[tuple[int, int]]) -> None:
    state, at, open_since = State(), 0, None
    for gap, value in steps:
        at += gap
        state, change = step(DAMP, state, at, value)
        if change is Change.STARTED:
            assert open_since is None
            assert state.held_s >= DAMP.dwell_s
            assert state.since is not None
            assert at - state.since >= DAMP.dwell_s
            open_since = at
        elif change is Change.ENDED:
            assert open_since is not None
            open_since = None
