"""From nothing to a configuration that the gateway reads, and a node in it."""

from io import StringIO
from pathlib import Path

import pytest

from aircue_gateway.cli import main
from aircue_gateway.config import ConfigError, load
from aircue_gateway.operations import setting_up


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "etc" / "gateway.toml"


def begun(file: Path, key: str = "the-gateways-key") -> None:
    setting_up.init(file, name="gw-1", url="https://cloud.example", key=key, data_dir="/var/lib/aircue")


def test_init_writes_what_the_gateway_reads_and_only_its_owner(file: Path) -> None:
    begun(file, key='a "quoted" \\ key')
    config = load(file)
    assert (config.name, config.uplink.url, config.uplink.key) == ("gw-1", "https://cloud.example", 'a "quoted" \\ key')
    assert file.stat().st_mode & 0o777 == 0o600


def test_init_leaves_a_file_that_is_there(file: Path) -> None:
    begun(file)
    before = file.read_text()
    with pytest.raises(ConfigError, match="exists: edit it"):
        begun(file)
    assert file.read_text() == before


def test_init_refuses_a_wrong_value_by_name_and_writes_nothing(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.toml: uplink\.key = \(not shown\)"):
        begun(file, key="short")
    assert list(file.parent.iterdir()) == []


def test_a_node_is_added_with_a_key_of_its_own(file: Path) -> None:
    begun(file)
    first = setting_up.add_node(load(file), "bathroom", "home-1")
    second = setting_up.add_node(load(file), "kitchen", "home-1")
    assert load(file).nodes == {"bathroom": first, "kitchen": second}
    assert first.key != second.key
    assert len(first.key) >= 24


def test_adding_keeps_what_a_person_wrote(file: Path) -> None:
    begun(file)
    file.write_text(file.read_text() + "# mine\n")
    file.chmod(0o640)
    setting_up.add_node(load(file), "bathroom", "home-1")
    assert "# mine\n" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("ident", "why"), [("bathroom", "no other node has"), ("bath room", "letters, digits")])
def test_an_id_that_does_not_fit_changes_nothing(file: Path, ident: str, why: str) -> None:
    begun(file)
    setting_up.add_node(load(file), "bathroom", "home-1")
    before = file.read_text()
    with pytest.raises(ConfigError, match=why):
        setting_up.add_node(load(file), ident, "home-1")
    assert file.read_text() == before
    assert [one.name for one in file.parent.iterdir()] == ["gateway.toml"]


def test_the_command_line_does_both_and_says_what_the_node_needs(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--config", str(file)]
    assert main(["init", *options, "--name", "gw-1", "--cloud", "https://cloud.example", "--key", "gateway-key"]) == 0
    assert main(["node", "add", *options, "bathroom", "--site", "home-1"]) == 0
    said = capsys.readouterr().out
    assert f"key      {load(file).nodes['bathroom'].key}" in said
    assert ":1883" in said


def test_what_is_missing_is_not_asked_of_a_pipe(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    assert main(["init", "--config", str(file)]) == 2
    assert "--cloud URL is missing" in capsys.readouterr().err
