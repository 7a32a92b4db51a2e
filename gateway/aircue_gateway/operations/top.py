"""`aircue-gateway top`: the running gateway on a terminal, drawn anew every second."""

import sys
import time
from collections.abc import Iterator
from typing import Any

from aircue_gateway import control
from aircue_gateway.config import Config

_CLEAR = "\x1b[H\x1b[2J"
_UNITS = {"Cel": "°C", "1": "", "ug/m3": "µg/m³"}


def run(config: Config, every_s: float, once: bool) -> None:
    """Until Ctrl-C; once: a single picture, for a pipe. NotRunning where no daemon answers."""
    before: dict[str, Any] | None = None
    while True:
        now = control.ask(config.data_dir, "snapshot")["snapshot"]
        text = "\n".join(picture(now, before))
        print(text if once else _CLEAR + text, flush=True)
        if once:
            return
        before = now
        try:
            time.sleep(every_s)
        except KeyboardInterrupt:
            sys.exit(0)


def picture(now: dict[str, Any], before: dict[str, Any] | None) -> Iterator[str]:
    """Lines. before: the snapshot of a moment ago, for the rates; without one they are missing."""
    yield (
        f"{now['gateway']}  up {now['uptime_s'] / 3600:.1f} h  {now['rss_bytes'] / 1e6:.0f} MB  "
        f"{_counted(now['connections'], 'connection')}  CPU {_rate(now, before, lambda one: one['cpu_s'] * 100)} %"
    )
    yield (
        f"samples {_count(now, 'samples_stored'):,} stored"
        f" ({_rate(now, before, lambda one: _count(one, 'samples_stored'))}/s)"
        f"  {_count(now, 'samples_redelivered'):,} redelivered  {_count(now, 'readings_flagged'):,} readings flagged"
    )
    trouble = now["uplink"]["trouble"]
    yield (
        f"uplink {'TROUBLE: ' + trouble if trouble else 'in order'}  waiting: "
        f"{_counted(now['waiting_samples'], 'sample')} and {_counted(now['waiting_batches'], 'batch', 'batches')}  "
        f"{_count(now, 'batches_delivered'):,} delivered"
    )
    for room in now["rooms"]:
        air = "  ".join(_value({**row, "value": round(row["value"], 2), "status": "ok"}) for row in room["values"])
        yield f"{room['room']:<20} {room['site']:<12} merged from {', '.join(room['nodes'])}  {air}"
    for row in now["needs"]:
        yield f"{row['need']} on {row['node']}: {row['phase']}"
    yield ""
    yield f"{'NODE':<20} {'SITE':<12} {'LAST':>8} {'SAMPLES':>9}  AIR"
    for node in now["nodes"]:
        yield _node(node, now["now_ms"])


def _counted(number: int, noun: str, more: str = "") -> str:
    return f"{number:,} {noun if number == 1 else more or noun + 's'}"


def _count(snapshot: dict[str, Any], name: str) -> int:
    return int(snapshot["counters"].get(name, 0))


def _rate(now: dict[str, Any], before: dict[str, Any] | None, of: Any) -> str:
    """Growth a second."""
    passed_s = 0.0 if before is None else now["uptime_s"] - before["uptime_s"]
    return "-" if before is None or passed_s <= 0 else f"{(of(now) - of(before)) / passed_s:.1f}"


def _node(node: dict[str, Any], now_ms: int) -> str:
    at = node["received_at_ms"]
    last = "never" if at is None else f"{max(0, now_ms - at) / 1000:.0f} s"
    air = "  ".join(map(_value, node["values"]))
    return f"{node['node']:<20} {node['site']:<12} {last:>8} {node['samples']:>9,}  {air}"


def _value(row: dict[str, Any]) -> str:
    number = "-" if row["value"] is None else f"{row['value']:g}"
    flag = "" if row["status"] in ("ok", "gap") else f"!{row['status']}"
    return f"{row['quantity']} {number}{_UNITS.get(row['unit'], row['unit'])}{flag}"
