"""Every family that can be served: the naive ranking, explained to the last digit, the same after a disk."""

from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from tests.cloud.recommender import slow_trees
from tests.cloud.recommender.trained import CATALOGUE, ITEMS, NOW, SERVABLE, TRIED, USERS, info, log, of_recipes, start

from aircue_cloud.recommender import explanations, store
from aircue_cloud.recommender.artefact import HEADS, MET, NEW, REPEAT, Artefact
from aircue_cloud.recommender.asked import Act, Context, Described, Environment, Told
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.kernels import NOBODY
from aircue_cloud.recommender.lift import Evidence
from aircue_cloud.recommender.models.blend import Blend
from aircue_cloud.recommender.models.fold_in import ItemFoldIn
from aircue_cloud.recommender.parts import FactorsPart, Part
from aircue_cloud.recommender.ranked_part import RankedPart
from aircue_cloud.recommender.serving import Ranked, Recommender
from aircue_cloud.recommender.trainee import Plan, build

PEOPLE = tuple(f"u{number:02}" for number in range(USERS))
DAMP = Context(need="damp-air", remedies={"dehumidifier": 2.0})


@cache
def artefact(name: str) -> Artefact:
    return SERVABLE[name]()


@cache
def served(name: str) -> Recommender:
    return Recommender(artefact(name))


def met(person: str) -> set[str]:
    row = log().matrix(MET, NOW)[[PEOPLE.index(person)]]
    return {log().items[item] for item in row.indices}


def utilities(name: str, person: str) -> npt.NDArray[np.float64]:
    """As a naive reader of the documentation computes them: dense, one part after the other."""
    whole = artefact(name)
    row, total = PEOPLE.index(person), np.zeros(ITEMS)
    for number, weight in whole.heads[NEW].mix:
        scores = said(whole, whole.parts[number], row)
        total += weight * (scores / scores.std() if scores.std() > 0 else 0)
    if total.std() == 0:
        return np.log(whole.popularity.astype(np.float64) * ITEMS)
    return whole.heads[NEW].temperature * total


def said(whole: Artefact, part: Part, row: int) -> npt.NDArray[np.float64]:
    r = whole.profiles[part.weighting].toarray()[row].astype(np.float64)
    kinds = {
        "counts": lambda: part.arrays()["sums"],
        "own": lambda: r,
        "linear": lambda: r @ (part.w if isinstance(part.w, np.ndarray) else part.w.toarray()),  # type: ignore[attr-defined]
        "factors": lambda: part.y @ part.x[row],  # type: ignore[attr-defined]
        "trees": lambda: slow_trees.scores(
            whole, cast("RankedPart", part), row, {at: said(whole, one, row) for at, one in enumerate(part.over)}
        ),
    }
    return np.asarray(kinds[part.kind](), dtype=np.float64)  # type: ignore[no-untyped-call]


def same(found: list[Ranked], expected: list[tuple[str, float]]) -> None:
    """The same scores in the same order; products may change places where the scores are equal but for rounding."""
    assert [one.score for one in found] == pytest.approx([score for _, score in expected], rel=1e-4, abs=1e-4)
    by_name = dict(expected)
    for one in found:
        if one.product in by_name:
            assert one.score == pytest.approx(by_name[one.product], rel=1e-4, abs=1e-4)
    assert len({one.product for one in found}) == len(found)


@pytest.mark.parametrize("name", SERVABLE)
@pytest.mark.parametrize("head", HEADS)
def test_the_served_ranking_is_the_naive_one(name: str, head: str) -> None:
    for person in PEOPLE[::5]:
        hidden = met(person) if head == NEW else set()
        scored = zip(log().items, utilities(name, person), strict=True)
        naive = sorted((pair for pair in scored if pair[0] not in hidden), key=lambda pair: -pair[1])
        same(served(name).recommend(person, 6, head=head), naive[:6])


@pytest.mark.parametrize("family", TRIED)
def test_a_head_ranks_as_the_blend_that_was_measured(family: str) -> None:
    """What the check measures is what is served."""
    mix = [(0.6, start(family)), (0.4, start("item-knn"))]
    blend = Blend([(weight, recipe.make()) for weight, recipe in mix])
    blend.fit(log(), NOW)
    recommender = Recommender(of_recipes(*mix, temperature=1.0))
    for row, person in enumerate(PEOPLE[:6]):
        scores = blend.scores([row])[0]
        order = np.argsort(-scores, kind="stable")
        expected = [(log().items[item], float(scores[item])) for item in order]
        assert [(one.product, one.score) for one in recommender.recommend(person, ITEMS, head=REPEAT)] == expected


