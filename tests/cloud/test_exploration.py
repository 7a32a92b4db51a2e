"""Which arm is drawn: chances against a naive estimate by drawing, the floor, and the same draw for the same seed."""

from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from aircue_cloud.decision.candidates import NO_PUSH_SCORE, Candidate, Product, choose
from aircue_cloud.decision.exploration import FLOOR, MOST_ARMS, chances, chances_of_many, draw, greedy, log_lift
from aircue_cloud.recommender.lift import Posterior

ARMS = [(0.5, 0.4), (0.2, 0.3), (-0.4, 0.6), (0.1, 0.35)]


def candidate(name: str, affinity: float, posterior: Posterior, hindrance: str | None = None) -> Candidate:
    product = Product(id=name, name=name, category="dehumidifier", stock=1)
    moments = log_lift(posterior.shape, posterior.rate)
    return Candidate(
        product=product, affinity=affinity, lift=posterior.mean, cost=0.2, hindrance=hindrance, log_lift=moments
    )


def posterior(shape: float, rate: float) -> Posterior:
    return Posterior(shape=shape, rate=rate, observed=0.0, expected=0.0)


@pytest.mark.parametrize("none", [-3.0, 0.0, 0.6])
def test_chances_are_those_that_a_naive_drawing_of_scores_finds(none: float) -> None:
    random = np.random.default_rng(3)
    mu, sd = np.array(ARMS).T
    drawn = np.column_stack([random.normal(mu, sd, (400_000, len(ARMS))), np.full(400_000, none)])
    naive = np.bincount(drawn.argmax(axis=1), minlength=len(ARMS) + 1) / len(drawn)
    found = chances(mu.tolist(), sd.tolist(), none, floor=0.0)
    assert [*found.arms, found.none] == pytest.approx(naive, abs=0.003)


def test_chances_are_exact_to_a_millionth() -> None:
    """Against scipy's adaptive quadrature."""
    mu, sd, none = *np.array(ARMS).T, -0.2

    def density(x: float, arm: int) -> float:
        others = [stats.norm.cdf(x, mu[j], sd[j]) for j in range(len(mu)) if j != arm]
        return float(stats.norm.pdf(x, mu[arm], sd[arm]) * np.prod(others))

    exact = [integrate.quad(density, none, 6.0, args=(arm,), epsabs=1e-10)[0] for arm in range(len(mu))]
    found = chances(mu.tolist(), sd.tolist(), none, floor=0.0)
    assert found.arms == pytest.approx(exact, abs=1e-6)
    assert found.none == pytest.approx(float(np.prod(stats.norm.cdf(none, mu, sd))), abs=1e-6)


def test_the_moments_of_a_lift_are_those_of_the_logarithm_of_its_posterior() -> None:
    drawn = np.log(np.random.default_rng(5).gamma(20.0, 1 / 10.0, 400_000))
    assert log_lift(20.0, 10.0) == pytest.approx((drawn.mean(), drawn.std()), abs=0.002)


scores = st.floats(-6, 6)
deviations = st.floats(0.05, 2)


@settings(max_examples=60)
@given(st.lists(st.tuples(scores, deviations), max_size=MOST_ARMS), scores)
def test_every_arm_has_its_floor_and_all_of_them_are_one(arms: list[tuple[float, float]], none: float) -> None:
    found = chances([mean for mean, _ in arms], [sd for _, sd in arms], none)
    assert sum(found.arms) + found.none == pytest.approx(1.0)
    if arms:
        assert min(*found.arms, found.none) >= FLOOR - 1e-12


arms = st.lists(st.tuples(scores, deviations), max_size=MOST_ARMS)


@settings(max_examples=30)
@given(st.lists(arms, max_size=6), scores)
def test_many_at_once_have_the_chances_that_each_has_alone(many: list[list[tuple[float, float]]], none: float) -> None:
    asked = [([mean for mean, _ in some], [sd for _, sd in some]) for some in many]
    for one, found in zip(asked, chances_of_many(asked, none), strict=True):
        alone = chances(*one, none)
        assert (*found.arms, found.none) == pytest.approx((*alone.arms, alone.none), abs=1e-12)


def test_a_seed_decides_and_many_seeds_come_to_the_chances() -> None:
    found = chances([mean for mean, _ in ARMS], [sd for _, sd in ARMS], 0.0)
    drawn = [draw(found, f"push {n}") for n in range(20_000)]
    assert drawn == [draw(found, f"push {n}") for n in range(20_000)]
    counted = Counter(drawn)
    shares = [counted[place] / len(drawn) for place in (*range(len(ARMS)), None)]
    assert shares == pytest.approx([*found.arms, found.none], abs=0.015)


def test_without_exploration_the_best_arm_is_certain() -> None:
    assert greedy([0.1, 0.7, 0.7]).arms == (0.0, 1.0, 0.0)
    assert (greedy([]).none, draw(greedy([]), "p")) == (1.0, None)


class TestChoice:
    FOUND = tuple(candidate(f"p{n}", 1.0 / (n + 1), posterior(20.0, 10.0)) for n in range(8))

    def test_what_is_hindered_or_worth_no_more_than_no_push_is_no_arm(self) -> None:
        poor = candidate("poor", np.exp(NO_PUSH_SCORE) / 2, posterior(10.0, 10.0))
        owned = candidate("owned", 3.0, posterior(20.0, 10.0), hindrance="the household has it already")
        choice = choose([owned, self.FOUND[0], poor], "push", explore=True)
        assert set(choice.propensities) == {"p0"}
        assert choice.propensities["p0"] + choice.none == pytest.approx(1.0)

    def test_only_the_best_few_are_explored(self) -> None:
        choice = choose(self.FOUND, "push", explore=True)
        assert list(choice.propensities) == [f"p{n}" for n in range(MOST_ARMS)]

    def test_no_push_is_always_an_arm(self) -> None:
        drawn = [choose(self.FOUND[:1], f"push {n}", explore=True).chosen for n in range(400)]
        assert 0 < sum(one is None for one in drawn) < 40

    def test_the_propensity_of_what_was_chosen_is_the_one_that_is_stored(self) -> None:
        for n in range(50):
            choice = choose(self.FOUND, f"push {n}", explore=True)
            name = None if choice.chosen is None else choice.chosen.product.id
            assert choice.propensity == (choice.none if name is None else choice.propensities[name])

    def test_a_lift_that_is_known_less_firmly_is_explored_more(self) -> None:
        best = candidate("best", 1.0, posterior(400.0, 200.0))
        firm, vague = (candidate("other", 0.6, posterior(*one)) for one in ((400.0, 200.0), (4.0, 2.0)))
        shares = [choose([best, other], "push", explore=True).propensities["other"] for other in (firm, vague)]
        assert shares[0] < shares[1]
        assert firm.lift == pytest.approx(vague.lift)
        assert log(firm.lift) > vague.log_lift[0]
