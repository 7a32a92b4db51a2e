"""Metrics against their definitions, protocols on a log small enough to see through, intervals that cover."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, nDCG
from sklearn.metrics import average_precision_score, ndcg_score

from aircue_cloud.recommender.evaluating import bootstrap, metrics
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split, counts, hits, question, rank, top
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.models.popularity import Popularity

K = 4
_LISTS = st.lists(st.booleans(), min_size=K, max_size=K)


def naive(hit: list[bool], wanted: int) -> dict[str, float]:
    places = [place for place, one in enumerate(hit, start=1) if one]
    best = sum(1 / math.log2(place + 1) for place in range(1, min(wanted, K) + 1))
    return {
        "precision": len(places) / K,
        "recall": len(places) / wanted,
        "ndcg": sum(1 / math.log2(place + 1) for place in places) / best,
        "map": sum(count / place for count, place in enumerate(places, start=1)) / min(wanted, K),
        "mrr": 1 / places[0] if places else 0.0,
    }


@given(st.lists(st.tuples(_LISTS, st.integers(0, 6)), min_size=1, max_size=5))
def test_every_metric_is_its_definition(users: list[tuple[list[bool], int]]) -> None:
    wanted = [max(1, sum(hit)) + more for hit, more in users]
    for name, metric in metrics.PER_USER.items():
        found = metric(np.array([hit for hit, _ in users]), np.array(wanted), K)
        assert found == pytest.approx([naive(hit, n)[name] for (hit, _), n in zip(users, wanted, strict=True)])


def test_the_best_list_is_1_and_the_empty_one_0() -> None:
    for name in ("recall", "ndcg", "map", "mrr"):
        metric = metrics.PER_USER[name]
        assert metric(np.array([[True, True, False, False]]), np.array([2]), K).tolist() == [1.0]
        assert metric(np.zeros((1, K), dtype=bool), np.array([2]), K).tolist() == [0.0]


def test_coverage_gini_and_novelty_of_lists_whose_answer_is_known() -> None:
    even, one = np.array([[0, 1], [2, 3]]), np.array([[0], [0], [0]])
    assert (metrics.coverage(even, 8), metrics.coverage(one, 8)) == (0.5, 0.125)
    assert metrics.gini(even, 4) == pytest.approx(0)
    assert metrics.gini(one, 4) == pytest.approx(0.75)
    assert metrics.novelty(one, np.array([25.0]), 100) == pytest.approx(2)


# Other people's metrics.

_PEERS = {"precision": P, "recall": R, "ndcg": nDCG, "map": AP, "mrr": RR}


def lists(seed: int, users: int = 40, items: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Scores without ties and what was wanted, at least one item a user; both shape (users, items)."""
    random = np.random.default_rng(seed)
    wanted = random.random((users, items)) < random.uniform(0.02, 0.4, (users, 1))
    wanted[np.arange(users), random.integers(items, size=users)] = True
    return random.permuted(np.tile(np.arange(items) / items, (users, 1)), axis=1), wanted


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("name", _PEERS)
def test_metrics_agree_with_ir_measures(name: str, k: int) -> None:
    """Its AP@k divides by all that was wanted; ours by what k places could hold, so that the best list is 1."""
    scores, wanted = lists(k)
    qrels = [ir_measures.Qrel(str(u), str(i), 1) for u, i in zip(*np.nonzero(wanted), strict=True)]
    run = [ir_measures.ScoredDoc(str(u), str(i), float(scores[u, i])) for u, i in np.ndindex(scores.shape)]
    measure = _PEERS[name] @ k
    theirs = {int(one.query_id): one.value for one in ir_measures.iter_calc([measure], qrels, run)}
    counted = wanted.sum(axis=1)
    hit = np.take_along_axis(wanted, top(scores, k), axis=1)
    ours = metrics.PER_USER[name](hit, counted, k)
    if name == "map":
        ours = ours * np.minimum(counted, k) / counted
    assert ours == pytest.approx([theirs[user] for user in range(len(scores))], abs=1e-6)


@pytest.mark.parametrize("k", [3, 10, 60])
def test_ndcg_agrees_with_scikit_learn(k: int) -> None:
    scores, wanted = lists(9)
    hit = np.take_along_axis(wanted, top(scores, k), axis=1)
    ours = metrics.ndcg(hit, wanted.sum(axis=1), k)
    assert ours.mean() == pytest.approx(ndcg_score(wanted, scores, k=k))


def test_average_precision_of_the_whole_list_agrees_with_scikit_learn() -> None:
    scores, wanted = lists(10)
    whole = scores.shape[1]
    hit = np.take_along_axis(wanted, top(scores, whole), axis=1)
    ours = metrics.average_precision(hit, wanted.sum(axis=1), whole)
    assert ours == pytest.approx([average_precision_score(w, s) for w, s in zip(wanted, scores, strict=True)])


def test_gini_is_half_the_mean_difference_of_two_items() -> None:
    ranked = np.random.default_rng(11).integers(9, size=(30, 4))
    counts_of = np.bincount(ranked.ravel(), minlength=9)
    naive_gini = np.abs(counts_of[:, None] - counts_of[None]).mean() / (2 * counts_of.mean())
    assert metrics.gini(ranked, 9) == pytest.approx(naive_gini)


# ann had a and b before the split and turns to b and c after it; bob had c, and turns to d, which nobody knew; eve is
# unknown before.
_BEFORE = [("ann", "a", 1.0, 1.0), ("ann", "b", 2.0, 1.0), ("bob", "c", 3.0, 1.0), ("bob", "b", 3.0, 1.0)]
_AFTER = [("ann", "b", 11.0, 1.0), ("ann", "c", 12.0, 1.0), ("bob", "d", 13.0, 1.0), ("eve", "a", 14.0, 1.0)]
LOG = Interactions.of([*_BEFORE, *_AFTER])
SPLIT = Split.of(LOG, 10, 20)


