"""A bench in parts: a part that fails leaves its figures null, says why under `missing`, and costs no other part."""

import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Figures = dict[str, Any]
Parts = Mapping[str, tuple[str, ...]]  # a function of a module -> the figures that it is asked for


def run(parts: Parts, say: Callable[[str], object] = sys.stderr.write) -> Figures:
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for part, names in parts.items():
        began = time.monotonic()
        say(f"{part} ...\n")
        try:
            module, _, function = part.rpartition(".")
            found |= getattr(import_module(module), function)()
        except Exception as error:  # noqa: BLE001  # a part that fails must not cost the figures of the others
            missing |= dict.fromkeys(names, f"{type(error).__name__}: {error}")
            found |= dict.fromkeys(names)
        say(f"{part}: {time.monotonic() - began:.0f} s\n")
    return {**found, "missing": missing} if missing else found
