"""How many of the vectors that payment providers published our code agrees with, by running each.

`python -m tests.bench.shop_vectors` prints them alone; `make -s bench-shop` with the rest.
"""

import json
import sys

from tests.cloud.payment.published import VECTORS, Vector


def measured() -> dict[str, int]:
    passed = [_passes(vector) for vector in VECTORS]
    return {"payment_vectors_passed": sum(passed), "payment_vectors_total": len(passed)}


def _passes(vector: Vector) -> bool:
    try:
        vector.run()
    except Exception as error:  # noqa: BLE001 - whatever it is, the vector did not pass
        print(f"{vector.name}: {error!r}\n  {vector.source}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(measured()))
