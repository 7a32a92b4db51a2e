"""The recommender's figures in short: what the bench draws, compares and counts; and, with AIRCUE_DATA, a short run."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array
from tests.bench import recommender_accuracy as accuracy
from tests.bench import recommender_api
from tests.bench import recommender_serving as serving

from aircue_cloud.recommender.evaluating.protocol import Protocol, Split
from aircue_cloud.recommender.models.popularity import Popularity

SMALL = replace(serving.SHORT, users=120, items=400, events=4000)


@pytest.fixture(scope="module")
def served() -> serving.Served:
    met = SMALL.draw()
    return serving.Served.gaussian(met, 8)


def test_the_log_falls_off_as_said_and_is_the_same_again() -> None:
    log = serving.Zipf(users=2000, items=1000, events=100_000, groups=1).draw()
    counts = np.sort(np.asarray(log.sum(axis=0)))[::-1]
    slope = np.polyfit(np.log(np.arange(20, 200)), np.log(counts[20:200]), 1)[0]
    assert -1.2 < slope < -0.8
    assert (SMALL.draw() != SMALL.draw()).nnz == 0
    assert (SMALL.draw() != replace(SMALL, seed=2).draw()).nnz > 0


def test_every_round_begins_with_another_side() -> None:
    order: list[str] = []
    spent = serving.alternate([lambda: order.append("a"), lambda: order.append("b")], 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert spent.shape == (2, 3)


def test_ours_and_theirs_give_the_same_lists(served: serving.Served) -> None:
    many, one = serving.batch(served, 120, 1), serving.single(served, 30, 1)
    assert (many["batch_lists_differing"], one["single_lists_differing"]) == (0, 0)
    assert min(many.values()) >= 0 < many["batch_users_per_s_vs_implicit"]


def test_a_wrong_list_is_counted_and_an_order_that_rounding_makes_is_not(served: serving.Served) -> None:
    rows = np.arange(2)
    right = np.argsort(-served.x[rows] @ served.y.T, axis=1)[:, :10].astype(np.int32)
    wrong = right.copy()
    wrong[1, 3] = np.argmin(served.x[1] @ served.y.T)
    assert serving.differing(served, rows, right, wrong) == 1
    twins = replace(served, y=np.concatenate([served.y, served.y]))
    assert serving.differing(twins, rows, right, right + len(served.y)) == 0


def test_users_are_folded_in_by_both(served: serving.Served) -> None:
    found = serving.fold_in(served, 20, 1)
    assert found["fold_in_us_vs_implicit"] == pytest.approx(found["fold_in_us_implicit"] / found["fold_in_us"])


@pytest.mark.system
def test_recommendations_of_a_real_server_are_timed_at_a_fixed_pace(served: serving.Served) -> None:
    found = recommender_api.api(served.x, served.y, csr_array(served.met), 1.0)
    p50, p99, most = (found[name] for name in ("api_p50_ms", "api_p99_ms", "api_max_ms"))
    if p50 is not None and p99 is not None and most is not None:  # else the machine was too busy, which is told
        assert 0 < p50 <= p99 <= most
    assert (found["rss_mb"] or 0) > 10


def test_growth_is_of_ten_times_as_many(served: serving.Served) -> None:
    found = serving.growth(served, 10, 1)
    assert (found["growth_items"], found["growth_users"]) == (10 * len(served.y), 10 * len(served.x))
    assert min(found.values()) > 0


def test_a_future_that_was_poisoned_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything from a test's begin on is turned into one purchase of everything by everybody: choice and scores stay
    what they were."""
    from tests.cloud.recommender.test_evaluate import SPLIT_AT, log

    clean = log()
    late = clean.at >= SPLIT_AT
    assert late.any()
    poisoned = replace(clean, item=np.where(late, 0, clean.item), weight=np.where(late, 1000, clean.weight))
    quick = ("popularity", "item-knn", "ease", "transitions-new", "ranker-new")
    monkeypatch.setattr(accuracy, "PERIOD_S", 10 * 86_400.0)
    chosen = [accuracy.chosen(one, Protocol.NEW, SPLIT_AT, 0.0, quick) for one in (clean, poisoned)]
    assert chosen[0].parts == chosen[1].parts
    assert [trial.value for trial in chosen[0].trials] == [trial.value for trial in chosen[1].trials]
    models = [tuned.make() for tuned in chosen]
    for model, one in zip(models, (clean, poisoned), strict=True):
        model.fit(Split.of(one, SPLIT_AT, np.inf).known, SPLIT_AT)
    scores = [model.scores(range(clean.shape[0])) for model in models]
    assert np.array_equal(*scores)


def test_figures_pool_the_users_of_all_windows() -> None:
    values = {accuracy.OURS: np.array([0.2, 0.4, 0.6]), "peer": np.array([0.1, 0.2, 0.3])}
    found = accuracy.figures(Protocol.NEW, values)
    assert (found["ndcg10_new"], found["ndcg10_new_peer"], found["ndcg10_new_vs_peer"]) == (0.4, 0.2, 2.0)
    assert (found["ndcg10_new_vs_peer_ci95"], found["ndcg10_new_vs_peer_lower"]) == ([2.0, 2.0], 2.0)
    assert found["users_new"] == 3


def test_formula_4_stands_above_popularity_on_the_shop() -> None:
    """The known figure of the last window, so that the peer is what it is said to be."""
    folder = os.environ.get("AIRCUE_DATA")
    if not folder:
        pytest.skip("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md")
    log = accuracy.invoices(Path(folder))
    split = Split.of(log, accuracy.TESTS[2], accuracy.TESTS[2] + accuracy.PERIOD_S)
    (formula4,) = accuracy.PEERS[Protocol.NEW]["formula4"]
    found = accuracy.ndcg("formula4", formula4(), split, Protocol.NEW)
    assert found.mean() == pytest.approx(0.098, abs=0.005)
    assert found.mean() > accuracy.ndcg("popularity", Popularity(), split, Protocol.NEW).mean()
