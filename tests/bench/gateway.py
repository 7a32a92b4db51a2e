"""The gateway's figures: `make -s bench-gateway`. Progress goes to stderr, the last line of stdout is one JSON object.

Each part runs in a process of its own, so that none is measured with what another left in memory. What could not be
measured is null, with a reason beside it.
"""

import json
import subprocess
import sys

PARTS = ("gateway_cleaning", "gateway_batch", "gateway_listener", "gateway_spool")
KEYS = (
    "durable_qos1_msgs_per_s_core",
    "durable_qos1_msgs_per_s_wall",
    "rss_mb",
    "rss_slope_mb_per_million_readings",
    "bytes_per_reading_uplink",
    "sd_bytes_per_day",
    "ack_p99_ms_50",
    "ack_p99_ms_5000",
    "outage_lost",
    "outage_duplicates",
    "power_cut_points",
    "power_cut_violations",
    "false_crossings_raw",
    "false_crossings_after",
    "true_crossings_kept",
    "spike_f1_temperature",
    "spike_f1_humidity",
    "spike_f1_co2",
)


def main() -> int:
    figures: dict[str, object] = {}
    for part in PARTS:
        sys.stderr.write(f"measuring: {part}\n")
        result = subprocess.run(
            [sys.executable, "-m", f"tests.bench.{part}"], stdout=subprocess.PIPE, text=True, check=False
        )
        if result.returncode:
            figures[f"{part}_failed"] = f"exit status {result.returncode}; its last words are above"
            continue
        figures |= json.loads(result.stdout.splitlines()[-1])
    sys.stdout.write(json.dumps({key: figures.get(key) for key in KEYS} | figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
