"""Candidates, gates and messages: what is pushed, what is not, and what is said."""

import re
from dataclasses import replace as changed
from datetime import timedelta
from math import log
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace
from tests.cloud.stage import NOW

from aircue_cloud.decision.candidates import (
    COST,
    NO_PUSH_SCORE,
    Candidate,
    Choice,
    Product,
    best,
    candidates,
    choose,
    household_affinity,
)
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.message import Occasion, write
from aircue_cloud.decision.policy import COOLDOWN, GATES, Bought, Facts, LastOffer, Rival, decide, rival
from aircue_cloud.decision.settings import Caps
from aircue_cloud.needs import needs
from aircue_cloud.needs.conditions import Met

DAMP_AIR = needs.load().by_name["damp-air"]
PRODUCTS = [
    Product(id="drymax", name="DryMax", category="dehumidifier", stock=5),
    Product(id="drymini", name="DryMini", category="dehumidifier", stock=5),
    Product(id="salt", name="Salt", category="moisture-absorber", stock=5),
    Product(id="lamp", name="Lamp", category="lighting", stock=5),
]
EVEN = {product.id: 1.0 for product in PRODUCTS}
HOME = ZoneInfo("Europe/Berlin")


def found(affinity: dict[str, float] | None = None, owned: frozenset[str] = frozenset()) -> list[Candidate]:
    return candidates(DAMP_AIR, PRODUCTS, EVEN | (affinity or {}), owned)


def offering(found: list[Candidate]) -> dict[str, Any]:
    """The facts that follow from candidates."""
    return {"candidates": tuple(found), "choice": choose(found, "p1", explore=False)}


def facts(**changes: Any) -> Facts:
    """Facts under which a push goes out, but for the changes."""
    good = Facts(
        now=NOW,
        site="home-1",
        household="ada",
        person="ada-1",
        need="damp-air",
        episode="e1",
        push="p1",
        confirmed_at=NOW - timedelta(minutes=1),
        consent=True,
        zone=HOME,
        quiet=Window.read("22:00-08:00"),
        **offering(found()),
    )
    return replace(good, **changes)


