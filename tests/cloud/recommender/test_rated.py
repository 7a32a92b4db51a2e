"""Ratings in words, on their way into a model: stars that nobody gave, summaries without anybody's words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cloud.recommender.trained import NOW, info, log, start

from aircue_cloud.recommender import acts, store
from aircue_cloud.recommender.acts import Event
from aircue_cloud.recommender.artefact import NEW, REPEAT
from aircue_cloud.recommender.rated import rated
from aircue_cloud.recommender.reviews import quality
from aircue_cloud.recommender.trainee import Beside, Plan, build

AT = datetime(2026, 5, 1, tzinfo=UTC)
GOOD, BAD = "very quiet and sturdy", "far too loud and flimsy"


def rating(product: str, person: int, stars: int | None, text: str | None) -> Event:
    at = AT + timedelta(minutes=person)
    return Event(person=f"p{person}", product=product, kind="rating", at=at, stars=stars, text=text)


def taught() -> list[Event]:
    good = [rating("fan", number, 5, f"{GOOD} {number % 3}") for number in range(25)]
    return good + [rating("lamp", 100 + number, 1, f"{BAD} {number % 3}") for number in range(25)]


def test_stars_that_nobody_gave_are_read_from_the_text() -> None:
    mute = [rating("mug", 200, None, GOOD), rating("mug", 201, None, BAD), rating("mug", 202, None, "asdf qwer")]
    found = rated([*taught(), *mute])
    assert [one.stars for one in found.events[-3:]] == [5, 1, None]
    assert found.read == 2
    weights = {one.person: acts.signed(one) for one in found.events}
    assert weights["p201"] < 0 < weights["p200"]


def test_stars_that_were_given_stand_whatever_the_text_says() -> None:
    liar = rating("mug", 300, 5, BAD)
    assert rated([*taught(), liar]).events[-1] == liar


def test_text_of_other_acts_is_not_read() -> None:
    click = replace(rating("mug", 1, None, BAD), kind="click")
    assert rated([*taught(), click]).events[-1] == click


def test_a_summary_holds_figures_and_no_words() -> None:
    found = {one.product: one for one in rated(taught()).summaries}
    assert found["fan"].quality == pytest.approx(quality([5.0] * 25, 3.0))
    aspects = {one.name: one for one in found["fan"].aspects}
    assert (aspects["noise"].positive, aspects["noise"].mentions, aspects["noise"].example) == (1.0, 25, "")


def test_too_few_texts_leave_the_stars_and_say_why() -> None:
    found = rated([rating("fan", 1, 4, GOOD), rating("lamp", 2, 0, None), rating("mug", 3, None, BAD)])
    assert "at least 20 of each" in found.note
    assert {one.product: one.quality for one in found.summaries} == {
        "fan": pytest.approx(quality([4.0], 2.5)), "lamp": pytest.approx(quality([1.0], 2.5))
    }  # fmt: skip
    assert found.events[-1].stars is None


def test_no_ratings_say_nothing() -> None:
    assert rated([]).summaries == ()


def test_summaries_come_back_from_a_disk(tmp_path: Path) -> None:
    plan = Plan(mix=[(1.0, start("popularity"))])
    whole = build(log(), NOW, {NEW: plan, REPEAT: plan}, info(log()), Beside(reviews=rated(taught()).summaries))
    assert store.load(tmp_path, store.save(tmp_path, whole)).reviews == whole.reviews != ()
