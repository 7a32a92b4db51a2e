"""The loop on simulated homes: the real gates hold in it, and what it learns is true."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from aircue_cloud.cli import main
from aircue_cloud.needs import needs
from aircue_cloud.outcomes.assignment import GLOBAL, HOLDOUT, arm, need_experiment
from aircue_cloud.outcomes.rate_ratio import as_gamma, ratio_posterior
from aircue_cloud.outcomes.simulation import loop
from aircue_cloud.outcomes.simulation.loop import Decided, Terms

NEED = needs.load().by_name["damp-air"]
LIFTS = {"dehumidifier": 1.2, "dryer": 3.0, "moisture-absorber": 2.0}
TERMS = Terms(need=NEED, lifts=LIFTS, homes=300, days=140, base=0.15, need_holdout=0.3)


@pytest.fixture(scope="module")
def ran() -> list[Decided]:
    return loop.run(TERMS)


def test_the_same_seed_gives_the_same_course(ran: list[Decided]) -> None:
    short = replace(TERMS, homes=60, days=30)
    assert loop.run(short) == loop.run(short) != loop.run(replace(short, seed=8))


def test_the_policys_cooldown_holds(ran: list[Decided]) -> None:
    """At most one offer in fourteen days to each of 300 homes."""
    assert 0 < len(ran) <= 300 * (140 // 14 + 1)


def test_ghosts_are_those_whom_the_hash_holds_out(ran: list[Decided]) -> None:
    names = [f"simulated-{number}" for number in range(TERMS.homes)]
    held = [HOLDOUT in (arm(one, GLOBAL, 0.1), arm(one, need_experiment(NEED.name), 0.3)) for one in names]
    assert np.mean([not one.sent for one in ran]) == pytest.approx(np.mean(held), abs=0.05)


def test_the_difference_between_pushes_and_ghosts_is_the_true_one(ran: list[Decided]) -> None:
    """Within three standard errors, a remedy."""
    for category in LIFTS:
        sent = np.array([one.bought for one in ran if one.category == category and one.sent])
        held = np.array([one.bought for one in ran if one.category == category and not one.sent])
        truth = np.mean([one.value for one in ran if one.category == category and one.sent])
        error = (sent.var() / len(sent) + held.var() / len(held)) ** 0.5
        assert abs(sent.mean() - held.mean() - truth) < 3 * error


def test_what_is_learnt_moves_from_the_rule_to_the_truth(ran: list[Decided]) -> None:
    found = loop.learnt(NEED, ran)
    for category in ("dryer", "dehumidifier"):
        rule, truth = NEED.remedies[category], LIFTS[category]
        assert abs(found[category].mean - truth) < abs(rule - truth)


def test_what_is_handed_to_the_choice_is_the_posterior(ran: list[Decided]) -> None:
    compared = loop.compared(ran, "dryer")
    handed, exact = as_gamma(compared, 1.5), ratio_posterior(compared, 1.5)
    assert handed.mean == pytest.approx(exact.value)
    assert handed.interval() == pytest.approx((exact.low, exact.high), rel=0.02)


def test_one_arm_alone_teaches_nothing() -> None:
    everybody = loop.run(replace(TERMS, homes=60, days=40, holdout=0.0, need_holdout=0.0))
    assert len(everybody) > 20
    for category, posterior in loop.learnt(NEED, everybody).items():
        assert posterior.mean == pytest.approx(NEED.remedies[category], rel=1e-6)


def test_every_line_is_called_simulated() -> None:
    result = CliRunner().invoke(main, ["outcomes", "simulate", "--homes", "60", "--days", "40"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 2 + len(NEED.remedies)
    assert all(line.startswith("simulated: ") for line in lines)
    unknown = CliRunner().invoke(main, ["outcomes", "simulate", "--need", "boredom"])
    assert "no need boredom; known are" in unknown.stderr
