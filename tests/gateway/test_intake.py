"""From messages to rows: repetitions, order, times, births, bad neighbours, phases of episodes."""

import json
import logging
from typing import Any

import pytest
from tests.gateway.samples import (
    BEGAN_S,
    BOOT,
    CHANNELS,
    INSTALLATION,
    INTERVAL_S,
    NODE,
    STREAM,
    backlog,
    birth,
    live,
    message,
)

from aircue_gateway.alerts import decode_rules
from aircue_gateway.batch import Loss, Status
from aircue_gateway.config import CleaningConfig, DeadbandConfig
from aircue_gateway.intake import Intake
from aircue_gateway.ledger import Count
from aircue_gateway.message import DISCOVERY, Message
from aircue_gateway.window import RevisionRow, Stored, Window
from aircue_node import contract

NOW_MS = (BEGAN_S + 10_000) * 1000
RULES = {
    "version": "1",
    "rules": [
        {
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
    ],
}


def intake(born: bool = True, rules: bool = False, **cleaning: Any) -> Intake:
    stored = Stored(rules=decode_rules(json.dumps(RULES))) if rules else Stored()
    one = Intake(CleaningConfig(**cleaning), stored)
    if born:
        one.take(message("birth", birth(), retain=True), NOW_MS)
        one.swap()
    return one


def taken(one: Intake, *messages: Message) -> Window:
    for number, each in enumerate(messages):
        one.take(each, NOW_MS, receipt=number)
    return one.swap()


def stored(window: Window) -> list[int]:
    return [row.sequence for row in window.samples]


def test_a_sample_is_stored_once_however_often_it_comes() -> None:
    one = intake()
    first = taken(one, message("samples", live(1)), message("samples", live(1)))
    second = taken(one, message("backlog", backlog([1, 2]), duplicate=True))
    assert (stored(first), stored(second)) == ([1], [2])
    assert first.counts[Count.SAMPLES_REDELIVERED] == 1
    assert second.counts[Count.SAMPLES_REDELIVERED] == 2
    assert second.counts[Count.SAMPLES_RECEIVED] == 2
    assert second.counts[Count.SAMPLES_STORED] == 1


def test_what_is_on_disk_is_acked_repetitions_included() -> None:
    one = intake()
    taken(one, message("samples", live(1)))
    window = taken(one, message("samples", live(5)), message("backlog", backlog([1, 2, 3])))
    assert window.acks[STREAM].ranges() == [(1, 3), (5, 5)]
    assert window.receipts == [0, 1]
    assert window.streams[STREAM].ranges == ((1, 3), (5, 5))


def test_a_sample_before_its_birth_waits_for_it_without_receipt_or_ack() -> None:
    one = intake(born=False)
    early = taken(one, message("samples", live(1)))
    assert (early.samples, early.receipts, early.acks) == ([], [], {})
    assert early.counts[Count.AWAITING_BIRTH] == 1
    late = taken(one, message("birth", birth()))
    assert stored(late) == [1]
    assert sorted(late.receipts) == [0, 0]
    assert late.acks[STREAM].ranges() == [(1, 1)]


def test_a_birth_presses_and_is_retained() -> None:
    one = intake(born=False)
    one.take(message("birth", birth(), retain=True), NOW_MS)
    assert one.pressing
    topic = contract.topic(NODE.site, NODE.id, "birth")
    assert one.retained == {topic: birth()}
    assert one.swap().retained == {topic: birth()}


def test_a_window_presses_when_256_samples_wait() -> None:
    one = intake()
    for sequence in range(1, 256):
        one.take(message("samples", live(sequence)), NOW_MS)
    assert not one.pressing
    one.take(message("samples", live(256)), NOW_MS)
    assert one.pressing


BAD_ROW = {"s": 2, "u": 60_000, "t": 0, "v": ["warm", 5500]}


def test_a_bad_row_is_set_aside_acked_and_declared_and_its_neighbours_arrive() -> None:
    rows = json.loads(backlog([1, 3]))
    rows["m"].insert(1, BAD_ROW)
    window = taken(intake(), message("backlog", json.dumps(rows).encode()))
    assert stored(window) == [1, 3]
    (letter,) = window.dead_letters
    assert letter.reason.startswith("aircue/home-1/bathroom/backlog: v: expected integers")
    assert json.loads(letter.payload) == BAD_ROW
    assert window.acks[STREAM].ranges() == [(1, 3)]
    lost = Loss(node=NODE.id, installation=INSTALLATION, boot=BOOT, first=2, last=2, samples=1, where="gateway")
    assert window.losses == [lost]
    assert (window.counts[Count.DEAD_LETTERS], window.counts[Count.SAMPLES_SET_ASIDE]) == (1, 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (message("samples", b"{"), "payload: expected a JSON object"),
        (message("birth", b'{"v":2}'), "contract version 1, found 2"),
        (message("weather", b"{}"), "topic: expected one of aircue/home-1/bathroom/{birth, samples"),
        (Message(NODE, "aircue/home-1/kitchen/samples", "", live(9)), "the only topics node bathroom may publish to"),
    ],
)
def test_a_malformed_message_is_receipted_and_set_aside_with_its_reason(bad: Message, reason: str) -> None:
    window = taken(intake(), message("samples", live(1)), bad, message("samples", live(2)))
    assert stored(window) == [1, 2]
    assert window.receipts == [0, 1, 2]
    (letter,) = window.dead_letters
    assert reason in letter.reason
    assert (letter.topic, letter.payload) == (bad.topic, bad.payload)


