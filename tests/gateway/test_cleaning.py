"""The filters and smoothers: what holds for every one of them, then each by inputs whose answer is known."""

import math
import random
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.cleaning.deadband import Deadband
from aircue_gateway.cleaning.pipeline import Filter
from aircue_gateway.cleaning.range import Range
from aircue_gateway.cleaning.rate import Rate
from aircue_gateway.cleaning.smoothing import Ewma, Kalman, Median, OneEuro, Plain, Smoother
from aircue_gateway.cleaning.spike import Spike
from aircue_gateway.cleaning.stuck import Stuck
from aircue_gateway.config import STAGES, CleaningConfig, DeadbandConfig, SmoothingConfig
from aircue_gateway.quantities import LIMITS
from aircue_node.quantities import QUANTITIES


def spike() -> Spike:
    return Spike(k=5.0, memory=32, start=3.0, floor=0.05, max_gap_s=120.0)


def stuck(rests: tuple[float, ...] = ()) -> Stuck:
    return Stuck(step=0.1, fine_s=3600.0, coarse_s=86_400.0, max_gap_s=3600.0, rests=rests)


FILTERS: dict[str, Callable[[], Filter]] = {
    "range": lambda: Range(low=0.0, high=100.0),
    "rate": lambda: Rate(jump=10.0, per_s=1.0, max_gap_s=600.0),
    "stuck": stuck,
    "spike": spike,
    "deadband": lambda: Deadband(width=0.5, heartbeat_s=300.0),
}
SMOOTHERS: dict[str, Callable[[], Smoother]] = {
    "none": Plain,
    "median": lambda: Median(window_s=30.0),
    "ewma": lambda: Ewma(tau_s=30.0),
    "one-euro": lambda: OneEuro(cutoff_hz=0.02, beta=0.05, speed_cutoff_hz=0.02),
    "kalman": lambda: Kalman(noise=0.2, drift=0.1),
}
VALUES = st.floats(-1000, 1000, allow_nan=False)
SERIES = st.lists(st.tuples(st.floats(0, 1e9), VALUES), max_size=40)


def fed(stage: Filter, series: list[tuple[float, float]]) -> list[Status]:
    return [stage.update(at, value) for at, value in series]


def every(seconds: float, *values: float) -> list[tuple[float, float]]:
    return [(1e9 + seconds * index, value) for index, value in enumerate(values)]


def settled(stage: Spike, series: list[tuple[float, float]]) -> list[Status]:
    """The flags after all corrections, each of which comes at most three samples later."""
    flags: list[Status] = []
    index_of = {at: index for index, (at, _) in enumerate(series)}
    for index, (at, value) in enumerate(series):
        flags.append(stage.update(at, value))
        for suspect in stage.revised:
            assert flags[index_of[suspect.at]] is Status.SPIKE
            assert 1 <= index - index_of[suspect.at] <= 3
            flags[index_of[suspect.at]] = Status.OK
        stage.revised.clear()
    return flags


@pytest.mark.parametrize("name", FILTERS)
@given(series=SERIES)
def test_every_filter_answers_with_a_status_whatever_time_does(name: str, series: list[tuple[float, float]]) -> None:
    assert all(isinstance(status, Status) for status in fed(FILTERS[name](), series))


