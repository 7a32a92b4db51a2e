"""[spool]: the bounds of what waits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import checked, whole


@dataclass(frozen=True, kw_only=True)
class SpoolConfig:
    """In millions of bytes: of what waits and what it takes to keep it, of refused batches, of dead letters."""

    max_mb: int = 512
    refused_mb: int = 16
    dead_letters_mb: int = 4


_SPOOL = {"max_mb": whole(16, 1_000_000), "refused_mb": whole(1, 100_000), "dead_letters_mb": whole(1, 1000)}


def read(file: Path, table: dict[str, Any]) -> SpoolConfig:
    return SpoolConfig(**checked(file, "spool", table, _SPOOL))
