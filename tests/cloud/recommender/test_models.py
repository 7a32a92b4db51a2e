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
from aircue_cloud.recommender.models.families import FAMILIES, started
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.linear import Linear
from aircue_cloud.recommender.models.own_frequency import OwnFrequency
from aircue_cloud.recommender.models.popularity import Popularity
from aircue_cloud.recommender.models.rp3beta import Rp3Beta
from aircue_cloud.recommender.models.svd import Svd
from aircue_cloud.recommender.models.transitions import Transitions

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
    "transitions": lambda: Transitions(l2=1.0, period_d=5, new=False),
    "ranker": lambda: started("ranker").make(),
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


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("bpr", "als", "svd", "ranker")])
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


# Those that see no more than what happened, not who is called what; the others begin at factors drawn by number.
UNNUMBERED: dict[str, Callable[[], Model]] = {
    "popularity": Popularity,
    "item knn": lambda: ItemKnn(k=50),
    "svd": lambda: Svd(factors=3),
    "ease": lambda: Ease(l2=1.0),
    "rp3beta": lambda: Rp3Beta(k=50),
    "own frequency": OwnFrequency,
    "transitions": lambda: Transitions(l2=1.0, period_d=4),
    "blend": lambda: Blend([(1.0, ItemKnn(k=50)), (0.5, Popularity())]),
}


@pytest.mark.parametrize("name", UNNUMBERED)
def test_new_numbers_for_users_and_items_move_scores_and_change_none(name: str) -> None:
    log = random_log(8)
    random = np.random.default_rng(1)
    users, items = random.permutation(30), random.permutation(12)
    renamed = Interactions.of(
        (f"u{users[user]:02}", f"i{items[item]:02}", float(at), 1.0)
        for user, item, at in zip(log.user, log.item, log.at, strict=True)
    )
    one, other = UNNUMBERED[name](), UNNUMBERED[name]()
    one.fit(log, NOW)
    other.fit(renamed, NOW)
    assert other.scores(users)[:, items] == pytest.approx(one.scores(range(30)), abs=1e-4)


@pytest.mark.parametrize("name", ["popularity", "item knn", "svd", "bpr", "ease", "rp3beta", "transitions"])
def test_what_happened_twice_at_once_is_liked_no_more_where_liking_is_a_matter_of_yes_or_no(name: str) -> None:
    log = random_log(9)
    twice = log.where(np.repeat(np.arange(len(log)), 2))  # type: ignore[arg-type]  # places select as a mask does
    make = MODELS[name] if name != "transitions" else lambda: Transitions(l2=1.0, period_d=4, weighting=BINARY)
    one, other = make(), make()
    one.fit(log, NOW)
    other.fit(twice, NOW)
    assert np.array_equal(one.scores(range(30)), other.scores(range(30)))


@pytest.mark.parametrize("name", MODELS)
def test_users_of_one_item_and_of_none_have_finite_scores(name: str) -> None:
    rows = [("a", "x", 1.0, 1.0), ("b", "y", DAY_S, 1.0), ("c", "x", 2 * DAY_S, 1.0), ("c", "y", 6 * DAY_S, 1.0)]
    log = Interactions.of([*rows, ("late", "later", NOW, 1.0)]).between(0, NOW)
    model = MODELS[name]()
    model.fit(log, NOW)
    assert np.isfinite(model.scores(range(4))).all()


@pytest.mark.parametrize("name", [*LINEAR, "own frequency", "transitions"])
def test_of_a_user_who_did_nothing_they_say_nothing(name: str) -> None:
    log = Interactions.of([*((f"u{n}", f"i{n % 3}", n * DAY_S, 1.0) for n in range(8)), ("z", "i0", NOW, 1.0)])
    model = MODELS[name]()
    model.fit(log.between(0, NOW), NOW)
    assert not model.scores([8]).any()


def test_items_that_are_equally_popular_score_alike() -> None:
    model = Popularity()
    model.fit(
        Interactions.of([("a", "x", 0.0, 1.0), ("b", "y", 1.0, 1.0), ("a", "z", 2.0, 1.0), ("b", "z", 3.0, 1.0)]), NOW
    )
    assert model.scores([0]).tolist() == [[1, 1, 2]]


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