NOT_WORTH_IT = offering(found(dict.fromkeys(EVEN, 0.001)))
FIRST = Rival(push="p2", need="heat", kind="safety", margin=0.0)
SECOND = Rival(push="p1", need="damp-air", kind="marketing", margin=900.0)
MET = Met(condition="outdoor temperature, above 5", result="met", value=9.0, at=NOW)
# By gate: facts that it holds back, and no other gate does; what it says; and the outcome.
HELD: dict[str, list[tuple[dict[str, Any], str, str]]] = {
    "kill-switch": [({"switched_off": "a wrong price"}, "all pushes are stopped (a wrong price)", "suppress")],
    "linked": [({"household": None, "person": None}, "aircue-cloud site link home-1", "suppress")],
    "dedupe": [({"pushed_before": True}, "has had its push", "suppress")],
    "sensor": [
        ({"flag": "STUCK"}, "the sensor is at fault: its latest reading is flagged STUCK", "suppress"),
        ({"fall": 4.2}, "a window stands open: the room cooled down by 4.2 °C", "suppress"),
    ],
    "consent": [
        ({"consent": None}, "has not agreed to the use of sensor data for marketing", "suppress"),
        ({"consent": False}, "has withdrawn its agreement", "suppress"),
    ],
    "suppression": [
        ({"stopped": True}, "ada-1 wants no offers about damp-air", "suppress"),
        ({"muted": True}, "ada-1 has switched damp-air off", "suppress"),
        ({"snoozed_until": NOW + timedelta(hours=1)}, "left alone about damp-air until 21 Nov 2026 13:00", "suppress"),
    ],
    "audience": [
        (
            {"audience": (Met(condition="language one of zh", result="unmet", value="en"),)},
            "damp-air is not for ada-1: language one of zh (found en)",
            "suppress",
        ),
    ],
    "conditions": [
        (
            {"conditions": (MET, Met(condition="outdoor rain, below 0.5", result="unmet", value=1.0, at=NOW))},
            "what must hold besides does not: outdoor rain, below 0.5 (found 1.0 at 21 Nov 2026 12:00 UTC)",
            "suppress",
        ),
        (
            {"conditions": (Met(condition="person steps, above 5", result="missing"),)},
            "besides is not known",
            "suppress",
        ),
        (
            {"conditions": (Met(condition="person steps, above 5", result="stale", value=9.0, at=NOW),)},
            "was known too long ago: person steps, above 5 (found 9.0",
            "suppress",
        ),
        (
            {"conditions": (MET, Met(condition="person steps, above 5", result="unmet", value=3.0, wait_s=60.0))},
            "what must hold besides does not: person steps, above 5 (found 3.0)",
            "defer",
        ),
        (
            {"conditions": tuple(Met(condition="x", result="unmet", wait_s=wait_s) for wait_s in (60.0, 0.0))},
            "what must hold besides does not: x",
            "suppress",
        ),
        (
            {"conditions": (Met(condition="x", result="unmet", wait_s=86_400.0),)},
            "what must hold besides does not: x",
            "suppress",
        ),
    ],
    "eligible": [
        ({"candidates": ()}, "each is owned already", "suppress"),
        ({"candidates": tuple(found(owned=frozenset(EVEN)))}, "each is owned already", "suppress"),
    ],
    "rest": [
        (
            {"bought": Bought(product="DryMax", at=NOW - timedelta(days=7))},
            "bought DryMax against damp-air",
            "suppress",
        ),
    ],
    "cooldown": [
        (
            {"last_offer": LastOffer(category="dryer", at=NOW - timedelta(days=13))},
            "none before 22 Nov 2026",
            "suppress",
        ),
    ],
    "expiry": [
        ({"confirmed_at": NOW - timedelta(hours=24)}, "too long ago", "suppress"),
        ({"cleared_at": NOW}, "damp-air is over", "suppress"),
        ({"withdrawn": True}, "damp-air never was", "suppress"),
    ],
    "worth": [
        (NOT_WORTH_IT, "worth an interruption", "suppress"),
        (
            {"choice": Choice(chosen=None, propensity=0.1, propensities={"drymax": 0.9}, none=0.1)},
            "exploration drew no push",
            "suppress",
        ),
    ],
    "arbitration": [({"rivals": (FIRST, SECOND)}, "heat (safety) comes first", "suppress")],
    "quiet-hours": [
        ({"quiet": Window.read("11:00-14:00"), "zone": ZoneInfo("UTC")}, "quiet hours (11:00-14:00, UTC)", "defer"),
        (
            {"quiet": Window.read("11:00-14:00"), "zone": ZoneInfo("UTC"), "push_ttl": timedelta(hours=2)},
            "by then the offer is over",
            "suppress",
        ),
    ],
    "caps": [
        ({"sent": (NOW - timedelta(hours=11),)}, "1 today, and 1 a day is the cap", "suppress"),
        ({"sent": (NOW - timedelta(hours=19),)}, "less than 20 hours old", "suppress"),
        ({"sent": tuple(NOW - timedelta(days=n) for n in (2, 4, 6))}, "3 within seven days", "suppress"),
        ({"caps": Caps(day=0)}, "0 a day is the cap", "suppress"),
    ],
    "holdout": [
        ({"holdout": 1.0}, "in the holdout (global)", "ghost"),
        ({"need_holdout": 1.0}, "in the holdout (need:damp-air)", "ghost"),
    ],
}
CASES = [pytest.param(gate, *case, id=f"{gate}-{n}") for gate, cases in HELD.items() for n, case in enumerate(cases)]


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

    def test_the_margin_of_an_offer_is_what_the_need_adds_to_it(self) -> None:
        rich = replace(found()[0], product=replace(PRODUCTS[0], margin_minor=3000.0), affinity=1.5, lift=3.0)
        assert rich.incremental_margin == pytest.approx(1.5 * 2.0 * 3000)
        assert replace(rich, lift=0.5).incremental_margin == 0.0


