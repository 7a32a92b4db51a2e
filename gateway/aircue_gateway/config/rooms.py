"""[[rooms]]: nodes that measure one air."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import NAME, ConfigError, Kind, checked, is_name


@dataclass(frozen=True, kw_only=True)
class RoomConfig:
    """Nodes whose sensors measure one air. name: what the room is called; no node has the same."""

    name: str
    site: str
    nodes: tuple[str, ...]


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(map(is_name, value)) and len(set(value)) == len(value)


_ROOM = {
    "name": NAME,
    "site": NAME,
    "nodes": Kind(expected="a list of two or more nodes, each once", accepts=_is_names, required=True),
}


def read(file: Path, tables: list[dict[str, Any]], sites: Mapping[str, str]) -> tuple[RoomConfig, ...]:
    rows: list[RoomConfig] = []
    for index, table in enumerate(tables, start=1):
        where, fields = f"{file}: rooms[{index}]", checked(file, f"rooms[{index}]", table, _ROOM)
        row = RoomConfig(**{**fields, "nodes": tuple(fields["nodes"])})
        if row.name in sites or row.name in [one.name for one in rows]:
            raise ConfigError(f"{where}.name = {row.name!r}: expected a name that no node and no other room has")
        taken = {node for one in rows for node in one.nodes}
        wrong = [node for node in row.nodes if sites.get(node) != row.site or node in taken]
        if wrong:
            expected = f"nodes at site {row.site} that are in no other room"
            raise ConfigError(f"{where}.nodes: expected {expected}, found {', '.join(wrong)}")
        rows.append(row)
    return tuple(rows)
