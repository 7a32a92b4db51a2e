"""Assignment: the published hash, the stated share, and the same answer every time."""

import doctest
from statistics import correlation

import pytest

from aircue_cloud.outcomes import assignment
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, TREATMENT, arm, fnv32a, need_experiment, place, propensity

HOUSEHOLDS = [f"household-{number}" for number in range(20_000)]

# draft-eastlake-fnv, appendix of test values.
FNV = [("", 0x811C9DC5), ("a", 0xE40C292C), ("b", 0xE70C2DE5), ("fo", 0x6222E842), ("foobar", 0xBF9CF968)]
# GrowthBook's own cases, hash version 2: seed, value, place.
GROWTHBOOK = [
    ("seed", "a", 0.0505),
    ("seed", "b", 0.2696),
    ("foo", "ab", 0.2575),
    ("foo", "def", 0.2019),
    ("90850943850283058242805", "123", 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 0.0128),
]


@pytest.mark.parametrize(("text", "expected"), FNV)
def test_fnv_as_published(text: str, expected: int) -> None:
    assert fnv32a(text) == expected


@pytest.mark.parametrize(("seed", "value", "expected"), GROWTHBOOK)
def test_places_as_growthbook_publishes_them(seed: str, value: str, expected: float) -> None:
    assert place(seed, value) == expected


@pytest.mark.parametrize("holdout", [0.05, 0.1, 0.5])
def test_the_share_held_out_is_the_one_asked_for(holdout: float) -> None:
    held = sum(arm(one, GLOBAL, holdout) == HOLDOUT for one in HOUSEHOLDS)
    spread = (holdout * (1 - holdout) / len(HOUSEHOLDS)) ** 0.5
    assert abs(held / len(HOUSEHOLDS) - holdout) < 4 * spread


def test_a_share_that_grows_keeps_whom_it_held_out() -> None:
    few = {one for one in HOUSEHOLDS if arm(one, GLOBAL, 0.05) == HOLDOUT}
    more = {one for one in HOUSEHOLDS if arm(one, GLOBAL, 0.1) == HOLDOUT}
    assert few < more


def test_experiments_hold_out_different_people() -> None:
    """That a household is held out globally says nothing about its place in a need's experiment."""
    one = [place(GLOBAL, unit) for unit in HOUSEHOLDS]
    other = [place(need_experiment("damp-air"), unit) for unit in HOUSEHOLDS]
    assert abs(correlation(one, other)) < 4 / len(HOUSEHOLDS) ** 0.5


def test_nobody_and_everybody() -> None:
    assert {arm(one, GLOBAL, 0.0) for one in HOUSEHOLDS} == {TREATMENT}
    assert {arm(one, GLOBAL, 1.0) for one in HOUSEHOLDS} == {HOLDOUT}


@pytest.mark.parametrize("holdout", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(holdout: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        arm("a", GLOBAL, holdout)


def test_the_propensity_is_of_the_arm_given() -> None:
    assert propensity(HOLDOUT, 0.1) == 0.1
    assert propensity(TREATMENT, 0.1) == 0.9


def test_the_examples_run() -> None:
    assert doctest.testmod(assignment).failed == 0
