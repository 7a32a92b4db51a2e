"""The firmware's figures: `make -s bench-firmware`. Progress goes to stderr, the last line of stdout is JSON.

Sensors, radio, flash chip and homes are simulated. What could not be measured is null, with a reason beside.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import day, heap, reconnects
from tests.bench.stage import FITTED_QUANTITIES
from tests.hil.compiled import FIRMWARE, compile_firmware

from aircue_hil.backends.heap import figure
from aircue_hil.behaviour import proven
from aircue_node.journal import FLUSH_READINGS, ON_ITS_WAY_READINGS

DAY_SCALE = 480  # a day in three minutes
HEAP_SCALE = 960
_WIDTH = len(FITTED_QUANTITIES)
# What a power cut may cost, in whole samples: those that were not due to go to flash yet, the one that made them due,
# and those on their way and not acked: one at a board's pace; here, where the world is so fast that an outage is
# noticed many samples late, as many as may be. The sample that was being taken does not count as measured.
UNFLUSHED_BOUND = _WIDTH * ((FLUSH_READINGS - 1) // _WIDTH + 1 + ON_ITS_WAY_READINGS // _WIDTH)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="aircue-bench-") as folder:
        figures = measure(Path(folder))
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def measure(folder: Path) -> dict[str, Any]:
    firmware = compile_firmware(folder / "firmware")
    figures: dict[str, Any] = {}
    for name, part in (("heap", _heap), ("day", _day), ("reconnects", _reconnects), ("sensors", _sensors)):
        _say(f"measuring: {name}")
        figures |= part(folder / name, firmware)
        _say(json.dumps(figures))
    return figures


def _heap(folder: Path, firmware: Path) -> dict[str, Any]:
    found = heap.run(folder, firmware, HEAP_SCALE)
    return {
        "heap_used_bytes_unix": found.used,
        "heap_stand_ins_bytes_unix": found.stand_ins,
        "heap_cap_bytes_unix": heap.CAP + found.stand_ins,
        **_heap_on_pico_w(),
        "drift_bytes_per_day": round(found.drift),
        "drift_standard_error": round(found.drift_error),
    }


def _heap_on_pico_w() -> dict[str, Any]:
    bytes_used, reason = figure(FIRMWARE / "main.py")
    found: dict[str, Any] = {"heap_used_bytes_pico_w": bytes_used}
    return found if bytes_used is not None else {**found, "heap_used_bytes_pico_w_reason": reason}


def _day(folder: Path, firmware: Path) -> dict[str, Any]:
    found = day.run(folder, firmware, DAY_SCALE, UNFLUSHED_BOUND)
    return {
        "readings": found.readings,
        "lost": found.lost,
        "duplicates": found.duplicates,
        "wrong": found.wrong,
        "declared_dropped": found.declared,
        "declared_gaps_before_a_sensor_is_believed": found.not_believed,
        "power_cuts": day.POWER_CUTS,
        "resets_by_itself": found.resets,
        "wifi_outages": day.WIFI_OUTAGES,
        "gateway_kills": day.GATEWAY_KILLS,
        "unflushed_bound_readings": UNFLUSHED_BOUND,
        "lost_within_bound": sum(found.at_cuts),
        "worst_power_cut_readings": max(found.at_cuts, default=0),
        "erases_per_reading": round(found.erases / found.readings, 4),
    }


def _reconnects(folder: Path, firmware: Path) -> dict[str, Any]:
    took = reconnects.run(folder, firmware)
    return {
        "reconnect_s_p99": round(reconnects.percentile(took, 0.99), 2),
        "reconnect_s_median": round(statistics.median(took), 2),
        "reconnects": len(took),
    }


def _sensors(folder: Path, firmware: Path) -> dict[str, Any]:
    found = proven()
    return {"sensors_proven": sum(found.values()), "sensors_not_proven": [name for name, ok in found.items() if not ok]}


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
