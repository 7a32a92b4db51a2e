"""The deadband: what moved enough, gaps and the heartbeat pass; the rest is counted and held back."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.fakes import FakeSensor, Ticks

from aircue_node import contract
from aircue_node.clock import Clock
from aircue_node.deadband import Deadband
from aircue_node.quantities import wrong_deadband
from aircue_node.sampler import Sampler
from aircue_node.sensors.errors import ChecksumError

CHANNELS = [("temperature", 100), ("co2", 1)]
INTERVAL_MS = 30_000


def passed(band: Deadband, *rows: list[int | None], step_ms: int = INTERVAL_MS) -> list[bool]:
    return [band.passes(n * step_ms, row, INTERVAL_MS) for n, row in enumerate(rows)]


def test_without_deadbands_every_sample_passes() -> None:
    assert passed(Deadband(CHANNELS, {}), [2000, 400], [2000, 400], [None, None], [None, None]) == [True] * 4


def test_a_value_passes_once_it_has_moved_by_its_deadband_since_the_last_sent_one() -> None:
    band = Deadband(CHANNELS, {"temperature": 0.2, "co2": 50})
    rows: list[list[int | None]] = [[2000, 400], [2019, 449], [1981, 351], [2020, 400], [2001, 400], [2000, 400]]
    assert passed(band, *rows) == [True, False, False, True, False, True]
    assert band.suppressed == 3


def test_a_deadband_finer_than_the_wire_is_one_step_of_it() -> None:
    assert passed(Deadband([("co2", 1)], {"co2": 0.1}), [400], [401], [401]) == [True, True, False]


def test_a_gap_passes_when_it_begins_and_when_it_ends() -> None:
    band = Deadband(CHANNELS, {"temperature": 0.2, "co2": 50})
    rows: list[list[int | None]] = [[2000, 400], [None, 400], [None, 400], [2000, 400], [2000, 400]]
    assert passed(band, *rows) == [True, True, False, True, False]


def test_a_quantity_without_a_deadband_always_passes() -> None:
    band = Deadband(CHANNELS, {"temperature": 0.2})
    assert passed(band, [2000, 400], [2000, 400], [2000, None], [2000, None]) == [True, True, True, False]


@pytest.mark.parametrize(("interval_ms", "heartbeat_ms"), [(1000, 300_000), (60_000, 600_000)])
def test_the_heartbeat_is_ten_intervals_or_300_s(interval_ms: int, heartbeat_ms: int) -> None:
    band = Deadband(CHANNELS, {"temperature": 0.2, "co2": 50})
    assert band.passes(7, [2000, 400], interval_ms)
    assert not band.passes(7 + heartbeat_ms - 1, [2000, 400], interval_ms)
    assert band.passes(7 + heartbeat_ms, [2000, 400], interval_ms)
    assert not band.passes(7 + heartbeat_ms + 1, [2000, 400], interval_ms)


def test_a_new_deadband_begins_with_a_sample() -> None:
    band = Deadband(CHANNELS, {"temperature": 0.2, "co2": 50})
    band.passes(0, [2000, 400], INTERVAL_MS)
    band.set({"temperature": 5, "co2": 50})
    assert passed(band, [2001, 400], [2401, 400], [2501, 400]) == [True, False, True]


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=40), st.integers(1, 300))
def test_what_is_held_back_is_always_nearer_than_the_deadband(values: list[int], width: int) -> None:
    band, last = Deadband([("temperature", 100)], {"temperature": width / 100}), None
    for value in values:
        if band.passes(0, [value], INTERVAL_MS):
            last = value
        assert last is not None
        assert abs(value - last) < width


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"smell": 1}, "unknown quantity smell; known are co2"),
        ({"co2": 0}, "co2 is 0, a number over 0 in ppm"),
        ({"co2": -1}, "co2 is -1"),
        ({"co2": True}, "co2 is True"),
        ({"co2": "5"}, "co2 is '5'"),
        ({"co2": float("nan")}, "co2 is nan"),
        ({"co2": float("inf")}, "co2 is inf"),
    ],
)
def test_a_wrong_deadband_is_named(limits: dict[str, object], named: str) -> None:
    assert named in (wrong_deadband(limits) or "")
    assert wrong_deadband({"temperature": 0.2, "co2": 50}) is None


def sampler(*answers: list[int] | ChecksumError, limits: dict[str, float]) -> Sampler:
    fitted = [(FakeSensor(*answers), [0, 1])]
    return Sampler(fitted, Clock(Ticks().monotonic()), 1000, lambda _: None, None, limits)


def test_a_sample_held_back_uses_no_sequence() -> None:
    tried = sampler([1, 1], [2, 2], [50, 2], limits={"temperature": 0.1, "humidity": 0.1})
    taken = [asyncio.run(tried.take()) for _ in range(3)]
    assert [sample and sample[0] for sample in taken] == [1, None, 2]
    assert tried.suppressed == 1


def test_a_fault_of_a_sample_held_back_is_counted_all_the_same() -> None:
    error = ChecksumError("wrong CRC")
    tried = sampler(error, error, limits={"temperature": 0.1, "humidity": 0.1})
    assert [asyncio.run(tried.take()) is None for _ in range(2)] == [False, True]
    assert tried.faults == {"fake": 2}


def test_the_status_tells_how_many_were_held_back() -> None:
    def status(suppressed: int) -> object:
        return json.loads(contract.encode_status(1, 2, 3, 4, 5, [], {}, suppressed=suppressed)).get("suppressed")

    assert status(7) == 7
    assert status(0) is None
