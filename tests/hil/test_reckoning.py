"""The demo's figures: what counts as measured, doubled, overlapping, and how long a push took."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.contract.golden import golden
from tests.rules import DAMP

from aircue_hil.demo import reckoning
from aircue_hil.demo.reckoning import BaseLayer, Seen
from aircue_hil.transactions import Transaction


def transaction(
    sequence: int, value: str | None = "81", *, in_sample: bool = True, why: str | None = None
) -> Transaction:
    return Transaction(
        node="bath",
        boot=1,
        sequence=sequence,
        in_sample=in_sample,
        sensor="sht4x",
        quantity="humidity",
        value=None if value is None else Decimal(value),
        ok=value is not None,
        why=why,
        real_s=1000.0 + sequence,
        world_ms=sequence * 300_000,
    )


def push(episode: str = "e1", need: str = "damp-air", sequence: int = 4) -> Seen:
    trigger = {"node": "bath", "boot": 1, "sequence": sequence, "quantity": "humidity"}
    fields = {"id": f"p-{episode}", "need": need, "episode": episode, "trigger": trigger}
    return Seen(push=fields, household="fern", visible_s=1010.5)


def episode(start: str, end: str | None, node: str = "bath") -> dict[str, Any]:
    return {"need": "damp-air", "node": node, "started_at": start, "ended_at": end}


def test_only_values_delivered_within_a_sample_were_measured() -> None:
    rows = [
        transaction(1),
        transaction(2, None, why="crc"),
        transaction(3, in_sample=False),
        transaction(4, why="spike"),
    ]
    assert [(row.key[2], row.glitch) for row in reckoning.measured(rows)] == [(1, False), (4, True)]


def test_the_sample_in_the_making_is_left_out() -> None:
    last = reckoning.cut([transaction(1), transaction(2)])
    assert last == {("bath", 1): 1}
    assert [row.key[2] for row in reckoning.until(reckoning.measured([transaction(1), transaction(2)]), last)] == [1]


def test_what_the_deadband_held_back_is_read_from_the_base_layer(tmp_path: Path) -> None:
    (tmp_path / "42.batch").write_bytes(bytes.fromhex(golden("batch")["hex"]))
    base = BaseLayer(tmp_path)
    base.read_new()
    base.read_new()
    assert base.suppressed == {("bathroom", 17, 12346, "co2")}
    assert [(loss.boot, loss.first, loss.last) for loss in base.dropped] == [(16, 301, 480)]


def test_two_pushes_for_one_episode_are_a_duplicate() -> None:
    assert reckoning.doubled([], [push("e1"), push("e2")]) == 0
    assert reckoning.doubled([], [push("e1"), push("e1")]) == 1


def test_overlapping_episodes_are_a_duplicate_and_neighbours_are_not() -> None:
    first, second = episode("2026-01-01T06:00", "2026-01-01T07:00"), episode("2026-01-01T07:00", None)
    assert reckoning.doubled([first, second], []) == 0
    assert reckoning.doubled([first, episode("2026-01-01T06:30", None)], []) == 1
    assert reckoning.doubled([episode("2026-01-01T06:00", None), second], []) == 1
    assert reckoning.doubled([first, episode("2026-01-01T06:30", None, node="kitchen")], []) == 0


def test_a_node_with_two_installations_shows() -> None:
    rows = [
        {"node": "bath", "installation": 1},
        {"node": "bath", "installation": 1},
        {"node": "bath", "installation": 2},
    ]
    assert reckoning.installations(rows) == {"bath": 2}


def test_the_time_to_a_push_begins_with_the_read_that_completed_the_dwell() -> None:
    buses = reckoning.measured([transaction(n) for n in range(1, 9)])
    on_time, late, early = (push(sequence=sequence) for sequence in (4, 6, 3))
    assert reckoning.sensor_to_push_s(on_time, [DAMP], buses) == 6.5
    assert reckoning.sensor_to_push_s(late, [DAMP], buses) == 6.5
    assert reckoning.sensor_to_push_s(early, [DAMP], buses) == 7.5


def test_an_earlier_episodes_dwell_is_not_this_ones_and_a_reading_no_bus_had_has_no_time() -> None:
    rule = replace(DAMP, keep_s=0)
    dry = [transaction(n, "50") for n in range(5, 7)]
    buses = reckoning.measured([*(transaction(n) for n in range(1, 5)), *dry, *(transaction(n) for n in range(7, 11))])
    assert reckoning.sensor_to_push_s(push(sequence=10), [rule], buses) == 0.5
    assert reckoning.sensor_to_push_s(push(sequence=99), [rule], buses) is None
