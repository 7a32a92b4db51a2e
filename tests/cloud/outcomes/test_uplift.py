"""The estimators against other libraries, by hand, and on simulated experiments whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from aircue_cloud.errors import CommandError
from aircue_cloud.outcomes import power, sample_ratio
from aircue_cloud.outcomes.analysis import Plan, analyse, told
from aircue_cloud.outcomes.iroi import Ledger, iroi, returned
from aircue_cloud.outcomes.simulation.experiments import World, draw
from aircue_cloud.outcomes.units import Units
from aircue_cloud.outcomes.uplift import cap, uplift, winsorise
from aircue_cloud.recommender.evaluating import before_after

SMALL = World(homes=1500, holdout=0.3)


@pytest.fixture
def units() -> Units:
    """Simulated."""
    return draw(SMALL, 0.2, np.random.default_rng(5), "test")


def test_without_earlier_values_it_is_welchs_test(units: Units) -> None:
    found = uplift(replace(units, pre=None), cut=100)
    one, other = units.outcome[units.treated], units.outcome[~units.treated]
    oracle = stats.ttest_ind(one, other, equal_var=False)
    interval = oracle.confidence_interval(0.95)
    assert found.p == pytest.approx(oracle.pvalue)
    assert found.degrees == pytest.approx(oracle.df)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))


def test_with_earlier_values_it_is_the_coefficient_of_an_analysis_of_covariance(units: Units) -> None:
    """statsmodels' OLS on arm and earlier spending; its errors for unequal variances (HC2) are within 2 % of ours."""
    found = uplift(units, cut=100)
    assert units.pre is not None
    oracle = sm.OLS(units.outcome, sm.add_constant(np.stack([units.treated, units.pre], axis=1))).fit(cov_type="HC2")
    assert found.difference.value == pytest.approx(oracle.params[1])
    assert found.standard_error == pytest.approx(oracle.bse[1], rel=0.02)


def test_earlier_values_take_out_the_variance_they_explain(units: Units) -> None:
    assert units.pre is not None
    plain, adjusted = uplift(replace(units, pre=None), cut=100), uplift(units, cut=100)
    within = np.stack([units.outcome, units.pre])
    for arm in (units.treated, ~units.treated):
        within[:, arm] -= within[:, arm].mean(axis=1, keepdims=True)
    assert adjusted.explained == pytest.approx(np.corrcoef(within)[0, 1] ** 2)
    assert adjusted.explained > 0.05
    expected = plain.standard_error * (1 - adjusted.explained) ** 0.5
    assert adjusted.standard_error == pytest.approx(expected, rel=0.02)


def test_earlier_values_that_say_nothing_change_nothing(units: Units) -> None:
    plain, adjusted = uplift(replace(units, pre=None)), uplift(replace(units, pre=np.ones(len(units))))
    assert adjusted == plain


def test_rare_purchases_are_not_cut_away() -> None:
    """Among 1000 units of whom five bought for 1 the 99th percentile of all is 0."""
    assert cap(np.repeat([0.0, 1.0], [995, 5])) == 1.0
    assert winsorise(np.array([-900.0, 0.0, 1.0, 2.0, 3.0]), cut=50).min() == -2.5


def test_one_buyer_of_a_thousand_pieces_does_not_make_an_effect(units: Units) -> None:
    outcome = units.outcome.copy()
    outcome[np.flatnonzero(units.treated)[0]] = 1e6
    assert uplift(replace(units, outcome=outcome)).difference.value == pytest.approx(
        uplift(units).difference.value, rel=0.1
    )


def test_the_relative_effect_has_the_ratios_interval() -> None:
    """Simulated: in 400 draws the true ratio of means, 1.2, lies in it as often as 95 % allows."""
    random, inside = np.random.default_rng(3), 0
    for _ in range(400):
        outcome = random.exponential(np.repeat([1.2, 1.0], [600, 300]))
        found = uplift(Units(treated=np.repeat([True, False], [600, 300]), outcome=outcome), cut=100).relative
        assert found is not None
        inside += found.low <= 0.2 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_there_is_no_ratio_to_nothing() -> None:
    units = Units(treated=np.repeat([True, False], 50), outcome=np.repeat([1.0, 0.0], 50) + np.tile([0.0, 1e-3], 50))
    assert uplift(replace(units, outcome=np.where(units.treated, 1.0, 0.0))).relative is None


