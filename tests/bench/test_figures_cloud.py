"""The bench of the cloud in short: every figure is measured, on real processes, and what went in is in the lake."""

import pytest
from tests.bench import cloud

pytestmark = pytest.mark.system


def test_every_figure_is_measured_and_nothing_is_lost() -> None:
    found = cloud.run(seconds=30, batches=12, homes=4)
    named = ("visible_p99_s", "ingest_p99_ms", "rss_mb", "query_7_days_100_homes_ms", "rebuild_readings_per_s")
    assert all(found[name] > 0 for name in (*named, "ingest_readings_per_s_sqlite", "lake_bytes_per_reading"))
    assert found["lake_readings"] >= 12 * 980
