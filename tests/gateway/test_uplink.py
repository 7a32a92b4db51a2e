"""Batches on their way: which answers end them, set them aside or keep them, and when rules are fetched."""

import asyncio
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from tests.gateway.fakes import NoPause, Outbox, ScriptedCloud
from tests.gateway.recorded_disk import MemoryDisk
from tests.gateway.spool_story import BIRTH, NOW_MS, row

from aircue_gateway.alerts import Rules
from aircue_gateway.spool.spool import Sealed, Spool
from aircue_gateway.spool.thread import SpoolThread
from aircue_gateway.uplink.http import Answer, TryAgain
from aircue_gateway.uplink.uplink import Uplink, pause_s
from aircue_gateway.window import Window


def problem(status: int, title: str, detail: str) -> Answer:
    return Answer(status, json.dumps({"title": title, "detail": detail, "status": status}).encode())


def ran(outbox: Outbox, cloud: ScriptedCloud, until: Callable[[], bool], version: str = "") -> list[Rules]:
    """Runs an uplink until something holds; the rules it passed on."""
    got: list[Rules] = []

    async def play() -> None:
        thread = SpoolThread()
        uplink = Uplink(
            spool=outbox,
            thread=thread,
            cloud=cloud,
            rules_version=lambda: got[-1].version if got else version,
            new_rules=got.append,
            now_ms=lambda: 0,
            random=NoPause(),
            backlog_per_s=1000.0,
        )
        running = asyncio.create_task(uplink.run())
        while not until():
            assert not running.done()
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        thread.close()

    asyncio.run(asyncio.wait_for(play(), 10))
    return got


def test_batches_go_one_after_the_other() -> None:
    outbox = Outbox(1, 2, 3)
    ran(outbox, ScriptedCloud(outbox), lambda: not outbox.waiting)
    assert outbox.done == [1, 2, 3]


