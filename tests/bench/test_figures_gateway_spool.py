"""The arithmetic behind the spool's figures, and a short form of its outages."""

from pathlib import Path

import pytest
from tests.bench import gateway_outage, gateway_spool
from tests.gateway.recorded_disk import MemoryDisk

from aircue_gateway.spool.disk import RealDisk


def test_a_day_has_every_sample_of_every_node_once() -> None:
    came = [(row.birth, row.sequence) for _, made in gateway_spool.day_windows() for row in made.samples]
    assert len(came) == len(set(came)) == gateway_spool.NODES * gateway_spool.DAY_S // gateway_spool.INTERVAL_S


def test_blocks_are_counted_once_a_sync() -> None:
    disk = gateway_spool.CountingDisk(MemoryDisk())
    disk.create("a", 8192)
    disk.sync("a")
    for offset in (0, 100, 4090, 9000):
        disk.write("a", offset, b"0123456789")
    disk.sync("a")
    disk.sync("a")
    assert (disk.blocks, disk.syncs) == (2 + 3, 3)


def test_part_of_a_day_is_played_on_a_real_folder(tmp_path: Path) -> None:
    assert gateway_spool.play_day(RealDisk(tmp_path), 0.002) == 35


def test_growth_is_the_slope_of_its_line() -> None:
    assert gateway_outage.slope([(0, 30.0), (100, 30.5), (200, 31.0)]) == pytest.approx(0.005)


@pytest.mark.system
def test_an_outage_with_a_kill_inside_loses_and_doubles_nothing() -> None:
    assert gateway_outage.outage(seed=1, messages=500, away_s=3) == (0, 0)


@pytest.mark.system
def test_what_passes_through_the_daemon_is_delivered_and_weighed() -> None:
    found = gateway_outage.weight(samples=10_000)
    assert found["rss_samples_delivered"] == 10_000
    assert 10 < found["rss_mb"] < 60
