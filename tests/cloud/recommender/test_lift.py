"""The lift of a need: the rule at first, the evidence in the end, a product with its category between."""

import numpy as np
import pytest
from scipy.stats import gamma, poisson

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
    """Two products of one category. Category: all 17 purchases; product dry-1: the category as dry-2 shows it, then its
    own 12 against 4."""
    lift = Lift(RULES, [sold(12, 4), sold(5, 6, product="dry-2")])
    assert lift.category("damp-air", "dehumidifier").mean == pytest.approx((30 * 2 + 17) / (30 + 10))
    others = (30 * 2 + 5) / (30 + 6)
    assert lift.product("damp-air", "dehumidifier", "dry-1").mean == pytest.approx((10 * others + 12) / 14)


def test_a_purchase_of_a_product_speaks_once() -> None:
    """Of a category with one product nothing is learnt that the product does not count itself."""
    assert mean(sold(12, 4)) == pytest.approx((10 * 2 + 12) / 14)


def test_rules_that_came_true_by_half_elsewhere_are_believed_less_here() -> None:
    rules = {**RULES, ("damp-air", "dryer"): 3.0}
    other = sold(150, 100, product="d-1", category="dryer")
    share = (100 * 1 + 150) / (100 + 3 * 100)
    lift = Lift(rules, [other])
    assert lift.need("damp-air").mean == pytest.approx(share)
    assert lift.category("damp-air", "dehumidifier").mean == pytest.approx(2 * share)
    assert lift.category("damp-air", "dryer").mean == pytest.approx((30 * 3 + 150) / 130)
    assert lift.category("damp-air", "lamp").mean == 1


def test_the_posterior_is_that_of_a_grid() -> None:
    """The slow way: prior times likelihood on a fine grid of lifts."""
    posterior = Lift(RULES, [sold(25, 9)]).category("damp-air", "dehumidifier")
    grid = np.linspace(1e-3, 8, 20_000)
    weights = np.exp(gamma.logpdf(grid, 30 * 2.0, scale=1 / 30) + poisson.logpmf(25, grid * 9))
    weights /= weights.sum()
    assert posterior.mean == pytest.approx(weights @ grid, rel=1e-4)
    low, high = posterior.interval(0.9)
    assert np.interp([low, high], grid, np.cumsum(weights)) == pytest.approx([0.05, 0.95], abs=1e-3)
    assert (posterior.observed, posterior.expected) == (25, 9)


def test_pooling_comes_nearer_to_simulated_lifts_than_either_extreme() -> None:
    """Simulated: categories around the rule, products around their category, a dozen products with little evidence."""
    random = np.random.default_rng(8)
    errors: dict[str, list[float]] = {"pooled": [], "alone": [], "category": []}
    for _ in range(60):
        category = random.gamma(60, 1 / 30)
        truth = random.gamma(10 * category, 1 / 10, 12)
        e = random.uniform(2, 12, 12)
        n = random.poisson(truth * e)
        lift = Lift(RULES, [sold(float(n[p]), float(e[p]), product=f"p{p}") for p in range(12)])
        for p in range(12):
            posterior = lift.product("damp-air", "dehumidifier", f"p{p}")
            errors["pooled"].append(posterior.mean - truth[p])
            errors["alone"].append(n[p] / e[p] - truth[p])
            errors["category"].append(lift.category("damp-air", "dehumidifier").mean - truth[p])
    squares = {name: np.mean(np.square(values)) for name, values in errors.items()}
    assert squares["pooled"] < min(squares["alone"], squares["category"])


def test_of_the_needs_that_hold_the_strongest_speaks() -> None:
    lift = Lift({**RULES, ("mould-risk", "dehumidifier"): 3.0}, [])
    found = lift.lift("dry-1", "dehumidifier", {"damp-air", "mould-risk"})
    assert found is not None
    assert (found[0], found[1].mean) == ("mould-risk", 3.0)
    assert lift.lift("dry-1", "dehumidifier", set()) is None


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