@pytest.mark.parametrize("new", [True, False])
def test_transitions_are_the_least_squares_of_what_came_next(new: bool) -> None:
    """Rows stacked and solved whole; users idle before or within a period are left out."""
    log = random_log(10)
    xs, ys = [], []
    for begin in (NOW - 3 * DAY_S, NOW - 6 * DAY_S):
        before, after = np.zeros((30, 12)), np.zeros((30, 12))
        for user, item, at in zip(log.user, log.item, log.at, strict=True):
            if at < begin:
                before[user, item] += 0.5 ** ((begin - at) / DAY_S / 2)
            elif at < begin + 3 * DAY_S:
                after[user, item] = 1
        if new:
            after[before > 0] = 0
        active = before.any(axis=1) & after.any(axis=1)
        xs.append(before[active])
        ys.append(after[active])
    x, y = np.concatenate(xs), np.concatenate(ys)
    b = np.linalg.solve(x.T @ x + 0.7 * np.eye(12), x.T @ y)
    weighting = Weighting(half_life_d=2)
    model = Transitions(l2=0.7, period_d=3, periods=2, new=new, weighting=weighting)
    model.fit(log, NOW)
    assert model.scores(range(30)) == pytest.approx(dense(log, weighting) @ b, abs=1e-4)


def test_transitions_of_few_items_leave_the_light_ones_out() -> None:
    log = random_log(11)
    model = Transitions(l2=1.0, period_d=4, most_items=5)
    model.fit(log, NOW)
    weights = abs(dense(log, model.weighting)).sum(axis=0)
    assert set(np.flatnonzero(model.scores(range(30)).any(axis=0))) <= set(np.argsort(-weights, kind="stable")[:5])


def seasons(users: int = 120, items: int = 30) -> Interactions:
    """Everybody moves on by one item a day from where they began, and now and then turns to any other."""
    random = np.random.default_rng(12)
    rows = [
        (f"u{user:03}", f"i{(user + day) % items:02}", (day + 0.5) * DAY_S, 1.0)
        for user, day in product(range(users), range(10))
    ]
    astray = zip(
        random.integers(users, size=300), random.integers(items, size=300), random.uniform(0, NOW, 300), strict=True
    )
    return Interactions.of([*rows, *((f"u{user:03}", f"i{item:02}", float(at), 1.0) for user, item, at in astray)])


@pytest.fixture(scope="module")
def ranker() -> Model:
    model = FAMILIES["ranker-new"].make(new=True, candidates=15, period_d=2, periods=2, trees=20)
    model.fit(seasons(), NOW)
    return model


def test_a_ranker_learns_what_comes_next(ranker: Model) -> None:
    """Tomorrow's item is among the first three of 30 for most, though nobody said so; its models alone, as they start,
    know half as much."""
    log = seasons()
    met = log.matrix(BINARY, NOW).toarray() != 0
    wanted = (np.arange(120) + 10) % 30
    asked = np.flatnonzero(~met[np.arange(120), wanted])

    def found(scores: npt.NDArray[np.float32]) -> float:
        first = np.argsort(-np.where(met[asked], -np.inf, scores), axis=1, kind="stable")[:, :3]
        return float((first == wanted[asked][:, None]).any(axis=1).mean())

    assert found(ranker.scores(asked)) > 0.8


def test_a_ranker_of_what_is_new_puts_that_first(ranker: Model) -> None:
    met = seasons().matrix(BINARY, NOW).toarray() != 0
    first = np.argmax(ranker.scores(range(120)), axis=1)
    assert not met[np.arange(120), first].any()


def test_a_ranker_that_learnt_gives_the_same_scores_again(ranker: Model) -> None:
    again = FAMILIES["ranker-new"].make(new=True, candidates=15, period_d=2, periods=2, trees=20)
    again.fit(seasons(), NOW)
    assert np.array_equal(again.scores(range(120)), ranker.scores(range(120)))
