"""Off-policy estimates: simulated logs whose true value is known, the gate, and files that are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aircue_cloud.cli import main
from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.evaluating import off_policy
from aircue_cloud.recommender.evaluating.off_policy import Decisions, evaluate, read_decisions

# Simulated: contexts 0..3, arms 0..2; the chance that an arm pays in a context, and two policies.
PAYS = np.array([[0.1, 0.3, 0.5], [0.4, 0.2, 0.1], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1]])
LOGGED = np.array([[0.6, 0.3, 0.1], [0.2, 0.4, 0.4], [0.3, 0.4, 0.3], [0.1, 0.6, 0.3]])
OTHER = np.array([[0.1, 0.2, 0.7], [0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
TRUTH = float((OTHER * PAYS).sum(axis=1).mean())


def simulated(seed: int, count: int = 1000, model_error: float = 0.0) -> Decisions:
    random = np.random.default_rng(seed)
    context = random.integers(4, size=count)
    arm = (random.random(count)[:, None] > LOGGED[context].cumsum(axis=1)).sum(axis=1)
    reward = (random.random(count) < PAYS[context, arm]).astype(float)
    model = PAYS + model_error
    return Decisions(
        household=np.arange(count),
        propensity=LOGGED[context, arm],
        target=OTHER[context, arm],
        reward=reward,
        predicted=model[context, arm],
        value=(OTHER * model).sum(axis=1)[context],
    )


RUNS = [evaluate(simulated(seed), draws=400).estimates for seed in range(60)]


@pytest.mark.parametrize("method", off_policy.METHODS)
def test_the_truth_is_met_on_average_and_by_95_intervals_in_100(method: str) -> None:
    values = np.array([run[method].value for run in RUNS])
    assert abs(values.mean() - TRUTH) < 3 * values.std() / len(values) ** 0.5
    covered = np.mean([run[method].low <= TRUTH <= run[method].high for run in RUNS])
    assert 0.86 <= covered <= 1


def test_what_ran_is_far_from_what_would_have_been() -> None:
    """Otherwise the tests above would show nothing."""
    assert abs(evaluate(simulated(1)).logged - TRUTH) > 0.1


def test_a_good_model_makes_dr_the_surest_and_snips_beats_ips() -> None:
    spread = {name: np.std([run[name].value for run in RUNS]) for name in off_policy.METHODS}
    assert spread["dr"] < spread["snips"] < spread["ips"]


def test_dr_is_right_though_its_model_is_wrong() -> None:
    values = np.array([evaluate(simulated(seed, model_error=0.3), draws=2).estimates["dr"].value for seed in range(40)])
    assert abs(values.mean() - TRUTH) < 3 * values.std() / len(values) ** 0.5


def test_by_hand() -> None:
    """w = 0.8 / 0.4, 0.1 / 0.5, 1 / 1; r = 1, 0, 1."""
    three = Decisions(
        household=np.arange(3), propensity=np.array([0.4, 0.5, 1]), target=np.array([0.8, 0.1, 1]),
        reward=np.array([1.0, 0, 1]), predicted=np.array([0.5, 0.5, 0.5]), value=np.array([0.6, 0.2, 0.5]),
    )  # fmt: skip
    found = evaluate(three)
    assert found.estimates["ips"].value == pytest.approx((2 + 1) / 3)
    assert found.estimates["snips"].value == pytest.approx((2 + 1) / 3.2)
    assert found.estimates["dr"].value == pytest.approx((0.6 + 2 * 0.5 + 0.2 - 0.2 * 0.5 + 0.5 + 0.5) / 3)
    assert found.effective == pytest.approx(3.2**2 / (4 + 0.04 + 1))


def test_the_policy_that_ran_is_valued_at_what_it_earned() -> None:
    one = simulated(3)
    same = Decisions(household=one.household, propensity=one.propensity, target=one.propensity, reward=one.reward)
    found = evaluate(same)
    assert found.share == pytest.approx(1)
    assert {round(each.value, 9) for each in found.estimates.values()} == {round(found.logged, 9)}
    assert set(found.estimates) == {"ips", "snips"}


def skewed(rare: int) -> Decisions:
    """A hundred decisions of which the other policy would have made `rare`."""
    target = np.r_[np.ones(rare), np.zeros(100 - rare)]
    return Decisions(household=np.arange(100), propensity=np.full(100, 0.5), target=target, reward=np.ones(100))


def test_below_an_effective_size_of_5_percent_there_is_a_reason_and_no_figure() -> None:
    refused, given = evaluate(skewed(4)), evaluate(skewed(5))
    assert refused.estimates == {}
    assert refused.refused is not None
    assert refused.refused.startswith("effective sample size 4.0 of 100 decisions (4.0%, at least 5% is needed)")
    assert given.refused is None
    assert given.estimates["snips"].value == 1
    assert evaluate(skewed(0)).estimates == {}


def test_clipping_holds_a_weight_down_and_is_told() -> None:
    odd = Decisions(
        household=np.arange(50), propensity=np.r_[0.01, np.full(49, 0.5)], target=np.r_[1.0, np.full(49, 0.5)],
        reward=np.r_[1.0, np.zeros(49)],
    )  # fmt: skip
    loose, tight = evaluate(odd, clip=1000), evaluate(odd, clip=5)
    assert tight.clipped == 0.02
    assert tight.estimates["ips"].value == pytest.approx(5 / 50)
    assert loose.effective < tight.effective


def test_decisions_of_a_household_hang_together() -> None:
    """Ten copies of each decision make the interval no narrower when they are one household's."""
    one = simulated(5, count=200)
    copied = {name: np.repeat(getattr(one, name), 10) for name in ("household", "propensity", "target", "reward")}
    alone = Decisions(**{**copied, "household": np.arange(2000)})
    found = [
        evaluate(one).estimates["ips"],
        evaluate(Decisions(**copied)).estimates["ips"],
        evaluate(alone).estimates["ips"],
    ]
    widths = [each.high - each.low for each in found]
    assert widths[1] == pytest.approx(widths[0])
    assert widths[2] < 0.5 * widths[0]


