"""The models, the matrix they learn from and how they are measured, against references written here."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array

from aircue_cloud.recommender import affinity, evaluation
from aircue_cloud.recommender.affinity import Logit
from aircue_cloud.recommender.als import Als, Config
from aircue_cloud.recommender.dataset import WEIGHTS, Dataset, Event, build
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.model import Model
from aircue_cloud.recommender.popularity import Popularity

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODELS: dict[str, Callable[[], Model]] = {"als": lambda: Als(Config(factors=3)), "popularity": Popularity}


def event(person: str, product: str, kind: str = "click", **fields: object) -> Event:
    return Event(person=person, product=product, kind=kind, **{"at": AT, **fields})  # type: ignore[arg-type]


def weight(dataset: Dataset, person: str, product: str) -> float:
    return float(dataset.matrix.toarray()[dataset.rows[person], dataset.columns[product]])


def tiny() -> csr_array[np.float32, tuple[int, int]]:
    """Two tastes: rows 0..3 like columns 0..2, rows 4..7 like columns 3..5; row 3 has not met column 2."""
    dense = np.zeros((8, 6), dtype=np.float32)
    dense[:4, :3] = [[1, 4, 2], [3, 1, 5], [2, 2, 8], [1, 3, 0]]
    dense[4:, 3:] = [[2, 1, 3], [4, 8, 1], [1, 2, 2], [5, 0, 1]]
    dense[1, 4] = -2
    return csr_array(dense)


# The matrix.


def test_an_act_that_costs_more_says_more() -> None:
    order = ("impression", "click", "favourite", "cart", "purchase")
    assert all(WEIGHTS[less] < WEIGHTS[more] for less, more in pairwise(order))


def test_weights_of_a_pair_add_up() -> None:
    dataset = build([event("ann", "lamp"), event("ann", "lamp", "cart"), event("bob", "mug", "purchase")])
    assert weight(dataset, "ann", "lamp") == WEIGHTS["click"] + WEIGHTS["cart"]
    assert weight(dataset, "bob", "lamp") == 0
    assert (dataset.people, dataset.products) == (("ann", "bob"), ("lamp", "mug"))


def test_fewer_stars_lower_the_weight_and_one_star_makes_it_a_dislike() -> None:
    rated = [
        weight(build([event("a", "x", "purchase"), event("a", "x", "rating", stars=stars)]), "a", "x")
        for stars in (1, 2, 3, 4, 5)
    ]
    unrated = weight(build([event("a", "x", "purchase")]), "a", "x")
    assert rated == sorted(rated)
    assert rated[0] < rated[1] < 0 < rated[2] < unrated < rated[4]


def test_the_latest_stars_hold() -> None:
    later = event("a", "x", "rating", stars=5, at=AT + timedelta(days=1))
    assert weight(build([later, event("a", "x", "rating", stars=1)]), "a", "x") > 0


def test_a_row_may_bring_its_own_weight() -> None:
    assert weight(build([event("a", "x", weight=2.5)]), "a", "x") == 2.5


def test_the_order_of_rows_leaves_no_trace() -> None:
    events = [event(f"p{n % 7}", f"i{n % 11}", ("click", "cart", "purchase")[n % 3]) for n in range(200)]
    shuffled = random.Random(5).sample(events, len(events))
    assert build(events).fingerprint == build(shuffled).fingerprint
    assert build(events[:-1]).fingerprint != build(events).fingerprint


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (event("ann", "lamp", "stare"), "unknown kind 'stare'"),
        (event("ann", "lamp", weight=float("nan")), "weight nan"),
        (event("ann", "lamp", weight=-1.0), "weight -1.0"),
        (event("ann", "lamp", weight=float("inf")), "weight inf"),
        (event("ann", "lamp", "rating", stars=6), "6 stars"),
    ],
)
def test_an_event_that_cannot_be_counted_is_named(bad: Event, named: str) -> None:
    with pytest.raises(DatasetError, match=f"'lamp' by person 'ann': {named}"):
        build([event("bob", "mug"), bad])


@pytest.mark.parametrize("weight", [float("nan"), -0.5])
def test_a_table_of_weights_is_checked(weight: float) -> None:
    with pytest.raises(DatasetError, match="weight of 'click'"):
        build([event("a", "x")], {"click": weight})


@pytest.mark.parametrize("events", [[], [event("a", "x", weight=0.0)]])
def test_nothing_to_learn_from_is_said(events: list[Event]) -> None:
    with pytest.raises(DatasetError, match="no interactions to learn from"):
        build(events)


# Every model.


@pytest.mark.parametrize("name", MODELS)
def test_scores_have_a_row_a_person_and_are_finite(name: str) -> None:
    model = MODELS[name]()
    model.fit(tiny())
    scores = model.scores([0, 5, 0])
    assert scores.shape == (3, 6)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("name", MODELS)
def test_recommend_is_the_ranking_of_the_scores(name: str) -> None:
    model = MODELS[name]()
    model.fit(tiny())
    scores = model.scores([2])[0]
    naive = sorted(range(6), key=lambda column: (-scores[column], column))
    assert [column for column, _ in model.recommend(2, 99)] == naive
    assert [column for column, _ in model.recommend(2, 2, without=naive[:1])] == naive[1:3]
    assert model.recommend(2, 0) == []


@pytest.mark.parametrize("name", MODELS)
def test_fitting_twice_gives_the_same_model(name: str) -> None:
    first, second = MODELS[name](), MODELS[name]()
    first.fit(tiny())
    second.fit(tiny())
    assert np.array_equal(first.scores(range(8)), second.scores(range(8)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("bad", [csr_array((3, 4), dtype=np.float32), csr_array(np.array([[1, np.nan]]))])
def test_a_matrix_without_content_or_with_nan_is_refused(name: str, bad: csr_array[np.float32]) -> None:
    with pytest.raises(DatasetError):
        MODELS[name]().fit(bad)


# ALS against a naive reference.

Dense = npt.NDArray[np.float64]


def objective(r: Dense, x: Dense, y: Dense, config: Config) -> float:
    """The paper's equation 3, over all cells."""
    c, p = 1 + config.alpha * np.abs(r), (r > 0).astype(float)
    return float((c * (p - x @ y.T) ** 2).sum() + config.regularization * ((x**2).sum() + (y**2).sum()))


