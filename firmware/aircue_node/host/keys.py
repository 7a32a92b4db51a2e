"""Whose signature an update carries: nodes and their keys, from the files that a maker has them in already.

Errors: Refused, naming the file and what was expected; a key is never repeated in one.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aircue_node import settings
from aircue_node.config import SettingsError
from aircue_node.host.errors import Refused


def keys_of(gateways: Sequence[Path], boards: Sequence[Path], wanted: Sequence[str] = ()) -> dict[str, str]:
    """Keys by node. gateways: TOML with rows [[nodes]] of id and key, as a gateway's configuration has them. boards:
    settings.json of a node each. wanted: these nodes alone; empty: all."""
    found: dict[str, str] = {}
    for path in gateways:
        found |= of_gateway(path)
    for path in boards:
        found |= of_board(path)
    if not found:
        raise Refused("no node is named: give --keys with the gateway's configuration, or --settings with a node's")
    missing = [node for node in wanted if node not in found]
    if missing:
        raise Refused(f"no key for {', '.join(missing)}: there are keys for {', '.join(sorted(found))}")
    return {node: found[node] for node in sorted(wanted or found)}


def of_gateway(path: Path) -> dict[str, str]:
    try:
        rows = tomllib.loads(_text(path)).get("nodes", [])
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{path}: {error}: TOML is expected") from error
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise Refused(f"{path}: [[nodes]] is expected, with a text as id and as key in each")
    return {row["id"]: row["key"] for row in rows}


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), str) for name in ("id", "key"))


def of_board(path: Path) -> dict[str, str]:
    """From a settings.json, checked as the node checks it."""
    try:
        config = settings.parse(_text(path))
    except SettingsError as error:
        raise Refused(f"{path}: {error}") from error
    return {config.node: config.key}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}: name a file that is there") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: {error}") from error
