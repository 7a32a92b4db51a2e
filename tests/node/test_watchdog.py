"""Who feeds the watchdog, and who does not."""

from pathlib import Path

import pytest
from tests.node.fakes import Ticks

from aircue_node import resets
from aircue_node.watchdog import Feeder, Watch


class Dog:
    """A watchdog that counts its meals."""

    def __init__(self) -> None:
        self.fed = 0

    def feed(self) -> None:
        self.fed += 1


def watched(now: int) -> Watch:
    watch = Watch(int.__sub__)
    for task, allowance_ms in (("sampler", 1000), ("journal", 1000), ("uplink", 5000)):
        watch.tick(task, now, allowance_ms)
    return watch


def test_all_tasks_within_their_allowance_are_alive() -> None:
    assert watched(0).alive(1000)
    assert watched(0).late(1000) == []


@pytest.mark.parametrize("silent", ["sampler", "journal", "uplink"])
def test_one_silent_task_is_enough_however_often_the_others_tick(silent: str) -> None:
    watch = watched(0)
    for now in range(500, 6000, 500):
        for task in {"sampler", "journal", "uplink"} - {silent}:
            watch.tick(task, now, 1000)
    assert watch.late(5501) == [silent]
    assert not watch.alive(5501)


def test_a_task_says_anew_how_long_it_may_take() -> None:
    """A sampling interval changes while the node runs."""
    watch = watched(0)
    for task in ("sampler", "journal", "uplink"):
        watch.tick(task, 1000, 90_000)
    assert watch.alive(91_000)
    assert not watch.alive(91_001)


def test_the_counter_may_wrap_in_between() -> None:
    ticks = Ticks(period=2**20)
    watch = Watch(ticks.difference)
    ticks.now = 2**20 - 10
    watch.tick("sampler", ticks.ms(), 100)
    ticks.now += 100
    assert watch.alive(ticks.ms())
    ticks.now += 1
    assert not watch.alive(ticks.ms())


def test_the_dog_is_fed_until_a_task_is_late_and_again_when_it_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    watch, dog, ticks = watched(0), Dog(), Ticks()
    feeder = Feeder(watch, dog, ticks.ms)
    ticks.now = 1000
    feeder.feed(None)
    assert dog.fed == 1
    ticks.now = 1001
    feeder.feed(None)
    assert dog.fed == 1
    assert "sampler, journal" in capsys.readouterr().out
    for task in ("sampler", "journal"):
        watch.tick(task, 1001, 1000)
    feeder.feed(None)
    assert dog.fed == 2


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("storage")
def test_a_reset_that_was_asked_for_is_told_from_a_watchdogs() -> None:
    """A Pico says "watchdog" for both."""
    resets.mark(resets.RADIO, 3)
    assert resets.take("watchdog") == ("radio", 3)


@pytest.mark.usefixtures("storage")
def test_a_mark_explains_one_boot() -> None:
    resets.mark(resets.FAILURE)
    assert resets.take("soft") == ("failure", 1)
    assert resets.take("watchdog") == ("watchdog", 0)


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("text", ["", "radio", "radio x", " "])
def test_a_mark_cut_off_by_a_power_cut_explains_nothing(text: str) -> None:
    Path("reset").write_text(text)
    assert resets.take("hard") == ("hard", 0)
    resets.mark(resets.RADIO)
    assert resets.take("power-on") == ("power-on", 0)
    assert resets.take("hard") == ("hard", 0)