@pytest.mark.parametrize("name", FILTERS)
@given(series=SERIES)
def test_every_filter_is_causal_and_repeatable(name: str, series: list[tuple[float, float]]) -> None:
    whole = fed(FILTERS[name](), series)
    assert fed(FILTERS[name](), series[: len(series) // 2]) == whole[: len(series) // 2]


@pytest.mark.parametrize("name", FILTERS)
@given(value=st.floats(0, 100), shift=st.integers(0, 10**6))
def test_every_filter_accepts_calm_air_at_any_time(name: str, value: float, shift: int) -> None:
    series = [(at + shift, one) for at, one in every(30, *[value] * 20)]
    assert set(fed(FILTERS[name](), series)) <= {Status.OK, Status.SUPPRESSED}


@pytest.mark.parametrize("name", FILTERS)
@given(before=SERIES, level=st.floats(10, 90))
def test_every_filter_recovers_from_whatever_came_before(
    name: str, before: list[tuple[float, float]], level: float
) -> None:
    stage = FILTERS[name]()
    fed(stage, before)
    assert set(fed(stage, every(30, *[level] * 20))[10:]) <= {Status.OK, Status.SUPPRESSED}


@pytest.mark.parametrize("name", SMOOTHERS)
@example(series=[(0.0, 0.0), (5e-324, 1.0), (1.0, 2.0)])
@given(series=SERIES)
def test_every_smoother_stays_between_the_least_and_the_most_it_was_given(
    name: str, series: list[tuple[float, float]]
) -> None:
    smoother, seen = SMOOTHERS[name](), []
    for at, value in series:
        seen.append(value)
        assert min(seen) - 1e-6 <= smoother.update(at, value) <= max(seen) + 1e-6


@pytest.mark.parametrize("name", SMOOTHERS)
def test_every_smoother_follows_at_once_after_a_long_pause_or_a_clock_set_back(name: str) -> None:
    smoother = SMOOTHERS[name]()
    for at, value in every(5, *[20.0] * 50):
        smoother.update(at, value)
    assert smoother.update(1e9 + 250 + 86_400, 30.0) == pytest.approx(30.0, abs=0.05)
    assert smoother.update(1e9, 10.0) == 10.0


@pytest.mark.parametrize("name", [name for name in SMOOTHERS if name != "none"])
def test_every_smoother_makes_noise_smaller_and_keeps_the_level(name: str) -> None:
    rng, smoother = random.Random(1), SMOOTHERS[name]()
    noise = [rng.gauss(0.0, 0.2) for _ in range(2000)]
    smooth = [smoother.update(at, 20.0 + one) - 20.0 for at, one in zip(range(0, 10_000, 5), noise, strict=True)]
    assert sum(one * one for one in smooth) < 0.5 * sum(one * one for one in noise)
    assert abs(sum(smooth) / len(smooth)) < 0.05


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 100)), max_size=60))
def test_the_median_agrees_with_the_definition(steps: list[tuple[int, float]]) -> None:
    smoother, at, seen = Median(window_s=30.0), 0.0, []
    for passed, value in steps:
        at += passed
        seen.append((at, value))
        assert smoother.update(at, value) == median(one for when, one in seen if when > at - 30.0)


def test_kalman_settles_at_the_gain_that_its_settings_imply() -> None:
    """The steady gain of a random walk in noise: K = (sqrt(q^2 + 4 q) - q) / 2 with q the ratio of variances a step."""
    smoother = Kalman(noise=0.2, drift=0.1)
    for at in range(0, 6000, 60):
        smoother.update(at, 0.0)
    ratio = (0.1 / 0.2) ** 2
    assert smoother.update(6000.0, 1.0) == pytest.approx((math.sqrt(ratio**2 + 4 * ratio) - ratio) / 2)


def test_range_includes_both_ends() -> None:
    stage = FILTERS["range"]()
    assert fed(stage, every(30, 0.0, 100.0, -0.1, 100.1)) == [Status.OK, Status.OK, Status.RANGE, Status.RANGE]


def test_every_quantity_of_the_contract_has_limits() -> None:
    assert set(LIMITS) == set(QUANTITIES)


def test_a_change_no_air_can_do_is_flagged_and_one_over_a_longer_time_is_not() -> None:
    stage = FILTERS["rate"]()
    assert stage.update(0.0, 20.0) is Status.OK
    assert [stage.update(5.0, 36.0), stage.update(10.0, 20.1)] == [Status.RATE, Status.OK]
    assert stage.update(36.0, 56.0) is Status.OK
    assert stage.update(700.0, -20.0) is Status.OK


def test_rate_believes_a_new_level_after_three_values_that_fit_each_other() -> None:
    assert fed(FILTERS["rate"](), every(1, 90.0, 20.0, 20.1, 20.2, 20.1)) == [Status.OK, *[Status.RATE] * 3, Status.OK]
    assert fed(FILTERS["rate"](), every(1, 20.0, 90.0, -60.0, 90.0, 20.0))[-1] is Status.OK


def minutes(count: int, value: Callable[[int], float], start: int = 0) -> list[tuple[float, float]]:
    return [(60.0 * (start + number), value(start + number)) for number in range(count)]


def test_a_fine_sensor_that_stands_still_for_hours_is_stuck_until_it_moves() -> None:
    stage = stuck()
    assert set(fed(stage, minutes(60, lambda number: 21.0 + 0.01 * (number % 7)))) == {Status.OK}
    flags = fed(stage, minutes(180, lambda _: 21.5, start=60))
    assert flags[:61] == [Status.OK] * 61
    assert set(flags[62:]) == {Status.STUCK}
    assert stage.update(60.0 * 240, 21.51) is Status.OK


def test_an_honest_quiet_night_on_a_coarse_sensor_is_not_stuck() -> None:
    """A DHT11 tells whole degrees: ten hours of 19."""
    stage = stuck()
    day = minutes(600, lambda number: float(round(20 + 2 * math.sin(number / 60))))
    assert set(fed(stage, day + minutes(600, lambda _: 19.0, start=600))) == {Status.OK}
    assert fed(stage, minutes(1500, lambda _: 19.0, start=1200))[-1] is Status.STUCK


