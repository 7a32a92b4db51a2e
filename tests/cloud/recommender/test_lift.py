"""The lift of a need: the rule at first, the evidence in the end, a product with its category between."""

import numpy as np
import pytest

from aircue_cloud.recommender.lift import Evidence, Lift

RULES = {("damp-air", "dehumidifier"): 2.0}


def sold(observed: float, expected: float, product: str = "dry-1", category: str = "dehumidifier") -> Evidence:
    return Evidence(product=product, category=category, need="damp-air", observed=observed, expected=expected)


def mean(*evidence: Evidence, product: str = "dry-1", category: str = "dehumidifier") -> float:
    return Lift(RULES, evidence).product("damp-air", category, product).mean


def test_without_evidence_the_rule_speaks() -> None:
    assert mean() == 2.0
    assert mean(category="lamp") == 1.0


def test_the_formula_by_hand() -> None:
    """Category: (30 x 2 + 12) / (30 + 4); product: (10 x that + 12) / (10 + 4)."""
    category = (30 * 2 + 12) / (30 + 4)
    assert Lift(RULES, [sold(12, 4)]).category("damp-air", "dehumidifier").mean == pytest.approx(category)
    assert mean(sold(12, 4)) == pytest.approx((10 * category + 12) / 14)


def test_much_evidence_outweighs_the_rule() -> None:
    assert mean(sold(500, 1000)) == pytest.approx(0.5, abs=0.05)


def test_a_product_without_sales_borrows_from_its_category() -> None:
    assert mean(sold(400, 100), product="dry-2") == pytest.approx((30 * 2 + 400) / 130)


def test_another_need_says_nothing() -> None:
    other = Evidence(product="dry-1", category="dehumidifier", need="heat", observed=100, expected=1)
    assert mean(other) == 2.0


def test_the_interval_holds_the_true_lift_as_often_as_it_says() -> None:
    """Simulated: lifts drawn from the prior, purchases drawn from the lifts."""
    random = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        lift = random.gamma(30 * 2.0, 1 / 30)
        posterior = Lift(RULES, [sold(float(random.poisson(lift * 20)), 20)]).category("damp-air", "dehumidifier")
        low, high = posterior.interval(0.9)
        held += low <= lift <= high
    assert 340 <= held <= 380


def test_counts_below_0_are_refused() -> None:
    with pytest.raises(ValueError, match="product dry-1, need damp-air"):
        sold(-1, 3)
