"""The figures of pushes, from decision to effect: `make -s bench-push`; its last line is one JSON object.

Each part is a module with a function that answers with figures by name. One that cannot be had here is null, and why is
said under `missing`.
"""

import json
import sys

from tests.bench.parts import Parts, run

PARTS: Parts = {
    "tests.bench.push_decisions.figures": ("decisions_per_s",),
    "tests.bench.push_policy.figures": ("policy_examples", "policy_violations"),
    "tests.bench.push_delivery.sends": ("outbox_sends_per_s",),
    "tests.bench.push_delivery.kills": ("inbox_exactly_once_violations", "in_doubt"),
    "tests.bench.push_delivery.sensor_to_push": ("sensor_to_push_p99_s",),
    "tests.bench.push_outcomes.run": ("null_false_positive_rate", "lift_coverage95", "forecast_brier_ratio"),
}


def main() -> int:
    found = run(PARTS)
    sys.stdout.write(json.dumps(found) + "\n")
    broken = found["policy_violations"] or found["inbox_exactly_once_violations"]
    return 1 if found.get("missing") or broken else 0


if __name__ == "__main__":
    sys.exit(main())
