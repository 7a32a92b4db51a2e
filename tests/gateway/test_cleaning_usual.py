"""The short way through the default pipeline gives what the stages give one after the other, to the last bit."""

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.cleaning.pipeline import Pipeline
from aircue_gateway.cleaning.usual import Usual
from aircue_gateway.config import CleaningConfig, SmoothingConfig, StuckConfig
from aircue_gateway.quantities import LIMITS

Series = list[tuple[float, float]]
CONFIG = CleaningConfig(stuck=StuckConfig(fine_s=600, coarse_s=3000, max_gap_s=900))
# What a series does next, by how much; a draw of many of them finds every stage at work.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            (1.0, 5.0, 15.0, 29.999, 30.0, 30.0, 30.0, 30.001, 60.0, 120.0, 121.0, 700.0, 4000.0, 0.0, -45.0)
        ),
        st.sampled_from(("stay", "stay", "noise", "noise", "noise", "noise", "step", "spike", "jump", "out", "rest")),
        st.floats(-1.0, 1.0, allow_nan=False),
    ),
    max_size=120,
)
SIZES = {"stay": 0.0, "noise": 0.4, "step": 6.0, "spike": 25.0, "jump": 90.0, "out": 1e5}


def series(steps: list[tuple[float, str, float]], level: float) -> Series:
    """A spike and what lies out of range come back; the rest is where the series goes on from."""
    found, times = [], accumulate(passed for passed, _, _ in steps)
    for at, (_, what, much) in zip(times, steps, strict=True):
        value = 0.0 if what == "rest" else round(level + SIZES[what] * much, 1)
        if what in ("noise", "step", "jump"):
            level = value
        found.append((1e9 + at, value))
    return found


def both(config: CleaningConfig, quantity: str) -> tuple[Usual, Pipeline, list[list[tuple[float, float]]]]:
    seen: list[list[tuple[float, float]]] = [[], []]

    def watch(which: int) -> pipeline.Watch:
        def note(at: float, value: float) -> bool:
            seen[which].append((at, value))
            return value > 60.0

        return note

    usual = pipeline.build(config, quantity, watch(0))
    assert isinstance(usual, Usual)
    limits = LIMITS[quantity]
    filters = tuple(pipeline._CHECKS[name](config, quantity, limits) for name in config.stages)
    plain = Pipeline(
        filters=filters, smoother=pipeline._smoother(config.smoothing, limits), watch=watch(1), deadband=None
    )
    return usual, plain, seen


def state(stages: Pipeline) -> list[dict[str, object]]:
    return [vars(one) for one in stages.filters]


@settings(max_examples=300)
@given(steps=STEPS, level=st.sampled_from((0.0, 21.3, 55.0)), window_s=st.sampled_from((10.0, 30.0, 90.0)))
@pytest.mark.parametrize("quantity", ["temperature", "humidity", "pm25"])
def test_both_ways_agree_on_every_answer_and_in_every_state(
    quantity: str, steps: list[tuple[float, str, float]], level: float, window_s: float
) -> None:
    config = CleaningConfig(stuck=CONFIG.stuck, smoothing=SmoothingConfig(window_s=window_s))
    usual, plain, seen = both(config, quantity)
    for at, value in series(steps, level):
        assert usual.update(at, value) == plain.update(at, value)
        assert usual.smoothed == plain.smoothed
        assert usual.revised == plain.revised
        assert state(usual) == state(plain)
        usual.revised.clear()
        plain.revised.clear()
    assert seen[0] == seen[1]


def test_a_long_calm_series_takes_the_short_way_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the draws above are seen to flag: neither way is tested against nothing."""
    usual, _, _ = both(CONFIG, "humidity")
    long_way: list[float] = []

    def noted(at: float, _value: float) -> tuple[Status, bool]:
        long_way.append(at)
        return Status.OK, False

    monkeypatch.setattr(usual, "_the_long_way", noted)
    usual._at, usual._value = 1e9, 55.0
    for place in range(1, 500):
        usual.update(1e9 + 30.0 * place, 55.0 + place % 3 / 10)
    assert long_way == []


def test_the_draws_bring_every_flag() -> None:
    flags = set()
    rows = [(30.0, "noise", 0.3)] * 8 + [(30.0, "spike", 1.0), (30.0, "noise", 0.1), (30.0, "out", 1.0)]
    rows += [(30.0, "jump", -1.0)] + [(30.0, "stay", 0.0)] * 150
    usual, _, _ = both(CONFIG, "temperature")
    for at, value in series(rows, 55.0):
        flags.add(usual.update(at, value)[0])
    assert flags == {Status.OK, Status.SPIKE, Status.RANGE, Status.RATE, Status.STUCK}
