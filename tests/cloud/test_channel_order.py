"""Which channel is tried first: what each has earned, shrunk twice, less what it costs and how often it was used
lately."""

import pytest

from aircue_cloud.decision.channels import COSTS, FATIGUE, PRIOR, USUAL, Engagement, Own, order, valued


def value(channel: str, everybody: list[Engagement], own: list[Own]) -> float:
    [found] = valued([channel], everybody, own)
    return found.value


def test_the_inbox_is_always_one_and_never_tried_before_another() -> None:
    assert order([]) == ("in-app",)
    assert order(["in-app", "email"])[-1] == "in-app"


def test_little_experience_is_pooled_and_much_speaks_for_itself() -> None:
    few = [Engagement(channel="email", received=2, turned_to=2)]
    mean = (2 + PRIOR * USUAL) / (2 + PRIOR)
    assert value("email", few, []) == pytest.approx((2 + PRIOR * mean) / (2 + PRIOR) - COSTS["email"])
    many = [Engagement(channel="email", received=2000, turned_to=200)]
    assert value("email", many, []) == pytest.approx(0.1 - COSTS["email"], abs=0.001)


def test_a_persons_own_clicks_are_shrunk_towards_everybodys() -> None:
    everybody = [Engagement(channel="email", received=2000, turned_to=200)]
    twice = Own(channel="email", received=2, turned_to=2)
    usual = value("email", everybody, []) + COSTS["email"]
    assert value("email", everybody, [twice]) == pytest.approx((2 + PRIOR * usual) / (2 + PRIOR) - COSTS["email"])


def test_the_channel_that_people_turn_to_comes_first() -> None:
    known = [
        Engagement(channel="email", received=100, turned_to=20),
        Engagement(channel="web-push", received=100, turned_to=5),
    ]
    assert order(["web-push", "email"], known) == ("email", "web-push", "in-app")


def test_a_channel_that_nobody_clicks_falls_behind_and_few_data_do_not() -> None:
    """Web Push is cheaper, so it comes first until enough people have left it alone."""
    email = Engagement(channel="email", received=400, turned_to=16)
    for received in (1, 3):
        assert order(["email", "web-push"], [email, Engagement(channel="web-push", received=received)])[0] == "web-push"
    for received in (60, 400):
        assert order(["email", "web-push"], [email, Engagement(channel="web-push", received=received)])[0] == "email"


def test_a_channel_that_was_used_often_lately_waits_and_a_worthless_one_is_left_out() -> None:
    everybody = [
        Engagement(channel="email", received=100, turned_to=10),
        Engagement(channel="web-push", received=100, turned_to=8),
    ]
    tired = Own(channel="email", received=2, turned_to=0, recent=2)
    rested = Own(channel="email", received=2, turned_to=0)
    assert value("email", everybody, [rested]) - value("email", everybody, [tired]) == pytest.approx(2 * FATIGUE)
    assert order(["email", "web-push"], everybody, [tired])[0] == "web-push"
    useless = Engagement(channel="sns", received=1000, turned_to=1)
    assert order(["sns"], [useless, *everybody]) == ("in-app",)
