"""The arithmetic behind cleaning's figures, on series whose answer is known; and, with AIRCUE_DATA, a short run."""

import os
import random
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from tests.bench import gateway_cleaning as bench

from aircue_gateway.config import CleaningConfig


def series(*values: float) -> bench.Series:
    return [(60.0 * index, value) for index, value in enumerate(values)]


def noise(count: int = 3000) -> bench.Series:
    rng = random.Random(5)
    return series(*[round(50.0 + rng.gauss(0.0, 0.3), 2) for _ in range(count)])


def test_faults_are_as_many_and_as_large_as_said_and_apart_from_each_other() -> None:
    clean = noise()
    faulty, bad = bench.inject(clean, 0.5, seed=3)
    assert sum(bad) == 30 + 3 * 10
    assert all(
        8 * 0.5 <= abs(a[1] - b[1]) <= 50 * 0.5 for a, b, is_bad in zip(clean, faulty, bad, strict=True) if is_bad
    )
    assert all(a == b for a, b, is_bad in zip(clean, faulty, bad, strict=True) if not is_bad)
    edges = [index for index, (left, right) in enumerate(pairwise([False, *bad, False])) if left is not right]
    lengths = [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]
    assert (lengths.count(1), lengths.count(3), len(lengths)) == (30, 10, 40)
    assert bench.inject(clean, 0.5, seed=3) == (faulty, bad) != bench.inject(clean, 0.5, seed=4)


def test_the_mad_of_changes_leaves_repeats_out() -> None:
    one = series(1, 1, 1, 1, 2, 2, 2, 1, 1, 3)
    assert bench.plain_mad(one) == 0
    assert bench.changes_mad(one) == median([0, 2, 1])
    assert bench.mean_deviation(one) > 0


def test_f1_counts_what_is_missed_and_what_is_wrong() -> None:
    clean = noise()
    assert bench.f1(lambda _, s: [False] * len(s), "humidity", clean, 1.0, [1]) == 0.0
    everything = bench.f1(lambda _, s: [True] * len(s), "humidity", clean, 1.0, [1])
    assert everything == pytest.approx(2 * 60 / (60 + 3000))
    assert bench.f1(bench.ours(CleaningConfig()), "humidity", clean, 1.0, [1]) > 0.95


def test_crossings_count_ways_up_and_episodes_that_begin_later() -> None:
    one = series(76, 74, 75, 76, 74, 76, 72, 76)
    assert bench.upward(one, 75) == 3
    assert bench.starts(one, 75, 73) == 1
    assert bench.drawn_out(series(0, 60), 30) == [(0.0, 0.0), (30.0, 30.0), (60.0, 60.0)]


def test_the_figures_hold_on_a_short_run() -> None:
    folder = os.environ.get("AIRCUE_DATA")
    if not folder:
        pytest.skip("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md")
    data = Path(folder)
    found = bench.crossings(data)
    assert (found["false_crossings_raw"], found["false_crossings_after"]) == (35, 1)
    assert (found["true_crossings"], found["true_crossings_kept"]) == (48, 48)
    shipped = bench.ours(CleaningConfig())
    for quantity, least in (("temperature", 0.92), ("humidity", 0.92), ("co2", 0.85)):
        one = bench.read_room(data)[quantity]
        assert bench.f1(shipped, quantity, one, bench.changes_mad(one), [0]) >= least
