"""The bench's figures on outcomes in short, and that they see an estimator that is wrong."""

import doctest

import numpy as np
import pytest
from tests.bench import push_outcomes

from aircue_cloud.outcomes import analysis
from aircue_cloud.outcomes.simulation import experiments
from aircue_cloud.outcomes.simulation.experiments import World
from aircue_cloud.outcomes.units import Units

SMALL = World(homes=600, holdout=0.3)


def test_no_effect_is_called_none_and_true_lifts_are_covered() -> None:
    null = push_outcomes.null_false_positive_rate(SMALL, count=80)
    assert null["null_false_positive_rate_low"] <= 0.05 <= null["null_false_positive_rate_high"]
    covered = push_outcomes.lift_coverage95(SMALL, count=80)
    assert covered["lift_coverage95"] >= 0.9
    assert covered["lift_coverage95_low"] <= 0.95 <= covered["lift_coverage95_high"]
    assert abs(covered["lift_bias"]) < 0.1


def test_intervals_that_are_too_narrow_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every home counted twice: errors shrink to 0.7 of what they are."""

    def twice(units: Units, plan: analysis.Plan) -> analysis.Analysis:
        both = np.tile(units.treated, 2), np.tile(units.outcome, 2)
        return analysis.analyse(Units(treated=both[0], outcome=both[1]), plan)

    monkeypatch.setattr(experiments, "analyse", twice)
    assert push_outcomes.null_false_positive_rate(SMALL, count=80)["null_false_positive_rate_low"] > 0.05
    assert push_outcomes.lift_coverage95(SMALL, count=80)["lift_coverage95_high"] < 0.95


def test_peeking_in_short() -> None:
    found = push_outcomes.peeking(count=12, looks=3, months=3)
    assert {name.removesuffix("_low").removesuffix("_high") for name in found} == {
        f"null_{kind}_rate_{who}"
        for kind in ("sequential", "peeked")
        for who in ("arriving_homes", "month_by_month")
    }  # fmt: skip
    assert found["null_sequential_rate_arriving_homes"] <= found["null_peeked_rate_arriving_homes"]


def test_regret_falls_where_lifts_are_learnt() -> None:
    found = push_outcomes.policy_regret(homes=200, days=120)
    assert found["policy_regret_last"] < found["policy_regret_first"]
    assert found["policy_regret_last"] < found["policy_regret_last_rules_alone"]


def test_the_examples_run() -> None:
    assert doctest.testmod(experiments).failed == 0
