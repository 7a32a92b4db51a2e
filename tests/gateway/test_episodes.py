"""The episode machine: strict thresholds, hysteresis, dwell and recovery in event time, gaps, restarts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules import DAMP

from aircue_gateway.episodes import ON_MISSING, STALE, Change, Phase, Rule, State, fresh, rewound, standing, step

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


@pytest.mark.parametrize(("on_missing", "started"), [("hold", 25), ("reset", 30), ("fire", 15)])
def test_a_gap_holds_begins_anew_or_counts_as_the_rule_says(on_missing: str, started: int) -> None:
    """Past enter from minute 0 on, a reading each minute, a gap from 5 to 15; the dwell is 15 minutes."""
    rule = replace(DAMP, max_gap_s=300, on_missing=on_missing)
    minutes = [*range(6), *range(15, 40)]
    changes = course(rule, *[(minute, 85) for minute in minutes])
    assert changes == [(0, Change.ARMED), (started, Change.STARTED)]


@given(st.sampled_from(ON_MISSING), st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=40))
def test_a_gap_never_ends_an_episode_nor_begins_it_again(on_missing: str, steps: list[tuple[int, bool]]) -> None:
    """However long the gaps: as long as the air stays past enter, there is one start and no end."""
    rule = replace(DAMP, max_gap_s=600, on_missing=on_missing)
    minutes = [0]
    for gap, _ in steps:
        minutes.append(minutes[-1] + gap)
    changes = [change for _, change in course(rule, *[(minute, 85) for minute in minutes])]
    assert changes.count(Change.STARTED) <= 1
    assert Change.ENDED not in changes


def test_a_need_is_stale_while_its_readings_are_missing_and_its_phase_waits() -> None:
    state, _ = step(replace(DAMP, dwell_s=0), State(), 0.0, 85.0)
    assert [standing(DAMP, state, now) for now in (0.0, 1800.0, 1801.0)] == ["firing", "firing", STALE]
    assert standing(DAMP, State(), 1e9) == "idle"


def test_what_holds_at_the_start_begins_nothing_unless_the_rule_says_so() -> None:
    def starts(rule: Rule, *values: float) -> list[int]:
        state, found = fresh(rule), []
        for minute, value in enumerate(values):
            state, change = step(rule, state, minute * 60.0, value)
            if change is Change.STARTED:
                found.append(minute)
        return found

    at_once = replace(DAMP, dwell_s=0, keep_s=0)
    assert starts(at_once, 85, 85, 79, 85, 78, 85) == [5]
    assert starts(at_once, 79, 85) == [1]
    assert starts(replace(at_once, on_start="fire"), 85, 85, 78, 85) == [0, 3]


def test_a_clock_set_back_keeps_what_was_counted_and_goes_on_from_there() -> None:
    state, _ = step(DAMP, State(), 10_000.0, 85.0)
    state, _ = step(DAMP, state, 10_600.0, 85.0)
    state = rewound(state, 500.0)
    assert (state.held_s, state.last_at, state.since) == (600.0, 500.0, 500.0)
    assert step(DAMP, state, 800.0, 85.0)[1] is Change.STARTED
    assert rewound(state, 900.0) is state


@pytest.mark.parametrize("change", [{"on_missing": "drop"}, {"on_start": "wait"}, {"lateness_s": -1}])
def test_a_rule_with_an_unknown_choice_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="need damp-air"):
        replace(DAMP, **change)  # type: ignore[arg-type]  # wrong on purpose
