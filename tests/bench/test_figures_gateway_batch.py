"""The bench of the batch in short: an hour of the simulated home, and the real devices where their data is."""

import os
from pathlib import Path

import pytest
from tests.bench import gateway_batch

from aircue_gateway import batch


def test_a_reading_of_a_simulated_home_costs_at_most_the_bound() -> None:
    figures = gateway_batch.run_home(3600)
    assert figures["version 2"] <= 1.5
    assert figures["version 2"] < 0.4 * figures["varint+zlib (version 1)"] < figures["ndjson+zlib"]


@pytest.mark.parametrize("estimates", [("co",), ("co", "lpg", "smoke")])
def test_a_reading_of_the_real_devices_costs_at_most_the_bound(estimates: tuple[str, ...]) -> None:
    folder = os.environ.get("AIRCUE_DATA")
    if not folder:
        pytest.skip("AIRCUE_DATA is not set; point it at the data sets of docs/data-sets.md")
    nodes = gateway_batch.pi_nodes(Path(folder) / "pi_dht22" / "messages.json.gz", estimates)
    batches = gateway_batch.sealed(nodes, "lab")[::4]
    sizes = sum(len(batch.encode(one)) for one in batches)
    assert sizes / gateway_batch.readings(batches) <= 1.5


def test_a_batch_that_does_not_come_back_spoils_the_figure() -> None:
    one, other = gateway_batch.sealed(gateway_batch.home_nodes(600), "home-1")[:2]
    with pytest.raises(AssertionError, match="did not come back"):
        gateway_batch._check(one, other)


def test_without_the_real_data_the_figure_is_missing_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRCUE_DATA", raising=False)
    found = gateway_batch.run(seconds=600, backlog=40)
    assert found["bytes_per_reading_uplink"] is None
    assert "AIRCUE_DATA" in found["pi_dht22_missing"]
    assert found["batch_backlog_readings"] == 160
