"""Prometheus' text format, read by its own parser."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.gateway.operations.snapshots import NOW_MS, snapshot

from aircue_gateway.operations import metrics

_LABELS = ("site", "node", "room", "need", "quantity", "unit")


def scraped(**fields: Any) -> dict[tuple[str, ...], float]:
    """Samples by (name, label values ...), in the order of _LABELS."""
    families = text_string_to_metric_families(metrics.encode(snapshot(**fields)).decode())
    samples = [one for family in families for one in family.samples]
    return {(one.name, *(one.labels[name] for name in _LABELS if name in one.labels)): one.value for one in samples}


def test_every_counter_is_one_with_its_total() -> None:
    assert scraped()["aircue_gateway_samples_stored_total",] == 1200


def test_what_waits_and_what_is_stuck_are_gauges() -> None:
    found = scraped(write_stuck_s=2.5)
    assert (found["aircue_gateway_waiting_batches",], found["aircue_gateway_write_stuck_seconds",]) == (3, 2.5)


def test_a_reading_carries_its_place_and_unit() -> None:
    assert scraped()["aircue_reading", "home-1", "bathroom", "temperature", "Cel"] == 21.5


def test_flagged_and_missing_values_are_absent() -> None:
    assert [key for key in scraped() if key[0] == "aircue_reading"] == [
        ("aircue_reading", "home-1", "bathroom", "temperature", "Cel")
    ]


def test_the_age_of_a_node_can_be_alerted_on() -> None:
    name = "aircue_node_last_received_timestamp_seconds"
    found = scraped()
    assert found[name, "home-1", "bathroom"] == (NOW_MS - 3000) / 1000
    assert (name, "home-1", "attic") not in found


def test_an_episode_that_goes_on_is_1() -> None:
    assert scraped()["aircue_need_firing", "bathroom", "damp-air"] == 1
    quiet = [{"node": "bathroom", "need": "damp-air", "phase": "pending", "since": 1.0}]
    assert scraped(needs=quiet)["aircue_need_firing", "bathroom", "damp-air"] == 0


def test_a_room_has_its_merged_value() -> None:
    assert scraped()["aircue_room_reading", "home-1", "bath", "temperature", "Cel"] == 21.4
