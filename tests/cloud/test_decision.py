"""Candidates, gates and messages: what is pushed, what is not, and what is said."""

from dataclasses import replace
from datetime import timedelta
from math import log

import numpy as np
import pytest
from tests.cloud.stage import NOW

from aircue_cloud.decision.candidates import (
    COST,
    NO_PUSH_SCORE,
    Candidate,
    Product,
    best,
    candidates,
    household_affinity,
)
from aircue_cloud.decision.message import Occasion, write
from aircue_cloud.decision.policy import COOLDOWN, GATES, Facts, LastOffer, decide
from aircue_cloud.needs import needs

DAMP_AIR = needs.load().by_name["damp-air"]
PRODUCTS = [
    Product(id="drymax", name="DryMax", category="dehumidifier", stock=5),
    Product(id="drymini", name="DryMini", category="dehumidifier", stock=5),
    Product(id="salt", name="Salt", category="moisture-absorber", stock=5),
    Product(id="lamp", name="Lamp", category="lighting", stock=5),
]
YESTERDAY = LastOffer(category="dryer", at=NOW - timedelta(days=1))
EVEN = {product.id: 1.0 for product in PRODUCTS}


def found(affinity: dict[str, float] | None = None, owned: frozenset[str] = frozenset()) -> list[Candidate]:
    return candidates(DAMP_AIR, PRODUCTS, EVEN | (affinity or {}), owned)


