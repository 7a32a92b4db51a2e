"""Needs as binary sensors of Home Assistant: topics, payloads, and when they are told."""

import json
from dataclasses import replace

from tests.rules import DAMP

from aircue_gateway.alerts import Episode, Standing
from aircue_gateway.episodes import Phase, State
from aircue_gateway.home_assistant import Announcer, discovery, removal, state

SITES = {"bath": "home-1"}
KEY = ("damp-air", "bath")


def test_discovery_names_the_sensor_and_where_its_state_is() -> None:
    topic, payload = discovery("gw-1", "home-1", "bath", DAMP)
    fields = json.loads(payload)
    assert topic == "homeassistant/binary_sensor/aircue_gw-1_bath_damp-air/config"
    assert fields["state_topic"] == "aircue/home-1/bath/need/damp-air"
    assert (fields["unique_id"], fields["name"]) == ("aircue_gw-1_bath_damp-air", "Damp air")
    assert (fields["device_class"], fields["expire_after"]) == ("moisture", 1800)
    assert fields["device"]["identifiers"] == ["bath"]
    assert removal("gw-1", "home-1", "bath", "damp-air") == [(topic, b""), (fields["state_topic"], b"")]


def test_a_name_that_no_topic_can_carry_is_made_one() -> None:
    topic, _ = discovery("gw 1", "home-1", "bäth/+", DAMP)
    assert topic == "homeassistant/binary_sensor/aircue_gw_1_b_th___damp-air/config"


def test_the_state_says_on_with_its_episode_until_recovery_is_over() -> None:
    firing = Standing(
        phase=Phase.FIRING, since=1.7e9, last_at=1.7e9 + 900, peak=91.0, episodes=(Episode("id-1", 1.7e9, None),)
    )
    topic, payload = state("home-1", "bath", DAMP, firing)
    assert topic == "aircue/home-1/bath/need/damp-air"
    assert json.loads(payload) == {
        "state": "ON",
        "phase": "firing",
        "since": "2023-11-14T22:13:20+00:00",
        "peak": 91.0,
        "measured_at": "2023-11-14T22:28:20+00:00",
        "episode": "id-1",
    }
    for phase, expected in ((Phase.IDLE, "OFF"), (Phase.PENDING, "OFF"), (Phase.RECOVERING, "ON")):
        assert json.loads(state("home-1", "bath", DAMP, State(phase=phase))[1])["state"] == expected


def test_a_need_is_announced_once_and_told_at_every_change_and_before_it_expires() -> None:
    announcer = Announcer("gw-1")

    def told(phase: Phase, at: float) -> list[str]:
        moved = {KEY: State(phase=phase, last_at=at)}
        return [topic.rsplit("/", 1)[-1] for topic, _ in announcer.messages([DAMP], moved, SITES)]

    assert told(Phase.IDLE, 0) == ["config", "damp-air"]
    assert told(Phase.IDLE, 60) == []
    assert told(Phase.PENDING, 120) == ["damp-air"]
    assert told(Phase.PENDING, 120 + DAMP.max_gap_s / 2) == ["damp-air"]


def test_nodes_and_needs_nobody_knows_are_not_announced() -> None:
    announcer = Announcer("gw-1")
    assert announcer.messages([DAMP], {("damp-air", "attic"): State()}, SITES) == []
    assert announcer.messages([DAMP], {("heat", "bath"): State()}, SITES) == []


def test_needs_that_are_gone_are_taken_out_and_the_others_announced_anew() -> None:
    announcer = Announcer("gw-1")
    heat = replace(DAMP, need="heat", quantity="temperature")
    announcer.messages([DAMP, heat], {KEY: State(), ("heat", "bath"): State()}, SITES)
    assert announcer.forget([DAMP]) == removal("gw-1", "home-1", "bath", "heat")
    assert len(announcer.messages([DAMP], {KEY: State()}, SITES)) == 2
