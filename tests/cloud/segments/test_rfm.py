"""Recency, frequency, monetary: tables by hand, ties, refunds, currencies, rules as data; and drift."""

import doctest
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aircue_cloud.errors import SettingsError
from aircue_cloud.segments import drift, profiles, rfm
from aircue_cloud.segments.rfm import Customer, Spent

TODAY = date(2026, 11, 22)
SHIPPED = tomllib.loads((Path(rfm.__file__).parent / "rfm.toml").read_text(encoding="utf-8"))


def spent(person: str, ago: int, minor: int, currency: str = "EUR") -> Spent:
    return Spent(person=person, day=TODAY - timedelta(days=ago), minor=minor, currency=currency)


def customer(person: str, ago: int, days: int, minor: int, currency: str = "EUR") -> Customer:
    last = TODAY - timedelta(days=ago)
    return Customer(person=person, currency=currency, days=days, first=last, last=last, minor=minor)


@pytest.mark.parametrize("module", [rfm, drift, profiles], ids=lambda module: module.__name__)
def test_the_examples_hold(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# Scores.


def test_ten_customers_by_hand() -> None:
    """Two in each fifth; who bought last, most often and most has 5, 5, 5."""
    people = [customer(f"c{n}", ago=100 - 10 * n, days=n + 1, minor=1000 * (n + 1)) for n in range(10)]
    found = rfm.scored(people, TODAY, rfm.shipped())
    assert [one.scores for one in found] == [(n // 2 + 1,) * 3 for n in range(10)]
    assert [one.segment for one in found] == [
        "hibernating", "hibernating", "about-to-sleep", "about-to-sleep", "need-attention", "need-attention",
        "loyal", "loyal", "champions", "champions",
    ]  # fmt: skip
    assert [one.recency_days for one in found][:2] == [100, 90]


def test_who_ties_gets_one_score_whatever_the_order() -> None:
    """Six of ten bought once: they share the lowest six places, whose middle is 3, in the second fifth."""
    values = np.array([1, 1, 1, 1, 1, 1, 2, 3, 4, 5], dtype=np.float64)
    assert rfm.quintiles(values).tolist() == [2, 2, 2, 2, 2, 2, 4, 4, 5, 5]
    order = np.random.default_rng(0).permutation(10)
    assert rfm.quintiles(values[order]).tolist() == rfm.quintiles(values)[order].tolist()


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_scores_grow_with_what_is_scored_and_depend_on_nothing_else(values: list[int]) -> None:
    scores = rfm.quintiles(np.array(values, dtype=np.float64)).tolist()
    assert set(scores) <= {1, 2, 3, 4, 5}
    by_value = sorted(zip(values, scores, strict=True))
    assert by_value == sorted(by_value, key=lambda one: one[1])
    assert len({one for one, _ in by_value}) == len(set(by_value))


def test_nobody_has_no_scores() -> None:
    assert rfm.quintiles(np.zeros(0)).tolist() == []
    assert rfm.scored([], TODAY, rfm.shipped()) == []


def test_each_currency_is_scored_by_itself() -> None:
    """A thousand yen is no thousand cents."""
    euros = [customer(f"e{n}", 10, 1, 100 * (n + 1)) for n in range(5)]
    yen = [customer(f"y{n}", 10, 1, 10**6 * (n + 1), "JPY") for n in range(5)]
    found = {one.customer.person: one.scores for one in rfm.scored([*euros, *yen], TODAY, rfm.shipped())}
    assert [found[f"e{n}"][2] for n in range(5)] == [found[f"y{n}"][2] for n in range(5)] == [1, 2, 3, 4, 5]


# Customers.


def test_what_came_back_is_not_spent() -> None:
    bought = [spent("ada", 30, 5000), spent("ada", 10, 2000), spent("ada", 5, -2500)]
    [ada] = rfm.customers(bought)
    assert (ada.minor, ada.days, ada.last) == (4500, 1, TODAY - timedelta(days=30)), "the later day came back whole"
    assert rfm.customers([spent("bob", 3, 900), spent("bob", 2, -900)]) == []
    assert rfm.customers([spent("eve", 3, -900)]) == []


def test_what_came_back_takes_nothing_of_what_was_bought_later() -> None:
    [ada] = rfm.customers([spent("ada", 10, 1000), spent("ada", 5, -5000), spent("ada", 1, 700)])
    assert (ada.minor, ada.days) == (700, 1)


def test_somebody_of_two_currencies_is_counted_in_the_one_of_most_days() -> None:
    bought = [spent("ada", 9, 100), spent("ada", 8, 100), spent("ada", 1, 10**6, "JPY")]
    assert [(one.currency, one.days) for one in rfm.customers(bought)] == [("EUR", 2)]
    assert rfm.customers(bought[1:])[0].currency == "JPY", "of as many the one used last"


def test_two_things_on_one_day_are_one_day() -> None:
    assert rfm.customers([spent("ada", 3, 100), spent("ada", 3, 200)])[0].days == 1


# Rules.


def test_the_shipped_rules_name_everybody_once() -> None:
    names = [rfm.named(scores, rfm.shipped()).name for scores in rfm.EVERY]
    assert len(names) == 125
    assert set(names) == {rule.name for rule in rfm.shipped()}
    assert rfm.named((1, 5, 5), rfm.shipped()).name == "cannot-lose"
    assert rfm.named((5, 1, 5), rfm.shipped()).name == "new"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rules: rules[-1].update(frequency=[5]), "no rule fits the scores"),
        (lambda rules: rules.insert(0, {"name": "all", "about": ""}), "is never reached"),
        (lambda rules: rules[0].update(recency=[6]), "expected scores from 1 to 5"),
        (lambda rules: rules[0].update(age=[1]), "unknown key 'age'"),
        (lambda rules: rules[1].update(name="champions"), "is never reached"),
        (lambda rules: rules.clear(), "expected tables"),
    ],
)
def test_rules_that_do_not_fit_are_refused_by_name(change: Any, said: str) -> None:
    rules = [dict(rule) for rule in SHIPPED["rule"]]
    change(rules)
    with pytest.raises(SettingsError, match=said):
        rfm.read_rules({"rule": rules}, "mine.toml")


