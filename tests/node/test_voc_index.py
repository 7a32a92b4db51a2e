"""The VOC index against Sensirion's own library, second by second.

Both work in floats and round to whole numbers, so that they may differ by one where a value lies between two.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest

from aircue_node.sensors import voc_index

VocAlgorithm = pytest.importorskip("sensirion_gas_index_algorithm.voc_algorithm", reason="make oracle").VocAlgorithm

HOUR = 3600
Course = Callable[[random.Random, int], Iterator[int]]


def wandering(rng: random.Random, seconds: int) -> Iterator[int]:
    """A home's raw signal: it wanders slowly, and now and then somebody cooks."""
    level, event = 30_000.0, 0.0
    for _ in range(seconds):
        level += rng.gauss(0.0, 4.0) + (30_000.0 - level) * 1e-4
        event = 5_000.0 if rng.random() < 1 / HOUR else event * (1.0 - 1.0 / 1_200.0)
        yield round(level - event + rng.gauss(0.0, 15.0))


def leaping(rng: random.Random, seconds: int) -> Iterator[int]:
    level = 30_000
    for _ in range(seconds):
        if rng.random() < 0.0005:
            level = rng.randrange(20_000, 42_000)
        yield level + rng.randrange(-30, 31)


def noise(rng: random.Random, seconds: int) -> Iterator[int]:
    """Any word of 16 bits, what the algorithm does not believe included."""
    for _ in range(seconds):
        yield rng.randrange(0x10000)


def falling_for_good(_: random.Random, seconds: int) -> Iterator[int]:
    """An event that does not end: the gate shuts, and opens after three hours."""
    for second in range(seconds):
        yield 30_000 if second < 2 * HOUR else 26_000


def at_the_ends(rng: random.Random, seconds: int) -> Iterator[int]:
    """Around the limits of what is believed and of what is kept of it."""
    for _ in range(seconds):
        yield rng.choice((0, 1, 2, 19_999, 20_000, 20_001, 20_002, 52_766, 52_767, 52_768, 64_998, 64_999, 65_000))


def distances(raws: Iterable[int]) -> Iterator[tuple[float, float, float, float]]:
    """Between the two, each second: index as published, index before it is rounded, deviation (a part of it), mean."""
    own, published = voc_index.VocIndex(), VocAlgorithm()
    inner = published._algorithm
    for raw in raws:
        rounded = abs(own.update(raw) - published.process(raw))
        usual, smooth = own._usual, own._smooth
        if smooth is None or not usual._known:
            yield rounded, 0.0, 0.0, 0.0
            continue
        deviation = inner.m_Mean_Variance_Estimator___Std
        mean = inner.m_Mean_Variance_Estimator___Mean + inner.m_Mean_Variance_Estimator___Sraw_Offset
        yield (
            rounded,
            abs(max(smooth._smooth, 0.5) - inner.mGas_Index),
            abs(usual.deviation - deviation) / deviation,
            abs(usual._centre + usual._mean - mean),
        )


def test_there_is_no_index_in_the_first_45_seconds_and_one_from_then_on() -> None:
    index = voc_index.VocIndex()
    values = [index.update(30_000) for _ in range(60)]
    assert values[:46] == [0] * 46
    assert min(values[46:]) >= 1


def test_air_that_stays_the_same_is_100_and_worse_air_more() -> None:
    index = voc_index.VocIndex()
    for _ in range(HOUR):
        usual = index.update(30_000)
    worse = [index.update(29_000) for _ in range(300)][-1]
    better = voc_index.VocIndex()
    for _ in range(HOUR):
        better.update(30_000)
    assert usual == 100
    assert worse > 200
    assert [better.update(31_000) for _ in range(300)][-1] < 50


def test_a_signal_beyond_what_is_believed_counts_as_the_one_before() -> None:
    one, other = voc_index.VocIndex(), voc_index.VocIndex()
    for second in range(HOUR):
        kept = one.update(30_000)
        assert other.update(30_000 if second % 7 or second < 100 else 65_000) == kept


@pytest.mark.parametrize(
    ("course", "seconds"),
    [
        (at_the_ends, HOUR),
        (leaping, 4 * HOUR),
        (noise, 2 * HOUR),
        (wandering, 6 * HOUR),
        (falling_for_good, 8 * HOUR),
    ],
)
def test_the_index_is_that_of_the_published_algorithm(course: Course, seconds: int) -> None:
    """Its own state is compared too, which the library keeps in 32 bits: hence the distances that are let pass."""
    for second, (rounded, index, deviation, mean) in enumerate(distances(course(random.Random(1), seconds))):
        assert rounded <= 1, second
        assert index < 0.04, second
        assert deviation < 2e-4, second
        assert mean < 0.012, second


@pytest.mark.parametrize("ticks_per_hour", [900, -900])
def test_the_mean_is_kept_as_a_distance_from_a_whole_number_of_100_at_most(ticks_per_hour: int) -> None:
    """So that a float of 32 bits can tell its small steps apart."""
    index, means = voc_index.VocIndex(), []
    for second in range(12 * HOUR):
        index.update(30_000 + max(0, second - 2 * HOUR) * ticks_per_hour // HOUR)
        means.append(abs(index._usual._mean))
    assert 99.5 < max(means[2 * HOUR :]) < 100.5
    assert abs(index._usual._centre - 10_000) > 200
    assert type(index._usual._centre) is int


def test_a_course_of_hours_goes_through_every_state() -> None:
    """What the comparison above is worth: indices from the least to the most, and a gate that shuts and opens."""
    index = voc_index.VocIndex()
    values = [index.update(raw) for raw in falling_for_good(random.Random(1), 12 * HOUR)]
    assert values[2 * HOUR - 1] == 100
    assert values[3 * HOUR] == values[5 * HOUR] == 500
    assert values[-1] < 300
    wild = voc_index.VocIndex()
    assert {0, 1} <= {wild.update(raw) for raw in noise(random.Random(1), 3 * HOUR)}


def single(monkeypatch: pytest.MonkeyPatch) -> voc_index.VocIndex:
    """The algorithm with every float, and the result of every step, in 32 bits, as on a board."""
    for name, value in vars(voc_index).items():
        if type(value) is float:
            monkeypatch.setattr(voc_index, name, np.float32(value))
    monkeypatch.setattr(voc_index, "exp", lambda x: np.float32(math.exp(x)))
    monkeypatch.setattr(voc_index, "sqrt", lambda x: np.float32(math.sqrt(x)))
    index = voc_index.VocIndex()
    index._usual._mean = np.float32(0.0)
    index._usual._held_s = np.float32(0.0)
    return index


def floats_of(index: voc_index.VocIndex) -> list[object]:
    states = [*vars(index._usual).values(), *vars(index._smooth).values()]
    return [state for state in states if isinstance(state, float | np.floating) and state != 0.0]


@pytest.mark.parametrize("course", [wandering, leaping, falling_for_good])
def test_in_floats_of_32_bits_the_index_is_the_same_within_one(monkeypatch: pytest.MonkeyPatch, course: Course) -> None:
    published, board = VocAlgorithm(), single(monkeypatch)
    differ = [abs(published.process(raw) - board.update(raw)) for raw in course(random.Random(3), 6 * HOUR)]
    assert max(differ) <= 1
    assert sum(differ) < len(differ) / 20
    assert {type(state) for state in floats_of(board)} == {np.float32}