def facts(**changes: object) -> Facts:
    """Facts under which a push goes out, but for the changes."""
    good = Facts(
        now=NOW,
        site="home-1",
        household="ada",
        need="damp-air",
        episode="e1",
        confirmed_at=NOW - timedelta(minutes=1),
        push_ttl=timedelta(hours=24),
        pushed_before=False,
        consent=True,
        candidates=tuple(found()),
        last_offer=None,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # the names of Facts


class TestCandidates:
    def test_only_remedies_are_candidates(self) -> None:
        assert [candidate.product.id for candidate in found()] == ["drymax", "drymini", "salt"]

    def test_the_affinity_term_decides_between_products_of_one_category(self) -> None:
        ranked = found({"drymini": 2.0})
        assert ranked[0].product.id == "drymini"
        assert ranked[0].score - ranked[1].score == pytest.approx(log(2.0))

    def test_the_lift_term_decides_between_products_of_one_affinity(self) -> None:
        ranked = found()
        assert ranked[-1].product.category == "moisture-absorber"
        lifts = DAMP_AIR.remedies["dehumidifier"] / DAMP_AIR.remedies["moisture-absorber"]
        assert ranked[0].score - ranked[-1].score == pytest.approx(log(lifts))

    def test_the_cost_term_is_taken_off(self) -> None:
        assert found()[0].score == pytest.approx(log(DAMP_AIR.remedies["dehumidifier"]) - COST)

    def test_what_is_owned_or_out_of_stock_is_scored_but_not_offered(self) -> None:
        sold_out = [replace(PRODUCTS[0], stock=0), *PRODUCTS[1:]]
        ranked = candidates(DAMP_AIR, sold_out, EVEN, frozenset({"drymini"}))
        assert [candidate.hindrance for candidate in ranked] == ["out of stock", "the household has it already", None]
        winner = best(ranked)
        assert winner is not None
        assert winner.product.id == "salt"

    def test_a_households_interest_is_the_mean_of_its_people_over_the_mean_product(self) -> None:
        shares = np.array([[0.2, 0.8], [0.6, 0.4]])
        assert household_affinity(shares) == pytest.approx([0.8, 1.2])


class TestPolicy:
    def test_where_every_gate_passes_the_best_candidate_is_sent(self) -> None:
        verdict = decide(facts())
        assert (verdict.outcome, verdict.winner) == ("send", found()[0])
        assert [gate.result for gate in verdict.gates] == ["pass"] * len(GATES)

    @pytest.mark.parametrize(
        ("gate", "changes", "said"),
        [
            ("linked", {"household": None}, "aircue-cloud site link home-1"),
            ("timely", {"confirmed_at": NOW - timedelta(hours=25)}, "too long ago"),
            ("dedupe", {"pushed_before": True}, "has had its push"),
            ("consent", {"consent": None}, "has not agreed to the use of sensor data for marketing"),
            ("consent", {"consent": False}, "has withdrawn its agreement"),
            ("eligible", {"candidates": ()}, "owned already or out of stock"),
            ("eligible", {"candidates": tuple(found(owned=frozenset(EVEN)))}, "owned already or out of stock"),
            (
                "cooldown",
                {"last_offer": LastOffer(category="dryer", at=NOW - timedelta(days=13))},
                "none before 22 Nov 2026",
            ),
            ("worth", {"candidates": tuple(found(dict.fromkeys(EVEN, 0.001)))}, "worth an interruption"),
        ],
    )
    def test_each_gate_holds_a_push_back_and_says_why(self, gate: str, changes: dict[str, object], said: str) -> None:
        verdict = decide(facts(**changes))
        assert (verdict.outcome, verdict.winner) == ("suppress", None)
        assert said in verdict.reason
        at = list(GATES).index(gate)
        assert [result.result for result in verdict.gates] == ["pass"] * at + ["fail"] + ["not reached"] * (
            len(GATES) - at - 1
        )

    @pytest.mark.parametrize("gate", list(GATES))
    def test_without_a_gate_what_it_holds_back_goes_out(self, gate: str) -> None:
        """Each gate is the only one that holds its case back."""
        held_back: dict[str, dict[str, object]] = {
            "linked": {"household": None},
            "timely": {"confirmed_at": NOW - timedelta(hours=25)},
            "dedupe": {"pushed_before": True},
            "consent": {"consent": False},
            "cooldown": {"last_offer": LastOffer(category="dryer", at=NOW)},
            "worth": {"candidates": tuple(found(dict.fromkeys(EVEN, 0.001)))},
        }
        if gate == "eligible":
            return  # without a candidate nothing can go out, whichever gates there are
        others = {name: check for name, check in GATES.items() if name != gate}
        assert decide(facts(**held_back[gate]), others).outcome == "send"

    def test_the_cooldown_ends_after_its_days(self) -> None:
        last = LastOffer(category="dryer", at=NOW - COOLDOWN)
        assert decide(facts(last_offer=last)).outcome == "send"

    def test_no_push_is_better_than_a_candidate_of_its_score(self) -> None:
        even = replace(found()[0], lift=1.0, cost=0.0, affinity=float(np.exp(NO_PUSH_SCORE)))
        assert decide(facts(candidates=(even,))).outcome == "suppress"
        assert decide(facts(candidates=(replace(even, affinity=even.affinity * 1.01),))).outcome == "send"


class TestMessage:
    def test_the_reason_says_in_plain_words_what_was_measured(self) -> None:
        occasion = Occasion(node="bathroom", enter=80.0, value=84.0, held_s=900.0, product="DryMax")
        message = write(DAMP_AIR.message, occasion)
        assert message.reason == "Your bathroom has been above 80 % humidity for 15 minutes (now 84 %)."
        assert message.text.startswith("DryMax")

    def test_a_value_keeps_one_decimal_and_a_nodes_name_becomes_words(self) -> None:
        occasion = Occasion(node="guest-bath_2", enter=80.0, value=84.26, held_s=959.0, product="{room}")
        message = write(DAMP_AIR.message, occasion)
        assert message.reason == "Your guest bath 2 has been above 80 % humidity for 16 minutes (now 84.3 %)."
        assert message.text.startswith("{room}")

    @pytest.mark.parametrize("need", list(needs.load().by_name.values()), ids=lambda need: need.name)
    def test_every_need_has_a_message_that_can_be_written(self, need: needs.Need) -> None:
        occasion = Occasion(node="room", enter=need.rule.enter, value=1.0, held_s=60.0, product="Thing")
        message = write(need.message, occasion)
        assert "Thing" in message.text
        assert message.reason.endswith(".")
