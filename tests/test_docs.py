"""The documentation is true where a machine can tell: links lead somewhere, commands exist, examples are accepted."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest

from aircue_cloud import config as cloud_config
from aircue_cloud.cli import main as cloud
from aircue_cloud.rights import retention
from aircue_gateway import config as gateway_config
from aircue_gateway.payloads.formats import FORMATS
from aircue_hil import faults
from aircue_node import settings
from aircue_node.host import cli as flashing
from aircue_node.host.boards import BOARDS
from aircue_node.sensors.fitting import DRIVERS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = ("aircue-cloud", "aircue-flash", "aircue-gateway", "aircue-hil")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def block(page: str, kind: str) -> str:
    """The first fenced block of a kind."""
    found = re.search(rf"```{kind}\n(.*?)```", text(page), re.DOTALL)
    assert found is not None, f"{page} has no {kind} block"
    return found[1]


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next one of its level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text(page), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{page} has no section {title}"
    return found[1]


def rows(table: str) -> dict[str, str]:
    """The second column of the tables in a text by what stands in the first one as code; heads are left out."""
    found = re.findall(r"^\| (`[^|]*) \| ([^|]*) \|(?!.*\n\| ---)", table, re.MULTILINE)
    return {name: second for first, second in found for name in re.findall(r"`([^`]+)`", first)}


def anchors(page: Path) -> set[str]:
    """Those that a heading gives on GitHub."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (?:-s )?([a-z-]+)", page.read_text(), re.MULTILINE))
    assert named <= known


def commands() -> list[str]:
    """Every `aircue-... command` that a page names, without its arguments."""
    found = set()
    for page in PAGES:
        for script, words in re.findall(r"(aircue-[a-z]+)((?: [a-z][a-z-]*)+)", page.read_text()):
            found.add(f"{script}{words}")
    return sorted(found)


@cache
def helps(script: str, word: str) -> bool:
    path = Path(sys.executable).parent / script
    return subprocess.run([path, word, "--help"], capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("command", [one for one in commands() if not one.startswith("aircue-cloud")])
def test_commands_exist(command: str) -> None:
    script, word, *_ = command.split()
    assert script in SCRIPTS
    assert helps(script, word), f"{script} has no command {word}"


@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("aircue-cloud")])
def test_the_clouds_commands_exist(command: str) -> None:
    """What stands behind the last one are arguments."""
    found: click.Command | None = cloud
    for word in command.split()[1:]:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(click.Context(found), word) or (None if not _may_stand_alone(found) else found)
        assert found is not None, f"there is no {word} in {command}"


def _may_stand_alone(group: click.Group) -> bool:
    return group.invoke_without_command


def test_the_firmwares_settings_are_accepted() -> None:
    parsed = settings.parse(block("docs/firmware.md", "json"))
    assert [row["driver"] for row in parsed.sensors] == ["sht4x", "scd4x"]


def default_of(key: str) -> str:
    """As the table writes it."""
    default = settings._KEYS[key][1]
    if default is None:
        return "needed"
    return "none" if default in ("", [], {}) else json.dumps(default).replace('"mqtt"', '`"mqtt"`')


def test_the_firmwares_table_names_every_setting_with_its_default() -> None:
    assert rows(section("docs/firmware.md", "settings.json")) == {key: default_of(key) for key in settings._KEYS}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("firmware-*.md")), ids=lambda page: page.name)
def test_other_pages_give_the_same_defaults(page: Path) -> None:
    given = {name: second for name, second in rows(page.read_text()).items() if name in settings._KEYS}
    assert given == {name: default_of(name) for name in given}


def test_the_bundle_of_the_updates_page_can_be_made_and_says_how_to_give_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text('[[nodes]]\nid = "bathroom"\nkey = "a long secret"\n')
    making, giving = re.findall(
        r"```\n(.*?)```", section("docs/firmware-updates.md", "Making and giving an update"), re.DOTALL
    )
    assert flashing.main(shlex.split(making)[1:]) == 0
    assert (tmp_path / "bundle-0.2.0" / "bathroom.hmac").exists()
    printed = re.sub(r"manifest=[0-9a-f]{64}", "manifest=<SHA-256>", capsys.readouterr().out)
    assert re.sub(r"version=\S+", "version=0.2.0", printed) == giving


