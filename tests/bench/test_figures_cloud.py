"""The bench of the cloud in short: every figure is measured, on real processes, and what went in is in the lake."""

import pytest
from tests.bench import cloud

pytestmark = pytest.mark.system


def test_every_figure_is_measured_and_nothing_is_lost() -> None:
    found = cloud.run(seconds=30, batches=12, homes=4, grown=(3, 2), on_postgresql=False)
    named = ("visible_p99_s", "ingest_p99_ms", "rss_mb", "query_7_days_100_homes_ms", "rebuild_readings_per_s")
    assert all(found[name] > 0 for name in (*named, "ingest_readings_per_s_sqlite", "lake_bytes_per_reading"))
    assert found["lake_readings"] >= 12 * 980
    assert found["duplicates_sqlite"] == 0
    assert all(found[f"{name}_{scale}"] > 0 for name in (*named, "lake_bytes_per_reading") for scale in ("1x", "10x"))
    assert found["lake_readings_10x"] > 9 * found["lake_readings_1x"]


def test_a_backlog_grows_where_its_end_lies_a_second_above_its_begin() -> None:
    assert cloud.grows([0, 10, 20, 100, 200, 300, 400, 500, 600], per_s=100)
    assert not cloud.grows([50, 0, 90, 20, 80, 0, 70, 90, 60], per_s=100)
    assert not cloud.grows([], per_s=100)
