"""The tuner: within its budget, on the validation period alone, never worse there than the best it tried."""

import json

import numpy as np
import pytest
from tests.cloud.recommender.test_evaluate import SPLIT_AT, log

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split, question, rank
from aircue_cloud.recommender.interactions import DAY_S, Interactions
from aircue_cloud.recommender.models.families import FAMILIES, Recipe
from aircue_cloud.recommender.tuning import Tuned, tune

QUICK = ("popularity", "own-frequency", "item-knn", "ease")


def tuned(protocol: Protocol = Protocol.NEW, budget_s: float = 0.0) -> Tuned:
    return tune(Split.of(log(), SPLIT_AT, np.inf), protocol, budget_s, lambda _: None, families=QUICK)


def test_without_a_budget_every_family_is_tried_once() -> None:
    assert [trial.recipe.family for trial in tuned().trials] == list(QUICK)


def test_a_budget_is_spent_on_more_trials() -> None:
    assert len(tuned(budget_s=1.0).trials) > len(QUICK)


@pytest.mark.parametrize("protocol", Protocol)
def test_the_blend_is_no_worse_than_its_best_part_where_it_was_chosen(protocol: Protocol) -> None:
    found = tuned(protocol)
    assert found.value >= max(trial.value for trial in found.trials)
    assert sum(weight for weight, _ in found.parts) == pytest.approx(1)


def test_repeats_get_a_head_of_their_own() -> None:
    """Half of what these users do repeats, and each of them repeats other things."""
    rows = [(f"u{user}", f"i{user % 9}", at * DAY_S, 1.0) for user in range(30) for at in range(60)]
    rows += [(f"u{user}", f"i{(user + at) % 9}", at * DAY_S, 0.1) for user in range(30) for at in range(0, 60, 7)]
    found = tune(
        Split.of(Interactions.of(rows), SPLIT_AT, np.inf), Protocol.REPEAT, 0.0, lambda _: None, families=QUICK
    )
    assert "own-frequency" in [recipe.family for _, recipe in found.parts]


def test_what_was_chosen_can_be_made_again_from_json() -> None:
    found = tuned()
    document = json.loads(json.dumps(found.as_json()))
    again = Tuned(
        parts=tuple((one["weight"], Recipe(family=one["family"], params=one["params"])) for one in document["parts"]),
        value=found.value,
        trials=(),
    )
    split = Split.of(log(), SPLIT_AT, np.inf)
    lists = []
    for model in (found.make(), again.make()):
        model.fit(split.known, split.at)
        lists.append(rank(model, question(split, Protocol.NEW), 10))
    assert np.array_equal(*lists)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_made_from_its_start_and_from_any_draw(family: str) -> None:
    random = np.random.default_rng(3)
    for params in (FAMILIES[family].start, *(FAMILIES[family].drawn(random) for _ in range(20))):
        assert set(params) == {*FAMILIES[family].start}
        Recipe(family=family, params=json.loads(json.dumps(dict(params)))).make()


def test_a_period_that_leaves_nobody_is_refused() -> None:
    strangers = Interactions.of([("ann", "a", 0.0, 1.0), ("bob", "a", DAY_S, 1.0)])
    with pytest.raises(DatasetError, match="leaves nobody to choose a model by"):
        tune(Split.of(strangers, DAY_S, np.inf), Protocol.NEW, 0.0, lambda _: None)