def solve(r: Dense, y: Dense, config: Config) -> Dense:
    """The paper's equation 4, a person at a time: x_u = (Y' C_u Y + lambda I)^-1 Y' C_u p_u."""
    rows = []
    for r_u in r:
        c_u, p_u = np.diag(1 + config.alpha * np.abs(r_u)), (r_u > 0).astype(float)
        rows.append(np.linalg.solve(y.T @ c_u @ y + config.regularization * np.eye(y.shape[1]), y.T @ c_u @ p_u))
    return np.array(rows)


def naive_als(r: Dense, config: Config) -> tuple[Dense, Dense]:
    rng = np.random.default_rng(1)
    y = rng.normal(0, 0.1, (r.shape[1], config.factors))
    for _ in range(200):
        x = solve(r, y, config)
        y = solve(r.T, x, config)
    return x, y


ORACLE = Config(factors=2, regularization=0.5, alpha=0.8, iterations=200)


def test_als_reaches_the_objective_of_the_naive_reference() -> None:
    r = tiny().toarray().astype(float)
    model = Als(ORACLE)
    model.fit(tiny())
    reached = objective(r, model.x.astype(float), model.y.astype(float), ORACLE)
    reference = objective(r, *naive_als(r, ORACLE), ORACLE)
    assert reached == pytest.approx(reference, rel=1e-4)


