"""One suite for every model, and for each its formula written out the slow way."""

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.models.blend import Blend
from aircue_cloud.recommender.models.bpr import Bpr
from aircue_cloud.recommender.models.contract import Model
from aircue_cloud.recommender.models.ease import Ease
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.linear import Linear
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.rp3beta import Rp3Beta
from aircue_cloud.recommender.models.svd import Svd

NOW = 10 * DAY_S
BINARY = Weighting(shape="binary")
MODELS: dict[str, Callable[[], Model]] = {
    "popularity": Popularity,
    "recent popularity": lambda: Popularity(Weighting(half_life_d=3)),
    "item knn": lambda: ItemKnn(k=3),
    "svd": lambda: Svd(factors=2),
    "als": lambda: Als(factors=3, l2=1.0),
    "bpr": lambda: Bpr(factors=3, iterations=60),
    "ease": lambda: Ease(l2=1.0),
    "ease of few items": lambda: Ease(l2=1.0, most_items=5),
    "rp3beta": lambda: Rp3Beta(k=4),
    "own frequency": OwnFrequency,
    "blend": lambda: Blend([(1.0, ItemKnn(k=3)), (0.5, Popularity())]),
}
LINEAR: dict[str, Callable[[], Linear]] = {
    "item knn": lambda: ItemKnn(k=3), "ease": lambda: Ease(l2=1.0), "rp3beta": lambda: Rp3Beta(k=4)
}  # fmt: skip
# Those that tell two tastes apart; the others know one person alone, or none.
PERSONAL = ("item knn", "svd", "als", "bpr", "ease", "rp3beta", "blend")


def tastes() -> Interactions:
    """Users 0..5 like items a b c, users 6..11 like d e f; u00 has not met c and u11 not d. Nobody met item z, which
    was known once."""
    rows = [(f"u{user:02}", item, user * 0.1 * DAY_S, 1.0) for user, item in product(range(6), "abc")]
    rows += [(f"u{user:02}", item, user * 0.1 * DAY_S, 1.0) for user, item in product(range(6, 12), "def")]
    kept = [row for row in rows if row[:2] not in (("u00", "c"), ("u11", "d"))]
    whole = Interactions.of([*kept, ("u05", "z", NOW, 1.0)])
    return whole.between(0, NOW)


def dense(log: Interactions, weighting: Weighting = BINARY) -> npt.NDArray[np.float64]:
    return np.asarray(log.matrix(weighting, NOW).toarray(), dtype=np.float64)


def fitted(name: str) -> Model:
    model = MODELS[name]()
    model.fit(tastes(), NOW)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_finite_and_have_a_row_for_each_user_asked_for(name: str) -> None:
    scores = fitted(name).scores([3, 0, 3])
    assert (scores.shape, scores.dtype) == ((3, 7), np.float32)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores[0], scores[2])


@pytest.mark.parametrize("name", MODELS)
def test_the_same_data_gives_the_same_scores(name: str) -> None:
    assert np.array_equal(fitted(name).scores(range(12)), fitted(name).scores(range(12)))


@pytest.mark.parametrize("name", MODELS)
def test_nobody_asked_for_is_an_empty_answer(name: str) -> None:
    assert fitted(name).scores([]).shape == (0, 7)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_to_learn_from_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="no interactions to learn from"):
        MODELS[name]().fit(tastes().between(0, 0), NOW)


@pytest.mark.parametrize("name", MODELS)
def test_the_future_cannot_leak(name: str) -> None:
    with pytest.raises(DatasetError, match="lies after"):
        MODELS[name]().fit(tastes(), 0.0)


@pytest.mark.parametrize("name", PERSONAL)
def test_what_a_user_has_not_met_ranks_by_the_users_taste(name: str) -> None:
    """u00 is to be shown c before d, e, f; u11 d before a, b, c."""
    first, last = fitted(name).scores([0, 11])
    assert first[2] > first[3:6].max()
    assert last[3] > last[:3].max()


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("bpr", "als", "svd")])
def test_an_item_nobody_met_ranks_behind_all_that_somebody_did(name: str) -> None:
    scores = fitted(name).scores(range(12))
    assert (scores[:, 6] <= scores.max(axis=1)).all()
    assert (scores[:, 6] <= 0).all() or name == "blend"


@pytest.mark.parametrize("name", LINEAR)
def test_the_reasons_of_a_score_add_up_to_it(name: str) -> None:
    model = LINEAR[name]()
    model.fit(tastes(), NOW)
    reasons = model.because(0, 2, n=10)
    assert [item for item, _ in reasons] == [0, 1]
    assert sum(part for _, part in reasons) == pytest.approx(float(model.scores([0])[0, 2]), rel=1e-5)


# Each formula the slow way.


def random_log(seed: int, users: int = 30, items: int = 12) -> Interactions:
    random = np.random.default_rng(seed)
    count = 150
    return Interactions.of(
        (f"u{user:02}", f"i{item:02}", float(at), 1.0)
        for user, item, at in zip(
            random.integers(users, size=count),
            random.integers(items, size=count),
            random.uniform(0, NOW, count),
            strict=True,
        )
    )


