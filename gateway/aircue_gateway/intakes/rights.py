"""What each account may publish and subscribe to: a node below its own prefix, a watcher listens to everything.

Home Assistant's side channel is the exception on both sides: a node may publish its own discovery message and hear
whether Home Assistant is there, and a watcher, which Home Assistant is, may say so.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from aircue_gateway.config import Node, Watcher
from aircue_gateway.intakes import mqtt_server
from aircue_gateway.message import DISCOVERY
from aircue_node import contract, discovery

Account = Node | Watcher

# Filters of more levels, or longer ones, fit no topic that anybody may publish to.
_MOST_LEVELS = 16
_LONGEST_FILTER = 512


class Rights(Protocol):
    """outside: says where the account's publications should lie."""

    outside: str

    def leaf(self, topic: str) -> str:
        """What a message under this topic is, empty where the account may not publish there."""
        ...

    def may_subscribe(self, topic_filter: str) -> bool: ...


class NodeRights:
    def __init__(self, node: Node) -> None:
        self._prefix = contract.topic(node.site, node.id, "")
        self._discovery = discovery.topic(node.id)
        self.outside = self._prefix

    def leaf(self, topic: str) -> str:
        if topic.startswith(self._prefix):
            return topic[len(self._prefix) :]
        return DISCOVERY if topic == self._discovery else ""

    def may_subscribe(self, topic_filter: str) -> bool:
        own = topic_filter.startswith(self._prefix) or topic_filter == discovery.Announcer.asked_on
        return own and sensible(topic_filter)


class WatcherRights:
    outside = discovery.Announcer.asked_on

    def leaf(self, topic: str) -> str:
        return topic if topic == self.outside else ""

    def may_subscribe(self, topic_filter: str) -> bool:
        return sensible(topic_filter)


def rights(account: Account) -> Rights:
    return NodeRights(account) if isinstance(account, Node) else WatcherRights()


class Accounts(Mapping[str, Account]):
    """Who may log in just now, by name: what a reload changes in the two tables counts from the next login on."""

    def __init__(self, nodes: Mapping[str, Node], watchers: Mapping[str, Watcher]) -> None:
        self._nodes = nodes
        self._watchers = watchers

    def __getitem__(self, name: str) -> Account:
        return self._nodes[name] if name in self._nodes else self._watchers[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._nodes
        yield from self._watchers

    def __len__(self) -> int:
        return len(self._nodes) + len(self._watchers)


def name_of(account: Account) -> str:
    return account.id if isinstance(account, Node) else account.name


def sensible(topic_filter: str) -> bool:
    """Whether a filter is one (4.7.1) and of a length that some topic has."""
    if len(topic_filter) > _LONGEST_FILTER or topic_filter.count("/") >= _MOST_LEVELS:
        return False
    return mqtt_server.is_filter(topic_filter)
