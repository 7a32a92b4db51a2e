"""The recommender's figures: how well it ranks, and how fast it answers. `make -s bench-recommender`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.bench import recommender_accuracy as accuracy
from tests.bench import recommender_serving as serving


def run(data: Path) -> dict[str, Any]:
    """The figures of both parts by name."""
    return {**serving.run(), **accuracy.run(data)}


def main() -> int:
    folder = os.environ.get("AIRCUE_DATA")
    if not folder:
        sys.stderr.write("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md\n")
        return 2
    sys.stdout.write(json.dumps(run(Path(folder))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
