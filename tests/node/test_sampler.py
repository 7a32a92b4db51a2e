"""The sampler: one sample an interval with gaps where a sensor failed, from second 0."""

import asyncio
import contextlib

from tests.node.fakes import FakeSensor, Ticks

from aircue_node.clock import Clock
from aircue_node.sampler import Sampler, channels, next_due
from aircue_node.sensors.errors import ChecksumError, StaleError

Taken = tuple[int, int, int, list[int | None]]


class Strobe:
    def __init__(self) -> None:
        self.levels: list[int] = []

    def value(self, x: int) -> None:
        self.levels.append(x)


def sampler(*sensors: FakeSensor, strobe: Strobe | None = None, only: list[int] | None = None) -> Sampler:
    clock = Clock(Ticks().monotonic())
    fitted = [(sensor, [0, 1] if only is None else only) for sensor in sensors]
    return Sampler(fitted, clock, 1000, lambda _: None, strobe)


def test_a_failing_sensor_leaves_gaps_and_the_others_are_read() -> None:
    tried = sampler(FakeSensor(ChecksumError("wrong CRC"), [1, 2]), FakeSensor([3, 4], [5, 6]))
    assert asyncio.run(tried.take()) == (1, 0, 0, [None, None, 3, 4])
    assert asyncio.run(tried.take()) == (2, 0, 0, [1, 2, 5, 6])
    assert tried.faults == {"fake": 1}


def test_the_state_of_a_sensor_is_what_went_wrong_last() -> None:
    tried = sampler(FakeSensor(StaleError("no new measurement yet"), [1, 2]))
    asyncio.run(tried.take())
    assert tried.states == {"fake": "no new measurement yet"}
    asyncio.run(tried.take())
    assert tried.states == {"fake": "ok"}


def test_only_the_channels_of_the_settings_are_kept() -> None:
    tried = sampler(FakeSensor([1, 2]), only=[1])
    assert asyncio.run(tried.take()) == (1, 0, 0, [2])
    assert channels([(FakeSensor(), [1])]) == [("humidity", "%RH", 100, "fake")]


def test_the_strobe_is_high_while_a_sample_is_taken() -> None:
    strobe = Strobe()
    asyncio.run(sampler(FakeSensor([1, 2]), strobe=strobe).take())
    assert strobe.levels == [1, 0]


def test_a_missed_moment_is_skipped_and_the_grid_is_kept() -> None:
    assert next_due(1000, 1001, 500) == 1500
    assert next_due(1000, 1499, 500) == 1500
    assert next_due(1000, 1500, 500) == 2000
    assert next_due(1000, 3700, 500) == 4000


def test_samples_begin_at_once_and_carry_no_time_until_somebody_tells_it() -> None:
    ticks, taken = Ticks(), list[Taken]()
    clock = Clock(ticks.monotonic())

    def deliver(sample: Taken) -> None:
        taken.append(sample)
        clock.set(1_700_000_000)
        ticks.now += 5
        if len(taken) == 2:
            raise asyncio.CancelledError

    async def run() -> None:
        await Sampler([(FakeSensor([1, 2], [3, 4]), [0, 1])], clock, 1, deliver).run()

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(run())
    assert [row[:3] for row in taken] == [(1, 0, 0), (2, 5, 1_700_000_000)]
