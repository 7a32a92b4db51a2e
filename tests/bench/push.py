"""The figures of pushes, from decision to effect: `make -s bench-push`; its last line is one JSON object.

Each part is a module with a function that answers with figures by name. One that cannot be had here is null, and why is
said under `missing`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Figures = dict[str, Any]

# Function of the part -> the figures that it is asked for.
PARTS: Mapping[str, tuple[str, ...]] = {
    "tests.bench.push_decisions.figures": ("decisions_per_s",),
    "tests.bench.push_policy.figures": ("policy_examples", "policy_violations"),
    "tests.bench.push_delivery.sends": ("outbox_sends_per_s",),
    "tests.bench.push_delivery.kills": ("inbox_exactly_once_violations", "in_doubt"),
    "tests.bench.push_delivery.sensor_to_push": ("sensor_to_push_p99_s",),
    "tests.bench.push_outcomes.run": ("null_false_positive_rate", "lift_coverage95", "forecast_brier_ratio"),
}


def run(parts: Mapping[str, tuple[str, ...]] = PARTS, say: Callable[[str], object] = sys.stderr.write) -> Figures:
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


def main() -> int:
    found = run()
    sys.stdout.write(json.dumps(found) + "\n")
    broken = found["policy_violations"] or found["inbox_exactly_once_violations"]
    return 1 if found.get("missing") or broken else 0


if __name__ == "__main__":
    sys.exit(main())
