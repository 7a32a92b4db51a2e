"""Spark's factors against this machine's: the same Parquet, the same objective, nearly the same answer."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from aircue_cloud.cli import main
from aircue_cloud.recommender import store
from aircue_cloud.recommender.engines import log_file, spark, spark_model
from aircue_cloud.recommender.errors import DatasetError, RecommenderError
from aircue_cloud.recommender.interactions import DAY_S, Interactions, Weighting
from aircue_cloud.recommender.models.als import Als
from aircue_cloud.recommender.serving import Recommender

NOW = 100 * DAY_S
HALF = Weighting(half_life_d=30)
CONFIG = spark.Config(factors=8, l2=3.0, alpha=4.0, iterations=10, weighting=HALF)


def log(seed: int = 1, users: int = 120, items: int = 60) -> Interactions:
    """Three tastes; how much a user does and how often an item is met vary fourfold."""
    random = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        liked = random.choice(np.arange(user % 3, items, 3), size=random.integers(4, 16), replace=False)
        at = random.uniform(0, NOW, len(liked))
        rows += [(f"u{user:03}", f"i{item:02}", float(when), 1.0) for item, when in zip(liked, at, strict=True)]
    return Interactions.of(rows)


def loss(x: npt.NDArray[Any], y: npt.NDArray[Any], whole: Interactions) -> float:
    """Of models.als, written out."""
    r = whole.matrix(HALF, NOW).toarray().astype(np.float64)
    c, p = 1 + CONFIG.alpha * np.abs(r), r > 0
    wide = x.astype(np.float64), y.astype(np.float64)
    return float((c * (p - wide[0] @ wide[1].T) ** 2).sum() + CONFIG.l2 * sum((one**2).sum() for one in wide))


def here(whole: Interactions) -> Als:
    model = Als(factors=8, l2=CONFIG.l2, alpha=CONFIG.alpha, iterations=CONFIG.iterations, weighting=HALF)
    model.fit(whole, NOW)
    return model


def agreement(one: npt.NDArray[Any], other: npt.NDArray[Any], n: int = 10) -> float:
    """The mean share of the first n items that two rankings have in common."""
    lists = [np.argsort(-scores, axis=1, kind="stable")[:, :n] for scores in (one, other)]
    return float(np.mean([len(np.intersect1d(a, b)) / n for a, b in zip(*lists, strict=True)]))


def by_the_other_objective(whole: Interactions, rho: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """ALS-WR written out: each row's regularisation is rho times its positive entries, as Spark has it."""
    r = whole.matrix(HALF, NOW).toarray().astype(np.float64)
    sides = [np.random.default_rng(5).normal(0, 0.1, (count, CONFIG.factors)) for count in r.shape]
    for _ in range(CONFIG.iterations):
        for mine, wanted in ((0, r), (1, r.T)):
            fixed = sides[1 - mine]
            for row, own in enumerate(wanted):
                c, weight = 1 + CONFIG.alpha * np.abs(own), rho * (own > 0).sum()
                left = fixed.T @ (c[:, None] * fixed) + weight * np.eye(CONFIG.factors)
                sides[mine][row] = np.linalg.solve(left, fixed.T @ (c * (own > 0)))
    return sides[0], sides[1]


def counts(whole: Interactions) -> tuple[float, float]:
    positive = whole.matrix(HALF, NOW).toarray() > 0
    return float(positive.sum(axis=1).mean()), float(positive.sum(axis=0).mean())


def test_a_converted_regularisation_leads_the_other_objective_to_the_same_factors() -> None:
    """The arithmetic of the conversion, without Spark; the last two lines say what the tolerances are worth."""
    model = here(log())
    (x, y), (wrong_x, wrong_y) = (
        spark.rescaled(*by_the_other_objective(log(), rho), CONFIG.l2, rho, counts(log())[0])
        for rho in (spark.converted(CONFIG.l2, *counts(log())), CONFIG.l2)
    )
    ours = loss(model.x, model.y, log())
    assert loss(x, y, log()) == pytest.approx(ours, rel=0.02)
    assert agreement(x @ y.T, model.x @ model.y.T) > 0.85
    assert loss(wrong_x, wrong_y, log()) > 1.05 * ours
    assert agreement(wrong_x @ wrong_y.T, model.x @ model.y.T) < 0.85