def test_a_sensor_that_was_seen_to_rest_for_long_may_do_so_again() -> None:
    stage = stuck()
    fed(stage, minutes(30, lambda number: 21.0 + 0.01 * (number % 2)))
    fed(stage, minutes(50, lambda _: 21.5, start=30))
    assert fed(stage, minutes(180, lambda _: 21.6, start=80))[-1] is Status.OK
    assert fed(stage, minutes(60, lambda _: 21.6, start=260))[-1] is Status.STUCK


def test_few_repeats_and_values_at_which_air_rests_are_not_stuck() -> None:
    wiggle = minutes(30, lambda number: 5.0 + 0.01 * (number % 2))
    rare, resting = stuck(), stuck(rests=(0.0,))
    fed(rare, wiggle)
    fed(resting, wiggle)
    assert set(fed(rare, [(2000.0 + 3000.0 * number, 7.0) for number in range(20)])) == {Status.OK}
    assert set(fed(resting, minutes(600, lambda _: 0.0, start=30))) == {Status.OK}


def test_a_spike_is_flagged_and_its_neighbours_are_not() -> None:
    values = [55.0, 55.2, 55.1, 55.3, 5.0, 55.2, 55.4, 99.9, 55.3]
    flagged = [index for index, status in enumerate(fed(spike(), every(30, *values))) if status is Status.SPIKE]
    assert flagged == [4, 7]


@given(
    level=st.floats(30, 60),
    faults=st.lists(st.floats(20, 35), min_size=1, max_size=3),
    sign=st.sampled_from((-1, 1)),
    warm=st.integers(4, 40),
)
def test_a_burst_of_up_to_three_is_flagged_and_stays_so(
    level: float, faults: list[float], sign: int, warm: int
) -> None:
    calm = [level + 0.1 * (-1) ** index for index in range(warm)]
    series = every(30, *calm, *[level + sign * fault for fault in faults], *[level] * 6)
    assert settled(spike(), series) == [Status.OK] * warm + [Status.SPIKE] * len(faults) + [Status.OK] * 6


@pytest.mark.parametrize("first", [0.0, 100.0, -40.0])
def test_a_bad_first_value_condemns_nobody(first: float) -> None:
    assert set(fed(spike(), every(30, first, *[55.0] * 12))) == {Status.OK}


@given(before=st.integers(0, 12), low=st.floats(30, 60), jump=st.floats(0, 40), noise=st.floats(0, 0.9))
def test_a_step_passes_at_its_fourth_sample_and_clears_those_before(
    before: int, low: float, jump: float, noise: float
) -> None:
    """A shower is no spike."""
    levels = [low] * before + [low + jump] * 8
    series = every(30, *[level + noise * (-1) ** index for index, level in enumerate(levels)])
    assert set(settled(spike(), series)) == {Status.OK}
    assert set(fed(spike(), series)[before + 3 :]) == {Status.OK}


def test_a_spike_beside_a_step_stays_flagged() -> None:
    series = every(30, *[55.0, 55.1] * 5, 5.0, *[80.0, 80.1] * 3)
    assert settled(spike(), series) == [Status.OK] * 10 + [Status.SPIKE] + [Status.OK] * 6


def test_the_spike_filter_learns_how_much_a_series_moves() -> None:
    """The same excursion is a spike on calm air and none on unsteady air."""
    rng = random.Random(2)
    for move, expected in ((0.05, Status.SPIKE), (2.0, Status.OK)):
        stage, values = spike(), [55.0 + rng.choice((-move, 0.0, move)) for _ in range(200)]
        settled(stage, every(30, *values))
        assert stage.update(1e9 + 30 * 200, 58.0) is expected


def test_spikes_do_not_widen_the_scale() -> None:
    stage = spike()
    values = [55.0 + 0.1 * (index % 2) + (30.0 if index % 10 == 9 else 0.0) for index in range(300)]
    flags = settled(stage, every(30, *values))
    assert [index for index, flag in enumerate(flags) if flag is Status.SPIKE] == list(range(9, 300, 10))


@given(st.lists(st.floats(0, 100), max_size=60))
def test_what_spike_revises_was_flagged_at_most_three_samples_before(values: list[float]) -> None:
    settled(spike(), every(30, *values))