class TestPolicy:
    def test_where_every_gate_passes_the_best_candidate_is_sent(self) -> None:
        verdict = decide(facts())
        assert (verdict.outcome, verdict.winner) == ("send", found()[0])
        assert [gate.result for gate in verdict.gates] == ["pass"] * len(GATES)

    def test_the_gates_stand_in_the_order_of_the_document(self) -> None:
        page = Path(__file__).parents[2].joinpath("docs/push.md").read_text(encoding="utf-8")
        assert re.findall(r"^\| \d+ \| `([a-z-]+)` \|", page, re.MULTILINE) == list(GATES)

    @pytest.mark.parametrize(("gate", "changes", "said", "outcome"), CASES)
    def test_each_gate_holds_a_push_back_and_says_why(
        self, gate: str, changes: dict[str, Any], said: str, outcome: str
    ) -> None:
        verdict = decide(facts(**changes))
        assert (verdict.outcome, verdict.winner is not None) == (outcome, outcome == "ghost")
        assert said in verdict.reason
        at = list(GATES).index(gate)
        assert [result.result for result in verdict.gates] == ["pass"] * at + ["fail"] + ["not reached"] * (
            len(GATES) - at - 1
        )

    @pytest.mark.parametrize("gate", list(GATES))
    def test_without_a_gate_what_it_holds_back_goes_on(self, gate: str) -> None:
        """Each gate is the only one that holds its cases back. A gate without a case here fails."""
        others = {name: check for name, check in GATES.items() if name != gate}
        for changes, _, _ in HELD[gate]:
            assert decide(facts(**changes), others).outcome == "send"

    def test_the_cooldown_ends_after_its_days(self) -> None:
        last = LastOffer(category="dryer", at=NOW - COOLDOWN)
        assert decide(facts(last_offer=last)).outcome == "send"

    def test_no_push_is_better_than_a_candidate_of_its_score(self) -> None:
        even = replace(found()[0], lift=1.0, cost=0.0, affinity=float(np.exp(NO_PUSH_SCORE)))
        assert decide(facts(**offering([even]))).outcome == "suppress"
        assert decide(facts(**offering([replace(even, affinity=even.affinity * 1.01)]))).outcome == "send"

    def test_a_deferral_says_when_everything_is_run_again(self) -> None:
        verdict = decide(facts(quiet=Window.read("22:00-14:00")))
        assert (verdict.outcome, verdict.until) == ("defer", NOW.replace(hour=13))  # Berlin is an hour ahead

    def test_safety_has_no_quiet_hours_no_caps_and_no_holdout(self) -> None:
        disturbing = {"quiet": Window.read("00:00-23:59"), "caps": Caps(day=0), "holdout": 1.0}
        assert decide(facts(**disturbing)).outcome == "defer"
        assert decide(facts(**disturbing, kind="safety")).outcome == "send"
        assert decide(facts(**disturbing | {"quiet": None}, kind="service")).outcome == "send"

    def test_null_is_no_cap_and_0_is_none_at_all(self) -> None:
        often = tuple(NOW - timedelta(minutes=n) for n in range(1, 50))
        assert decide(facts(sent=often, caps=Caps(day=None, week=None, apart_h=None))).outcome == "send"
        assert decide(facts(caps=Caps(day=None, week=0, apart_h=None))).outcome == "suppress"

    def test_the_more_urgent_and_then_the_more_profitable_push_comes_first(self) -> None:
        mine = replace(SECOND, margin=1000.0)
        other = Rival(push="p3", need="cold", kind="marketing", margin=999.0)
        assert decide(facts(rivals=(mine, other))).outcome == "send"
        assert decide(facts(rivals=(replace(mine, margin=998.0), other))).outcome == "suppress"

    def test_who_stands_behind_an_earlier_gate_is_nobodys_rival(self) -> None:
        assert rival(facts()) is not None
        assert rival(facts(consent=False)) is None
        assert rival(facts(**NOT_WORTH_IT)) is None

    def test_an_offer_ends_with_its_condition_or_its_time_whichever_is_first(self) -> None:
        ttl = NOW - timedelta(minutes=1) + timedelta(hours=24)
        assert facts().expires_at == ttl
        assert facts(cleared_at=NOW + timedelta(hours=1)).expires_at == NOW + timedelta(hours=1)
        assert facts(cleared_at=NOW + timedelta(days=3)).expires_at == ttl


class TestMessage:
    @staticmethod
    def occasion(**changes: Any) -> Occasion:
        usual = Occasion(
            node="bathroom",
            enter=80.0,
            value=84.0,
            held_s=900.0,
            product="DryMax",
            day_s=7800.0,
            day=NOW.date(),
            today=NOW.date(),
        )
        return changed(usual, **changes)

    def test_the_reason_says_in_plain_words_what_was_measured(self) -> None:
        message = write(DAMP_AIR.messages["en"], self.occasion())
        assert message.reason == "Your bathroom was above 80 % humidity for 2 h 10 min today (it measured 84 %)."
        assert message.text.startswith("DryMax")

    def test_the_same_in_chinese(self) -> None:
        language, template = DAMP_AIR.message("zh")
        message = write(template, self.occasion(node="guest-bath"), language)
        assert message.reason == "您的guest bath今天共有2小时10分钟湿度高于80%（测得84%）。"  # noqa: RUF001  # Chinese brackets

    def test_a_language_that_a_need_does_not_speak_is_english(self) -> None:
        assert DAMP_AIR.message("xx") == ("en", DAMP_AIR.messages["en"])

    @pytest.mark.parametrize(
        ("day_s", "days", "said"),
        [(900.0, 0, "15 min today"), (3600.0, 1, "1 h yesterday"), (29.0, 9, "0 min on 12 Nov 2026")],
    )
    def test_a_day_that_is_not_today_is_named(self, day_s: float, days: int, said: str) -> None:
        message = write(DAMP_AIR.messages["en"], self.occasion(day_s=day_s, day=NOW.date() - timedelta(days=days)))
        assert said in message.reason

    def test_a_value_keeps_one_decimal_and_a_nodes_name_becomes_words(self) -> None:
        message = write(DAMP_AIR.messages["en"], self.occasion(node="guest-bath_2", value=84.26, product="{room}"))
        assert message.reason.startswith("Your guest bath 2 was")
        assert "(it measured 84.3 %)" in message.reason
        assert message.text.startswith("{room}")

    @pytest.mark.parametrize("need", list(needs.load().by_name.values()), ids=lambda need: need.name)
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_every_need_has_a_message_in_every_language(self, need: needs.Need, language: str) -> None:
        message = write(need.messages[language], self.occasion(product="Thing"), language)
        assert "Thing" in message.text
        assert message.reason.endswith((".", "。"))
        assert ("today" in message.reason) == (language == "en")
