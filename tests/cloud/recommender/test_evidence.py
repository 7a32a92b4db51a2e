"""What was bought under needs beside what was to be expected: by hand, and on homes drawn with a known lift."""

import numpy as np
import pytest

from aircue_cloud.recommender.evidence import AFTER_S, PERIOD_S, Bought, Spell, evidence
from aircue_cloud.recommender.interactions import DAY_S
from aircue_cloud.recommender.lift import Evidence, Lift

CATEGORIES = {"drymax": "dehumidifier", "salt": "absorber", "lamp": "lighting"}
REMEDIES = {"damp": frozenset({"dehumidifier", "absorber"})}


def found(bought: list[Bought], spells: list[Spell], households: int = 10, until: float = 60 * DAY_S) -> list[Evidence]:
    return evidence(bought, spells, households, CATEGORIES, REMEDIES, until)


def bought(product: str, *days: float, household: str = "a") -> list[Bought]:
    return [Bought(household=household, product=product, at=day * DAY_S) for day in days]


def damp(first: float, last: float, household: str = "a") -> Spell:
    return Spell(household=household, need="damp", begin=first * DAY_S, end=last * DAY_S)


def test_by_hand() -> None:
    """Two of three sales fell into a's five damp days (three, and the two after them), of ten homes in 30 days."""
    rows = [*bought("drymax", 0.0, 11.0, 14.0), *bought("lamp", 11.0)]
    [one] = found(rows, [damp(10, 13)], until=PERIOD_S - 1)
    assert (one.product, one.category, one.need, one.observed) == ("drymax", "dehumidifier", "damp", 2)
    assert one.expected == pytest.approx(3 * 5 / (10 * 30))


def test_only_remedies_of_the_need_and_only_where_it_held() -> None:
    assert found([*bought("drymax", 1, 5), *bought("salt", 3)], []) == []
    rows = [*bought("drymax", 1, 5, household="b"), *bought("salt", 3)]
    assert {one.product: one.observed for one in found(rows, [damp(2, 4)])} == {"drymax": 0, "salt": 1}


def test_spells_that_overlap_count_once() -> None:
    rows = bought("drymax", 0, 12)
    once, twice = found(rows, [damp(10, 20)]), found(rows, [damp(10, 15), damp(12, 20), damp(10, 11)])
    assert once == twice


def test_the_aftermath_counts_and_ends() -> None:
    after = AFTER_S / DAY_S
    rows = bought("drymax", 0, 13 + after - 0.01, 13 + after)
    assert found(rows, [damp(10, 13)])[0].observed == 1


def test_what_sells_in_one_season_is_expected_in_that_season_alone() -> None:
    """All sales fall into the first month, the damp days into the second: nothing was to be expected then."""
    rows = bought("drymax", *range(0, 30, 2), household="b")
    assert found(rows, [damp(40, 50)]) == []


def test_the_lift_that_purchases_were_drawn_with_is_found_again() -> None:
    """Simulated: 400 homes, each damp a quarter of the time, and buying three times as often while it is."""
    random = np.random.default_rng(4)
    until, rows, spells = 120.0, [], []
    for number in range(400):
        home = f"h{number:03}"
        begin = float(random.uniform(0, 90))
        spells.append(damp(begin, begin + 30 - AFTER_S / DAY_S, home))
        for day in range(int(until)):
            rate = 0.02 * (3.0 if begin <= day < begin + 30 else 1.0)
            rows += bought("drymax", *(day + random.random(random.poisson(rate))), household=home)
    [one] = found(rows, spells, households=400, until=until * DAY_S)
    mean_rate = 0.02 * (0.75 + 3.0 * 0.25)
    learnt = Lift({("damp", "dehumidifier"): 2.0}, [one]).product("damp", "dehumidifier", "drymax").mean
    assert learnt == pytest.approx(0.02 * 3 / mean_rate, rel=0.1), "over the average day, damp ones among them"
