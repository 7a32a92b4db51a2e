"""When something is due again, in cases whose answer can be worked out by hand."""

import pytest

from aircue_cloud.recommender.replenishment import Purchase, learn


def bought(user: str, product: str, *at: float) -> list[Purchase]:
    return [Purchase(user=user, product=product, at=one) for one in at]


def test_many_purchases_make_the_interval_the_users_own() -> None:
    due = learn([*bought("ann", "filter", *range(0, 3000, 30)), *bought("bob", "filter", 0, 90)])
    assert due["ann", "filter"].interval == pytest.approx(30, rel=0.03)
    assert due["ann", "filter"].gaps == 99


def test_one_purchase_is_expected_to_last_as_long_as_others() -> None:
    due = learn([*bought("ann", "filter", 0, 40, 80, 120, 160, 200, 240), *bought("bob", "filter", 10)])
    assert due["bob", "filter"].interval == pytest.approx(40)
    assert (due["bob", "filter"].last, due["bob", "filter"].gaps) == (10, 0)


def test_pools_are_weighed_by_hand() -> None:
    """Overall mean (10 + 40) / 2 = 25; the filter's (10 + 3 * 25) / 4 = 21.25; ann's (10 + 3 * 21.25) / 4."""
    due = learn([*bought("ann", "filter", 0, 10), *bought("ann", "soap", 0, 40)])
    assert due["ann", "filter"].interval == pytest.approx((10 + 3 * 21.25) / 4)


def test_progress_runs_from_just_bought_to_due_and_past_it() -> None:
    due = learn(bought("ann", "filter", 0, 30, 60))["ann", "filter"]
    assert [due.progress(now) for now in (59, 60, 75, 90, 120)] == pytest.approx([0, 0, 0.5, 1, 2])


def test_what_wears_with_use_is_measured_in_what_wears_it() -> None:
    """A filter that saw 900 hours x ug/m3 before the last purchase, and 450 since."""
    due = learn(bought("ann", "filter", 0, 900, 1800))["ann", "filter"]
    assert due.progress(2250) == pytest.approx(0.5)


def test_what_nobody_bought_twice_is_no_consumable() -> None:
    assert learn([*bought("ann", "lamp", 3), *bought("bob", "lamp", 4)]) == {}
    assert ("ann", "lamp") not in learn([*bought("ann", "lamp", 3), *bought("bob", "filter", 0, 10)])


def test_two_in_one_basket_are_one_purchase() -> None:
    assert learn(bought("ann", "filter", 0, 0, 30))["ann", "filter"].gaps == 1
