"""Episodes at the edge: the cloud's rules on trusted values, and their states through restarts."""

import json
from typing import Any

import pytest

from aircue_gateway.alerts import NO_RULES, Alerts, RulesError, decode_rules, decode_state, encode_state
from aircue_gateway.episodes import Change, Phase

DAMP: dict[str, Any] = {
    "need": "damp-air",
    "quantity": "humidity",
    "direction": "above",
    "enter": 80,
    "exit": 78,
    "dwell_s": 60,
    "keep_s": 60,
    "max_gap_s": 1800,
    "on_start": "fire",
}


def document(*rules: dict[str, Any]) -> str:
    return json.dumps({"version": "7", "rules": rules})


def test_a_rule_runs_on_every_node_by_itself() -> None:
    alerts = Alerts(decode_rules(document(DAMP)), {})
    assert alerts.update("bathroom", "humidity", 0, 85) == [("damp-air", Change.ARMED)]
    assert alerts.update("kitchen", "humidity", 60, 85) == [("damp-air", Change.ARMED)]
    assert alerts.update("bathroom", "humidity", 60, 85) == [("damp-air", Change.STARTED)]
    assert alerts.update("bathroom", "temperature", 90, 85) == []


def test_states_that_are_stored_go_on_where_they_were() -> None:
    rules = decode_rules(document(DAMP))
    before = Alerts(rules, {})
    before.update("bathroom", "humidity", 0, 85)
    moved = before.take()
    stored = {key: decode_state(encode_state(state)) for key, state in moved.items()}
    assert {key: vars(state) for key, state in stored.items()}.keys() == moved.keys()
    assert stored["damp-air", "bathroom"].phase is Phase.PENDING
    assert Alerts(rules, stored).update("bathroom", "humidity", 60, 85) == [("damp-air", Change.STARTED)]


def test_new_rules_keep_the_episodes_of_needs_that_stay() -> None:
    alerts = Alerts(NO_RULES, {})
    assert alerts.update("bathroom", "humidity", 0, 85) == []
    alerts.replace(decode_rules(document(DAMP)))
    alerts.update("bathroom", "humidity", 30, 85)
    alerts.update("bathroom", "humidity", 90, 85)
    alerts.replace(decode_rules(document({**DAMP, "enter": 70, "exit": 68})))
    assert alerts.version == "7"
    assert alerts.update("bathroom", "humidity", 120, 75) == []
    assert alerts.update("bathroom", "humidity", 150, 65) == [("damp-air", Change.RECOVERING)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ('{"version": 3, "rules": []}', "version is no text"),
        (document({**DAMP, "enter": "80"}), "need 'damp-air': enter missing or of the wrong type"),
        (document({**DAMP, "enter": True}), "need 'damp-air': enter missing"),
        (document({**DAMP, "exit": 90}), "exit 90 lies beyond enter 80"),
        (document({**DAMP, "direction": "up"}), "direction 'up'"),
        ('{"version": "3", "rules": [1]}', "1 is no object"),
    ],
)
def test_rules_that_cannot_run_are_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(RulesError, match=said):
        decode_rules(text)
