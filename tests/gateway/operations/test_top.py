"""The picture on a terminal."""

from tests.gateway.operations.snapshots import snapshot

from aircue_gateway.operations.top import picture


def test_it_shows_the_gateway_its_uplink_and_every_node() -> None:
    assert list(picture(snapshot(), None)) == [
        "gw-1  up 2.0 h  31 MB  1 connection  CPU - %",
        "samples 1,200 stored (-/s)  0 redelivered  2 readings flagged",
        "uplink in order  waiting: 12 samples and 3 batches  4 delivered",
        "bath                 home-1       merged from bathroom, shelf  temperature 21.4°C",
        "damp-air on bathroom: firing",
        "",
        "NODE                 SITE             LAST   SAMPLES  AIR",
        "attic                home-1          never         0  ",
        "bathroom             home-1            3 s     1,200  temperature 21.5°C  humidity 99%RH!spike  co2 -ppm",
    ]


def test_rates_come_from_the_picture_before() -> None:
    before = snapshot(uptime_s=7250.0, cpu_s=11.0, counters={"samples_stored": 1100})
    first, second, *_ = picture(snapshot(), before)
    assert first.endswith("CPU 10.0 %")
    assert "1,200 stored (10.0/s)" in second


def test_trouble_stands_in_capitals() -> None:
    uplink = {"to": "https://cloud.example", "delivered_at_ms": None, "trouble": "401 wrong key"}
    assert "uplink TROUBLE: 401 wrong key" in "\n".join(picture(snapshot(uplink=uplink), None))
