"""The arithmetic behind the listener's figures, and a short run of the benchmark itself."""

from pathlib import Path

import pytest
from tests.bench import gateway_listener, publishers
from tests.bench.publishers import Plan

from aircue_gateway.intervals import Intervals
from aircue_node import contract, mqtt


def test_a_sample_that_was_acked_and_is_nowhere_is_missed() -> None:
    acked = {"a": Intervals([(1, 5), (8, 9)]), "b": Intervals([(1, 2)])}
    assert gateway_listener.count(acked["a"]) == 7
    assert gateway_listener.missing(acked, {"a": {1, 2, 3, 4, 5, 8, 9}, "b": {1, 2, 3}}) == 0
    assert gateway_listener.missing(acked, {"a": {1, 2, 4, 5, 8, 9}}) == 3


def test_the_slope_of_memory_is_that_of_the_second_half_in_megabytes_a_million_readings() -> None:
    grows = tuple((float(at), 30.0 if at < 50 else 30.0 + (at - 50)) for at in range(101))
    assert gateway_listener.slope(grows, 2_000_000) == pytest.approx(50.0)
    assert gateway_listener.slope(tuple((float(at), 30.0) for at in range(10)), 1_000_000) == 0.0


def test_a_percentile_is_the_nearest_rank() -> None:
    assert publishers.percentile([float(n) for n in range(1, 1001)], 0.99) == 990.0
    assert publishers.percentile([3.0], 0.99) == 3.0


def test_packet_ids_go_round_and_leave_the_births_alone() -> None:
    assert [publishers.packet_id(index) for index in (0, 65533, 65534)] == [1, 65534, 1]


def test_the_load_is_samples_of_the_contract_with_noise_of_sensors() -> None:
    plan = Plan(port=0, nodes=13, samples=3, in_flight=1, began_s=1_763_700_000)
    streams = publishers.packets(plan)
    cutter = mqtt.Parser()
    cutter.feed(streams[12][2])
    _, flags, body = cutter.next_packet() or (0, 0, b"")
    topic, payload, qos, ident, _, _ = mqtt.parse_publish(flags, body)
    assert (topic, qos, ident) == (contract.topic(publishers.SITE, "node-12", "samples"), 1, 3)
    assert payload.startswith(b'{"i":2779096012,"b":1,"s":3,"u":90000,"t":1763700090,"v":[')
    assert len({stream[0][-20:] for stream in streams}) == 13


@pytest.mark.system
def test_a_short_run_finds_every_acked_sample(tmp_path: Path) -> None:
    found = gateway_listener.take(tmp_path / "run", window_ms=50, samples=20, in_flight=5)
    assert (found.acked, found.missing) == (1000, 0)
    assert found.cpu_s > 0
    assert found.load.p99_ms >= found.load.p50_ms > 0
