"""Mining: counts against brute force and another library, p-values against theirs, and no findings where none are."""

import doctest
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aircue_cloud.associations import baskets, findings, mining, significance
from aircue_cloud.associations.baskets import Baskets
from aircue_cloud.associations.mining import Terms

Lines = list[tuple[str, str]]


def of(content: list[set[str]], cap: int = 100) -> Baskets:
    lines = [(f"b{number:05d}", item) for number, items in enumerate(content) for item in sorted(items)]
    return baskets.of_lines([one for one, _ in lines], [item for _, item in lines], cap)


def named(found: Baskets, sets: mining.Sets) -> dict[tuple[str, ...], int]:
    rows = zip(sets.items.tolist(), sets.count.tolist(), strict=True)
    return {tuple(found.items[item] for item in items): count for items, count in rows}


def brute(content: list[set[str]], size: int, least: int) -> dict[tuple[str, ...], int]:
    every = sorted({item for items in content for item in items})
    counts = {some: sum(set(some) <= items for items in content) for some in combinations(every, size)}
    return {some: count for some, count in counts.items() if count >= least}


def test_the_examples_hold() -> None:
    assert doctest.testmod(significance).failed == 0


# Counts.


@given(st.lists(st.sets(st.sampled_from("abcdefg"), min_size=1), min_size=1, max_size=30), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_pairs_and_triples_are_those_of_brute_force(content: list[set[str]], least: int) -> None:
    found = of(content)
    mined = mining.mine(found.matrix, Terms(least=least))
    assert named(found, mined.pairs.sets) == brute(content, 2, least)
    assert named(found, mined.triples.sets) == brute(content, 3, least)


def drawn(seed: int, count: int = 400) -> list[set[str]]:
    """Of 30 products, of which three go together and two others do."""
    random = np.random.default_rng(seed)
    popular = random.uniform(0.03, 0.2, 30)
    content = [{f"p{item:02d}" for item in np.flatnonzero(random.random(30) < popular)} for _ in range(count)]
    for items in content:
        if random.random() < 0.15:
            items |= {"p01", "p02", "p03"}
        if random.random() < 0.15:
            items |= {"p10", "p11"}
    return content


def test_another_library_finds_the_same_sets() -> None:
    peer = pytest.importorskip("efficient_apriori", reason="pip install efficient-apriori")
    content = drawn(1)
    found = of(content)
    theirs, _ = peer.itemsets_from_transactions([tuple(items) for items in content if items], 10 / len(found))
    mined = mining.mine(found.matrix, Terms(least=10))
    assert named(found, mined.pairs.sets) == {tuple(sorted(some)): count for some, count in theirs[2].items()}
    assert named(found, mined.triples.sets) == {tuple(sorted(some)): count for some, count in theirs[3].items()}


def test_many_pairs_are_counted_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(drawn(2))
    whole = mining.mine(found.matrix, Terms(least=5))
    monkeypatch.setattr(mining, "_PAIRS_AT_ONCE", 7)
    parts = mining.mine(found.matrix, Terms(least=5))
    assert len(whole.triples.sets) > 20
    assert named(found, parts.triples.sets) == named(found, whole.triples.sets)


# Chance.


def test_the_lady_who_tasted_tea() -> None:
    """Fisher, The Design of Experiments (1935): of eight cups four had milk first. All told: 1 in 70; three: 17."""
    four = np.array([4])
    assert significance.fisher(four, four, four, np.array([8]))[0] == pytest.approx(1 / 70)
    assert significance.fisher(np.array([3]), four, four, np.array([8]))[0] == pytest.approx(17 / 70)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_p_values_are_those_of_scipy(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 500))
    first, second = data.draw(st.integers(0, total)), data.draw(st.integers(0, total))
    both = data.draw(st.integers(max(0, first + second - total), min(first, second)))
    mine = significance.fisher(*(np.array([one]) for one in (both, first, second, total)))[0]
    assert mine == pytest.approx(stats.hypergeom.sf(both - 1, total, first, second), rel=1e-9, abs=1e-12)


def test_a_p_value_too_small_for_a_float_is_0_and_none_is_over_1() -> None:
    many = np.array([50_000])
    assert significance.fisher(many, many, many, np.array([100_000]))[0] == 0.0
    assert significance.fisher(np.array([0]), many, many, np.array([100_000]))[0] == 1.0


