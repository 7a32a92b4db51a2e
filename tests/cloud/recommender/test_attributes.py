"""Products as numbers, and back from the header of a model."""

import json

import pytest

from aircue_cloud.recommender.asked import Described
from aircue_cloud.recommender.attributes import Vocabulary


def described(id_: str, category: str = "lamp", price_minor: int = 1000, **attributes: str | float) -> Described:
    return Described(id=id_, category=category, price_minor=price_minor, attributes=attributes)


PRODUCTS = [described("a", watts=10.0, tier="mid"), described("b", watts=30.0, tier="mid"), described("c", "mug", 99)]


def test_words_are_columns_and_numbers_are_brought_to_one_scale() -> None:
    vocabulary = Vocabulary.of(PRODUCTS)
    assert [column.word for column in vocabulary.columns] == ["mid", "lamp", "mug", None, None]
    rows = vocabulary.matrix(PRODUCTS)
    assert rows[:, :3].tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert rows[:, 3].tolist() == [-1, 1, 0], "watts, which the mug does not say"
    assert rows[:, 4].mean() == pytest.approx(0, abs=1e-6)


def test_what_the_catalogue_did_not_say_says_nothing() -> None:
    row = Vocabulary.of(PRODUCTS).matrix([described("new", "sofa", 1000, tier="dear", watts=float("nan"), seats=3)])
    assert row[0, :4].tolist() == [0, 0, 0, 0]


def test_it_comes_back_from_json_and_an_empty_one_has_no_columns() -> None:
    vocabulary = Vocabulary.of(PRODUCTS)
    assert Vocabulary.of_json(json.loads(json.dumps(vocabulary.as_json()))) == vocabulary
    assert Vocabulary().matrix(PRODUCTS).shape == (3, 0)
