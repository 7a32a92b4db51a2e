"""Episodes at the edge: the cloud's rules on trusted values, and their states through restarts."""

import json
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aircue_gateway.alerts import (
    NO_RULES,
    Alerts,
    Key,
    Rules,
    RulesError,
    Standing,
    decode_rules,
    decode_state,
    encode_state,
)
from aircue_gateway.episodes import Change, Phase, State
from aircue_gateway.spool import rows

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
    assert stored.keys() == moved.keys()
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


def test_keys_with_defaults_may_be_missing_and_keys_of_a_newer_cloud_are_ignored() -> None:
    plain = {key: value for key, value in DAMP.items() if key != "on_start"}
    rule = decode_rules(document({**plain, "of_a_later_cloud": 1})).rules[0]
    assert (rule.on_missing, rule.on_start, rule.lateness_s) == ("hold", "suppress", 0.0)
    with pytest.raises(RulesError, match="need 'damp-air': lateness_s missing or of the wrong type"):
        decode_rules(document({**DAMP, "lateness_s": "900"}))


def test_a_state_that_was_stored_before_episodes_had_ids_is_read() -> None:
    old = '{"phase": "firing", "since": 0.0, "held_s": 60.0, "last_at": 60.0, "peak": 85.0}'
    alerts = Alerts(decode_rules(document(DAMP)), {("damp-air", "bath"): decode_state(old)})
    assert alerts.update("bath", "humidity", 120, 70) == [("damp-air", Change.RECOVERING)]
    assert alerts.update("bath", "humidity", 180, 70) == [("damp-air", Change.ENDED)]


Readings = list[tuple[float, float]]
READINGS = st.lists(st.tuples(st.integers(1, 90), st.sampled_from((75.0, 79.0, 85.0))), max_size=40).map(
    lambda steps: list(
        zip(accumulate(float(passed) for passed, _ in steps), (value for _, value in steps), strict=True)
    )
)


class Ids:
    """Counts where the gateway draws."""

    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self) -> str:
        self.drawn += 1
        return f"id-{self.drawn}"


def fed(alerts: Alerts, readings: Readings) -> None:
    for at, value in readings:
        alerts.update("bath", "humidity", at, value)


def standing(alerts: Alerts) -> Standing:
    state = alerts.take()["damp-air", "bath"]
    assert isinstance(state, Standing)
    return state


def rules(**changes: Any) -> Rules:
    return decode_rules(document({**DAMP, "max_gap_s": 80, **changes}))


@given(readings=READINGS, lateness=st.sampled_from((0, 300)), data=st.data())
def test_a_restart_at_any_point_gives_the_same_episodes_with_the_same_ids(
    readings: Readings, lateness: int, data: st.DataObject
) -> None:
    """Whatever comes late or twice, and whichever commit was the last before the restart."""
    whole, again = Alerts(rules(lateness_s=lateness), {}, Ids()), Alerts(rules(lateness_s=lateness), {}, draw := Ids())
    stored: dict[Key, State] = {}
    for at, value in disordered(readings, data):
        whole.update("bath", "humidity", at, value)
        again.update("bath", "humidity", at, value)
        if data.draw(st.booleans()):
            stored |= as_the_spool_keeps_them(again.take(), stored)
            again = Alerts(rules(lateness_s=lateness), stored, draw)
    stored |= again.take()
    assert all(plainly(stored[key]) == plainly(state) for key, state in whole.take().items())


def as_the_spool_keeps_them(moved: Mapping[Key, State], stored: Mapping[Key, State]) -> dict[Key, State]:
    written = json.dumps([rows.state_row(key, state, stored.get(key)) for key, state in moved.items()])
    return dict(rows.state_of(row, stored) for row in json.loads(written))


def plainly(state: State) -> dict[str, Any]:
    """Only a rule that allows for late readings keeps more than a state and its episodes."""
    return {"episodes": (), "recent": (), "before": None} | vars(state)


def disordered(readings: Readings, data: st.DataObject) -> Readings:
    """Some of the readings once more, or moved to a later place."""
    found = list(readings)
    for _ in range(data.draw(st.integers(0, 4)) if readings else 0):
        at = data.draw(st.integers(0, len(found) - 1))
        one = found[at] if data.draw(st.booleans()) else found.pop(at)
        found.insert(data.draw(st.integers(at, len(found))), one)
    return found


@given(readings=READINGS, data=st.data())
def test_late_readings_within_lateness_give_what_order_would_have_given(
    readings: Readings, data: st.DataObject
) -> None:
    """Some come late, some twice: the state and the spans of the episodes are those of the readings in order."""
    late = data.draw(st.lists(st.sampled_from(readings), max_size=6, unique=True)) if len(readings) > 2 else []
    late = [one for one in late if one not in (readings[0], readings[-1])]
    changes = rules(lateness_s=100_000)
    ordered, shuffled = Alerts(changes, {}, Ids()), Alerts(changes, {}, Ids())
    fed(ordered, readings)
    fed(shuffled, [one for one in readings if one not in late])
    fed(shuffled, late + late)
    if readings:
        one, other = standing(ordered), standing(shuffled)
        assert (one.phase, one.since, one.held_s, one.peak) == (other.phase, other.since, other.held_s, other.peak)
        assert [(e.started, e.ended) for e in one.episodes] == [(e.started, e.ended) for e in other.episodes]


