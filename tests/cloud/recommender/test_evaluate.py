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
        "--interactions", written(tmp_path), "--test-from", "1970-02-10", "--models", "item-knn,svd", "--json", out,
        "--plot", tmp_path / "out.png",
    )  # fmt: skip
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
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
        (["--test-from", "1970-02-10", "--models", "tuned-blend"], "give --validate-from, before --test-from"),
        (
            ["--test-from", "1970-02-10", "--validate-from", "1970-02-10"],
            "--validate-from 1970-02-10 has to lie before --test-from",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused_with_the_reason(tmp_path: Path, arguments: list[str], why: str) -> None:
    result = run("--interactions", written(tmp_path), *arguments)
    assert result.exit_code != 0
    assert why in result.output


def test_a_blend_is_chosen_on_the_validation_period_and_stands_under_both_protocols(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = run(
        "--interactions", written(tmp_path), "--validate-from", "1970-01-31", "--test-from", "1970-02-10",
        "--models", "item-knn, tuned-blend", "--tune-s", "0", "--json", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())
    assert [row["protocol"] for row in figures["temporal"] if row["model"] == "tuned-blend"] == ["new", "repeat"]
    assert set(figures["tuned"]) == {"new", "repeat"}
    for chosen in figures["tuned"].values():
        assert sum(part["weight"] for part in chosen["parts"]) == pytest.approx(1)
    assert result.output.count("tuned-blend") > 3


def test_models_are_compared_pair_by_pair_the_better_one_first(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    run("--interactions", written(tmp_path), "--test-from", "1970-02-10", "--models", "item-knn,svd", "--json", out)
    pairs = json.loads(out.read_text())["paired"]
    assert len(pairs) == 6
    assert all(one["value"] >= 0 and one["low"] <= one["value"] <= one["high"] for one in pairs)
    means = {
        (row["model"], row["protocol"]): row["metrics"]["ndcg@10"]["value"]
        for row in json.loads(out.read_text())["temporal"]
    }
    for one in pairs:
        gain = means[one["ours"], one["protocol"]] - means[one["theirs"], one["protocol"]]
        assert one["value"] == pytest.approx(gain)


def test_duplicates_and_users_of_one_item_are_told(tmp_path: Path) -> None:
    file = written(tmp_path)
    with file.open("a") as more:
        more.write("lonely,i01,9000\nlonely,i01,9000\nlonely,i01,9001\n")
    result = run("--interactions", file, "--test-from", "1970-02-10", "--models", "popularity")
    assert "1,803 interactions of 61 users" in result.output
    assert "; 1 repeat another one exactly" in result.output
    assert "; 1 users met one item only" in result.output


def test_an_event_that_has_not_happened_yet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text("user,item,time\nann,lamp,2400-01-01\n")
    result = run("--interactions", file, "--test-from", "1970-02-10")
    assert result.exit_code == 1
    assert "line 2, column time: 2400-01-01 lies in the future" in result.output
    assert "Traceback" not in result.output


def test_users_who_bought_everything_leave_the_new_protocol_and_stay_in_the_other(tmp_path: Path) -> None:
    rows = [(user, item, at, 1.0) for user in ("ann", "bob") for item in "abc" for at in (0.0, DAY_S)]
    said: list[str] = []
    found = comparison.compare(
        Split.of(Interactions.of(rows), DAY_S, np.inf), {"popularity": Popularity}, said.append
    )  # fmt: skip
    assert [one.protocol for one in found] == [Protocol.REPEAT]
    assert any(line.startswith("new: left out, nobody") for line in said)


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
