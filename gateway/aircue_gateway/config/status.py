"""[status]: the local page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import Kind, checked, is_text, whole


@dataclass(frozen=True, kw_only=True)
class StatusConfig:
    """The local status page and its /metrics. port 0: none."""

    host: str = "127.0.0.1"
    port: int = 8014


_STATUS = {
    "host": Kind(expected="an address to listen on", accepts=is_text),
    "port": whole(0, 65535),
}


def read(file: Path, table: dict[str, Any]) -> StatusConfig:
    return StatusConfig(**checked(file, "status", table, _STATUS))
