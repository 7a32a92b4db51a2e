"""Who subscribed to what: topics without wildcards are looked up, filters with wildcards are tried one by one; what was
found for a topic is remembered until somebody comes or goes."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from aircue_gateway.intakes import mqtt_server

T = TypeVar("T", bound=Hashable)

_MOST_REMEMBERED = 4096  # topics


class Routes(Generic[T]):
    """
    >>> routes: Routes[str] = Routes()
    >>> routes.add("aircue/home-1/kitchen/ack", "node")
    >>> routes.add("aircue/home-1/#", "watcher")
    >>> sorted(routes.find("aircue/home-1/kitchen/ack"))
    ['node', 'watcher']
    """

    def __init__(self) -> None:
        self._exact: dict[str, set[T]] = {}
        self._wild: dict[str, set[T]] = {}
        self._found: dict[str, frozenset[T]] = {}

    def add(self, topic_filter: str, subscriber: T) -> None:
        self._table(topic_filter).setdefault(topic_filter, set()).add(subscriber)
        self._found.clear()

    def remove(self, topic_filter: str, subscriber: T) -> None:
        self._found.clear()
        table = self._table(topic_filter)
        table.get(topic_filter, set()).discard(subscriber)
        if not table.get(topic_filter, True):
            del table[topic_filter]

    def find(self, topic: str) -> frozenset[T]:
        """Everyone whose filters fit a topic, each once."""
        found = self._found.get(topic)
        if found is None:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            found = self._found[topic] = frozenset(self._search(topic))
        return found

    def _search(self, topic: str) -> set[T]:
        found = set(self._exact.get(topic, ()))
        for topic_filter, subscribers in self._wild.items():
            if mqtt_server.matches(topic_filter, topic):
                found |= subscribers
        return found

    def _table(self, topic_filter: str) -> dict[str, set[T]]:
        return self._wild if "+" in topic_filter or "#" in topic_filter else self._exact
