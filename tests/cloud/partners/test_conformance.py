"""Recordings of devices held against profiles, by the code that gateways run."""

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cloud.stage import Cloud
from werkzeug.test import TestResponse

from aircue_cloud import cli
from aircue_cloud.errors import CommandError, SettingsError
from aircue_cloud.partners import conformance
from aircue_cloud.partners.conformance import DECODED, PASSED, WRONG, Report

# What devices of each brand send.
RECORDINGS = {
    "tasmota-sht3x": (
        'tele/bath/SENSOR {"Time":"2026-11-21T10:00:00","SHT3X":{"Temperature":21.5,"Humidity":64.0},"TempUnit":"C"}'
    ),
    "zigbee2mqtt-climate": 'zigbee2mqtt/bath {"temperature":21.5,"humidity":64,"linkquality":80}',
    "shelly-ht": (
        'shellyht-1/events/rpc {"src":"shellyht-1","method":"NotifyStatus","params":{"ts":1763719200.1,'
        '"temperature:0":{"id":0,"tC":21.5},"humidity:0":{"id":0,"rh":64}}}'
    ),
}


def check(name: str, *lines: str) -> Report:
    return conformance.check(lines, conformance.profile(name), 0)


@pytest.mark.parametrize("name", conformance.shipped())
def test_each_shipped_profile_has_a_recording_that_conforms(name: str) -> None:
    report = check(name, RECORDINGS[name])
    assert report.conforms, report
    assert {one.quantity for line in report.lines for one in line.readings} == {"temperature", "humidity"}


LINES = [
    ('zigbee2mqtt/bath {"temperature":21.5,"humidity":64}', DECODED, ""),
    ("# a comment", None, ""),
    ('zigbee2mqtt/bath/availability {"state":"online"}', PASSED, "no reading of the air"),
    ('zigbee2mqtt/bath {"temperature":', WRONG, "JSON"),
    ('zigbee2mqtt/bath {"temperature":"warm"}', WRONG, "a number"),
    ('zigbee2mqtt/bath {"temperature":95}', WRONG, "temperature is 95 Cel, expected -20 to 60"),
    ('zigbee2mqtt/bath {"co2":600}', WRONG, "the profile does not name it"),
    ("zigbee2mqtt/bath", WRONG, "a topic, a space and a payload"),
]


@pytest.mark.parametrize(("line", "verdict", "why"), LINES)
def test_each_line_is_told(line: str, verdict: str | None, why: str) -> None:
    found = check("zigbee2mqtt-climate", line).lines
    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])
    assert why in "; ".join(reason for one in found for reason in one.why)


def test_lines_are_told_by_their_number_and_what_nothing_tells_is_missing() -> None:
    report = check("zigbee2mqtt-climate", "# recorded today", "", 'zigbee2mqtt/bath {"temperature":21}')
    assert ([line.number for line in report.lines], report.missing, report.conforms) == ([3], ("humidity",), False)


def profile(tmp_path: Path, **changes: str) -> Path:
    said = {
        "brand": '"Acme"', "format": '"zigbee2mqtt"', "payload": '"text"', "unit": '"°F"', "low": "32", "high": "140",
    } | changes  # fmt: skip
    head = "\n".join(f"{name} = {said[name]}" for name in ("brand", "format", "payload"))
    range_ = "\n".join(f"{name} = {said[name]}" for name in ("unit", "low", "high"))
    path = tmp_path / "profile.toml"
    path.write_text(f"{head}\n[quantities.{changes.get('quantity', 'temperature')}]\n{range_}\n")
    return path


def test_ranges_in_other_units_are_those_of_the_contract(tmp_path: Path) -> None:
    found = conformance.profile(str(profile(tmp_path)))
    assert found.ranges["temperature"] == pytest.approx((0.0, 60.0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": '"smoke"'}, "format"),
        ({"payload": '"base64"'}, "payload"),
        ({"unit": '"ppm"'}, "unit"),
        ({"low": "200"}, "low under high"),
        ({"low": "nan"}, "low under high"),
        ({"quantity": "smell"}, "unknown quantity"),
        ({"brand": "5"}, "brand"),
    ],
)
def test_a_profile_that_is_none_is_refused_with_its_key(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        conformance.profile(str(profile(tmp_path, **changes)))


def test_binary_payloads_are_recorded_in_hexadecimal(tmp_path: Path) -> None:
    found = conformance.profile(str(profile(tmp_path, payload='"hex"')))
    text = b'{"temperature":21.5}'.hex()
    lines = conformance.check([f"zigbee2mqtt/bath {text}", "zigbee2mqtt/bath 7g"], found, 0).lines
    assert [line.verdict for line in lines] == [DECODED, WRONG]


def test_the_command_line_says_whether_a_recording_conforms(tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    path.write_text("\n".join(line for line, _, _ in LINES))
    command = ["partners", "conformance", str(path), "--profile", "zigbee2mqtt-climate"]
    run = CliRunner().invoke(cli.main, command)
    assert run.exit_code == 1
    assert "line 1: decoded: temperature 21.5, humidity 64" in run.output
    assert "does not conform" in run.output + run.stderr
    path.write_text(RECORDINGS["zigbee2mqtt-climate"])
    assert CliRunner().invoke(cli.main, command).exit_code == 0
    listed = CliRunner().invoke(cli.main, ["partners", "profiles"]).output
    assert all(name in listed for name in RECORDINGS)


def test_a_profile_that_is_nowhere_is_named() -> None:
    with pytest.raises(CommandError, match="no such file"):
        conformance.profile("acme-9000")


def test_a_recording_is_tested_in_the_console(cloud: Cloud) -> None:
    browser, own = cloud.app.test_client(), {"Origin": "http://localhost"}
    assert "Zigbee2MQTT" in browser.get("/console/devices-of-partners").text

    def test(content: bytes, profile: str = "zigbee2mqtt-climate") -> TestResponse:
        form = {"profile": profile, "recording": (io.BytesIO(content), "recording.txt")}
        return browser.post("/console/devices-of-partners", data=form, headers=own)

    assert "It conforms." in test(RECORDINGS["zigbee2mqtt-climate"].encode()).text
    bad = test(b'zigbee2mqtt/bath {"temperature":95}').text
    assert "It does not conform. No line tells humidity." in bad
    assert "expected -20 to 60" in bad
    assert test(b"\xff").status_code == 422
    assert test(b"x", "/etc/passwd").status_code == 422
