"""The demo's files: every program can read what it is given."""

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aircue_cloud.decision import local_time
from aircue_cloud.decision.local_time import Window
from aircue_cloud.demo.neighbours import NEIGHBOURS
from aircue_cloud.needs import needs
from aircue_gateway import batch
from aircue_gateway import config as gateway_config
from aircue_hil.config import check
from aircue_hil.demo import next_door, plan
from aircue_hil.demo.plan import PlanError, Wish
from aircue_node import settings


def wish(*, trace: Path | None = None, faults: bool = False) -> Wish:
    return Wish(once=True, faults=faults, trace=trace, seed=1, scale=240, seconds=45)


def damp(tmp_path: Path, humidity: int) -> Path:
    path = tmp_path / "bathroom.csv"
    rows = [f"bathroom,2026-01-01T{6 + minute // 60:02}:{minute % 60:02}:00,21.0,50" for minute in range(0, 60, 10)]
    rows += [f"bathroom,2026-01-01T07:{minute:02}:00,21.0,{humidity}" for minute in range(0, 60, 10)]
    path.write_text("room,at,temperature,humidity\n" + "\n".join(rows) + "\n")
    return path


def test_every_node_understands_its_settings() -> None:
    made = plan.make(wish(), Path("t.jsonl"), 1883)
    for node in made.nodes:
        parsed = settings.parse(node.settings(1234, made.scale, made.bench.wifi))
        assert (parsed.node, parsed.site, parsed.port, parsed.time_scale) == (node.id, node.site, 1234, 240)


def test_the_gateway_understands_its_file_and_knows_every_node(tmp_path: Path) -> None:
    made = plan.make(wish(), Path("t.jsonl"), 1883)
    path = tmp_path / "gateway.toml"
    path.write_text(plan.gateway_toml(tmp_path / "data", 1883, "http://127.0.0.1:1", "key-of-gateway", made.nodes))
    assert set(gateway_config.load(path).nodes) == {node.id for node in made.nodes}


def test_the_clouds_file_is_toml(tmp_path: Path) -> None:
    assert tomllib.loads(plan.cloud_toml(tmp_path, 8400))["port"] == 8400


def test_the_bench_is_whole_with_and_without_faults(tmp_path: Path) -> None:
    assert check(plan.make(wish(), Path("t.jsonl"), 1883).bench).faults == ()
    kinds = [fault.what for fault in plan.make(wish(faults=True), Path("t.jsonl"), 1883).bench.faults]
    assert kinds == ["gateway-kill", "wifi-outage"]


def test_a_trace_begins_shortly_before_the_room_gets_damp(tmp_path: Path) -> None:
    made = plan.make(wish(trace=damp(tmp_path, 90)), Path("t.jsonl"), 1883)
    start = made.bench.world.start
    assert start is not None
    assert start.strftime("%H:%M") == "06:38"
    assert made.nodes[0].air == "trace/bathroom"


def test_a_trace_that_never_gets_damp_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="never stays above 80 % for 25 minutes"):
        plan.make(wish(trace=damp(tmp_path, 79)), Path("t.jsonl"), 1883)


def test_settings_carry_no_key_but_the_nodes_own() -> None:
    first, second, _ = plan.make(wish(), Path("t.jsonl"), 1883).nodes
    assert json.loads(first.settings(1, 1, plan.Wifi()))["key"] != second.key


def test_next_door_every_bathroom_is_damp_for_longer_than_it_takes_on_each_of_two_days() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    sites = [one.site for one in NEIGHBOURS]
    days = [batch.decode(next_door.batch(sites, now - (2 - day) * timedelta(days=1), day)) for day in (1, 2)]
    rule = needs.load().by_name["damp-air"].rule
    for day in days:
        assert [group.site for group in day.groups] == sites
        for group in day.groups:
            damp = [one for one in group.samples if one.values[0] is not None and one.values[0] > 100 * rule.enter]
            assert damp[-1].measured_at_ms - damp[0].measured_at_ms > 1000 * rule.dwell_s
    first, second = ({one.sequence for group in day.groups for one in group.samples} for day in days)
    assert not first & second


def test_who_is_asleep_next_door_is_so_while_the_demo_runs() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    window = Window.read(next_door.asleep(late)["quiet_hours"])
    assert local_time.quiet_until(window, ZoneInfo("UTC"), late) == late + timedelta(hours=6)


def test_the_bench_and_the_shop_mean_the_same_neighbours() -> None:
    assert [(one.household, one.person, one.site) for one in NEIGHBOURS] == list(next_door.NEIGHBOURS)
