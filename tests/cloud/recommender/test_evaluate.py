"""aircue-cloud evaluate: from a CSV to figures, and its refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aircue_cloud.cli import main
from aircue_cloud.recommender.evaluating import comparison
from aircue_cloud.recommender.evaluating.protocol import Protocol, Split
from aircue_cloud.recommender.interactions import DAY_S, Interactions
from aircue_cloud.recommender.models.item_knn import ItemKnn
from aircue_cloud.recommender.models.popularity import Popularity

SPLIT_AT = 40 * DAY_S


def log(seed: int = 1) -> Interactions:
    """Sixty users of two tastes, 60 days; half of what they do repeats."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(60):
        for _ in range(30):
            item = int(random.integers(15)) + 15 * (user % 2)
            rows.append((f"u{user:02}", f"i{item:02}", float(random.uniform(0, 60 * DAY_S)), 1.0))
    return Interactions.of(rows)


def written(folder: Path) -> Path:
    file, whole = folder / "log.csv", log()
    rows = zip(whole.user, whole.item, whole.at, strict=True)
    lines = [f"{whole.users[user]},{whole.items[item]},{at}\n" for user, item, at in rows]
    file.write_text("user,item,time\n" + "".join(lines))
    return file


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_a_log_becomes_a_table_and_a_file(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run(
        "--interactions", written(tmp_path), "--test-from", "1970-02-10", "--models", "item-knn,svd", "--json", out
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "the same events dealt at random" in result.output
    figures = json.loads(out.read_text())
    assert [(row["model"], row["protocol"]) for row in figures["temporal"]] == [
        (model, protocol) for model in ("popularity", "item-knn", "svd") for protocol in ("new", "repeat")
    ]
    knn = figures["temporal"][2]
    assert knn["ndcg@10_over_popularity"]["low"] > 0
    assert {
        f"{name}@{k}" for name in ("precision", "recall", "ndcg", "map", "mrr") for k in (5, 10, 20, 50, 100)
    } <= set(knn["metrics"])
    assert figures["log"]["users"] == 60


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ["--test-from", "2030-01-01"],
            "no interaction lies from 2030-01-01: the log runs from 1970-01-01 to 1970-03-01",
        ),
        (["--test-from", "1960-01-01"], "no interaction lies before 1960-01-01"),
        (["--test-from", "1970-02-10", "--models", "magic"], "no model magic; known are popularity"),
        ([], "--test-from DATE are needed"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_the_reason(tmp_path: Path, arguments: list[str], why: str) -> None:
    result = run("--interactions", written(tmp_path), *arguments)
    assert result.exit_code != 0
    assert why in result.output


def test_a_split_that_leaves_nobody_to_ask_about_is_refused() -> None:
    strangers = Interactions.of([("ann", "a", 0.0, 1.0), ("bob", "a", DAY_S, 1.0)])
    with pytest.raises(comparison.DatasetError, match="nobody known before the split"):
        comparison.compare(Split.of(strangers, DAY_S, np.inf), {"popularity": Popularity}, lambda _: None)


def test_a_random_split_keeps_the_sizes_and_the_events() -> None:
    split = Split.of(log(), SPLIT_AT, np.inf)
    dealt = comparison.shuffled_in_time(split)
    assert (len(dealt.known), len(dealt.later)) == (len(split.known), len(split.later))
    pairs = [
        sorted(zip([*one.known.user, *one.later.user], [*one.known.item, *one.later.item], strict=True))
        for one in (split, dealt)
    ]
    assert pairs[0] == pairs[1]


def test_a_ratio_pools_the_users_of_several_windows() -> None:
    split = Split.of(log(), SPLIT_AT, np.inf)
    found = comparison.compare(split, {"popularity": Popularity, "item-knn": ItemKnn}, lambda _: None)
    by_name = {(one.model, one.protocol): one for one in found}
    knn, popularity = by_name["item-knn", Protocol.NEW], by_name["popularity", Protocol.NEW]
    pooled = comparison.ratio([knn, knn], [popularity, popularity])
    assert pooled.value == pytest.approx(comparison.ratio([knn], [popularity]).value)
    assert pooled.low > 1
    assert pooled.high - pooled.low < 0.9 * (
        comparison.ratio([knn], [popularity]).high - comparison.ratio([knn], [popularity]).low
    )
