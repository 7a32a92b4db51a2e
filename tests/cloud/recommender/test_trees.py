"""Trees without their library: the same log odds to the last bit, taken apart by feature, read back or refused."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from aircue_cloud.recommender.models import trees
from aircue_cloud.recommender.models.trees import Trees

FEATURES = 6


@pytest.fixture(scope="module")
def lessons() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Whole numbers among the features, so that thresholds lie between and on them."""
    random = np.random.default_rng(5)
    x = random.normal(size=(4000, FEATURES)).astype(np.float32)
    x[:, 2] = np.round(3 * x[:, 2])
    return x, x[:, 0] * x[:, 1] + 0.3 * x[:, 2] + random.normal(size=4000) > 0.5


@pytest.fixture(scope="module")
def grown(lessons: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]) -> HistGradientBoostingClassifier:
    library = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=15, min_samples_leaf=20, early_stopping=False)
    return library.fit(*lessons)


def test_the_log_odds_are_the_library_s_to_the_last_bit(
    grown: HistGradientBoostingClassifier, lessons: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
) -> None:
    found = trees.of_boosting(grown).log_odds(lessons[0])
    np.testing.assert_array_equal(found, grown.decision_function(lessons[0]))
    assert np.ptp(found) > 1


def test_a_feature_just_at_a_threshold_goes_the_library_s_way(grown: HistGradientBoostingClassifier) -> None:
    """Thresholds are float64 there and float32 here: the floats next to each, on both sides, have to part alike."""
    found = trees.of_boosting(grown)
    inner = np.flatnonzero(found.feature >= 0)
    x = np.zeros((3 * len(inner), FEATURES), dtype=np.float32)
    for place, node in enumerate(inner):
        at = found.threshold[node]
        near = at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))
        x[3 * place : 3 * place + 3, found.feature[node]] = near
    np.testing.assert_array_equal(found.log_odds(x), grown.decision_function(x))


def test_contributions_by_feature_sum_to_the_log_odds(
    grown: HistGradientBoostingClassifier, lessons: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
) -> None:
    found, x = trees.of_boosting(grown), lessons[0][:200]
    amounts = found.contributions(x)
    assert found.base + amounts.sum(axis=1) == pytest.approx(found.log_odds(x), abs=1e-12)
    said = np.abs(amounts).mean(axis=0)
    assert said[:3].min() > 4 * said[3:].max()  # the last three say nothing
    # Of everybody that was learnt from, each tree's contributions cancel out.
    assert found.contributions(lessons[0]).sum(axis=1).mean() == pytest.approx(0, abs=1e-9)


def test_one_tree_by_hand() -> None:
    """x0 <= 1 ? (x1 <= 0 ? -1 : 3) : 5, with 1, 3 and 4 lessons in the leaves."""
    found = Trees(
        start=0.5, roots=np.array([0], np.int32), feature=np.array([0, 1, -1, -1, -1], np.int32),
        threshold=np.array([1, 0, 0, 0, 0], np.float32), left=np.array([1, 2, 0, 0, 0], np.int32),
        right=np.array([4, 3, 0, 0, 0], np.int32), value=np.array([3.5, 2.0, -1.0, 3.0, 5.0]),
    )  # fmt: skip
    x = np.array([[1, 0], [1, 0.1], [1.1, 9]], dtype=np.float32)
    assert found.log_odds(x).tolist() == [-0.5, 3.5, 5.5]
    assert found.base == 4.0
    assert found.contributions(x).tolist() == [[-1.5, -3.0], [-1.5, 1.0], [1.5, 0.0]]


DAMAGES: dict[str, Callable[[dict[str, npt.NDArray[np.generic]]], object]] = {
    "a circle": lambda a: a["left"].__setitem__(0, 0),
    "a way out": lambda a: a["right"].__setitem__(0, 10_000),
    "a root that is no node": lambda a: a["roots"].__setitem__(0, -1),
    "a feature too many": lambda a: a["feature"].__setitem__(0, FEATURES),
    "an unknown kind of leaf": lambda a: a["feature"].__setitem__(0, -2),
    "a short list": lambda a: a.__setitem__("value", a["value"][1:]),
    "another type": lambda a: a.__setitem__("threshold", a["threshold"].astype(np.float64)),
    "roots of another type": lambda a: a.__setitem__("roots", a["roots"].astype(np.int64)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_no_walk_would_end_in_is_refused(grown: HistGradientBoostingClassifier, damage: str) -> None:
    whole = trees.of_boosting(grown)
    arrays = {name: array.copy() for name, array in whole.arrays().items()}
    assert len(Trees.of_arrays(arrays, whole.start, FEATURES)) == 30
    DAMAGES[damage](arrays)
    with pytest.raises(ValueError, match="trees"):
        Trees.of_arrays(arrays, whole.start, FEATURES)


def test_a_list_is_missing(grown: HistGradientBoostingClassifier) -> None:
    arrays = trees.of_boosting(grown).arrays()
    del arrays["left"]
    with pytest.raises(KeyError, match="left"):
        Trees.of_arrays(arrays, 0.0, FEATURES)


def test_trees_over_categories_are_refused() -> None:
    random = np.random.default_rng(1)
    x = random.integers(0, 5, (500, 1)).astype(np.float32)
    library = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(x, x[:, 0] % 2 == 0)
    with pytest.raises(ValueError, match="categories"):
        trees.of_boosting(library)