# Drift.


def test_equal_snapshots_have_no_drift_at_all() -> None:
    people = {f"p{n}": "ab"[n % 2] for n in range(41)}
    found = drift.drift(people, dict(people))
    assert found.psi == 0.0
    assert found.flows == {("a", "a"): 21, ("b", "b"): 20}


def test_drift_by_hand() -> None:
    """Of 100 in each of two segments 50 move over: shares of a half become a quarter and three quarters, nearly."""
    before = {f"p{n}": "ab"[n >= 100] for n in range(200)}
    after = {person: "b" if n < 50 else segment for n, (person, segment) in enumerate(before.items())}
    found = drift.drift(before, after)
    expected = 2 * (0.25 * np.log(3.0)) / 2
    assert found.psi == pytest.approx(expected, rel=0.02)
    assert found.flows == {("a", "b"): 50, ("a", "a"): 50, ("b", "b"): 100}
    assert drift.verdict(found.psi) == "much has changed"


def test_who_comes_and_goes_is_seen() -> None:
    found = drift.drift({"ada": "a", "bob": "a"}, {"bob": "b", "eve": "b"})
    assert found.flows == {("a", ""): 1, ("a", "b"): 1, ("", "b"): 1}


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.lists(st.sampled_from("abc"), min_size=1, max_size=30)
)
@settings(max_examples=60, deadline=None)
def test_drift_is_never_under_0_and_the_same_both_ways(one: list[str], other: list[str]) -> None:
    before, after = dict(enumerate(one)), dict(enumerate(other))
    forth, back = (
        drift.drift({str(k): v for k, v in a.items()}, {str(k): v for k, v in b.items()})
        for a, b in ((before, after), (after, before))
    )
    assert forth.psi >= 0
    assert forth.psi == pytest.approx(back.psi)
    assert sum(forth.flows.values()) == len(before.keys() | after.keys())


# Homes.


def test_days_on_which_a_need_was_felt_are_counted_once_and_within_the_span() -> None:
    """The 28 days begin on 26 October; an episode that is not over counts up to today."""
    october, november = (date(2026, 10, 1), date(2026, 10, 27)), (date(2026, 11, 21), date(2026, 11, 30))
    assert profiles.days_felt([october, november, (TODAY, TODAY)], TODAY, 28) == 4
