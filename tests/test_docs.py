"""The documentation is true where a machine can tell: links lead somewhere, commands exist, examples are accepted."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from aircue_cloud import config as cloud_config
from aircue_gateway import config as gateway_config
from aircue_node import settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = ("aircue-cloud", "aircue-gateway", "aircue-hil")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def block(page: str, kind: str) -> str:
    """The first fenced block of a kind."""
    found = re.search(rf"```{kind}\n(.*?)```", text(page), re.DOTALL)
    assert found is not None, f"{page} has no {kind} block"
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
    missing = [link for link in targets if "://" not in link and not (page.parent / link).exists()]
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


@pytest.mark.parametrize("command", commands())
def test_commands_exist(command: str) -> None:
    """The longest part of the words that is a command; the rest are arguments."""
    script, *words = command.split()
    assert script in SCRIPTS
    path = Path(sys.executable).parent / script
    helps = [
        subprocess.run([path, *words[:count], "--help"], capture_output=True, check=False, timeout=60).returncode == 0
        for count in range(1, len(words) + 1)
    ]
    assert helps[0], f"{script} has no command {words[0]}"


def test_the_firmwares_settings_are_accepted() -> None:
    parsed = settings.parse(block("docs/firmware.md", "json"))
    assert [row["driver"] for row in parsed.sensors] == ["sht4x", "scd4x"]


def test_the_firmwares_table_names_every_setting_that_has_a_default() -> None:
    page = text("docs/firmware.md")
    assert [key for key in settings._KEYS if key not in page] == []


def test_the_gateways_configuration_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(block("docs/gateway.md", "toml"))
    assert gateway_config.load(path).nodes.keys() == {"bathroom"}


def test_the_clouds_configuration_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    path.write_text(block("docs/cloud.md", "toml"))
    given = tomllib.loads(path.read_text())
    assert given.keys() == cloud_config.Config.__dataclass_fields__.keys()
    assert cloud_config.load(path).port == given["port"]


def test_the_readmes_last_line_has_the_keys_that_the_bench_page_explains() -> None:
    figures = set(re.findall(r'"(\w+)":', text("README.md")))
    explained = set(re.findall(r"^\| `(\w+)` \|", text("docs/hil.md"), re.MULTILINE))
    assert explained <= figures