def test_new_wants_what_a_known_user_had_not_met() -> None:
    asked = question(SPLIT, Protocol.NEW)
    assert asked.rows.tolist() == [0]
    assert asked.wanted.toarray().tolist() == [[False, False, True, False]]
    assert asked.hidden.toarray().tolist() == [[True, True, False, True]]


def test_repeat_wants_all_that_a_known_user_turned_to() -> None:
    asked = question(SPLIT, Protocol.REPEAT)
    assert asked.wanted.toarray().tolist() == [[False, True, True, False]]
    assert asked.hidden.toarray().tolist() == [[False, False, False, True]]
    assert counts(asked).tolist() == [2]


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("seed", range(4))
def test_a_question_is_its_definition(protocol: Protocol, seed: int) -> None:
    """Dislikes, dislikes taken back, repeats and strangers among them."""
    random = np.random.default_rng(seed)
    rows = [
        (f"u{random.integers(12)}", f"i{random.integers(9)}", random.uniform(0, 20), float(random.choice([-1, 1, 1])))
        for _ in range(60)
    ]  # fmt: skip
    split = Split.of(Interactions.of(rows), 8, 20)
    asked = question(split, protocol)
    before, after = ({}, {})  # type: dict[tuple[int, int], float], dict[tuple[int, int], float]
    for part, sums in ((split.known, before), (split.later, after)):
        for user, item, weight in zip(part.user.tolist(), part.item.tolist(), part.weight.tolist(), strict=True):
            sums[user, item] = sums.get((user, item), 0.0) + weight
    seen = {pair for pair, total in before.items() if total}
    users, items = {user for user, _ in seen}, {item for _, item in seen}
    wanted = {(u, i) for (u, i), total in after.items() if total > 0 and u in users and i in items}
    if protocol is Protocol.NEW:
        wanted -= seen
    assert asked.rows.tolist() == sorted({user for user, _ in wanted})
    for place, user in enumerate(asked.rows.tolist()):
        hidden = {i for i in range(split.known.shape[1]) if i not in items}
        if protocol is Protocol.NEW:
            hidden |= {i for u, i in seen if u == user}
        assert set(np.flatnonzero(asked.wanted.toarray()[place])) == {i for u, i in wanted if u == user}
        assert set(np.flatnonzero(asked.hidden.toarray()[place])) == hidden


def test_a_ranking_hides_what_is_hidden_and_is_counted_right() -> None:
    model = Popularity()
    model.fit(SPLIT.known, SPLIT.at)
    asked = question(SPLIT, Protocol.REPEAT)
    ranked = rank(model, asked, 3)
    assert ranked.tolist() == [[1, 0, 2]]
    assert hits(ranked, asked).tolist() == [[True, False, True]]


def test_the_end_of_a_test_period_is_open() -> None:
    assert len(Split.of(LOG, 10, 14).later) == 3


def test_equal_scores_rank_by_item() -> None:
    assert top(np.array([[1.0, 2.0, 2.0, 1.0]]), 3).tolist() == [[1, 2, 0]]


@given(
    st.lists(st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0]), min_size=6, max_size=6), min_size=1, max_size=4),
    st.integers(1, 8),
)
def test_the_top_is_the_head_of_a_stable_sort(rows: list[list[float]], n: int) -> None:
    scores = np.array(rows)
    assert top(scores, n).tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :n].tolist()


# Intervals.


def test_an_interval_of_a_mean_agrees_with_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(5, 2, 2000)
    found = bootstrap.mean(values)
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (found.low, found.high) == (
        pytest.approx(found.value - half, abs=0.01),
        pytest.approx(found.value + half, abs=0.01),
    )


def test_columns_are_drawn_together_and_as_each_would_be_alone() -> None:
    columns = np.random.default_rng(5).random((70, 3))
    assert bootstrap.means(columns) == [
        bootstrap.Interval(value=pytest.approx(one.value), low=pytest.approx(one.low), high=pytest.approx(one.high))
        for one in (bootstrap.mean(column) for column in columns.T)
    ]


def test_an_interval_is_that_of_users_drawn_one_by_one() -> None:
    """The slow way: indices, and the mean of what they point to."""
    values = np.random.default_rng(6).random(25)
    random = np.random.default_rng(7)
    slow = [values[random.integers(25, size=25)].mean() for _ in range(4000)]
    found = bootstrap.mean(values, draws=4000)
    assert (found.low, found.high) == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.01)


def test_a_ratio_to_itself_is_1_without_doubt() -> None:
    values = np.random.default_rng(2).random(100)
    assert bootstrap.ratio(values, values) == bootstrap.Interval(value=1.0, low=1.0, high=1.0)


def test_pairing_takes_out_what_differs_between_users() -> None:
    random = np.random.default_rng(3)
    theirs = random.random(500) * 10
    ours = theirs * 1.1
    paired = bootstrap.difference(ours, theirs)
    unpaired = bootstrap.difference(ours, random.permutation(theirs))
    assert paired.high - paired.low < (unpaired.high - unpaired.low) / 3


def test_intervals_cover_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(4)
    covered = 0
    for seed in range(200):
        found = bootstrap.mean(random.exponential(1.0, 200), draws=400, seed=seed)
        covered += found.low <= 1.0 <= found.high
    assert 178 <= covered <= 198


def test_a_ratio_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no ratio"):
        bootstrap.ratio(np.ones(3), np.zeros(3))
