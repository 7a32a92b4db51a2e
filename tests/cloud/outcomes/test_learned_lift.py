"""Lifts from two arms: the posterior against its limits and by simulation, and which ground it stands on."""

import numpy as np
import pytest
from scipy.stats import gamma

from aircue_cloud.outcomes.learned_lift import learned
from aircue_cloud.outcomes.pooled_lift import Pooled
from aircue_cloud.outcomes.rate_ratio import NOBODY, Comparison, as_gamma, ratio_posterior
from aircue_cloud.recommender.lift import CATEGORY_TRUST, RULE_TRUST, Evidence

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
    found = {} if comparison is None else {("damp-air", "dehumidifier", "d"): comparison}
    (told,) = learned(RULE, [evidence(20, 20)], {"damp-air": homes}, Pooled(RULE, found))
    assert told.on == on
    assert told.posterior.value == pytest.approx(mean, rel=1e-3)
    assert (told.observed is None) == (homes < 20)
    assert (told.comparison is None) == (on != "randomised")


# Pooled: product <- category <- global.

RULES = {("damp-air", "dehumidifier"): 2.0, ("damp-air", "dryer"): 1.5, ("heat", "fan"): 1.8}
FEW = compared(19, 19, 0, 19)


def test_without_any_comparison_nothing_is_learnt() -> None:
    pooled = Pooled(RULES, {("damp-air", "dehumidifier", "drymax"): FEW})
    assert pooled.category("damp-air", "dehumidifier") is None
    assert pooled.product("damp-air", "dehumidifier", "drymax") is None
    assert pooled.prior("damp-air", "dryer") == pytest.approx(1.5)
    assert pooled.shown() == []


def test_rules_that_come_true_by_half_elsewhere_lower_a_categorys_prior_and_its_own_evidence_does_not() -> None:
    """A fan is bought no oftener with a push; the rule says 1.8 times."""
    fan = {("heat", "fan", "breeze"): compared(4000, 4000, 4000, 4000)}
    assert Pooled(RULES, fan).prior("heat", "fan") == pytest.approx(1.8)
    lowered = Pooled(RULES, fan).prior("damp-air", "dehumidifier")
    assert 2.0 / 1.8 <= lowered < 1.2


def test_a_category_is_all_its_products_together() -> None:
    found = {
        ("damp-air", "dehumidifier", "drymax"): compared(30, 60, 10, 40),
        ("damp-air", "dehumidifier", "aero"): compared(20, 50, 5, 30),
    }
    whole = compared(50, 110, 15, 70)
    assert Pooled(RULES, found).evidence("damp-air", "dehumidifier") == whole
    assert Pooled(RULES, found).category("damp-air", "dehumidifier") == as_gamma(whole, 2.0)


def test_a_product_begins_with_what_the_others_of_its_category_show() -> None:
    """The others are bought four times as often with a push, this one was offered to enough and to no effect."""
    others, own = compared(4000, 10_000, 1000, 10_000), compared(60, 600, 60, 600)
    pooled = Pooled(RULES, {("damp-air", "dryer", "tumble"): others, ("damp-air", "dryer", "spin"): own})
    category = as_gamma(others, 1.5).mean
    found = pooled.product("damp-air", "dryer", "spin")
    assert found == as_gamma(own, category, CATEGORY_TRUST)
    assert found is not None
    assert 1.0 < found.mean < category


def test_a_product_that_few_were_offered_has_its_categorys_mean_held_less_firmly() -> None:
    pooled = Pooled(RULES, {("damp-air", "dryer", "tumble"): compared(4000, 10_000, 1000, 10_000)})
    whole, found = pooled.category("damp-air", "dryer"), pooled.product("damp-air", "dryer", "spin")
    assert whole is not None
    assert found is not None
    assert found.mean == pytest.approx(whole.mean, rel=1e-3)
    low, high = whole.interval()
    assert found.interval()[0] < low < high < found.interval()[1]


def test_no_comparison_leaves_the_prior() -> None:
    assert as_gamma(NOBODY, 1.7).mean == pytest.approx(1.7, rel=1e-6)