@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize("seed", range(3))
def test_formula_4_is_the_studys(k: int, seed: int) -> None:
    log = random_log(seed)
    r = dense(log)
    users, items = r.shape
    w = np.zeros((items, items))
    for i, j in product(range(items), repeat=2):
        both = sum(1 for u in range(users) if r[u, i] and r[u, j])
        w[j, i] = 0 if i == j else both / np.sqrt(r[:, i].sum() * r[:, j].sum())
    expected = np.zeros((users, items))
    for u, j in product(range(users), range(items)):
        near = sorted(range(items), key=lambda i: (-w[j, i], i))[:k]
        expected[u, j] = sum(w[j, i] * r[u, i] for i in near if r[u, i])
    model = ItemKnn(k=k)
    model.fit(log, NOW)
    assert model.scores(range(users)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_ease_minimises_what_its_paper_says(seed: int) -> None:
    """No B with an empty diagonal has a smaller loss |R - RB|^2 + lambda |B|^2: its gradient off the diagonal is 0."""
    log = random_log(seed)
    r = dense(log)
    model = Ease(l2=3.0)
    model.fit(log, NOW)
    b = np.asarray(model.w, dtype=np.float64)
    gradient = -r.T @ (r - r @ b) + 3.0 * b
    np.fill_diagonal(gradient, 0)
    assert np.diag(b) == pytest.approx(0)
    assert np.abs(gradient).max() < 1e-4


def test_ease_of_its_heaviest_items_is_ease_of_them_alone() -> None:
    log = random_log(4)
    r = dense(log)
    heavy = np.sort(np.argsort(-r.sum(axis=0), kind="stable")[:5])
    part, alone = Ease(l2=2.0, most_items=5), Ease(l2=2.0)
    part.fit(log, NOW)
    alone.fit(log.where(np.isin(log.item, heavy)), NOW)
    assert part.scores(range(30)) == pytest.approx(alone.scores(range(30)), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_rp3beta_counts_the_walks(seed: int) -> None:
    log, alpha, beta = random_log(seed), 0.8, 0.4
    r = dense(log)
    users, items = r.shape
    w = np.zeros((items, items))
    for i, j in product(range(items), repeat=2):
        steps = sum(
            (r[u, i] / r[:, i].sum()) ** alpha * (r[u, j] / r[u].sum()) ** alpha for u in range(users) if r[u].sum()
        )
        w[i, j] = 0 if i == j else steps / r[:, j].sum() ** beta
    model = Rp3Beta(k=items, alpha=alpha, beta=beta)
    model.fit(log, NOW)
    assert model.scores(range(users)) == pytest.approx(r @ w, rel=1e-4)


@pytest.mark.parametrize("factors", [2, 11, 12])
def test_svd_is_the_best_matrix_of_its_rank(factors: int) -> None:
    """Eckart, Young 1936: no other one is nearer to R."""
    log = random_log(5)
    r = dense(log)
    model = Svd(factors=factors)
    model.fit(log, NOW)
    lost = np.linalg.svd(r, compute_uv=False)[factors:]
    assert np.linalg.norm(r - model.scores(range(len(r)))) == pytest.approx(np.sqrt((lost**2).sum()), abs=1e-4)


def test_als_stands_where_neither_side_can_better_itself() -> None:
    """Each x_u solves its own weighted ridge regression on the others' factors, after enough sweeps."""
    log = random_log(6)
    r = dense(log, Weighting())
    model = Als(factors=3, l2=0.5, alpha=2.0, iterations=200, weighting=Weighting())
    model.fit(log, NOW)
    y = model.y.astype(np.float64)
    for u in range(len(r)):
        c = 1 + 2.0 * np.abs(r[u])
        best = np.linalg.solve(y.T @ (c[:, None] * y) + 0.5 * np.eye(3), y.T @ (c * (r[u] > 0)))
        assert model.x[u] == pytest.approx(best, abs=2e-3)


def test_own_frequency_halves_with_its_half_life() -> None:
    log = Interactions.of([("ann", "lamp", NOW - DAY_S, 1.0), ("ann", "lamp", NOW, 1.0), ("bob", "mug", NOW, 1.0)])
    model = OwnFrequency(Weighting(half_life_d=1))
    model.fit(log, NOW)
    assert model.scores([0, 1]).tolist() == [[1.5, 0], [0, 1]]


def test_a_blend_of_one_ranks_as_that_one_and_a_weight_of_0_says_nothing() -> None:
    log = random_log(7)
    knn, blend = ItemKnn(k=5), Blend([(2.0, ItemKnn(k=5)), (0.0, Popularity())])
    for model in (knn, blend):
        model.fit(log, NOW)
    assert np.array_equal(
        np.argsort(-knn.scores(range(30)), kind="stable"), np.argsort(-blend.scores(range(30)), kind="stable")
    )


def test_a_blend_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no models"):
        Blend([])
