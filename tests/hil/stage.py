"""A node in a simulated bathroom on MicroPython's unix port, as several tests have it."""

from pathlib import Path

from tests.hil.test_node_on_bench import settings

from aircue_hil.backends.places import UnixPlace
from aircue_hil.bench import Bench
from aircue_hil.config import SensorRow

SCALE = 600  # a sample of the 30 s interval comes every 50 ms


def settings_on_unix(bench: Bench, journal: int, fitted: tuple[SensorRow, ...]) -> dict[str, object]:
    return {**UnixPlace(Path(), scale=SCALE).settings(bench, "bathroom"), **settings(journal, fitted)}