def test_the_options_of_a_bundle_are_those_of_the_updates_page(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        flashing.main(["bundle", "--help"])
    known = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    listed = {name.split()[0] for name in rows(section("docs/firmware-updates.md", "Making and giving an update"))}
    assert listed == known


def test_the_firmwares_table_names_every_driver() -> None:
    assert rows(section("docs/firmware.md", "Sensors")).keys() == DRIVERS.keys()


def test_the_firmwares_table_names_every_command() -> None:
    table = rows(section("docs/firmware.md", "Commands")).keys()
    orders = text("firmware/aircue_node/wiring/orders.py")
    known = re.search(r"def _actions.*?return \{(.*?)\}", orders, re.DOTALL)
    assert known is not None
    assert table == set(re.findall(r'^ +"(\w+)":', known[1], re.MULTILINE))


@pytest.mark.parametrize("page", ["docs/firmware.md", "docs/firmware-flashing.md"])
def test_the_boards_are_all_of_them(page: str) -> None:
    listed = re.search(r"^`BOARD` is one of (.*?)\.", text(page), re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == BOARDS.keys()


def test_options_of_flashing_exist() -> None:
    named = set(re.findall(r"--[a-z][a-z-]+", text("docs/firmware-flashing.md")))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", flashing._parser().format_help()))


def test_the_benchs_tables_name_every_fault() -> None:
    assert rows(section("docs/hil.md", "Faults by script")).keys() == set(faults.KINDS)


def test_the_benchs_fault_is_one_that_it_can_play() -> None:
    for row in tomllib.loads(block("docs/hil.md", "toml"))["faults"]:
        fault = faults.Fault(**row)
        assert fault.what in faults.ON_SENSORS
        assert fault.clock in faults.CLOCKS
        assert fault.sensor in DRIVERS


def test_the_gateways_configuration_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(block("docs/gateway.md", "toml"))
    assert gateway_config.load(path).nodes.keys() == {"bathroom", "shelf"}


def test_the_gateways_table_of_tls_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(block("docs/gateway.md", "toml") + block("docs/gateway-listener.md", "toml"))
    assert gateway_config.load(path).listener.tls is not None


def test_the_gateways_tables_of_a_cable_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(block("docs/gateway.md", "toml") + block("docs/firmware-serial.md", "toml"))
    assert [row.node for row in gateway_config.load(path).serial] == ["bathroom"]


def test_the_tables_of_devices_are_accepted_and_there_is_one_for_every_format(tmp_path: Path) -> None:
    tables = re.findall(r"```toml\n(.*?)```", text("docs/gateway-devices.md"), re.DOTALL)
    path = tmp_path / "gateway.toml"
    path.write_text(block("docs/gateway.md", "toml") + "\n".join(tables))
    config = gateway_config.load(path)
    assert {row.format for row in config.devices} == FORMATS.keys()
    assert config.broker is not None
    assert [row.sensor for row in config.attached] == ["sht4x", "dht22"]


def test_the_clouds_configuration_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(block("docs/cloud.md", "toml"))
    given = tomllib.loads(path.read_text())
    assert given.keys() == cloud_config.Config.__dataclass_fields__.keys()
    assert cloud_config.load(path).port == given["port"]


def test_the_readmes_last_line_has_the_keys_that_the_bench_page_explains() -> None:
    figures = set(re.findall(r'"(\w+)":', text("README.md")))
    explained = rows(section("docs/hil.md", "The demo's figures")).keys()
    assert explained
    assert explained <= figures


def test_the_privacy_page_names_every_period_of_the_database() -> None:
    lines = section("docs/privacy.md", "What is kept").splitlines()
    for period in retention.PERIODS:
        told = [line for line in lines if line.startswith(f"| `{period.table.name}`")]
        assert len(told) == 1, period.table.name
        assert f"{period.days} days" in told[0]
        assert period.why in told[0]
