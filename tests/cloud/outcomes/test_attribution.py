"""Attribution: the two windows, the last touch, one order under one push, and less what came back."""

from datetime import UTC, datetime, timedelta

import pytest

from aircue_cloud.outcomes.attribution import CLICKED, DELIVERED, LABEL, Order, Push, Return, attribute, net

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def push(name: str = "p", at: datetime = T, clicks: tuple[datetime, ...] = (), category: str = "dehumidifier") -> Push:
    return Push(id=name, household="ada", need="damp-air", category=category, delivered_at=at, clicks=clicks)


def order(at: datetime, amount: int = 100, product: str = "drymax", household: str = "ada", person: str = "a") -> Order:
    return Order(household=household, person=person, product=product, category="dehumidifier", at=at, amount=amount)


def under(one: Order, *pushes: Push) -> str | None:
    (found,) = attribute([one], pushes)
    return None if found.push is None else found.push.id


@pytest.mark.parametrize(("after", "counted"), [(-HOUR, False), (timedelta(), True), (DELIVERED, True),
                                                (DELIVERED + HOUR, False)])  # fmt: skip
def test_an_order_counts_for_three_days_after_delivery(after: timedelta, counted: bool) -> None:
    assert (under(order(T + after), push()) is not None) == counted


@pytest.mark.parametrize(("after", "counted"), [(timedelta(), True), (CLICKED, True), (CLICKED + HOUR, False)])
def test_an_order_counts_for_seven_days_after_a_click(after: timedelta, counted: bool) -> None:
    click = T + timedelta(days=5)
    assert (under(order(click + after), push(clicks=(click,))) is not None) == counted


def test_the_last_touch_has_it() -> None:
    first = push("first", clicks=(T + 30 * HOUR,))
    second = push("second", at=T + 20 * HOUR)
    assert under(order(T + 25 * HOUR), first, second) == "second"
    assert under(order(T + 40 * HOUR), first, second) == "first"


def test_a_click_after_the_order_is_none() -> None:
    assert under(order(T + 4 * DELIVERED), push(clicks=(T + 5 * DELIVERED,))) is None


def test_other_homes_and_other_categories_are_not_counted() -> None:
    assert under(order(T + HOUR, household="bob"), push()) is None
    assert under(order(T + HOUR), push(category="fan")) is None


def test_an_order_is_counted_once() -> None:
    """Whatever pushes there are, as many rows as orders."""
    orders = [order(T + hour * HOUR) for hour in range(100)]
    pushes = [push(str(number), T + number * 7 * HOUR) for number in range(10)]
    assert [row.order for row in attribute(orders, pushes)] == orders


def test_it_is_called_associated() -> None:
    assert LABEL == "associated"


def back(at: datetime, amount: int, product: str = "drymax") -> Return:
    return Return(person="a", product=product, at=at, amount=amount)


def test_what_came_back_is_taken_from_the_latest_order_before_it() -> None:
    orders = [order(T, 100), order(T + HOUR, 60), order(T + 3 * HOUR, 60)]
    assert [one.amount for one in net(orders, [back(T + 2 * HOUR, 60)])] == [100, 0, 60]
    assert [one.amount for one in net(orders, [back(T + 2 * HOUR, 80)])] == [80, 0, 60]


def test_what_nobody_bought_here_takes_nothing() -> None:
    orders = [order(T, 100)]
    assert net(orders, [back(T - HOUR, 60), back(T + HOUR, 60, "fan")]) == orders
    assert net(orders, [back(T + HOUR, 900)])[0].amount == 0