def test_parquet_gives_back_what_was_written(tmp_path: Path) -> None:
    log_file.write(log(), tmp_path / "log.parquet")
    assert log_file.read(tmp_path / "log.parquet").fingerprint == log().fingerprint


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_text("user,item\n")
    with pytest.raises(DatasetError, match="holds no interactions as Parquet"):
        log_file.read(tmp_path / "log.parquet")


def test_without_pyspark_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(RecommenderError, match="pip install pyspark"), spark.session():
        pass


def test_factors_of_spark_are_stored_and_served_like_any_others(tmp_path: Path) -> None:
    """With factors that stand in for Spark's."""
    whole, random = log(), np.random.default_rng(3)
    x, y = (random.standard_normal((count, 8)).astype(np.float32) for count in whole.shape)
    learnt = spark.Learnt(users=whole.users, items=whole.items, x=x, y=y, events=len(whole))
    store.activate(tmp_path, store.save(tmp_path, spark_model.artefact(learnt, whole, CONFIG, NOW)))
    served = Recommender.load(tmp_path)
    met = whole.matrix(HALF, NOW).toarray()[5] != 0
    expected = np.argsort(-np.where(met, -np.inf, x[5] @ y.T), kind="stable")[:5]
    assert [one.product for one in served.recommend(whole.users[5], 5)] == [whole.items[item] for item in expected]
    assert served.info.engine == "spark"


def test_factors_of_another_log_are_refused() -> None:
    empty = np.zeros((1, 8), dtype=np.float32)
    other = spark.Learnt(users=("x",), items=("y",), x=empty, y=empty, events=1)
    with pytest.raises(DatasetError, match="changed while Spark read them"):
        spark_model.artefact(other, log(), CONFIG, NOW)


# With Spark. A session takes its time to start, and tests that run in several processes would start one in each: so one
# test does all of this, in one session that is made for small data.

_SMALL = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": "-Xss16m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


@pytest.mark.system
@pytest.mark.filterwarnings("ignore")
def test_both_engines_read_alike_learn_alike_and_serve_alike(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: pip install pyspark, with Java 17, makes this run")
    file = str(tmp_path / "log.parquet")
    log_file.write(log(), Path(file))
    with spark.session("local[1]", **_SMALL) as session:
        events_become_the_same_numbers(session, file)
        the_future_cannot_leak(session, file)
        both_end_at_the_same_loss_and_rank_alike(session, file)
        a_regularisation_that_was_not_converted_is_seen(session, file)
        the_command_trains(file, tmp_path)


def both_end_at_the_same_loss_and_rank_alike(session: Any, file: str) -> None:
    learnt, model = spark.learn(session, file, CONFIG, NOW), here(log())
    assert (learnt.users, learnt.items, learnt.events) == (log().users, log().items, len(log()))
    assert loss(learnt.x, learnt.y, log()) == pytest.approx(loss(model.x, model.y, log()), rel=0.02)
    assert agreement(learnt.x @ learnt.y.T, model.x @ model.y.T) > 0.85


def a_regularisation_that_was_not_converted_is_seen(session: Any, file: str) -> None:
    """What the tolerance of the check above is worth."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spark, "_means", lambda ratings: (1.0, 1.0))
        learnt, model = spark.learn(session, file, CONFIG, NOW), here(log())
    assert loss(learnt.x, learnt.y, log()) > 1.05 * loss(model.x, model.y, log())
    assert agreement(learnt.x @ learnt.y.T, model.x @ model.y.T) < 0.85


def events_become_the_same_numbers(session: Any, file: str) -> None:
    events = session.read.parquet(file).selectExpr("int(substr(user, 2)) u", "int(substr(item, 2)) i", "at", "weight")
    for shape in ("binary", "linear", "sqrt", "log"):
        weighting = Weighting(half_life_d=30, shape=shape)
        found = np.zeros(log().shape)
        for row in spark._weighed(events, weighting, NOW).collect():
            found[row["u"], row["i"]] = row["r"]
        assert found == pytest.approx(log().matrix(weighting, NOW).toarray(), rel=1e-5), shape


def the_future_cannot_leak(session: Any, file: str) -> None:
    with pytest.raises(DatasetError, match="after the moment of training"):
        spark.learn(session, file, CONFIG, NOW / 2)


def the_command_trains(file: str, folder: Path) -> None:
    """In the session that is there, which it ends."""
    config = folder / "cloud.toml"
    config.write_text(f'data_dir = "{folder}"\n')
    asked = ["train", "--engine", "spark", "--interactions", file, "--master", "local[1]", "--force"]
    result = CliRunner().invoke(main, [*asked, "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert "is active" in result.output
