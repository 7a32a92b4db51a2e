"""The figures of pushes, from decision to effect: `make -s bench-push`; its last line is one JSON object.

Each part is a module with a function that answers with figures by name. One that cannot be had here is null, and why is
said under `missing`.
"""

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

# Module of the part -> the figures that it is asked for.
PARTS: Mapping[str, tuple[str, ...]] = {
    "tests.bench.push_decisions": ("decisions_per_s",),
    "tests.bench.push_policy": ("policy_examples", "policy_violations"),
}


def run(
    parts: Mapping[str, tuple[str, ...]] = PARTS, say: Callable[[str], object] = sys.stderr.write
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for module, names in parts.items():
        say(f"{module}\n")
        try:
            found |= import_module(module).figures()
        except Exception as error:  # noqa: BLE001  # a part that fails must not cost the figures of the others
            missing |= dict.fromkeys(names, f"{type(error).__name__}: {error}")
            found |= dict.fromkeys(names)
    return {**found, "missing": missing} if missing else found


def main() -> int:
    found = run()
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found.get("missing") or found["policy_violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
