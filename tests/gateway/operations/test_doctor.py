"""The doctor's findings: each ill has a finding of its own, and each finding that is not good a remedy."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gateway.processes import SmallCloud
from tests.gateway.samples import NODE

from aircue_gateway.cli import main
from aircue_gateway.config import Config, ListenerConfig, SerialConfig, UplinkConfig
from aircue_gateway.operations.doctor import Finding, Level, examine


@pytest.fixture
def cloud() -> Iterator[SmallCloud]:
    small = SmallCloud()
    yield small
    small.close()


@pytest.fixture
def well(tmp_path: Path, cloud: SmallCloud, free_port: int) -> Config:
    """A gateway that lacks nothing but a start."""
    file = tmp_path / "gateway.toml"
    file.touch(0o600)
    (tmp_path / "spool").mkdir()
    return Config(
        file=file,
        name="gw-1",
        data_dir=tmp_path / "spool",
        uplink=UplinkConfig(url=cloud.url, key="gateway-key"),
        listener=ListenerConfig(host="127.0.0.1", port=free_port),
        nodes={NODE.id: NODE},
    )


def but(config: Config, **fields: object) -> Config:
    return Config(**{**vars(config), **fields})  # type: ignore[arg-type]  # of the test's choosing


def ills(config: Config) -> list[Finding]:
    return [one for one in examine(config) if one.level is not Level.OK]


def only_ill(config: Config) -> Finding:
    """Beside that the gateway does not run."""
    (found,) = [one for one in ills(config) if "no gateway answers" not in one.what]
    return found


def test_a_gateway_that_lacks_nothing_has_no_ill_but_that_it_does_not_run(well: Config) -> None:
    (found,) = ills(well)
    assert found.what.startswith("no gateway answers at ")


def test_every_ill_comes_with_a_remedy(well: Config) -> None:
    sick = but(
        well, nodes={}, data_dir=well.file.parent / "nowhere", uplink=UplinkConfig(url="http://127.0.0.1:1", key="")
    )
    assert all(one.remedy for one in ills(sick))


def test_keys_that_everybody_can_read_are_told(well: Config) -> None:
    well.file.chmod(0o644)
    assert only_ill(well).remedy == f"chmod o-rwx {well.file}"


def test_a_gateway_without_nodes_is_told_how_to_add_one(well: Config) -> None:
    assert only_ill(but(well, nodes={})).remedy == "aircue-gateway node add NAME --site SITE"


def test_a_port_that_is_taken_is_a_failure(well: Config) -> None:
    with socket.create_server(("127.0.0.1", well.listener.port)):
        found = only_ill(well)
    assert (found.level, f"127.0.0.1:{well.listener.port}" in found.what) == (Level.FAILURE, True)


def test_a_cloud_that_is_away_is_a_failure(well: Config) -> None:
    found = only_ill(but(well, uplink=UplinkConfig(url="http://127.0.0.1:1", key="gateway-key")))
    assert (found.level, found.remedy) == (Level.FAILURE, "is the cloud up, and url under [uplink] right?")


def test_a_folder_that_cannot_be_written_is_a_failure(well: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    found = only_ill(well)
    assert (found.level, found.remedy) == (Level.FAILURE, "the disk is full: make room")


def test_a_clock_ten_years_off_is_a_failure(well: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert only_ill(well).what == "this machine's clock says 2001-09-09"


def test_a_cable_that_is_not_plugged_in_is_told(well: Config) -> None:
    cabled = but(well, serial=(SerialConfig(path=Path("/dev/ttyNOWHERE"), node=NODE.id),))
    assert only_ill(cabled).what == f"/dev/ttyNOWHERE of node {NODE.id} is not there"


def test_the_command_line_ends_with_1_where_something_fails(
    well: Config, capsys: pytest.CaptureFixture[str], cloud: SmallCloud
) -> None:
    text = f'name = "gw-1"\ndata_dir = "spool"\n[listener]\nport = {well.listener.port}\n'
    well.file.write_text(f'{text}[uplink]\nurl = "{cloud.url}"\nkey = "gateway-key"\n')
    assert main(["doctor", "--config", str(well.file)]) == 0
    with socket.create_server(("0.0.0.0", well.listener.port)):
        assert main(["doctor", "--config", str(well.file)]) == 1
    assert "         -> stop what listens there" in capsys.readouterr().out
