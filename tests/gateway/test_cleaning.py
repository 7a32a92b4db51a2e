"""The filters: what holds for every one of them, then each by inputs whose answer is known."""

import math
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.cleaning.deadband import Deadband
from aircue_gateway.cleaning.pipeline import Filter
from aircue_gateway.cleaning.range import Range
from aircue_gateway.cleaning.spike import Spike
from aircue_gateway.config import CleaningConfig, DeadbandConfig
from aircue_gateway.quantities import LIMITS
from aircue_node.quantities import QUANTITIES


def spike() -> Spike:
    return Spike(window=7, k=3.0, floor=3.0, max_gap_s=120.0)


FILTERS: dict[str, Callable[[], Filter]] = {
    "range": lambda: Range(low=0.0, high=100.0),
    "spike": spike,
    "deadband": lambda: Deadband(width=0.5, heartbeat_s=300.0),
}
VALUES = st.floats(-1000, 1000, allow_nan=False)
SERIES = st.lists(st.tuples(st.floats(0, 1e9), VALUES), max_size=40)


def fed(stage: Filter, series: list[tuple[float, float]]) -> list[Status]:
    return [stage.update(at, value) for at, value in series]


def every(seconds: float, *values: float) -> list[tuple[float, float]]:
    return [(1e9 + seconds * index, value) for index, value in enumerate(values)]


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


def test_range_includes_both_ends() -> None:
    stage = FILTERS["range"]()
    assert fed(stage, every(30, 0.0, 100.0, -0.1, 100.1)) == [Status.OK, Status.OK, Status.RANGE, Status.RANGE]


def test_every_quantity_of_the_contract_has_limits() -> None:
    assert set(LIMITS) == set(QUANTITIES)


def test_a_spike_is_flagged_and_its_neighbours_are_not() -> None:
    values = [55.0, 55.2, 55.1, 55.3, 5.0, 55.2, 55.4, 99.9, 55.3]
    flagged = [index for index, status in enumerate(fed(spike(), every(30, *values))) if status is Status.SPIKE]
    assert flagged == [4, 7]


@pytest.mark.parametrize("first", [0.0, 100.0, -40.0])
def test_a_bad_first_value_condemns_nobody(first: float) -> None:
    assert set(fed(spike(), every(30, first, *[55.0] * 12))) == {Status.OK}


@given(before=st.integers(0, 12), low=st.floats(30, 60), jump=st.floats(0, 40), noise=st.floats(0, 0.9))
def test_a_step_passes_at_its_fourth_sample(before: int, low: float, jump: float, noise: float) -> None:
    """A shower is no spike: window 7, so (7 + 1) // 2 = 4."""
    levels = [low] * before + [low + jump] * 8
    series = every(30, *[level + noise * (-1) ** index for index, level in enumerate(levels)])
    assert set(fed(spike(), series)[before + 3 :]) == {Status.OK}


def test_nothing_is_compared_over_a_gap() -> None:
    stage = spike()
    fed(stage, every(30, *[55.0] * 10))
    assert stage.update(1e9 + 9 * 30 + 121, 95.0) is Status.OK


def test_a_clock_set_back_starts_the_filter_anew() -> None:
    stage = spike()
    fed(stage, every(30, *[55.0] * 10))
    assert stage.update(1e9 - 3600, 95.0) is Status.OK


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_spike_agrees_with_the_definition(values: list[float]) -> None:
    """Hampel's identifier written out on each window of the last seven."""
    for index, status in enumerate(fed(spike(), every(30, *values))):
        window = values[max(0, index - 6) : index + 1]
        middle = median(window)
        scale = max(1.4826 * median(abs(one - middle) for one in window), 3.0)
        far = len(window) >= 4 and abs(values[index] - middle) > 3.0 * scale
        assert (status is Status.SPIKE) is far


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
