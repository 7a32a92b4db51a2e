"""What known people did since the training changes their next answer, as a training of that moment would."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.cloud.recommender.trained import NOW, SERVABLE, log, of_recipes, start
from tests.cloud.recommender.trained import TRIED as FAMILIES

from aircue_cloud.recommender import since
from aircue_cloud.recommender.artefact import HEADS, NEW, REPEAT, Artefact
from aircue_cloud.recommender.asked import Act, Told
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models import features
from aircue_cloud.recommender.serving import Recommender

AT = NOW - 20 * DAY_S  # of the training; what came later is what people did since
WHO = "u04"
WEIGHTINGS = [Weighting(half_life_d=days, shape=shape) for days in (None, 30) for shape in ("linear", "sqrt", "log")]


def before() -> Interactions:
    return log().between(-np.inf, AT)


def later(person: str = WHO) -> Interactions:
    whole = log().between(AT, np.inf)
    return whole.where(whole.user == whole.users.index(person))


def acts(of: Interactions) -> list[Act]:
    columns = (of.item.tolist(), of.at.tolist(), of.weight.tolist())
    return [Act(product=of.items[item], at=at, weight=weight) for item, at, weight in zip(*columns, strict=True)]


@pytest.mark.parametrize("weighting", WEIGHTINGS, ids=str)
def test_a_profile_becomes_what_a_training_of_this_moment_makes_of_it(weighting: Weighting) -> None:
    row = log().users.index(WHO)
    alone = replace(later(), users=("",), user=np.zeros(len(later()), dtype=np.int32))
    assert len(alone) > 0
    found = since.profile(weighting, before().matrix(weighting, AT)[row : row + 1], AT, alone, NOW)
    whole = log().where(log().user == row).matrix(weighting, NOW)[row : row + 1]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.toarray(), whole.toarray(), rtol=1e-4, atol=1e-5)


def test_in_a_binary_profile_the_later_word_holds() -> None:
    def one(*pairs: tuple[str, float]) -> Interactions:
        rows = [("", item, AT + 1, weight) for item, weight in pairs]
        return replace(Interactions.of(rows), items=("a", "b", "c"))

    binary = Weighting(shape="binary")
    r = one(("a", 8.0), ("b", 8.0), ("c", -1.0)).matrix(binary, NOW)
    told = one(("a", -2.0), ("b", 1.0), ("c", 4.0))
    assert since.profile(binary, r, AT, told, NOW).toarray().tolist() == [[-1.0, 1.0, 1.0]]


@pytest.mark.parametrize("name", SERVABLE)
def test_what_a_known_person_does_changes_their_next_answer_at_once(name: str) -> None:
    recommender = Recommender(SERVABLE[name]())
    before = recommender.recommend(WHO, 15, head=NEW)
    wanted = before[0].product
    told = Told(now=NOW + 60, did={WHO: [Act(product=wanted, at=NOW + 30, weight=8.0)]})
    after = recommender.asking(WHO, told, NEW)
    assert after.basis == recommender.asking(WHO).basis
    assert wanted not in [one.product for one in after.recommend(15)]
    assert len(after.recommend(15)) == len(before) - 1


@pytest.mark.parametrize("family", [one for one in FAMILIES if one not in ("popularity", "ranker-new")])
def test_what_a_known_person_does_often_ranks_first_where_repeats_are_wanted(family: str) -> None:
    recommender = Recommender(of_recipes((0.2, start(family)), (0.8, start("own-frequency"))))
    last = recommender.recommend(WHO, 15, head=REPEAT)[-1].product
    told = Told(now=NOW + 60, did={WHO: [Act(product=last, at=NOW + 30, weight=400.0)]})
    assert recommender.asking(WHO, told, REPEAT).recommend(1)[0].product == last
    [why] = recommender.asking(WHO, told, REPEAT).explain([last])
    assert why.reasons[0].product == last


@pytest.mark.parametrize("head", HEADS)
def test_what_lies_before_the_training_and_after_now_changes_nothing(head: str) -> None:
    recommender = Recommender(SERVABLE["linear and factors"]())
    nothing = [Act(product="i03", at=NOW - 5, weight=8.0), Act(product="i04", at=NOW + 99, weight=8.0)]
    told = Told(now=NOW + 60, did={WHO: nothing})
    assert recommender.recommend(WHO, 15, told=told, head=head) == recommender.recommend(WHO, 15, head=head)


def test_a_person_of_a_model_that_was_trained_then_is_answered_as_by_one_that_is_trained_now() -> None:
    """Links between items as the same training found them, so that only the profiles differ."""
    now = of_recipes((1.0, start("item-knn")))
    was = _as_of(now, before())
    told = Told(now=NOW, did={WHO: acts(later())})
    found = Recommender(was).recommend(WHO, 15, told=told, head=REPEAT)
    assert found != Recommender(was).recommend(WHO, 15, head=REPEAT)
    expected = Recommender(now).recommend(WHO, 15, head=REPEAT)
    assert [one.product for one in found] == [one.product for one in expected]
    assert [one.score for one in found] == pytest.approx([one.score for one in expected], rel=1e-4)


def _as_of(artefact: Artefact, known: Interactions) -> Artefact:
    profiles = {weighting: known.matrix(weighting, AT) for weighting in artefact.profiles}
    return replace(artefact, info=replace(artefact.info, trained_at=AT), profiles=profiles)


# What the trees of a ranker know of a person.


def alone(of: Interactions) -> Interactions:
    """Of WHO, as their only user."""
    mine = of.where(of.user == of.users.index(WHO))
    return replace(mine, users=("",), user=np.zeros(len(mine), dtype=np.int32))


def test_what_is_known_of_a_pair_becomes_what_a_training_of_this_moment_knows() -> None:
    known = features.Pairs(alone(before()), AT).tables
    found = features.pairs_since(known, alone(later()), AT, NOW)
    expected = features.Pairs(alone(log()), NOW).tables
    changed = False
    for one, was, empty, truth in zip(found, known, features.EMPTY, expected, strict=True):
        np.testing.assert_allclose(one.toarray() + empty, truth.toarray() + empty, rtol=1e-4, atol=1e-4)
        changed |= bool(np.any(one.toarray() != was.toarray()))
    assert changed


def test_what_is_known_of_a_person_becomes_what_a_training_of_this_moment_knows() -> None:
    """But for what has left the last 30 and 90 days since."""
    met = Weighting(shape="binary")
    whole = alone(log())
    expected = features.of_users(whole, NOW)
    items = whole.matrix(met, NOW).nnz
    found = features.user_since(features.of_users(alone(before()), AT), items, alone(later()), AT, NOW)
    np.testing.assert_allclose(found[:, 2:], expected[:, 2:], rtol=1e-3)
    assert np.all(found[:, :2] >= expected[:, :2])
    soon = AT + 3600
    act = replace(alone(later()).where(np.arange(len(later())) == 0), at=np.array([AT + 60.0]))
    both = Interactions.of([*_rows(alone(before())), *_rows(act)])
    both = replace(both, items=log().items, item=np.array([log().items.index(both.items[i]) for i in both.item]))
    items = both.matrix(met, soon).nnz
    at_once = features.user_since(features.of_users(alone(before()), AT), items, act, AT, soon)
    np.testing.assert_allclose(at_once, features.of_users(both, soon), rtol=1e-3)


def _rows(of: Interactions) -> list[tuple[str, str, float, float]]:
    columns = (of.item.tolist(), of.at.tolist(), of.weight.tolist())
    return [("", of.items[item], at, weight) for item, at, weight in zip(*columns, strict=True)]


def test_a_ranker_knows_at_once_that_somebody_turned_to_an_item_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    of_pairs = features.of_pairs

    def looked(tables: Any, weights: Any, items: Any) -> Any:
        seen.append(float(tables[0].sum()))
        return of_pairs(tables, weights, items)

    monkeypatch.setattr(features, "of_pairs", looked)
    recommender = Recommender(of_recipes((1.0, start("ranker"))))
    product = recommender.recommend(WHO, 1, head=REPEAT)[0].product
    before_it = seen[-1]
    told = Told(now=NOW + 2 * DAY_S, did={WHO: [Act(product=product, at=NOW + DAY_S, weight=8.0)]})
    recommender.recommend(WHO, 1, told=told, head=REPEAT)
    assert seen[-1] == before_it + 1