def test_a_sample_that_another_stage_flagged_ages_the_suspects() -> None:
    stage = spike()
    fed(stage, every(30, *[55.0] * 10))
    assert stage.update(1e9 + 300, 80.0) is Status.SPIKE
    for _ in range(3):
        stage.passed()
    assert stage.update(1e9 + 390, 80.0) is Status.OK
    assert stage.revised == []


def test_nothing_is_compared_over_a_gap() -> None:
    stage = spike()
    fed(stage, every(30, *[55.0] * 10))
    assert stage.update(1e9 + 9 * 30 + 121, 95.0) is Status.OK


def test_a_clock_set_back_starts_the_filter_anew() -> None:
    stage = spike()
    fed(stage, every(30, *[55.0] * 10))
    assert stage.update(1e9 - 3600, 95.0) is Status.OK


@given(st.lists(st.floats(20, 25), min_size=1, max_size=60), st.integers(1, 200))
def test_the_deadband_never_strays_or_stays_silent_for_longer_than_its_heartbeat(
    values: list[float], step: int
) -> None:
    stage, kept_at, kept = Deadband(width=0.5, heartbeat_s=300.0), -math.inf, math.nan
    for at, value in every(step, *values):
        if stage.update(at, value) is Status.OK:
            kept_at, kept = at, value
        else:
            assert abs(value - kept) < 0.5
            assert at - kept_at < 300


def built(watch: pipeline.Watch, width: float | None = None) -> pipeline.Pipeline:
    widths = {} if width is None else {"humidity": width}
    config = CleaningConfig(deadband=DeadbandConfig(heartbeat_s=300, width=widths))
    return pipeline.build(config, "humidity", watch)


def test_the_rules_see_trusted_values_alone() -> None:
    seen: list[float] = []
    stages = built(lambda _, value: seen.append(value) or False)  # type: ignore[func-returns-value]  # a short fake
    for at, value in every(30, 55, 55, 55, 55, 99, 101, 55.2):
        stages.update(at, value)
    assert seen == [55, 55, 55, 55, 55.2]


def test_the_rules_see_a_step_in_order_once_it_is_no_spike() -> None:
    seen: list[tuple[float, float]] = []
    stages = built(lambda at, value: seen.append((at, value)) or False)  # type: ignore[func-returns-value]  # likewise
    series = every(30, *[55.0] * 6, 79.0, 80.0, 81.0, 82.0)
    answers = [stages.update(at, value)[0] for at, value in series]
    assert answers == [Status.OK] * 6 + [Status.SPIKE] * 3 + [Status.OK]
    assert [suspect.value for suspect in stages.revised] == [79.0, 80.0, 81.0]
    assert seen == series


def test_the_rules_and_the_deadband_see_the_smoothed_value() -> None:
    seen: list[float] = []
    stages = built(lambda _, value: seen.append(value) or False, width=0.5)  # type: ignore[func-returns-value]
    answers = [stages.update(at, value)[0] for at, value in every(5, 55.0, 55.0, 55.0, 57.0, 55.0, 57.0)]
    assert seen == [55.0] * 6
    assert answers == [Status.OK] + [Status.SUPPRESSED] * 5


@pytest.mark.parametrize("method", SMOOTHERS)
def test_every_smoother_can_be_configured(method: str) -> None:
    config = CleaningConfig(smoothing=SmoothingConfig(method=method))
    stages = pipeline.build(config, "humidity", lambda *_: False)
    assert stages.update(1e9, 55.0) == (Status.OK, False)
    assert stages.smoothed == 55.0


@pytest.mark.parametrize("left_out", STAGES)
def test_a_stage_that_is_left_out_flags_nothing(left_out: str) -> None:
    config = CleaningConfig(stages=tuple(name for name in STAGES if name != left_out))
    stages = pipeline.build(config, "temperature", lambda *_: False)
    series = every(60, *[21.0, 21.01] * 20, 300.0, 21.0, 23.0, 21.0, *[21.5] * 200)
    flags = {stages.update(at, value)[0] for at, value in series}
    assert (Status[left_out.upper()] in flags) is False
    assert len(flags) > 1


def test_the_deadband_is_off_unless_configured() -> None:
    stages = built(lambda *_: False)
    assert {stages.update(at, value)[0] for at, value in every(30, *[55.0] * 5)} == {Status.OK}


def test_a_change_of_phase_is_never_held_back_and_is_the_new_reference() -> None:
    stages = built(lambda _, value: value == 55.3, width=0.5)
    answers = [stages.update(at, value) for at, value in every(30, 55.0, 55.2, 55.3, 55.7, 55.8)]
    assert answers == [
        (Status.OK, False),
        (Status.SUPPRESSED, False),
        (Status.OK, True),
        (Status.SUPPRESSED, False),
        (Status.OK, False),
    ]
