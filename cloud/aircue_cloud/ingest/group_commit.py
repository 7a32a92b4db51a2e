"""Many who wait for the same slow thing: whoever comes while it is under way is served by the next one, together."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Ticket(Generic[T, R]):
    """woken: held until the ticket is served, or it is its turn to serve."""

    __slots__ = ("error", "item", "result", "served", "woken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.result: list[R] = []
        self.error: BaseException | None = None
        self.served = False
        self.woken = Lock()
        self.woken.acquire()


class GroupCommit(Generic[T, R]):
    """write: does it for all of some items at once; a result for each, which may be an exception to raise."""

    def __init__(self, write: Callable[[Sequence[T]], Sequence[R | Exception]]) -> None:
        self._write = write
        self._lock = Lock()
        self._busy = False
        self._waiting: list[_Ticket[T, R]] = []

    def submit(self, item: T) -> R:
        """Returns, or raises, when the item was written."""
        ticket = _Ticket[T, R](item)
        with self._lock:
            self._waiting.append(ticket)
            serves, self._busy = not self._busy, True
        if not serves:
            ticket.woken.acquire()
        if not ticket.served:
            self._serve_all()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result[0]

    def _serve_all(self) -> None:
        """Serves those who wait, and hands the turn on to one of those who came meanwhile."""
        with self._lock:
            tickets, self._waiting = self._waiting, []
        try:
            self._serve(tickets)
        finally:
            with self._lock:
                self._busy = bool(self._waiting)
                next_ = self._waiting[0] if self._waiting else None
            if next_ is not None:
                next_.woken.release()
            for ticket in tickets:
                ticket.served = True
                ticket.woken.release()

    def _serve(self, tickets: Sequence[_Ticket[T, R]]) -> None:
        try:
            results = self._write([ticket.item for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            results = self._apart(tickets, error)
        except BaseException as error:
            for ticket in tickets:
                ticket.error = error
            raise
        for ticket, result in zip(tickets, results, strict=True):
            if isinstance(result, Exception):
                ticket.error = result
            else:
                ticket.result.append(result)

    def _apart(self, tickets: Sequence[_Ticket[T, R]], error: Exception) -> list[R | Exception]:
        """One that cannot be written spoils no other."""
        if len(tickets) == 1:
            return [error]
        results: list[R | Exception] = []
        for ticket in tickets:
            try:
                results += self._write([ticket.item])
            except Exception as own:  # noqa: BLE001 - whoever waits raises it
                results.append(own)
        return results
