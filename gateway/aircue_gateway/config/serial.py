"""[[serial]]: nodes on a cable."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import NAME, ConfigError, Kind, checked, is_text
from aircue_gateway.config.nodes import Node


@dataclass(frozen=True, kw_only=True)
class SerialConfig:
    """A node without a radio. path: its tty; node: an id of [[nodes]]."""

    path: Path
    node: str


_SERIAL = {"path": Kind(expected="the path of a tty", accepts=is_text, required=True), "node": NAME}


def read(file: Path, tables: list[dict[str, Any]], nodes: Mapping[str, Node]) -> tuple[SerialConfig, ...]:
    rows: list[SerialConfig] = []
    for index, table in enumerate(tables, start=1):
        fields = checked(file, f"serial[{index}]", table, _SERIAL)
        row = SerialConfig(path=Path(fields["path"]), node=fields["node"])
        if row.node not in nodes:
            known = ", ".join(nodes) or "none"
            raise ConfigError(f"{file}: serial[{index}].node = {row.node!r}: expected an id of [[nodes]]: {known}")
        if row.node in [one.node for one in rows] or row.path in [one.path for one in rows]:
            raise ConfigError(f"{file}: serial[{index}]: expected a path and a node that no other row has")
        rows.append(row)
    return tuple(rows)