def test_als_ranks_like_the_naive_reference() -> None:
    r = tiny().toarray().astype(float)
    model = Als(ORACLE)
    model.fit(tiny())
    x, y = naive_als(r, ORACLE)
    np.testing.assert_allclose(model.scores(range(8)), x @ y.T, atol=2e-3)


def test_als_finds_what_people_of_the_same_taste_like() -> None:
    model = Als(ORACLE)
    model.fit(tiny())
    assert model.recommend(3, 1, without=[0, 1])[0][0] == 2
    assert model.recommend(7, 1, without=[3, 5])[0][0] == 4


def test_a_dislike_is_held_below_the_unknown() -> None:
    disliked, unknown = tiny().toarray(), tiny().toarray()
    disliked[3, 2], unknown[3, 2] = -8, 0
    scores = []
    for dense in (disliked, unknown):
        model = Als(ORACLE)
        model.fit(csr_array(dense))
        scores.append(model.scores([3])[0][2])
    assert scores[0] < scores[1]


def test_als_says_each_iteration() -> None:
    lines: list[str] = []
    Als(Config(factors=2, iterations=4)).fit(tiny(), lines.append)
    assert [line.split(",")[0] for line in lines] == [f"als: iteration {n}/4" for n in (1, 2, 3, 4)]


# Popularity and affinity.


def test_shares_count_people_who_liked_it_and_sum_to_one() -> None:
    model = Popularity()
    model.fit(tiny())
    assert model.shares.sum() == pytest.approx(1)
    assert model.shares[0] / model.shares[2] == pytest.approx(4.5 / 3.5)
    assert 0 < model.floor < model.shares.min()


def test_the_logit_that_drew_the_likes_is_found_again() -> None:
    rng = np.random.default_rng(3)
    shares, scores = rng.dirichlet(np.ones(12)), rng.normal(0, 1, (3000, 12)).astype(np.float32)
    utility = Logit(a=0.5, b=1.5).utility(shares, scores)
    picks = (utility + rng.gumbel(size=utility.shape)).argmax(axis=1)
    likes = {row: {int(column)} for row, column in enumerate(picks)}
    found = affinity.fit(shares, scores, likes, np.ones(scores.shape, dtype=bool))
    assert found.a == pytest.approx(0.5, abs=0.1)
    assert found.b == pytest.approx(1.5, abs=0.1)


def test_without_likes_affinity_stays_with_popularity() -> None:
    shares = np.array([0.75, 0.25])
    assert affinity.fit(shares, np.zeros((1, 2), dtype=np.float32), {}, np.ones((1, 2), dtype=bool)) == Logit(a=1, b=0)


# Evaluation.


def test_ndcg_by_hand() -> None:
    gain = 1 / np.log2(3) + 1 / np.log2(5)
    assert evaluation.ndcg([4, 1, 3, 2], {1, 2, 9}, 4) == pytest.approx(gain / (1 + 1 / np.log2(3) + 1 / np.log2(4)))
    assert evaluation.ndcg([1], {1}, 10) == 1
    assert evaluation.recall([4, 1, 3], {1, 9}) == 0.5


def test_only_new_likes_of_known_people_and_products_count() -> None:
    known = build([event("ann", "lamp"), event("bob", "mug")])
    later = build(
        [
            event("ann", "mug"),
            event("ann", "lamp", "purchase"),
            event("ann", "kite"),
            event("cy", "mug"),
            event("bob", "lamp", "rating", stars=1),
        ]
    )
    assert evaluation.new_likes(known, later) == {known.rows["ann"]: {known.columns["mug"]}}


def test_a_perfect_ranking_scores_one() -> None:
    known = build([event("ann", "lamp"), event("bob", "mug"), event("bob", "kite")])
    later = build([event("ann", "kite")])
    quality = evaluation.evaluate(lambda _row, _n, _without: [(known.columns["kite"], 1.0)], known, later)
    assert (quality.ndcg, quality.recall, quality.people) == (1, 1, 1)
    assert evaluation.evaluate(lambda _row, _n, _without: [], known, known).people == 0
