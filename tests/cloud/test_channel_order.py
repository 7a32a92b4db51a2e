"""Which channel is tried first: what each has earned, pooled, less what it costs and how often it was used lately."""

from aircue_cloud.decision.channels import COSTS, FATIGUE, PRIOR, Engagement, order, value


def test_the_inbox_is_always_one_and_never_tried_before_another() -> None:
    assert order([]) == ("in-app",)
    assert order(["in-app", "email"])[-1] == "in-app"


def test_little_experience_is_pooled_and_much_speaks_for_itself() -> None:
    few = Engagement(channel="email", received=2, turned_to=2)
    many = Engagement(channel="email", received=2000, turned_to=200)
    assert value("email", few, 0.05) == (2 + PRIOR * 0.05) / (2 + PRIOR) - COSTS["email"]
    assert abs(value("email", many, 0.05) - (0.1 - COSTS["email"])) < 0.001


def test_the_channel_that_people_turn_to_comes_first() -> None:
    known = [
        Engagement(channel="email", received=100, turned_to=20),
        Engagement(channel="web-push", received=100, turned_to=5),
    ]
    assert order(["web-push", "email"], known) == ("email", "web-push", "in-app")


def test_a_channel_that_was_used_often_lately_waits_and_a_worthless_one_is_left_out() -> None:
    tired = Engagement(channel="email", received=100, turned_to=10, recent=2)
    fresh = Engagement(channel="web-push", received=100, turned_to=8)
    assert value("email", tired, 0.08) < 0.1 - 2 * FATIGUE
    assert order(["email", "web-push"], [tired, fresh])[0] == "web-push"
    useless = Engagement(channel="sns", received=1000, turned_to=1)
    assert order(["sns"], [useless, fresh]) == ("in-app",)