@pytest.mark.parametrize("name", SERVABLE)
@pytest.mark.parametrize("head", HEADS)
def test_all_users_at_once_are_ranked_like_one_after_the_other(name: str, head: str) -> None:
    items, scores = served(name).recommend_all(5, head=head, threads=2)
    assert (items.shape, scores.shape, scores.dtype) == ((USERS, 5), (USERS, 5), np.float32)
    for row, person in enumerate(PEOPLE):
        kept = items[row] != NOBODY
        found = [
            Ranked(product=log().items[item], score=float(score))
            for item, score in zip(items[row][kept], scores[row][kept], strict=True)
        ]
        same(found, [(one.product, one.score) for one in served(name).recommend(person, 5, head=head)])


@pytest.mark.parametrize("name", SERVABLE)
def test_a_stored_model_answers_bit_for_bit_as_before(name: str, tmp_path: Path) -> None:
    store.activate(tmp_path, store.save(tmp_path, artefact(name)))
    loaded = Recommender.load(tmp_path)
    for person in (*PEOPLE[::7], "stranger"):
        for head in HEADS:
            assert loaded.recommend(person, 9, head=head) == served(name).recommend(person, 9, head=head)
    told = Told(now=NOW, did={"new": [Act(product="i03", at=NOW - 5, weight=8.0)]}, newcomers=[NEWCOMER])
    assert loaded.recommend("new", 9, DAMP, told=told) == served(name).recommend("new", 9, DAMP, told=told)
    for before, after in zip(served(name).recommend_all(4), loaded.recommend_all(4), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", SERVABLE)
def test_affinities_are_shares_and_rank_like_the_head(name: str) -> None:
    shares = served(name).affinity([*PEOPLE, "stranger"], log().items)
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    best = served(name).recommend(PEOPLE[4], 1, head=REPEAT)[0].product
    assert shares[4].max() == pytest.approx(shares[4, log().items.index(best)])


# Explanations.


@pytest.mark.parametrize("name", SERVABLE)
@pytest.mark.parametrize("person", [PEOPLE[2], "new", "stranger"])
def test_reasons_add_up_to_the_score(name: str, person: str) -> None:
    told = Told(now=NOW, did={"new": [Act(product="i03", at=NOW - 5, weight=8.0)]}, newcomers=[NEWCOMER])
    ranked = served(name).recommend(person, ITEMS + 1, DAMP, told=told, head=REPEAT)
    assert len(ranked) == ITEMS + 1
    for one in ranked:
        [found] = served(name).explain(person, [one.product], DAMP, told, head=REPEAT)
        assert found.score == pytest.approx(one.score, rel=1e-4, abs=1e-4)
        assert sum(reason["amount"] for reason in found.as_json(2)["reasons"]) == pytest.approx(found.score)
        assert found.text({})


@pytest.mark.parametrize("name", SERVABLE)
def test_the_reasons_of_an_affinity_add_up_to_its_logarithm(name: str) -> None:
    shares = served(name).affinity([PEOPLE[2]], log().items)[0]
    for item, share in zip(log().items, shares, strict=True):
        found = served(name).explain_affinity(PEOPLE[2], item)
        assert found.score == pytest.approx(np.log(share * ITEMS), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", ["item-knn", "ease", "rp3beta", "own-frequency", "als", "svd"])
def test_reasons_name_products_the_person_had_to_do_with(name: str) -> None:
    person = PEOPLE[2]
    for one in served(name).recommend(person, 3, head=REPEAT):
        [found] = served(name).explain(person, [one.product], head=REPEAT)
        named = {reason.product for reason in found.reasons if reason.kind == explanations.OWN}
        assert named
        assert named <= met(person)


def test_the_reasons_of_folded_in_factors_are_the_papers_and_leave_nothing() -> None:
    """Section 5: p_ui = sum_j s_ij c_j, so the learnt rest is 0 where the factors are solved for and not learnt."""
    told = Told(now=NOW, did={"new": [Act(product=f"i{n:02}", at=NOW - n, weight=n + 1.0) for n in range(4)]})
    for found in served("als").explain("new", log().items, told=told):
        rest = sum(reason.amount for reason in found.reasons if reason.kind == explanations.TASTE)
        assert rest == pytest.approx(0, abs=1e-4)


def test_a_popular_product_is_said_to_be_one_and_the_need_is_named() -> None:
    [first, *_] = served("popularity").recommend("stranger", 1)
    [found] = served("popularity").explain("stranger", [first.product])
    assert (found.basis, found.text({})) == ("popularity", "Many people turn to it these days.")
    [damp] = served("popularity").explain("stranger", ["i03"], DAMP)
    assert "Damp air makes it more wanted" in damp.text({}, "Damp air")
    assert sum(reason.amount for reason in damp.reasons if reason.need == "damp-air") == pytest.approx(np.log(2))


def test_the_words_name_what_it_goes_with() -> None:
    person = PEOPLE[2]
    one = served("item-knn").recommend(person, 1)[0]
    names = {item: f"The {item}" for item in log().items}
    assert "It goes with The i" in served("item-knn").explain(person, [one.product])[0].text(names)


# Whoever nobody knows, whatever nobody knows.

NEWCOMER = Described(
    id="fresh", category="dehumidifier", price_minor=4000, attributes={"tier": "mid", "watts": 7.0, "colour": "red"}
)


def test_a_stranger_has_recent_popularity() -> None:
    shares = artefact("ease").popularity
    [ranked] = [[one.product for one in served("ease").recommend("stranger", ITEMS)]]
    assert ranked == [log().items[item] for item in np.argsort(-shares, kind="stable")]
    np.testing.assert_allclose(served("ease").affinity(["stranger"], log().items)[0], shares, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in SERVABLE if name not in ("bpr", "popularity")])
def test_somebody_new_is_folded_in_from_what_they_did(name: str) -> None:
    """Who did exactly what somebody known did is answered like them, but for what factors learnt beyond it."""
    twin = log().where(log().user == 4)
    acts = [
        Act(product=log().items[item], at=at, weight=weight)
        for item, at, weight in zip(twin.item.tolist(), twin.at.tolist(), twin.weight.tolist(), strict=True)
    ]
    told = Told(now=NOW, did={"new": acts})
    new, known = served(name).affinity(["new", PEOPLE[4]], log().items, told)
    stranger = served(name).affinity(["new"], log().items)[0]
    assert np.corrcoef(np.log(new), np.log(known))[0, 1] > 0.98
    assert not np.allclose(new, stranger)
    if not any(isinstance(part, FactorsPart) for part in artefact(name).parts):
        np.testing.assert_allclose(new, known, rtol=1e-4)


@pytest.mark.parametrize(
    "acts",
    [
        [],
        [Act(product="unheard-of", at=NOW, weight=8.0)],
        [Act(product="i03", at=NOW + 1, weight=8.0)],
        [Act(product="i03", at=NOW, weight=float("nan"))],
    ],
    ids=["nothing", "an unknown product", "the future", "NaN"],
)
def test_acts_that_say_nothing_leave_a_stranger(acts: list[Act]) -> None:
    told = Told(now=NOW, did={"new": acts})
    assert served("ease").recommend("new", 5, told=told) == served("ease").recommend("stranger", 5)


def test_who_withheld_their_behaviour_is_answered_like_a_stranger() -> None:
    told = Told(now=NOW, withheld=frozenset([PEOPLE[3]]), did={PEOPLE[3]: [Act(product="i03", at=NOW, weight=8.0)]})
    assert served("ease").recommend(PEOPLE[3], 5, told=told) == served("ease").recommend("stranger", 5)


def test_a_newcomer_stands_where_a_ridge_from_its_attributes_puts_it() -> None:
    """The same score as factors predicted from attributes would give: the regression is linear in them."""
    whole = artefact("als")
    factors = whole.parts[0]
    assert isinstance(factors, FactorsPart)
    assert whole.attributes is not None
    y = ItemFoldIn(whole.attributes.astype(np.float64), factors.y).of(whole.vocabulary.matrix([NEWCOMER]))[0]
    known = factors.y @ factors.x[4]
    expected = whole.heads[NEW].temperature * float(factors.x[4] @ y) / known.std()
    told = Told(now=NOW, newcomers=[NEWCOMER])
    found = {one.product: one.score for one in served("als").recommend(PEOPLE[4], 99, told=told)}
    assert found["fresh"] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_a_newcomer_like_what_a_person_likes_ranks_above_one_that_is_not() -> None:
    twins = [Described(**{**vars(one), "id": f"like {one.id}"}) for one in CATALOGUE]
    told = Told(now=NOW, newcomers=twins)
    shares = served("ease").affinity([PEOPLE[4]], log().items, told)[0]
    likes = served("ease").affinity([PEOPLE[4]], [twin.id for twin in twins], told)[0]
    assert np.corrcoef(np.log(shares), np.log(likes))[0, 1] > 0.3


def test_a_product_of_which_nothing_is_known_is_never_recommended_and_ranks_last() -> None:
    shares = served("ease").affinity([PEOPLE[2], "stranger"], ["unheard-of", *log().items])
    assert (shares[:, 0] <= shares[:, 1:].min(axis=1)).all()
    assert (shares[:, 0] > 0).all()
    ranked = served("ease").recommend(PEOPLE[2], 99, eligible=["unheard-of", "i03"], head=REPEAT)
    assert [one.product for one in ranked] == ["i03"]


def test_who_met_everything_gets_an_empty_list_of_new_things() -> None:
    whole = Interactions.of([("all", item, 1.0, 1.0) for item in "abc"] + [("some", "a", 2.0, 1.0)])
    recommender = Recommender(of_log(whole))
    assert recommender.recommend("all", 5) == []
    assert {one.product for one in recommender.recommend("all", 5, head=REPEAT)} == {"a", "b", "c"}
    items, scores = recommender.recommend_all(2)
    assert (items[0] == NOBODY).all()
    assert np.isneginf(scores[0]).all()


def of_log(whole: Interactions) -> Artefact:
    plan = Plan(mix=[(1.0, start("item-knn"))])
    return build(whole, NOW, {NEW: plan, REPEAT: plan}, info(whole))


def test_one_user_and_one_item_are_enough() -> None:
    recommender = Recommender(of_log(Interactions.of([("ann", "a", 0.0, 1.0)])))
    assert recommender.recommend("ann", 3) == []
    assert [one.product for one in recommender.recommend("ann", 3, head=REPEAT)] == ["a"]
    assert recommender.affinity(["ann", "bob"], ["a"]).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("eligible", [[], ["unheard-of"]])
def test_where_nothing_may_be_recommended_nothing_is(eligible: list[str]) -> None:
    assert served("ease").recommend(PEOPLE[0], 5, eligible=eligible) == []
    assert (served("ease").recommend_all(3, eligible=eligible)[0] == NOBODY).all()


def test_affinity_of_nobody_or_nothing_is_empty() -> None:
    assert served("ease").affinity([], ["i03"]).shape == (0, 1)
    assert served("ease").affinity(["u00"], []).shape == (1, 0)
    assert served("ease").recommend("u00", 0) == []


# Needs.


def test_a_need_lifts_its_remedies_by_the_rule_and_by_the_evidence() -> None:
    plain = served("ease")
    evidence = [Evidence(product="i03", category="dehumidifier", need="damp-air", observed=60.0, expected=10.0)]
    whole = artefact("ease")
    learnt = Recommender(Artefact(**{**vars(whole), "evidence": tuple(evidence)}))
    assert plain.lift("i03", "dehumidifier", DAMP).mean == 2.0
    assert plain.lift("i04", "lamp", DAMP).mean == 1.0
    assert learnt.lift("i03", "dehumidifier", DAMP).mean > learnt.lift("i00", "dehumidifier", DAMP).mean > 2.0
    for recommender in (plain, learnt):
        without = {one.product: one.score for one in recommender.recommend("u04", 99, head=REPEAT)}
        for one in recommender.recommend("u04", 99, DAMP, head=REPEAT):
            category = CATALOGUE[log().items.index(one.product)].category
            lift = recommender.lift(one.product, category, DAMP).mean
            assert one.score - without[one.product] == pytest.approx(np.log(lift), abs=1e-4)


def test_lifts_and_eligibility_hold_for_all_users_too() -> None:
    eligible = [one.id for one in CATALOGUE[::2]]
    for context in (None, DAMP):
        items, scores = served("als").recommend_all(4, context, eligible)
        for row, person in enumerate(PEOPLE[:5]):
            found = [
                Ranked(product=log().items[item], score=float(score))
                for item, score in zip(items[row], scores[row], strict=True)
                if item != NOBODY
            ]
            single = served("als").recommend(person, 4, context, eligible)
            same(found, [(one.product, one.score) for one in single])


def test_of_the_needs_that_hold_in_a_home_the_one_counts_that_lifts_a_product_most() -> None:
    mould = Context(need="mould-risk", remedies={"dehumidifier": 3.0, "lamp": 1.5})
    recommender = served("ease")
    plain, home = (
        {one.product: one.score for one in recommender.recommend("u04", ITEMS, context, head=REPEAT)}
        for context in (None, Environment(needs=(DAMP, mould)))
    )
    for described in CATALOGUE:
        lift = {"dehumidifier": 3.0, "lamp": 1.5}.get(described.category, 1.0)
        assert home[described.id] - plain[described.id] == pytest.approx(np.log(lift), abs=1e-5)
    [why] = recommender.explain("u04", ["i00"], Environment(needs=(DAMP, mould)), head=REPEAT)
    assert [reason.need for reason in why.reasons if reason.need] == ["mould-risk"]
    assert why.score == pytest.approx(home["i00"], abs=1e-4)
    nothing = recommender.recommend("u04", ITEMS, Environment(), head=REPEAT)
    assert {one.product: one.score for one in nothing} == pytest.approx(plain, abs=1e-5)
