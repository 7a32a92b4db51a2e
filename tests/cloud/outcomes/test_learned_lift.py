"""Lifts from two arms: the posterior against its limits and by simulation, and which ground it stands on."""

import numpy as np
import pytest
from scipy.stats import gamma

from aircue_cloud.outcomes.learned_lift import Comparison, learned, ratio_posterior
from aircue_cloud.recommender.lift import RULE_TRUST, Evidence

RULE = {("damp-air", "dehumidifier"): 2.0}


def compared(bought: int, households: int, held: int, households_held: int) -> Comparison:
    return Comparison(bought=bought, households=households, bought_held=held, households_held=households_held)


def test_without_purchases_it_is_the_rule() -> None:
    found = ratio_posterior(compared(0, 500, 0, 50), prior=2.0)
    low, high = gamma.interval(0.9, RULE_TRUST * 2.0, scale=1 / RULE_TRUST)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, low, high), rel=1e-3)


def test_with_a_large_holdout_it_is_the_gamma_poisson_posterior() -> None:
    """A million purchases by those held out leave no doubt of the 40 that were to be expected."""
    found = ratio_posterior(compared(70, 40, 1_000_000, 1_000_000), prior=2.0)
    shape, rate = RULE_TRUST * 2.0 + 70, RULE_TRUST + 40
    low, high = gamma.interval(0.9, shape, scale=1 / rate)
    assert (found.value, found.low, found.high) == pytest.approx((shape / rate, low, high), rel=2e-3)


def test_a_small_holdout_leaves_more_doubt_than_a_large_one() -> None:
    small, large = compared(100, 1000, 5, 100), compared(100, 1000, 500, 10_000)
    widths = [found.high - found.low for found in (ratio_posterior(one, 2.0) for one in (small, large))]
    assert widths[0] > widths[1]


def test_evidence_replaces_the_prior() -> None:
    """The truth is 4, the rule says 2."""
    means = [ratio_posterior(compared(4 * n, 10 * n, n, 10 * n), 2.0).value for n in (1, 10, 100, 1000, 100_000)]
    assert means == sorted(means)
    assert 2.0 < means[0] < 2.3
    assert means[-1] == pytest.approx(4.0, rel=0.01)


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Simulated: lifts drawn from the prior, purchases from the lifts; a holdout of a tenth."""
    random = np.random.default_rng(5)
    inside = 0
    for lift in random.gamma(RULE_TRUST * 2.0, 1 / RULE_TRUST, 400):
        bought, held = random.poisson(0.1 * lift * 1800), random.poisson(0.1 * 200)
        found = ratio_posterior(compared(int(bought), 1800, int(held), 200), 2.0)
        inside += found.low <= lift <= found.high
    assert 0.86 <= inside / 400 <= 0.94


def evidence(observed: float, expected: float) -> Evidence:
    return Evidence(product="d", category="dehumidifier", need="damp-air", observed=observed, expected=expected)


@pytest.mark.parametrize(
    ("homes", "comparison", "on", "mean"),
    [
        (100, None, "observed", (30 * 2 + 20) / (30 + 20)),
        (19, None, "rule", 2.0),
        (100, compared(9, 90, 9, 19), "observed", (30 * 2 + 20) / (30 + 20)),
        (100, compared(0, 90, 0, 20), "randomised", 2.0),
    ],
)
def test_the_better_ground_is_taken_and_few_homes_are_none(
    homes: int, comparison: Comparison | None, on: str, mean: float
) -> None:
    found = {} if comparison is None else {("damp-air", "dehumidifier"): comparison}
    (told,) = learned(RULE, [evidence(20, 20)], {"damp-air": homes}, found)
    assert told.on == on
    assert told.posterior.value == pytest.approx(mean, rel=1e-3)
    assert (told.observed is None) == (homes < 20)
    assert (told.comparison is None) == (on != "randomised")
