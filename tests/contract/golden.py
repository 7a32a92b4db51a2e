"""The golden files: contract version 1 as bytes and as fields. They are the arbiter and are never edited."""

import json
from pathlib import Path
from typing import Any


def golden(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text())
    return document