@given(READINGS)
def test_readings_that_come_twice_change_nothing(readings: Readings) -> None:
    once, twice = Alerts(rules(), {}, Ids()), Alerts(rules(), {}, Ids())
    fed(once, readings)
    fed(twice, [one for one in readings for _ in (0, 1)])
    if readings:
        assert standing(once) == standing(twice)


def test_late_readings_move_an_episode_and_keep_its_id() -> None:
    alerts = Alerts(rules(lateness_s=600), {}, Ids())
    fed(alerts, [(0, 75), (60, 85), (120, 85)])
    first = standing(alerts).episode
    assert first is not None
    alerts.update("bath", "humidity", 30, 85)
    moved = standing(alerts).episode
    assert moved is not None
    assert (moved.id, moved.started, first.started) == (first.id, 30, 60)


def test_an_episode_that_late_readings_interrupt_is_gone_and_said_to_have_ended() -> None:
    alerts = Alerts(rules(lateness_s=600), {}, Ids())
    fed(alerts, [(0, 75), (60, 85), (120, 85)])
    assert alerts.update("bath", "humidity", 90, 70) == [("damp-air", Change.ENDED)]
    assert standing(alerts).episodes == ()


def test_what_comes_later_than_lateness_changes_nothing() -> None:
    alerts = Alerts(rules(lateness_s=60), {}, Ids())
    fed(alerts, [(0, 75), (60, 85), (120, 85), (180, 85)])
    before = standing(alerts)
    assert alerts.update("bath", "humidity", 90, 70) == []
    assert alerts.take() == {}
    assert before.episode is not None


def test_an_overlapping_version_of_the_rules_keeps_the_id() -> None:
    alerts = Alerts(rules(), {}, Ids())
    fed(alerts, [(0, 75), (60, 85), (120, 85)])
    before = standing(alerts).episode
    alerts.replace(rules(enter=70, exit=68))
    fed(alerts, [(180, 75)])
    assert standing(alerts).episode == before is not None


def test_a_clock_ten_years_ahead_does_not_silence_the_rules_when_it_comes_back() -> None:
    alerts = Alerts(rules(), {}, Ids())
    fed(alerts, [(0, 75), (3e8, 75)])
    alerts.rewind("bath", 100)
    assert alerts.update("bath", "humidity", 160, 85) == [("damp-air", Change.ARMED)]
    assert alerts.update("bath", "humidity", 220, 85) == [("damp-air", Change.STARTED)]


def test_two_episodes_that_a_late_reading_makes_one_are_the_first() -> None:
    alerts = Alerts(rules(lateness_s=600), {}, Ids())
    fed(alerts, [(0, 75), (60, 85), (120, 85), (180, 70), (240, 70), (300, 85), (360, 85)])
    assert [one.id for one in standing(alerts).episodes] == ["id-1", "id-2"]
    alerts.update("bath", "humidity", 210, 85)
    assert [(one.id, one.started, one.ended) for one in standing(alerts).episodes] == [("id-1", 60, None)]


class Watchful(Alerts):
    """Looks at every rule for every reading."""

    def _calm(self, series: Any, rows: Any) -> None:
        """Never."""


QUANTITIES = {"humidity": (60.0, 75.0, 79.0, 85.0), "temperature": (10.0, 16.5, 20.0, 30.0)}
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("read", "read", "read", "read", "read", "take", "replace", "rewind")),
        st.sampled_from(("bath", "kitchen")),
        st.sampled_from(tuple(QUANTITIES)),
        st.integers(0, 3),
        st.integers(-60, 300),
    ),
    max_size=60,
)


@example(
    events=[
        ("read", "bath", "temperature", 2, 10),
        ("read", "bath", "humidity", 3, 10),
        ("read", "bath", "temperature", 2, 10),
    ],
    shared=True,
    lateness_s=0,
    on_start="fire",
)
@given(
    events=EVENTS,
    shared=st.booleans(),
    lateness_s=st.sampled_from((0, 120)),
    on_start=st.sampled_from(("fire", "suppress")),
)
def test_rules_that_are_idle_miss_nothing(
    events: list[tuple[str, str, str, int, int]], shared: bool, lateness_s: int, on_start: str
) -> None:
    """Readings that can change nothing take a short way; what is found, told and stored is the same as on the long."""
    heat = {**DAMP, "need": "heat", "quantity": "temperature", "enter": 28, "exit": 27, "on_start": on_start}
    cold = {**heat, "need": "damp-air" if shared else "cold", "direction": "below", "enter": 16, "exit": 17}
    dry = {**DAMP, "need": "dry", "direction": "below", "enter": 65, "exit": 70, "lateness_s": lateness_s}
    rules = [
        decode_rules(document(DAMP, heat, cold, dry)),
        decode_rules(document({**DAMP, "enter": 76, "exit": 74}, cold)),
    ]
    quick, watchful = (kind(rules[0], {}, iter(map(str, range(1000))).__next__) for kind in (Alerts, Watchful))
    at = 0
    for place, (what, node, quantity, which, passed) in enumerate(events):
        at += passed
        if what == "read":
            reading = (node, quantity, float(at), QUANTITIES[quantity][which])
            assert quick.update(*reading) == watchful.update(*reading)
        elif what == "take":
            assert quick.take() == watchful.take()
        elif what == "replace":
            quick.replace(rules[place % 2])
            watchful.replace(rules[place % 2])
        else:
            quick.rewind(node, at - 1000.0)
            watchful.rewind(node, at - 1000.0)
    assert quick.take() == watchful.take()
