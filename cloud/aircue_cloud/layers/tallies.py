"""Values that are no readings: gaps, and what a deadband held back. Pure."""

from collections import Counter
from typing import Any

import numpy as np

from aircue_cloud.ingest.columns import Columns
from aircue_gateway.batch import Status


def tallies(batch: Columns) -> list[dict[str, Any]]:
    """By site, node and quantity; none where everything is a reading."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    if not np.any((batch.statuses == Status.GAP) | (batch.statuses == Status.SUPPRESSED)):
        return []
    for stretch in batch.stretches:
        for place, channel in enumerate(stretch.channels):
            at = stretch.value + place * stretch.count
            statuses = batch.statuses[at : at + stretch.count]
            for name, status in (("gaps", Status.GAP), ("suppressed", Status.SUPPRESSED)):
                count = int(np.count_nonzero(statuses == status))
                if count:
                    found[stretch.site, stretch.node, channel.quantity, name] += count
    return [
        {
            "batch": batch.id,
            **dict(zip(("site", "node", "quantity"), key, strict=True)),
            "gaps": found[(*key, "gaps")],
            "suppressed": found[(*key, "suppressed")],
        }
        for key in sorted({key[:3] for key in found})
    ]
