"""Wait, do, log what failed, and again: what all that goes on beside the requests has in common."""

import logging
from collections.abc import Callable, Iterator
from threading import Event, current_thread

import pytest

from aircue_cloud.background import Repeated, again
from aircue_cloud.delivery.worker import Deliverer
from aircue_cloud.layers.upkeep import Upkeep
from aircue_cloud.outcomes.learning import Learning
from aircue_cloud.triggers.turn import Turn
from aircue_cloud.weather.upkeep import WeatherUpkeep

log = logging.getLogger(__name__)


class Waits(Event):
    """Over after so many waits, each of which takes no time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return len(self.waited) > self._most


def told(*said: float | Exception | None) -> Callable[[], float | None]:
    """Says one after the other; what is an exception is raised."""
    left: Iterator[float | Exception | None] = iter(said)

    def do() -> float | None:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    return do


def test_each_time_comes_after_a_wait_the_first_one_too() -> None:
    over, lengths = Waits(3), iter((1.0, 2.0, 3.0, 4.0))
    again(told(None, None, None), over, every=lambda: next(lengths), failed="x", log=log)
    assert over.waited == [1.0, 2.0, 3.0, 4.0]


def test_the_first_time_may_come_at_once_and_say_when_the_next_one_comes() -> None:
    over = Waits(3)
    again(told(0.0, 7.0, None), over, every=lambda: 5.0, failed="x", log=log, at_once=True)
    assert over.waited == [0.0, 0.0, 7.0, 5.0]


@pytest.mark.parametrize(("retry_s", "waited"), [(None, 5.0), (2.0, 2.0), (0.0, 0.0)])
def test_a_fault_is_logged_and_ends_nothing(
    caplog: pytest.LogCaptureFixture, retry_s: float | None, waited: float
) -> None:
    over = Waits(2)
    again(told(ValueError("a fault"), None), over, every=lambda: 5.0, failed="it failed", log=log, retry_s=retry_s)
    assert over.waited == [5.0, waited, 5.0]
    [record] = caplog.records
    assert (record.name, record.getMessage(), record.exc_info is not None) == (__name__, "it failed", True)


def test_what_is_over_before_it_begins_does_nothing() -> None:
    over = Event()
    over.set()
    again(told(), over, every=lambda: 0.0, failed="x", log=log, at_once=True)


def test_a_stop_does_not_wait_for_the_next_time() -> None:
    done, last = Event(), list[str]()

    def do() -> None:
        done.set()

    one = Repeated(
        do, "a name", every=lambda: 3600.0, failed="x", log=log, at_once=True,
        last=lambda: last.append(current_thread().name),
    )  # fmt: skip
    one.start()
    assert done.wait(60)
    one.stop()
    one.join()
    assert last == ["a name"]


def test_a_stop_waits_for_nobody_and_a_join_for_what_is_under_way() -> None:
    begun, go_on, finished = Event(), Event(), Event()

    def do() -> None:
        begun.set()
        assert go_on.wait(60)
        finished.set()

    one = Repeated(do, "slow", every=lambda: 3600.0, failed="x", log=log, at_once=True)
    one.start()
    assert begun.wait(60)
    one.stop()
    assert not finished.is_set()
    go_on.set()
    one.join()
    assert finished.is_set()


def test_one_that_was_never_started_can_be_stopped() -> None:
    one = Repeated(told(), "never", every=lambda: 0.0, failed="x", log=log)
    one.stop()
    one.join()


@pytest.mark.parametrize("worker", [Deliverer, Learning, Turn, Upkeep, WeatherUpkeep])
def test_all_that_goes_on_in_the_background_goes_on_so(worker: type) -> None:
    assert issubclass(worker, Repeated)
    assert worker.run is Repeated.run  # type: ignore[attr-defined]  # of a Repeated
