"""Looking early: the sequence as published, and on simulated experiments without an effect."""

from math import log, sqrt

import numpy as np
import pytest

from aircue_cloud.outcomes import sequential
from aircue_cloud.outcomes.simulation import experiments
from aircue_cloud.outcomes.simulation.experiments import World, peeking, peeking_by_month


@pytest.mark.parametrize("units", [100, 5000, 40_000])
def test_the_published_form(units: int) -> None:
    """Waudby-Smith et al., theorem 2.2, with the sample's standard deviation 1: the half width of a mean."""
    rho = sqrt((-2 * log(0.05) + log(-2 * log(0.05)) + 1) / 5000)
    inside = 2 * (units * rho**2 + 1) / (units**2 * rho**2) * log(sqrt(units * rho**2 + 1) / 0.05)
    assert sequential.widening(units, 5000) / sqrt(units) == pytest.approx(sqrt(inside))


def test_it_is_narrowest_near_the_planned_number_of_units() -> None:
    widths = {planned: sequential.widening(5000, planned) for planned in (500, 5000, 50_000)}
    assert min(widths, key=widths.__getitem__) == 5000


def test_few_units_give_none() -> None:
    assert sequential.interval(1.0, 0.1, (5000, sequential.LEAST - 1)) is None
    with pytest.raises(ValueError, match="over 0"):
        sequential.widening(0)


def test_a_random_walk_without_drift_leaves_the_sequence_rarely() -> None:
    """2,000 walks of 2,000 steps, looked at after every step past the hundredth: at most 5 % ever leave it; the
    interval for one look is left by more than a third."""
    steps = np.arange(100, 2001)
    walks = np.random.default_rng(6).normal(size=(2000, 2000)).cumsum(axis=1)[:, 99:]
    z = np.abs(walks / np.sqrt(steps))
    bound = np.array([sequential.widening(int(step), 1000) for step in steps])
    assert (z > bound).any(axis=1).mean() <= 0.05
    assert (z > 1.96).any(axis=1).mean() > 1 / 3


def test_looking_again_and_again_simulated() -> None:
    """Homes that come in one after the other, and the same homes month by month: without an effect."""
    small = experiments.smallest_world(looks=4)
    comers = [peeking(small, 0.0, 4, 1, number) for number in range(25)]
    months = [peeking_by_month(World(homes=1000, holdout=0.5), 0.0, 6, 1, number) for number in range(25)]
    for found in (comers, months):
        assert sum(one.always for one in found) <= 4
        assert sum(one.once for one in found) >= sum(one.always for one in found)


def test_an_effect_is_found_by_the_sequence_too() -> None:
    small = experiments.smallest_world(looks=4)
    assert sum(peeking(small, 0.5, 4, 1, number).always for number in range(10)) >= 9
