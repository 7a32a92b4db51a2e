"""What goes on beside the requests: wait, do, log what failed, and again, until it is over."""

from collections.abc import Callable
from logging import Logger
from threading import Event, Thread

Do = Callable[[], float | None]  # how many seconds to wait until the next time; None: as long as usual


def again(
    do: Do,
    over: Event,
    *,
    every: Callable[[], float],
    failed: str,
    log: Logger,
    at_once: bool = False,
    retry_s: float | None = None,
) -> None:
    """Returns as soon as it is over; what is under way then is done first. every: seconds to wait, asked each time.
    failed: what is logged with an exception, which ends nothing. at_once: the first time comes without a wait.
    retry_s: the wait after an exception, as long as usual where it is None."""
    wait_s = 0.0 if at_once else every()
    while not over.wait(wait_s):
        try:
            said = do()
        except Exception:
            log.exception(failed)
            said = retry_s
        wait_s = every() if said is None else said


class Repeated:
    """The same in a thread of its own, which a process does not wait for at its end."""

    def __init__(
        self,
        do: Do,
        name: str,
        *,
        every: Callable[[], float],
        failed: str,
        log: Logger,
        at_once: bool = False,
        retry_s: float | None = None,
        last: Callable[[], None] | None = None,
    ) -> None:
        """As `again` has it. last: done in the thread once it is over."""
        self.over = Event()
        self._do, self._every, self._failed, self._log = do, every, failed, log
        self._first_at_once, self._retry_s, self._last = at_once, retry_s, last
        self._thread = Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Nobody is waited for."""
        self.over.set()

    def join(self) -> None:
        """Returns when what was under way is done."""
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Until it is stopped, in the thread of the caller."""
        again(
            self._do, self.over, every=self._every, failed=self._failed, log=self._log, at_once=self._first_at_once,
            retry_s=self._retry_s,
        )  # fmt: skip
        if self._last is not None:
            self._last()