def test_two_arms_without_any_spread() -> None:
    same = Units(treated=np.array([True, True, False, False]), outcome=np.ones(4))
    assert (uplift(same).p, uplift(same).difference.value) == (1.0, 0.0)


# The split.


@pytest.mark.parametrize(("treatment", "holdout", "share"), [(9000, 1000, 0.9), (4800, 5200, 0.5), (930, 50, 0.95)])
def test_the_split_is_held_against_chi_square(treatment: int, holdout: int, share: float) -> None:
    units = treatment + holdout
    oracle = stats.chisquare([treatment, holdout], [units * share, units * (1 - share)])
    assert sample_ratio.check(treatment, holdout, share).p == pytest.approx(oracle.pvalue)


def test_a_broken_split_shows_no_effect_and_says_so(units: Units) -> None:
    """A tenth of the treated who bought nothing were lost."""
    keep = ~(units.treated & (units.outcome == 0))
    lost = Units(treated=units.treated[keep], outcome=units.outcome[keep])
    found = analyse(lost, Plan(share=0.7))
    assert found.split.broken
    assert found.effect is None
    assert "sample ratio mismatch" in "\n".join(told(found))
    assert analyse(units, Plan(share=0.7)).effect is not None


# Power.


def test_the_smallest_effect_agrees_with_the_plan_of_two_equal_arms() -> None:
    variation, users = 2.31, 127
    error = variation * (2 / users) ** 0.5
    assert power.detectable(error) == pytest.approx(before_after.detectable(users, variation))
    assert power.power_at(power.detectable(error), error) == pytest.approx(0.8, abs=1e-6)


def test_half_the_effect_takes_four_times_the_units() -> None:
    assert power.units_for(power.detectable(1.0) / 2, 1000, 1.0) == 4000
    with pytest.raises(ValueError, match="smallest one worth finding"):
        power.units_for(0.0, 1000, 1.0)


# The return.


def test_the_return_by_hand() -> None:
    """Four treated earn 30 each for 2 each, four others 10: 80 more for 8, and 2 whatever happens."""
    treated = np.repeat([True, False], 4)
    units = Units(treated=treated, outcome=np.where(treated, 100.0, 50.0), cost=treated * 2.0,
                  margin=np.where(treated, 30.0, 10.0))  # fmt: skip
    found = iroi(units, fixed=2.0)
    assert found is not None
    assert (found.margin.value, found.cost) == (80.0, 10.0)
    assert found.iroi.value == pytest.approx(7.0)


def test_the_ledger_counts_sends_discounts_and_what_is_fixed() -> None:
    ledger = Ledger(sends=1000, per_send=0.05, discounts=20.0, fixed=30.0)
    assert (ledger.sending, ledger.total) == (50.0, 100.0)
    assert returned(145.0, ledger.total) == pytest.approx(0.45)
    with pytest.raises(CommandError, match="under 0"):
        Ledger(sends=1, per_send=-1.0)
    with pytest.raises(CommandError, match="nothing was spent"):
        returned(1.0, 0.0)


def test_the_returns_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Simulated: margin 10 and cost 2 more in treatment, both noisy and hanging together; the true return is 4."""
    random, inside = np.random.default_rng(4), 0
    treated = np.repeat([True, False], [500, 250])
    for _ in range(400):
        cost = random.gamma(4.0, 0.5, 750) * treated
        units = Units(treated=treated, outcome=cost, cost=cost, margin=50 + 5 * cost + random.normal(0, 20, 750))
        found = iroi(units, cut=100)
        assert found is not None
        inside += found.iroi.low <= 4 <= found.iroi.high
    assert 0.92 <= inside / 400 <= 0.98


def test_nothing_spent_returns_nothing(units: Units) -> None:
    assert iroi(replace(units, cost=np.zeros(len(units)))) is None
    assert iroi(replace(units, margin=None)) is None


def test_an_arm_of_one_is_none() -> None:
    with pytest.raises(CommandError, match="1 units in holdout"):
        Units(treated=np.array([True, True, False]), outcome=np.zeros(3))
