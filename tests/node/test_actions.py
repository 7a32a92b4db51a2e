"""What a node does by command, and by its button."""

import asyncio
from typing import Any

import pytest
from tests.node.fakes import FakeSensor, Ticks, stop

from aircue_node import button, identify, restart
from aircue_node.button import HELD_MS, Hold
from aircue_node.clock import Clock
from aircue_node.identify import Identify
from aircue_node.restart import Restart, wipe
from aircue_node.sampler import Sampler
from aircue_node.tuning import Tuning


class Led:
    def __init__(self) -> None:
        self.levels: list[int] = []

    def value(self, x: int) -> None:
        self.levels.append(x)


@pytest.fixture
def sampler() -> Sampler:
    return Sampler([(FakeSensor(), [0, 1])], Clock(Ticks().monotonic()), 30000, lambda _: None)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses for people and networks take no time."""
    monkeypatch.setattr(identify, "_BLINK_S", 0.001)
    monkeypatch.setattr(restart, "_REPLY_S", 0.001)


def tuning(sampler: Sampler, stored: list[dict[str, Any]]) -> Tuning:
    return Tuning(sampler, stored.append)


def test_interval_and_deadband_run_at_once_and_are_stored(sampler: Sampler) -> None:
    stored: list[dict[str, Any]] = []
    assert tuning(sampler, stored).interval({"ms": 5000}) is None
    assert tuning(sampler, stored).deadband({"temperature": 0.2, "humidity": 1}) is None
    assert sampler.interval_ms == 5000
    assert [sampler.with_deadband().passes(0, row, 5000) for row in ([1, 1], [20, 100], [21, 1])] == [True, False, True]
    assert stored == [{"interval_ms": 5000}, {"deadband": {"temperature": 0.2, "humidity": 1}}]


def test_an_empty_deadband_switches_it_off(sampler: Sampler) -> None:
    tuning(sampler, []).deadband({"temperature": 5, "humidity": 5})
    tuning(sampler, []).deadband({})
    assert all(sampler.with_deadband().passes(0, [1, 1], 5000) for _ in range(3))


@pytest.mark.parametrize("args", [{}, {"ms": 5}, {"ms": "5000"}, {"ms": True}, {"ms": 86400001}])
def test_a_wrong_interval_changes_nothing(sampler: Sampler, args: dict[str, Any]) -> None:
    stored: list[dict[str, Any]] = []
    assert "ms must be 1000 to 86400000" in (tuning(sampler, stored).interval(args) or "")
    assert (sampler.interval_ms, stored) == (30000, [])


def test_a_wrong_deadband_changes_nothing(sampler: Sampler) -> None:
    stored: list[dict[str, Any]] = []
    assert "unknown quantity smell" in (tuning(sampler, stored).deadband({"smell": 1}) or "")
    assert stored == []


def test_what_cannot_be_stored_is_not_changed_either(sampler: Sampler) -> None:
    def full(_: dict[str, Any]) -> None:
        raise OSError(28, "no space")

    assert "cannot be stored" in (Tuning(sampler, full).interval({"ms": 5000}) or "")
    assert sampler.interval_ms == 30000


@pytest.mark.usefixtures("quick")
def test_identify_blinks_and_leaves_the_led_dark() -> None:
    led = Led()
    shown: list[asyncio.Task[None]] = []

    async def run() -> None:
        assert Identify(led, "bathroom", shown).command({"seconds": 1}) is None
        await shown[0]

    asyncio.run(run())
    assert shown == []
    assert len(led.levels) > 2
    assert led.levels[:2] == [1, 0]
    assert led.levels[-1] == 0


@pytest.mark.usefixtures("quick")
def test_identify_without_a_led_says_the_nodes_name(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        shown: list[asyncio.Task[None]] = []
        Identify(None, "bathroom", shown).command({"seconds": 1})
        await shown[0]

    asyncio.run(run())
    assert "identify: this is bathroom" in capsys.readouterr().out


def test_of_two_identifies_the_last_one_counts() -> None:
    async def run() -> None:
        shown: list[asyncio.Task[None]] = []
        Identify(None, "bathroom", shown).command({"seconds": 300})
        first = shown[0]
        Identify(None, "bathroom", shown).command({"seconds": 300})
        with pytest.raises(asyncio.CancelledError):
            await first
        assert len(shown) == 1
        await stop(shown[0])

    asyncio.run(run())


@pytest.mark.parametrize("args", [{"seconds": 0}, {"seconds": 301}, {"seconds": 1.5}, {"seconds": True}])
def test_identify_for_a_wrong_time_is_refused(args: dict[str, Any]) -> None:
    assert "seconds must be 1 to 300" in (Identify(None, "bathroom", []).command(args) or "")


@pytest.mark.usefixtures("quick")
def test_a_restart_comes_after_the_answer_and_flushes_first_whatever_fails() -> None:
    done: list[str] = []

    def broken() -> None:
        raise OSError(5)

    async def run() -> None:
        gone = asyncio.Event()

        def reset() -> None:
            done.append("reset")
            gone.set()

        restart = Restart([broken, lambda: done.append("flushed")], reset)
        restart.soon()
        restart.soon()
        assert done == []
        await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(run())
    assert done == ["flushed", "reset"]


@pytest.mark.usefixtures("quick")
def test_a_wipe_takes_the_settings_away_and_restarts() -> None:
    done: list[str] = []

    async def run() -> None:
        gone = asyncio.Event()
        wipe(lambda: done.append("wiped"), Restart([], gone.set))
        await asyncio.wait_for(gone.wait(), 10)

    asyncio.run(run())
    assert done == ["wiped"]


def held(*presses: tuple[int, bool]) -> list[bool]:
    hold = Hold()
    return [hold.update(now, down) for now, down in presses]


def test_a_button_held_for_5_s_is_noticed_once_a_press() -> None:
    once = held((100, True), (5099, True), (5100, True), (5200, True), (99999, True))
    assert once == [False, False, True, False, False]
    twice = held((0, True), (5000, True), (5100, False), (5200, True), (10200, True))
    assert twice == [False, True, False, False, True]


def test_a_shorter_press_counts_for_nothing_however_often() -> None:
    presses = [(n * 4999 + d, d == 0) for n in range(40) for d in (0, 4998)]
    assert not any(held(*presses))
    assert held((0, True), (2500, False), (2600, True), (5000, True)) == [False] * 4


def test_the_watch_reads_a_pin_that_the_button_pulls_low() -> None:
    ticks = Ticks()

    class Pin:
        def value(self) -> int:
            ticks.now += HELD_MS
            return 0

    async def run() -> None:
        noticed = asyncio.Event()
        task = asyncio.create_task(button.watch(Pin(), ticks.monotonic(), noticed.set))
        await asyncio.wait_for(noticed.wait(), 10)
        await stop(task)

    asyncio.run(run())