# The p-values of the example in Benjamini and Hochberg (1995), of which their procedure rejects four at 0.05.
PUBLISHED = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
             0.7590, 1.0000)  # fmt: skip


def test_the_published_example_of_false_discovery_control() -> None:
    assert int((significance.false_share(np.array(PUBLISHED), 15, "bh") <= 0.05).sum()) == 4


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_false_shares_are_those_of_statsmodels(values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    for method, theirs in (("bh", "fdr_bh"), ("by", "fdr_by")):
        mine = significance.false_share(np.array(values), len(values), method)  # type: ignore[arg-type]
        assert mine == pytest.approx(multipletests(values, method=theirs)[1])


def test_tests_that_are_not_listed_count_as_if_nothing_was_found_by_them() -> None:
    listed = np.array(PUBLISHED[:6])
    whole = significance.false_share(np.array([*PUBLISHED[:6], *([1.0] * 94)]), 100)
    assert significance.false_share(listed, 100) == pytest.approx(whole[:6])
    with pytest.raises(ValueError, match="tests is 5"):
        significance.false_share(listed, 5)


def test_sums_of_many_tests_are_those_of_few() -> None:
    assert significance._harmonic(1_000_001) == pytest.approx(float(np.sum(1 / np.arange(1, 1_000_002))), rel=1e-12)


def sure(content: list[set[str]] | Any, terms: Terms) -> tuple[int, int]:
    mined = mining.mine(content, terms)
    return len(mined.pairs.sure(terms.fdr)), len(mined.triples.sure(terms.fdr))


@pytest.mark.parametrize("method", significance.METHODS)
def test_what_goes_together_is_found_and_of_shuffled_baskets_nearly_nothing(method: significance.Method) -> None:
    """Of 40 shuffled ones, each with 435 pairs, at most one in twenty may have findings at all."""
    found, terms = of(drawn(3)), Terms(least=5, method=method)
    mined = mining.mine(found.matrix, terms)
    pairs = {tuple(found.items[item] for item in mined.pairs.sets.items[one]) for one in mined.pairs.sure(0.05)}
    assert {("p01", "p02"), ("p01", "p03"), ("p02", "p03"), ("p10", "p11")} <= pairs
    triples = [tuple(found.items[item] for item in mined.triples.sets.items[one]) for one in mined.triples.sure(0.05)]
    assert triples == [("p01", "p02", "p03")]
    random = np.random.default_rng(4)
    shuffled = [sure(baskets.shuffled(found.matrix, random), terms) for _ in range(40)]
    assert sum(one != (0, 0) for one in shuffled) <= 2, shuffled


def test_shuffling_keeps_how_many_baskets_hold_each_product() -> None:
    found = of(drawn(5))
    again = baskets.shuffled(found.matrix, np.random.default_rng(6))
    assert np.diff(again.indptr).tolist() == np.diff(found.matrix.indptr).tolist()
    assert (again != found.matrix).nnz > 0


def test_a_triple_that_says_no_more_than_its_pairs_is_not_told() -> None:
    """p and q go together; r is in every second basket, whatever else is in it."""
    content = [{"p", "q"} | ({"r"} if number % 2 else set()) for number in range(100)]
    content += [{"s"} | ({"r"} if number % 2 else set()) for number in range(300)]
    found = of(content)
    mined = mining.mine(found.matrix, Terms(least=20))
    assert named(found, mined.triples.sets) == {("p", "q", "r"): 50}
    assert len(mined.triples.sure(0.05)) == 0
    assert [found.items[item] for item in mined.pairs.sets.items[mined.pairs.sure(0.05)[0]]] == ["p", "q"]


@pytest.mark.parametrize(("terms", "said"), [({"least": 0}, "least is 0"), ({"fdr": 0.0}, "fdr is 0.0")])
def test_terms_that_mean_nothing_are_refused(terms: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Terms(**terms)


# Rules.


def test_the_figures_of_a_rule_by_hand() -> None:
    """100 baskets: 40 hold tea, 50 hold milk, 30 both. So 75 % of those with tea hold milk, of all 50 %."""
    content = [{"tea", "milk"}] * 30 + [{"tea"}] * 10 + [{"milk"}] * 20 + [{"bread"}] * 40
    rules = {one.antecedent: one for one in findings.found(of(content), Terms(least=10)).rules}
    tea, milk = rules["tea"], rules["milk"]
    assert (tea.consequent, tea.baskets, tea.people) == (("milk",), 30, 30)
    assert (tea.support, tea.confidence, tea.lift) == pytest.approx((0.3, 0.75, 1.5))
    assert (milk.confidence, milk.lift, milk.leverage) == pytest.approx((0.6, 1.5, 0.3 - 0.4 * 0.5))
    assert tea.p == pytest.approx(stats.fisher_exact([[30, 10], [20, 40]], alternative="greater")[1])
    assert tea.usual == pytest.approx(0.5)


def test_the_figures_of_a_triple_by_hand() -> None:
    content = [{"a", "b", "c"}] * 30 + [{"a"}] * 10 + [{"b"}] * 10 + [{"c"}] * 10 + [{"x"}] * 40
    rules = {one.antecedent: one for one in findings.found(of(content), Terms(least=10)).rules if one.kind == "triple"}
    assert set(rules) == {"a", "b", "c"}
    assert rules["b"].consequent == ("a", "c")
    assert (rules["b"].confidence, rules["b"].lift) == pytest.approx((30 / 40, 30 * 100 / (40 * 30)))


def test_what_few_people_bought_together_is_not_told_however_often_they_did() -> None:
    persons = ["ada"] * 60 + [f"p{number}" for number in range(60)]
    together = [("ada", item, number * 10**8) for number in range(30) for item in ("tea", "milk")]
    alone = [(person, "bread", 0) for person in persons[60:]]
    rows = [*together, *alone]
    found = baskets.of_purchases([one[0] for one in rows], [one[1] for one in rows], [one[2] for one in rows])
    assert len(findings.found(found, Terms(least=20)).rules) == 2
    assert findings.found(found, Terms(least=20), 20).rules == ()


def test_neither_the_order_of_the_lines_nor_a_line_twice_changes_anything() -> None:
    content = drawn(7, 200)
    lines = [(f"b{number}", item) for number, items in enumerate(content) for item in items]
    again = [*reversed(lines), *lines[:50]]
    one, other = (
        findings.found(baskets.of_lines([b for b, _ in some], [p for _, p in some]), Terms(least=5))
        for some in (lines, again)
    )
    assert one.rules == other.rules
    assert len(one.rules) > 0


# Baskets.


def test_a_basket_is_what_one_person_buys_without_a_long_pause() -> None:
    minutes = 60_000
    rows = [("ada", "tea", 0), ("bob", "tea", 0), ("ada", "milk", 29 * minutes), ("ada", "rug", 60 * minutes)]
    found = baskets.of_purchases([one[0] for one in rows], [one[1] for one in rows], [one[2] for one in rows])
    contents = [sorted(found.items[item] for item in row.indices) for row in found.matrix.tocsr()]
    assert sorted(zip(found.owner.tolist(), contents, strict=True)) == [
        (0, ["milk", "tea"]),
        (0, ["rug"]),
        (1, ["tea"]),
    ]


def test_baskets_over_the_cap_are_left_out() -> None:
    found = of([{f"p{number}" for number in range(5)}, {"p1", "p2"}], cap=4)
    assert (len(found), found.left_out) == (1, 1)
    with pytest.raises(ValueError, match="cap is 1"):
        of([{"a"}], cap=1)


def test_nothing_comes_of_nothing() -> None:
    assert findings.found(of([{"a"}, {"b"}]), Terms(least=1)).rules == ()


# Devices.


def test_who_owns_a_purifier_buys_filters() -> None:
    rows = [(f"h{n}", "purifier-1", "air-purifier") for n in range(40)]
    rows += [(f"h{n}", "filter-1", "filter") for n in range(30)]
    rows += [(f"h{n}", "lamp", "lighting") for n in range(40, 200)]
    found = findings.of_devices(*([one[place] for one in rows] for place in range(3)), Terms(least=20), 20)
    rules = {(one.antecedent, one.consequent): one for one in found.rules}
    owners = rules["air-purifier", ("filter-1",)]
    assert (owners.baskets, owners.confidence, owners.lift) == pytest.approx((30, 0.75, 0.75 / (30 / 200)))
    assert owners.p == pytest.approx(stats.fisher_exact([[30, 10], [0, 160]], alternative="greater")[1])
    assert all(one.antecedent != "lighting" for one in found.rules), "of its own category nothing is told"
    assert found.tests == {"device": 3 * 3 - 3}