def test_a_node_with_its_own_time_dates_its_samples() -> None:
    (row,) = taken(intake(), message("samples", live(4))).samples
    assert (row.measured_at_ms, row.resolved) == ((BEGAN_S + 4 * INTERVAL_S) * 1000, False)


def test_a_backlog_without_time_is_dated_by_the_sample_that_has_one() -> None:
    rows = json.loads(backlog([1, 2, 3], timed=False))
    rows["m"][2]["t"] = BEGAN_S + 3 * INTERVAL_S
    window = taken(intake(), message("backlog", json.dumps(rows).encode()))
    assert [(row.measured_at_ms // 1000 - BEGAN_S, row.resolved) for row in window.samples] == [
        (30, True),
        (60, True),
        (90, False),
    ]


def test_without_any_time_samples_are_dated_by_arrival() -> None:
    window = taken(intake(), message("backlog", backlog([1, 2, 3], timed=False)))
    assert [NOW_MS - row.measured_at_ms for row in window.samples] == [60_000, 30_000, 0]


def test_a_status_says_how_late_a_backlog_is() -> None:
    status = contract.encode_status(INSTALLATION, BOOT, 900_000, 1000, 3, [], {})
    window = taken(intake(), message("status", status), message("backlog", backlog([1], timed=False)))
    assert NOW_MS - window.samples[0].measured_at_ms == 870_000


def test_what_a_node_refused_is_logged_once_a_change(caplog: pytest.LogCaptureFixture) -> None:
    def status(refusals: int) -> Message:
        text = "packet type 0 is reserved"
        return message(
            "status", contract.encode_status(INSTALLATION, BOOT, 1, 1, 0, [], {}, text, refusals), retain=True
        )

    with caplog.at_level(logging.WARNING, "aircue.gateway"):
        taken(intake(), status(0), status(2), status(2), status(3))
    refused = [line for line in caplog.messages if "event=node_refused" in line]
    assert [line.partition("refusals=")[2] for line in refused] == [
        '2 last="packet type 0 is reserved"',
        '3 last="packet type 0 is reserved"',
    ]


def test_failed_reads_of_a_sensor_are_counted_once_each_through_restarts() -> None:
    def status(failed: int) -> Message:
        payload = contract.encode_status(INSTALLATION, BOOT, 900_000, 1000, 3, [], {"sht4x": failed})
        return message("status", payload, retain=True)

    one = intake()
    first = taken(one, status(2), status(2), status(5))
    assert first.counts[Count.SENSOR_FAULTS] == 5
    restarted = Intake(CleaningConfig(), Stored(retained=first.retained))
    assert taken(restarted, status(5)).counts[Count.SENSOR_FAULTS] == 0
    assert taken(restarted, status(6)).counts[Count.SENSOR_FAULTS] == 1


def test_an_unbelievable_clock_is_counted_and_the_sample_kept() -> None:
    payload = contract.encode_sample(INSTALLATION, BOOT, (1, 30_000, 946_684_800, [2150, 5500]))
    window = taken(intake(), message("samples", payload))
    assert window.counts[Count.CLOCK_DISBELIEVED] == 1
    assert (window.samples[0].measured_at_ms, window.samples[0].resolved) == (NOW_MS, True)


def test_once_this_machines_clock_is_set_a_nodes_next_status_dates_its_samples_anew() -> None:
    """A Raspberry Pi that was without power for long begins years ago, until it reaches a time server."""
    one, behind_ms = intake(), 10 * 365 * 86_400_000
    one.take(message("samples", live(1, timed=False)), NOW_MS - behind_ms)
    status = {"v": 1, "i": INSTALLATION, "b": BOOT, "state": "online", "u": 60_000, "free": 1, "waiting": 0}
    one.take(message("status", json.dumps({**status, "loss": [], "faults": {}}).encode()), NOW_MS)
    one.take(message("samples", live(2, timed=False)), NOW_MS)
    first, second = one.swap().samples
    assert (first.measured_at_ms, second.measured_at_ms) == (NOW_MS - behind_ms, NOW_MS)


def test_flags_keep_values_and_the_deadband_does_not() -> None:
    one = intake(deadband=DeadbandConfig(width={"temperature": 5.0}))
    window = taken(one, message("samples", live(1)), message("samples", live(2, wire=[2150, 10_100])))
    last = window.samples[-1]
    assert (last.values, last.statuses) == ((None, 10_100), (Status.SUPPRESSED, Status.RANGE))
    assert (window.counts[Count.READINGS_SUPPRESSED], window.counts[Count.READINGS_FLAGGED]) == (1, 1)


def test_a_gap_stays_a_gap() -> None:
    (row,) = taken(intake(), message("samples", live(1, wire=[None, 5500]))).samples
    assert (row.values, row.statuses) == ((None, 5500), (Status.GAP, Status.OK))


def damp(*numbers: int) -> list[Message]:
    return [message("samples", live(number, wire=[2150, 8500])) for number in numbers]


def test_a_change_of_phase_is_urgent_and_its_state_travels_with_the_sample() -> None:
    one = intake(rules=True)
    armed, held, started = taken(one, *damp(1)), taken(one, *damp(2)), taken(one, *damp(3))
    assert [window.urgent for window in (armed, held, started)] == [True, False, True]
    assert started.states["damp-air", NODE.id].phase == "firing"


def test_a_restart_goes_on_with_births_ranges_and_phases() -> None:
    one = intake(born=False, rules=True)
    window = taken(one, message("birth", birth()), *damp(1, 2))
    again = Intake(
        CleaningConfig(),
        Stored(
            births=tuple(window.births),
            streams=window.streams,
            states=window.states,
            rules=decode_rules(json.dumps(RULES)),
        ),
    )
    after = taken(again, *damp(2, 3))
    assert stored(after) == [3]
    assert after.urgent
    assert after.samples[0].birth == window.births[0].id


def test_a_backlog_goes_on_at_once_for_it_may_complete_an_episode() -> None:
    window = taken(intake(), message("backlog", backlog([1])))
    assert (window.late, window.urgent) == (True, False)


def test_a_backlog_does_not_disturb_the_filters_of_live_samples() -> None:
    one = intake()
    taken(one, *[message("samples", live(number)) for number in range(20, 30)])
    window = taken(one, message("backlog", backlog(range(1, 20))), message("samples", live(30, wire=[3000, 5500])))
    assert {status for row in window.samples[:-1] for status in row.statuses} == {Status.OK}
    assert window.samples[-1].statuses == (Status.SPIKE, Status.OK)


def test_a_step_is_told_as_corrections_of_its_first_flags() -> None:
    """In one window or over several: a row names birth, sequence and channel."""
    one = intake()
    taken(one, *[message("samples", live(number)) for number in range(1, 10)])
    step = taken(one, *[message("samples", live(number, wire=[3000, 5500])) for number in (10, 11, 12)])
    after = taken(one, message("samples", live(13, wire=[3000, 5500])))
    assert [row.statuses[0] for row in step.samples] == [Status.SPIKE] * 3
    assert step.revisions == []
    assert [row.statuses[0] for row in after.samples] == [Status.OK]
    birth_id = step.samples[0].birth
    assert after.revisions == [RevisionRow(birth_id, number, 0, Status.OK) for number in (10, 11, 12)]


def test_rules_may_name_what_is_derived_and_local_views_see_it() -> None:
    rule = {
        **RULES["rules"][0],
        "need": "condensation",
        "quantity": "dew_point",
        "enter": 17.5,
        "exit": 16,
        "dwell_s": 0,
    }
    stored = Stored(rules=decode_rules(json.dumps({"version": "2", "rules": [rule]})))
    one = Intake(CleaningConfig(), stored)
    taken(one, message("birth", birth()))
    window = taken(one, *damp(1, 2))
    assert one.airs[NODE.id].latest["dew_point"][1] == pytest.approx(18.9, abs=0.1)
    assert window.states["condensation", NODE.id].phase == "firing"
    assert window.urgent
    gap = taken(one, message("samples", live(3, wire=[None, 4000])))
    assert not gap.states


def test_channels_that_change_within_a_boot_get_their_own_rows() -> None:
    one = intake()
    window = taken(
        one,
        message("samples", live(1)),
        message("birth", birth(channels=[*CHANNELS, ("co2", "ppm", 1, "scd4x")])),
        message("samples", live(2, wire=[2150, 5500, 640])),
    )
    assert [len(row.values) for row in window.samples] == [2, 3]
    assert window.samples[0].birth != window.samples[1].birth


def test_a_declared_loss_travels_once_for_each_change() -> None:
    one = intake(born=False)
    rows = [[16, 301, 480, 180]]
    first = taken(one, message("birth", birth(loss=rows)))
    again = taken(one, message("status", contract.encode_status(INSTALLATION, BOOT, 1, 1, 0, rows, {})))
    grown = taken(
        one, message("status", contract.encode_status(INSTALLATION, BOOT, 1, 1, 0, [[16, 301, 490, 190]], {}))
    )
    assert [(loss.boot, loss.first, loss.last, loss.samples, loss.where) for loss in first.losses] == [
        (16, 301, 480, 180, "node")
    ]
    assert again.losses == []
    assert [loss.samples for loss in grown.losses] == [190]


def test_a_reply_is_taken() -> None:
    assert taken(intake(), message("reply", contract.encode_reply("7f3a"))).receipts == [0]


HA_CONFIG = "homeassistant/device/bathroom/config"


def test_what_a_node_tells_home_assistant_is_retained_until_it_takes_it_back() -> None:
    one = intake()
    told = taken(one, Message(NODE, HA_CONFIG, DISCOVERY, b'{"dev":{}}', retain=True))
    assert (told.retained, told.receipts, told.dead_letters) == ({HA_CONFIG: b'{"dev":{}}'}, [0], [])
    assert one.retained[HA_CONFIG] == b'{"dev":{}}'
    back = taken(one, Message(NODE, HA_CONFIG, DISCOVERY, b"", retain=True))
    assert HA_CONFIG not in one.retained
    assert HA_CONFIG not in Intake(CleaningConfig(), Stored(retained=told.retained | back.retained)).retained


def test_a_message_for_home_assistant_that_is_far_too_large_is_set_aside() -> None:
    window = taken(intake(), Message(NODE, HA_CONFIG, DISCOVERY, bytes(20_000), retain=True))
    assert window.retained == {}
    assert "payload: expected at most 16384 bytes, found 20000" in window.dead_letters[0].reason


def test_a_flood_of_what_is_set_aside_presses_and_then_stops_the_reading() -> None:
    one, bad = intake(), message("samples", bytes(50_000))
    one.take(bad, NOW_MS)
    assert (one.pressing, one.full) == (False, False)
    for _ in range(5):
        one.take(bad, NOW_MS)
    assert (one.pressing, one.full) == (True, False)
    for _ in range(80):
        one.take(bad, NOW_MS)
    assert one.full
    one.swap()
    assert (one.pressing, one.full) == (False, False)


def test_a_flood_of_repetitions_presses_and_then_stops_the_reading() -> None:
    one, again = intake(), message("samples", live(1))
    for number in range(2_049):
        assert not one.full
        one.take(again, NOW_MS, receipt=number)
        if number in (2046, 2047):
            assert one.pressing is (number == 2047)
    assert one.full


def test_messages_that_wait_for_a_birth_take_a_bounded_place() -> None:
    one = intake(born=False)
    large = backlog(range(1, 2000))
    for number in range(100):
        one.take(message("backlog", large), NOW_MS, receipt=number)
    size = len(large)
    assert sum(len(held) for held in one._held.values()) == 1024 * 1024 // size
    taken(one, message("birth", birth()))
    assert (one._held_count, one._held_bytes) == (0, 0)


def test_a_live_sample_with_too_many_or_too_few_values_is_set_aside() -> None:
    window = taken(intake(), *[message("samples", live(1, wire=wire)) for wire in ([2150], [2150, 5500, 7], [])])
    assert stored(window) == []
    assert {letter.reason.partition("v: ")[2] for letter in window.dead_letters} == {
        "expected a list of 2 values, as many as the birth has quantities"
    }