def test_a_refused_batch_is_set_aside_with_the_clouds_words_and_the_next_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = Outbox(1, 2)
    ran(
        outbox,
        ScriptedCloud(outbox, problem(422, "Undecodable", "batch hash does not fit")),
        lambda: outbox.done == [2],
    )
    assert outbox.set_aside == {1: "422 Undecodable: batch hash does not fit"}
    assert 'event=batch_refused batch=gw-1/e/1 reason="422 Undecodable: batch hash does not fit"' in caplog.text
    assert "it is kept in the spool" in caplog.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "no route"),
        (problem(401, "Unknown key", "no gateway has it"), "make key under [uplink] the one"),
        (problem(408, "Timeout", ""), "408 Timeout"),
        (problem(429, "Too many", ""), "429 Too many"),
        (problem(503, "Down", ""), "503 Down"),
        (Answer(502, b"<html>Bad gateway</html>"), "502 <html>Bad gateway</html>"),
        (Answer(200, b"<html>Please log in</html>"), "no Aircue cloud"),
        (Answer(200, b'{"batch":"gw-1/e/9"}'), "no Aircue cloud"),
        (Answer(302, b""), "302"),
    ],
)
def test_what_time_or_a_person_can_mend_keeps_the_batch(
    answer: Answer | None, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(1)
    cloud = ScriptedCloud(outbox, answer)
    ran(outbox, cloud, lambda: outbox.done == [1])
    assert (cloud.posts, outbox.set_aside) == (2, {})
    assert said in caplog.text


def test_rules_are_fetched_at_the_start_and_when_their_version_changes() -> None:
    outbox = Outbox()
    cloud = ScriptedCloud(outbox, version="1")
    got = ran(outbox, cloud, lambda: bool(outbox.rules))
    assert [rules.version for rules in got] == ["1"]
    outbox = Outbox(1, 2)
    cloud = ScriptedCloud(outbox, version="2")
    got = ran(outbox, cloud, lambda: outbox.done == [1, 2], version="1")
    assert [rules.version for rules in got] == ["2"]
    assert cloud.asked_for_rules == 1


def test_rules_nobody_can_run_leave_those_of_before_and_hold_up_no_batch(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(1, 2, 3)
    cloud = ScriptedCloud(outbox, version="2")
    cloud.rules = b'{"version":"2","rules":[{"need":"damp-air"}]}'
    assert ran(outbox, cloud, lambda: outbox.done == [1, 2, 3]) == []
    assert "event=rules_refused" in caplog.text
    assert (outbox.rules, cloud.asked_for_rules) == ([], 1)


class Noted(Uplink):
    """Notes how long it was asked to wait, and waits no time."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.waits: list[float] = []

    async def _pause(self, reason: str, remedy: str, after_s: float = 0.0) -> None:
        self.waits.append(after_s)


async def noted(
    outbox: Outbox, cloud: ScriptedCloud, backlog_per_s: float, steps: Sequence[Callable[[Noted], bool]]
) -> Noted:
    """Runs an uplink until one thing after the other holds."""
    thread = SpoolThread()
    uplink = Noted(
        spool=outbox,
        thread=thread,
        cloud=cloud,
        rules_version=lambda: "1",
        new_rules=lambda _: None,
        now_ms=lambda: 0,
        random=Random(1),
        backlog_per_s=backlog_per_s,
    )
    running = asyncio.create_task(uplink.run())
    for step in steps:
        while not step(uplink):
            assert not running.done()
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.wait([running])
    thread.close()
    return uplink


def test_a_backlog_goes_out_no_faster_than_it_may_and_what_is_new_is_not_held_up() -> None:
    outbox = Outbox(1, 2, 3)
    looks: list[int] = []

    def rested(_: Noted) -> bool:
        looks.append(len(outbox.done))
        return looks[-50:] == [1] * 50

    def woken(uplink: Noted) -> bool:
        uplink.wake()
        return len(outbox.done) >= 2

    asyncio.run(asyncio.wait_for(noted(outbox, ScriptedCloud(outbox), 0.001, [rested, woken]), 10))
    assert outbox.done[:2] == [1, 2]


class AwayCloud:
    """Takes nothing while away; then notes which batch came when. between: called after each that came."""

    def __init__(self, between: Callable[[int], None]) -> None:
        self.came: list[int] = []
        self.away = True
        self.tries = 0
        self._between = between

    def send(self, sealed: Sealed) -> Answer:
        self.tries += 1
        if self.away:
            raise TryAgain("no route", "is the cloud up?")
        self.came.append(sealed.sequence)
        self._between(len(self.came))
        return Answer(200, json.dumps({"batch": sealed.id, "rules": "1"}).encode())

    def get_rules(self) -> Answer:
        return Answer(200, b'{"version": "1", "rules": []}')

    def close(self) -> None:
        """Nothing is held."""


def test_through_an_outage_what_is_live_leaves_first_and_the_backlog_goes_on_behind_it() -> None:
    """Twenty batches wait when the cloud comes back; three more are sealed while they drain."""
    spool = Spool.on(MemoryDisk(), "gw-1", NOW_MS)
    spool.commit(Window(births=[BIRTH]))

    def seal(number: int) -> None:
        spool.commit(Window(samples=[row(number)]))
        spool.seal(NOW_MS, urgent=False)

    later = iter((21, 22, 23))

    def between(came: int) -> None:
        if came in (5, 9, 13):
            seal(next(later))

    cloud = AwayCloud(between)

    async def play() -> None:
        thread = SpoolThread()
        uplink = Noted(
            spool=spool, thread=thread, cloud=cloud, rules_version=lambda: "1", new_rules=lambda _: None,
            now_ms=lambda: NOW_MS, random=Random(1), backlog_per_s=1000.0,
        )  # fmt: skip
        running = asyncio.create_task(uplink.run())
        for number in range(1, 21):
            tries = cloud.tries
            await thread.run(seal, number)
            while cloud.tries < tries + 2:
                uplink.wake()
                await asyncio.sleep(0.001)
        cloud.away = False
        while len(cloud.came) < 23:
            assert not running.done()
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
        thread.close()

    asyncio.run(asyncio.wait_for(play(), 20))
    assert cloud.came == [1, 20, 2, 3, 4, 21, 5, 6, 7, 22, 8, 9, 10, 23, *range(11, 20)]


def test_the_cloud_is_left_alone_for_as_long_as_it_asks() -> None:
    outbox = Outbox(1)
    cloud = ScriptedCloud(outbox, Answer(429, b"", 77.0), Answer(413, b"", 5.0))
    uplink = asyncio.run(asyncio.wait_for(noted(outbox, cloud, 1000.0, [lambda _: bool(outbox.done)]), 10))
    assert (uplink.waits, outbox.set_aside) == ([77.0, 5.0], {})


def test_a_pause_lasts_as_long_as_the_cloud_asks_and_somewhat_more(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def play() -> None:
        uplink = Uplink(
            spool=Outbox(),
            thread=SpoolThread(),
            cloud=ScriptedCloud(Outbox()),
            rules_version=lambda: "1",
            new_rules=lambda _: None,
            now_ms=lambda: 0,
            random=Random(1),
            backlog_per_s=1.0,
        )
        for after_s in (100.0, 0.0):
            await uplink._pause("429", "none", after_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(play())
    assert 100 < slept[0] < 122
    assert slept[1] < 2


def test_pauses_grow_are_bounded_and_never_all_the_same() -> None:
    random = Random(1)
    assert all(0.05 <= pause_s(0, random) <= 0.5 for _ in range(100))
    late = [pause_s(50, random) for _ in range(100)]
    assert all(3 <= seconds <= 30 for seconds in late)
    assert len(set(late)) == 100
