"""The gateway's figures for Prometheus, made from a snapshot."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_GAUGES = (
    ("uptime_seconds", "since this start", "uptime_s"),
    ("resident_memory_bytes", "of the daemon", "rss_bytes"),
    ("connections", "of nodes and watchers, open now", "connections"),
    ("waiting_samples", "on disk, not yet in a batch", "waiting_samples"),
    ("waiting_batches", "on disk, not yet with the cloud", "waiting_batches"),
    ("write_stuck_seconds", "how long the write in hand waits for the disk", "write_stuck_s"),
)


class _Snapshot:
    """One snapshot as a collector."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        for name, text, key in _GAUGES:
            yield GaugeMetricFamily(f"aircue_gateway_{name}", text, value=self._snapshot[key])
        for name, count in self._snapshot["counters"].items():
            yield CounterMetricFamily(f"aircue_gateway_{name}", "see docs/gateway.md", value=count)
        yield from _readings(self._snapshot["nodes"])
        yield _rooms(self._snapshot["rooms"])
        yield _needs(self._snapshot["needs"])


def encode(snapshot: dict[str, Any]) -> bytes:
    """The text format of a scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(snapshot))
    return generate_latest(registry)


def _readings(nodes: list[dict[str, Any]]) -> Iterator[Metric]:
    """The last trusted values; a flagged one is missing, as Prometheus has no word for it."""
    heard = GaugeMetricFamily(
        "aircue_node_last_received_timestamp_seconds", "arrival of a node's last sample", labels=("site", "node")
    )
    reading = GaugeMetricFamily("aircue_reading", "a node's last value", labels=("site", "node", "quantity", "unit"))
    for node in nodes:
        if node["received_at_ms"] is not None:
            heard.add_metric((node["site"], node["node"]), node["received_at_ms"] / 1000)
        for row in node["values"]:
            if row["status"] == "ok" and row["value"] is not None:
                reading.add_metric((node["site"], node["node"], row["quantity"], row["unit"]), row["value"])
    yield heard
    yield reading


def _rooms(rooms: list[dict[str, Any]]) -> Metric:
    labels = ("site", "room", "quantity", "unit")
    reading = GaugeMetricFamily("aircue_room_reading", "a room's value, merged from its nodes", labels=labels)
    for room in rooms:
        for row in room["values"]:
            reading.add_metric((room["site"], room["room"], row["quantity"], row["unit"]), row["value"])
    return reading


def _needs(needs: list[dict[str, Any]]) -> Metric:
    firing = GaugeMetricFamily("aircue_need_firing", "1 while an episode goes on", labels=("node", "need"))
    for row in needs:
        firing.add_metric((row["node"], row["need"]), float(row["phase"] in ("firing", "recovering")))
    return firing