def written(folder: Path, text: str) -> Path:
    file = folder / "decisions.csv"
    file.write_text(text)
    return file


def test_a_file_of_decisions_is_evaluated(tmp_path: Path) -> None:
    one = simulated(6, count=300)
    rows = zip(one.propensity, one.target, one.reward, one.predicted, one.value, strict=True)
    text = "household,propensity,target,reward,predicted,value\n" + "".join(
        f"h{place // 2},{','.join(map(str, row))}\n" for place, row in enumerate(rows)
    )
    out = tmp_path / "out.json"
    result = CliRunner().invoke(
        main, ["evaluate", "policy", "--decisions", str(written(tmp_path, text)), "--json", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "effective sample size" in result.output
    figures = json.loads(out.read_text())
    assert figures["estimates"]["dr"]["value"] == pytest.approx(evaluate(one).estimates["dr"].value)
    assert figures["decisions"] == 300


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("propensity,reward\n0.5,1\n", "no column target; expected propensity,target,reward"),
        ("propensity,target,reward\n0,0.5,1\n", "line 2, column propensity: '0', expected a chance over 0 and up to 1"),
        ("propensity,target,reward\n0.5,1.5,1\n", "line 2, column target: '1.5', expected a chance from 0 to 1"),
        ("propensity,target,reward\n0.5,0.5,nan\n", "line 2, column reward: 'nan', expected a number"),
        ("propensity,target,reward\n0.5,0.5\n", "line 2, column reward: None"),
        ("propensity,target,reward\n", "no decisions"),
    ],
)
def test_a_file_that_holds_no_decisions_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        read_decisions(written(tmp_path, text))


@pytest.mark.parametrize("change", [{"propensity": np.array([0.0])}, {"target": np.array([2.0])}])
def test_chances_that_are_none_are_refused(change: dict[str, np.ndarray]) -> None:
    one = {"household": np.zeros(1, dtype=int), "propensity": np.ones(1), "target": np.ones(1), "reward": np.ones(1)}
    with pytest.raises(DatasetError, match="not"):
        Decisions(**{**one, **change})
