"""A snapshot of a gateway with one node that is well and one that was never heard."""

from copy import deepcopy
from typing import Any

NOW_MS = 1_763_700_000_000
_SNAPSHOT: dict[str, Any] = {
    "gateway": "gw-1",
    "version": "0.1.0",
    "now_ms": NOW_MS,
    "uptime_s": 7260.0,
    "rss_bytes": 31_000_000,
    "cpu_s": 12.0,
    "connections": 1,
    "write_stuck_s": 0.0,
    "waiting_samples": 12,
    "waiting_batches": 3,
    "uplink": {"to": "https://cloud.example", "delivered_at_ms": NOW_MS - 60_000, "trouble": ""},
    "counters": {"samples_stored": 1200, "samples_redelivered": 0, "readings_flagged": 2, "batches_delivered": 4},
    "rooms": [
        {
            "room": "bath", "site": "home-1", "nodes": ["bathroom", "shelf"], "measured_at_ms": NOW_MS - 4000,
            "values": [{"quantity": "temperature", "unit": "Cel", "value": 21.4, "apart": ["shelf"]}],
        }
    ],
    "needs": [{"node": "bathroom", "need": "damp-air", "phase": "firing", "since": 1_763_699_000.0}],
    "nodes": [
        {
            "node": "attic", "site": "home-1", "configured": True, "online": None, "boot": None, "samples": 0,
            "sequence": None, "measured_at_ms": None, "received_at_ms": None, "values": [],
        },
        {
            "node": "bathroom", "site": "home-1", "configured": True, "online": True, "boot": 17, "samples": 1200,
            "sequence": 1200, "measured_at_ms": NOW_MS - 4000, "received_at_ms": NOW_MS - 3000,
            "values": [
                {"quantity": "temperature", "unit": "Cel", "value": 21.5, "status": "ok"},
                {"quantity": "humidity", "unit": "%RH", "value": 99.0, "status": "spike"},
                {"quantity": "co2", "unit": "ppm", "value": None, "status": "gap"},
            ],
        },
    ],
}  # fmt: skip


def snapshot(**fields: Any) -> dict[str, Any]:
    """A fresh one, with these fields in place of its own."""
    return {**deepcopy(_SNAPSHOT), **fields}
