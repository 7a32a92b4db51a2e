"""[[nodes]] and [[watchers]]: who may connect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import KEY, NAME, ConfigError, checked


@dataclass(frozen=True, kw_only=True)
class Node:
    """A sensor board that may connect: user name and password are id and key."""

    id: str
    site: str
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Somebody who listens to all nodes and publishes nothing but Home Assistant's own status."""

    name: str
    key: str = field(repr=False)


_NODE = {"id": NAME, "site": NAME, "key": KEY}


_WATCHER = {"name": NAME, "key": KEY}


def read_nodes(file: Path, tables: list[dict[str, Any]]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for index, table in enumerate(tables, start=1):
        node = Node(**checked(file, f"nodes[{index}]", table, _NODE))
        if node.id in nodes:
            raise ConfigError(f"{file}: nodes[{index}].id = {node.id!r}: expected an id that no other node has")
        nodes[node.id] = node
    return nodes


def read_watchers(file: Path, tables: list[dict[str, Any]], nodes: Mapping[str, Node]) -> dict[str, Watcher]:
    watchers: dict[str, Watcher] = {}
    for index, table in enumerate(tables, start=1):
        one = Watcher(**checked(file, f"watchers[{index}]", table, _WATCHER))
        if one.name in watchers or one.name in nodes:
            where = f"watchers[{index}].name = {one.name!r}"
            raise ConfigError(f"{file}: {where}: expected a name that no other watcher or node has")
        watchers[one.name] = one
    return watchers
