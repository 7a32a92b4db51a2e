"""The shop's events as weights: what costs more says more, a bad review takes it back, a push is discounted."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from aircue_cloud.recommender.acts import SHOWN, STARS, THETA_LEAST, Event, learnable
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import Weighting
from aircue_cloud.recommender.weights import WEIGHTS

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(person: str, product: str, kind: str = "click", **fields: object) -> Event:
    return Event(person=person, product=product, kind=kind, **{"at": AT, **fields})  # type: ignore[arg-type]


def weight(events: Sequence[Event], person: str, product: str) -> float:
    log = learnable(events).log
    r = log.matrix(Weighting(), float(log.at[-1])).toarray()
    return float(r[log.users.index(person), log.items.index(product)])


def test_an_act_that_costs_more_says_more() -> None:
    order = ("impression", "view", "click", "favourite", "cart", "purchase")
    assert all(WEIGHTS[less] < WEIGHTS[more] for less, more in pairwise(order))


def test_weights_of_a_pair_add_up() -> None:
    events = [event("ann", "lamp"), event("ann", "lamp", "cart"), event("bob", "mug", "purchase")]
    assert weight(events, "ann", "lamp") == WEIGHTS["click"] + WEIGHTS["cart"]
    assert weight(events, "bob", "lamp") == 0


def test_fewer_stars_lower_the_weight_and_one_star_makes_it_a_dislike() -> None:
    """Even of what was looked at, put into the cart and bought."""
    bought = [event("a", "x", kind) for kind in ("click", "cart", "purchase")]
    rated = [weight([*bought, event("a", "x", "rating", stars=stars)], "a", "x") for stars in (1, 2, 3, 4, 5)]
    assert rated == sorted(rated)
    assert rated[0] < rated[1] < 0 < rated[2] < weight(bought, "a", "x") < rated[4]


def test_what_was_given_back_says_no_more_than_what_was_put_into_the_cart() -> None:
    bought = [event("a", "x", "cart"), event("a", "x", "purchase")]
    assert weight([*bought, event("a", "x", "return")], "a", "x") == WEIGHTS["cart"]


def test_what_is_not_for_me_is_disliked() -> None:
    assert weight([event("a", "x", "impression"), event("a", "x", "dismissal")], "a", "x") < 0


def test_stars_do_not_colour_what_was_known_before_them() -> None:
    later = event("a", "x", "rating", stars=1, at=AT + timedelta(days=1))
    log = learnable([event("a", "x", "purchase"), later]).log
    before = log.between(-np.inf, later.at.timestamp())
    assert before.weight.tolist() == [WEIGHTS["purchase"]]


def test_a_row_may_bring_its_own_weight() -> None:
    assert weight([event("a", "x", weight=2.5)], "a", "x") == 2.5


def test_the_order_of_rows_and_their_repetition_leave_no_trace() -> None:
    events = [event(f"p{n % 7}", f"i{n % 11}", ("click", "cart", "purchase")[n % 3]) for n in range(200)]
    shuffled = random.Random(5).sample(events, len(events))
    assert learnable(events).log.fingerprint == learnable([*shuffled, *events]).log.fingerprint
    assert learnable(events[:3]).log.fingerprint != learnable(events).log.fingerprint


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (event("ann", "lamp", "stare"), "unknown kind 'stare'"),
        (event("ann", "lamp", weight=float("nan")), "weight nan"),
        (event("ann", "lamp", weight=-1.0), "weight -1.0"),
        (event("ann", "lamp", weight=float("inf")), "weight inf"),
        (event("ann", "lamp", "return", weight=2.0), "weight 2.0"),
        (event("ann", "lamp", "rating", stars=6), "6 stars"),
    ],
)
def test_an_event_that_cannot_be_counted_is_named(bad: Event, named: str) -> None:
    with pytest.raises(DatasetError, match=f"'lamp' by person 'ann': {named}"):
        learnable([event("bob", "mug"), bad])


@pytest.mark.parametrize("events", [[], [event("a", "x", weight=0.0)]])
def test_nothing_to_learn_from_is_said(events: list[Event]) -> None:
    with pytest.raises(DatasetError, match="no interactions to learn from"):
        learnable(events)


# Pushed ones.


def crowd(product: str, people: int) -> list[Event]:
    return [event(f"{product}{number}", product) for number in range(people)]


def test_a_pushed_look_is_worth_the_chance_of_having_come_upon_it_anyway() -> None:
    """theta = sqrt(n / most): all find the hit by themselves, a quarter of them the other, hardly anybody the rare."""
    events = [*crowd("hit", 16), *crowd("other", 4), *crowd("hidden", 0)]
    pushed = [event("ann", product, pushed=True) for product in ("hit", "other", "hidden")]
    worth = [weight([*events, *pushed], "ann", product) for product in ("hit", "other", "hidden")]
    assert worth == pytest.approx([1.0, 0.5, THETA_LEAST])


def test_the_dearer_an_act_the_less_the_push_explains_it() -> None:
    events = [*crowd("hit", 100), *crowd("x", 4)]
    look = weight([*events, event("ann", "x", pushed=True)], "ann", "x") / WEIGHTS["click"]
    purchase = weight([*events, event("ann", "x", "purchase", pushed=True)], "ann", "x") / WEIGHTS["purchase"]
    stars = weight([*events, event("ann", "x", "rating", stars=5, pushed=True)], "ann", "x") / STARS[5]
    assert (look, purchase, stars) == pytest.approx((0.2, 0.2**0.5, 1.0))
    assert set(SHOWN) < set(WEIGHTS)


def test_pushed_events_are_marked_and_do_not_count_where_models_are_held_against_them() -> None:
    found = learnable([event("ann", "x"), event("bob", "x", pushed=True), event("cy", "y", pushed=True)])
    assert found.pushed.tolist() == [False, True, True]
    later = found.unpushed(AT.timestamp(), AT.timestamp() + 1)
    assert [found.log.users[user] for user in later.user] == ["ann"]
    assert len(found.log) == 3
