"""Lifts over HTTP: the rules while nothing was drawn, and which version decisions go by."""

from tests.cloud.stage import NOW, Cloud

from aircue_cloud.needs import needs
from aircue_cloud.outcomes import learnt
from aircue_cloud.outcomes.report import Terms


def test_without_evidence_each_lift_is_its_rule(cloud: Cloud) -> None:
    body = cloud.get("lifts")
    rules = {
        (name, category): rule
        for name, need in needs.load().by_name.items()
        for category, rule in need.remedies.items()
    }
    assert body["in_use"] is None
    assert {(one["need"], one["category"]): one["mean"] for one in body["lifts"]} == rules
    assert {one["source"] for one in body["lifts"]} == {"prior"}
    assert all(one["low"] < one["prior"] < one["high"] for one in body["lifts"])
    assert {one["sent"] for one in body["lifts"]} == {None}


def test_it_says_which_version_decisions_go_by(cloud: Cloud) -> None:
    version = learnt.refresh(cloud.engine, needs.load(), Terms(now=NOW))
    body = cloud.get("lifts")
    assert (body["in_use"], body["in_use_as_of"][:19]) == (version, "2026-11-21T12:00:00")
