"""The bench of pushes in short: every figure is measured, no rule is broken, and a part that fails says so."""

import pytest
from tests.bench import parts, push_decisions, push_policy

pytestmark = pytest.mark.system


def test_decisions_are_stored_with_their_whole_trace() -> None:
    found = push_decisions.figures(homes=60, rounds=1)
    assert found["decisions_per_s"] > 0
    assert 0 < found["decisions_sent"] < 60  # some are held out, and some explore no push


def test_no_rule_is_broken() -> None:
    found = push_policy.figures(histories=200, contests=2)
    assert (found["policy_examples"], found["policy_violations"]) == (202, 0)
    assert found["policy_pushes"] > 200


def test_a_part_that_cannot_be_measured_is_null_and_says_why() -> None:
    said: list[str] = []
    found = parts.run({"tests.bench.nothing_here.figures": ("a_figure",)}, said.append)
    assert found["a_figure"] is None
    assert "nothing_here" in found["missing"]["a_figure"]
