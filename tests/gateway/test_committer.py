"""When windows are written and acked: never before the disk has them, at once when it matters."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.gateway.fakes import SlowSpool
from tests.gateway.samples import BEGAN_S, birth, live, message

from aircue_gateway.committer import Committer
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intake import Intake
from aircue_gateway.spool.spool import SpoolUnavailable
from aircue_gateway.spool.thread import SpoolThread
from aircue_gateway.window import MOST_BOOTS, Stored, Window

NOW_MS = BEGAN_S * 1000
NEVER_S = 3600.0


class Bench:
    """A committer between an intake and a slow disk; receipts: what has been acknowledged."""

    def __init__(self, kind: type[Committer] = Committer, commit_window_s: float = NEVER_S) -> None:
        self.spool = SlowSpool()
        self.intake = Intake(CleaningConfig(), Stored())
        self.receipts: list[Any] = []
        self.sealed = 0
        self.thread = SpoolThread()
        self.committer = kind(
            intake=self.intake,
            spool=self.spool,
            thread=self.thread,
            commit_window_s=commit_window_s,
            batch_window_s=NEVER_S,
            committed=lambda window: self.receipts.extend(window.receipts),
            sealed=lambda: None,
            now_ms=lambda: NOW_MS,
        )

    def take(self, *sequences: int) -> None:
        for sequence in sequences:
            self.intake.take(message("samples", live(sequence)), NOW_MS, receipt=sequence)
        self.committer.notice()

    def born(self) -> None:
        self.intake.take(message("birth", birth()), NOW_MS, receipt="birth")
        self.committer.notice()

    async def asked(self) -> None:
        """Until the disk is asked to commit."""
        assert await asyncio.to_thread(self.spool.asked.wait, 10)
        self.spool.asked.clear()


def ran(bench: Bench, story: Callable[[Bench], Awaitable[None]]) -> Bench:
    async def play() -> None:
        running = asyncio.create_task(bench.committer.run())
        await story(bench)
        bench.spool.may.set()
        bench.committer.stop()
        await running
        bench.thread.close()

    asyncio.run(asyncio.wait_for(play(), 20))
    return bench


class EagerCommitter(Committer):
    """The fault to be seen: it acknowledges a window that the disk has not taken."""

    async def _on_disk(self, window: Window) -> bool:
        self._committed(window)
        return await super()._on_disk(window)


@pytest.mark.parametrize(("kind", "early"), [(Committer, []), (EagerCommitter, ["birth"])])
def test_nothing_is_acknowledged_before_it_is_on_disk(kind: type[Committer], early: list[str]) -> None:
    """Shown to see the fault: the eager committer's receipts are out while the disk still waits."""
    seen: list[Any] = []

    async def story(bench: Bench) -> None:
        bench.born()
        await bench.asked()
        seen.extend(bench.receipts)

    bench = ran(Bench(kind), story)
    assert seen == early
    assert bench.receipts[0] == "birth"
    assert len(bench.spool.windows) == 1


def test_256_waiting_samples_are_written_at_once_and_fewer_wait_for_their_window() -> None:
    sizes: list[int] = []

    async def story(bench: Bench) -> None:
        bench.spool.may.set()
        bench.born()
        await bench.asked()
        bench.take(*range(1, 256))
        await asyncio.sleep(0)
        sizes.append(len(bench.spool.windows))
        bench.take(256)
        await bench.asked()

    bench = ran(Bench(), story)
    assert sizes[0] <= 1
    assert [len(window.samples) for window in bench.spool.windows] == [0, 256]


def test_a_window_ends_by_time_too() -> None:
    async def story(bench: Bench) -> None:
        bench.spool.may.set()
        bench.born()
        await bench.asked()
        bench.take(1)
        await bench.asked()

    assert [len(one.samples) for one in ran(Bench(commit_window_s=0.01), story).spool.windows] == [0, 1]


def test_what_comes_in_while_the_disk_is_busy_is_in_the_next_window() -> None:
    async def story(bench: Bench) -> None:
        bench.born()
        await bench.asked()
        bench.take(1, 2)

    bench = ran(Bench(), story)
    assert [window.receipts for window in bench.spool.windows] == [["birth"], [1, 2]]
    assert bench.receipts == ["birth", 1, 2]


def test_a_failing_disk_is_tried_again_with_the_same_window(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aircue_gateway.committer._RETRY_S", 0.0)

    async def story(bench: Bench) -> None:
        bench.spool.errors = [SpoolUnavailable("database or disk is full")] * 2
        bench.spool.may.set()
        bench.born()
        while not bench.receipts:
            await bench.asked()
            await asyncio.sleep(0.01)

    bench = ran(Bench(), story)
    assert bench.receipts == ["birth"]
    assert caplog.text.count("event=commit_failed") == 2


def test_what_waits_from_before_a_restart_is_sealed_at_once_and_the_rest_at_the_end() -> None:
    async def story(bench: Bench) -> None:
        bench.spool.may.set()
        bench.born()
        await bench.asked()

    assert ran(Bench(), story).spool.seals == [True, False]


def test_a_crowded_window_is_sealed_so_that_the_spool_can_forget() -> None:
    async def story(bench: Bench) -> None:
        bench.spool.may.set()
        for boot in range(1, MOST_BOOTS + 2):
            bench.intake.take(message("birth", birth(boot)), NOW_MS)
        bench.committer.notice()
        while len(bench.spool.seals) < 2:  # noqa: ASYNC110 - set by the spool's thread
            await asyncio.sleep(0.001)

    bench = ran(Bench(), story)
    assert bench.spool.seals[:2] == [True, False]  # at the start, and for the crowd
