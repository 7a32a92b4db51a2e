"""The bench's TOML file: read whole, or refused with the key and what is known."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aircue_hil.config import Config, ConfigError, load
from aircue_hil.sensors.model import Glitches

WHOLE = """
transactions = "witness.jsonl"
port = 0

[world]
scale = 240
seed = 7
start = 2026-01-14T05:30:00
run_s = 60

[wifi]
ssid = "aircue-bench"
key = "bench-wifi-key"
notice_s = 3

[gateway]
host = "127.0.0.1"
port = 1883

[homes.flat]
season = "winter"
people = 2

[traces.house]
file = "house.csv.gz"
layout = "home_climate"

[[nodes]]
id = "bath-1"
air = "flat/bathroom"
strobe_pin = 2

[[nodes.sensors]]
driver = "sht4x"
bus = 0
glitches = { nack = 0.01, crc = 0.01, spike = 0.002 }

[[nodes.sensors]]
driver = "dht22"
pin = 15

[[faults]]
at_s = 20
what = "wifi-outage"
node = "bath-1"
for_s = 8
"""


def read(folder: Path, text: str) -> Config:
    path = folder / "bench.toml"
    path.write_text(text)
    return load(path)


def test_the_whole_file_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, WHOLE)
    assert config.world.start == datetime(2026, 1, 14, 5, 30, tzinfo=UTC)
    assert config.transactions == tmp_path / "witness.jsonl"
    assert config.traces["house"].file == tmp_path / "house.csv.gz"
    assert [sensor.driver for sensor in config.nodes[0].sensors] == ["sht4x", "dht22"]
    assert config.nodes[0].sensors[0].glitches == Glitches(nack=0.01, crc=0.01, spike=0.002)
    assert config.faults[0].for_s == 8.0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "seed = 7",
            "sede = 7",
            r"bench\.toml: world: unknown key sede; known are run_s, scale, seed, shift_to_now, start",
        ),
        ("port = 0", "prot = 0", r"bench\.toml: unknown key prot; known are faults, gateway, homes"),
        ("pin = 15", "pni = 15", r"nodes\[0\]: sensors\[1\]: unknown key pni; known are address, bus, driver"),
        ("nack = 0.01", "nak = 0.01", r"glitches: unknown key nak; known are crc, garbage, nack, short, spike"),
        ("nack = 0.01", "short = 0.01", r"sht4x glitches is 'short'; known are crc, nack, spike"),
        ("nack = 0.01", "nack = 1.5", r"sht4x glitch nack is 1\.5, a chance of 0 to 1 is expected"),
        (
            'driver = "sht4x"',
            'driver = "sht9x"',
            r"node bath-1: driver is 'sht9x'; known are bme280, bmp280, dht11, dht22",
        ),
        ('driver = "sht4x"', "", r"sensors\[0\]: key driver is missing"),
        ("pin = 15", "", r"node bath-1: sensor dht22 needs the key pin"),
        ("scale = 240", 'scale = "240"', r"world: scale is '240', a int is expected"),
        ("scale = 240", "scale = 0", r"world\.scale is 0, 1 or more is expected"),
        ('air = "flat/bathroom"', 'air = "house2/bathroom"', r"air is 'house2'; known are flat, house"),
        ('season = "winter"', 'season = "monsoon"', r"homes\.flat\.season is 'monsoon'; known are autumn"),
        ('layout = "home_climate"', 'layout = "x"', r"traces\.house\.layout is 'x'; known are home_climate, long"),
        ('what = "wifi-outage"', 'what = "flood"', r"faults\.what is 'flood'; known are broken, brown-out"),
        ("start = 2026-01-14T05:30:00", "", r"world\.start is missing; a trace needs"),
        ("[world]", "[world", r"bench\.toml: no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(tmp_path, WHOLE.replace(old, new, 1))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        load(tmp_path / "absent.toml")
