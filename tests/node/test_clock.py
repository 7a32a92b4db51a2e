"""The node's time: uptime through wraps of the counter, and the time of day."""

import asyncio

import pytest
from tests.node.fakes import Ticks

from aircue_node.clock import Clock, network_time


def test_uptime_goes_on_when_the_counter_wraps() -> None:
    ticks = Ticks(period=1000)
    clock = Clock(ticks.monotonic())
    for _ in range(10):
        ticks.now += 400
        clock.uptime_ms()
    assert clock.uptime_ms() == 4000


def test_a_faster_world_passes_faster() -> None:
    ticks = Ticks()
    clock = Clock(ticks.monotonic(), rate=60)
    clock.set(1_700_000_000)
    ticks.now += 1000
    assert (clock.uptime_ms(), clock.epoch_s(clock.uptime_ms())) == (60_000, 1_700_000_060)


def test_the_time_of_a_sample_taken_before_the_clock_was_set_can_be_told_later() -> None:
    ticks = Ticks()
    clock = Clock(ticks.monotonic())
    assert clock.epoch_s(0) == 0
    ticks.now += 9000
    clock.set(1_700_000_009)
    assert clock.epoch_s(0) == 1_700_000_000


def test_a_sample_taken_before_the_clock_was_set_gets_its_time_later_and_one_with_a_time_keeps_it() -> None:
    ticks = Ticks()
    clock = Clock(ticks.monotonic())
    assert clock.dated((1, 2000, 0, [5])) == (1, 2000, 0, [5])
    ticks.now += 9000
    clock.set(1_700_000_009)
    assert clock.dated((1, 2000, 0, [5])) == (1, 2000, 1_700_000_002, [5])
    assert clock.dated((1, 2000, 7, [5])) == (1, 2000, 7, [5])


def test_a_port_whose_clock_begins_in_2000_gives_the_same_time() -> None:
    assert network_time(0, 2000) == 946684800
    assert network_time(946684800, 1970) == 946684800


@pytest.mark.parametrize(
    ("ms", "rate", "slept_ms"),
    [
        (20, 1, [20]),
        (0, 1, [1]),
        (20, 60, [1]),
        (121, 60, [3]),
        (120, 60, [2]),
        (7_200_001, 1, [3_600_000, 3_600_000, 1]),
    ],
)
def test_a_sleep_is_never_shorter_than_asked_for_in_a_faster_world_either(
    ms: int, rate: int, slept_ms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds * 1000)

    monkeypatch.setattr("aircue_node.clock.asyncio.sleep", sleep)
    asyncio.run(Clock(Ticks().monotonic(), rate).sleep_ms(ms))
    assert slept == slept_ms
