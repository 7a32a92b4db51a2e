"""The figures of the shop: payment, support, feeds, bundles: `make -s bench-shop`; its last line is one JSON object.

One that cannot be had here is null, and why is said under `missing`. AIRCUE_DATA names the data sets.
"""

import json
import sys

from tests.bench.parts import Parts, run

PARTS: Parts = {
    "tests.bench.shop_vectors.measured": ("payment_vectors_passed", "payment_vectors_total"),
    "tests.bench.shop_orders.measured": ("paid_more_than_once", "ledger_mismatches", "orders_per_s"),
    "tests.bench.shop_support.measured": (
        "support_accuracy",
        "support_coverage_at_p95",
        "support_abstention_recall",
    ),
    "tests.bench.shop_feeds.measured": ("feed_rows_per_s",),
    "tests.bench.shop_associations.measured": ("associations_s",),
}


def main() -> int:
    found = run(PARTS)
    sys.stdout.write(json.dumps(found) + "\n")
    broken = found["paid_more_than_once"] or found["ledger_mismatches"]
    return 1 if found.get("missing") or broken else 0


if __name__ == "__main__":
    sys.exit(main())
