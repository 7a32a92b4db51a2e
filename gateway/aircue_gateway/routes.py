"""Who subscribed to what: topics without wildcards are looked up, filters with wildcards are tried one by one."""

from collections.abc import Hashable
from typing import Generic, TypeVar

from aircue_gateway import mqtt_server

T = TypeVar("T", bound=Hashable)


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

    def add(self, topic_filter: str, subscriber: T) -> None:
        self._table(topic_filter).setdefault(topic_filter, set()).add(subscriber)

    def remove(self, topic_filter: str, subscriber: T) -> None:
        table = self._table(topic_filter)
        table.get(topic_filter, set()).discard(subscriber)
        if not table.get(topic_filter, True):
            del table[topic_filter]

    def find(self, topic: str) -> set[T]:
        """Everyone whose filters fit a topic, each once."""
        found = set(self._exact.get(topic, ()))
        for topic_filter, subscribers in self._wild.items():
            if mqtt_server.matches(topic_filter, topic):
                found |= subscribers
        return found

    def _table(self, topic_filter: str) -> dict[str, set[T]]:
        return self._wild if "+" in topic_filter or "#" in topic_filter else self._exact
