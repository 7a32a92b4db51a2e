"""Many who wait for the same slow thing: whoever comes while it is under way is served by the next one, together."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Ticket(Generic[T, R]):
    __slots__ = ("error", "item", "result")

    def __init__(self, item: T) -> None:
        self.item = item
        self.result: R | None = None
        self.error: BaseException | None = None


class GroupCommit(Generic[T, R]):
    """write: does it for all of some items at once; a result for each, which may be an exception to raise."""

    def __init__(self, write: Callable[[Sequence[T]], Sequence[R | Exception]]) -> None:
        self._write = write
        self._turn = Lock()
        self._lock = Lock()
        self._waiting: list[_Ticket[T, R]] = []

    def submit(self, item: T) -> R:
        """Returns, or raises, when the item was written."""
        ticket = _Ticket[T, R](item)
        with self._lock:
            self._waiting.append(ticket)
        with self._turn:
            if ticket.result is None and ticket.error is None:
                self._serve()
        if ticket.error is not None:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def _serve(self) -> None:
        with self._lock:
            tickets, self._waiting = self._waiting, []
        try:
            results = self._write([ticket.item for ticket in tickets])
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            results = self._apart(tickets, error)
        for ticket, result in zip(tickets, results, strict=True):
            if isinstance(result, Exception):
                ticket.error = result
            else:
                ticket.result = result

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
