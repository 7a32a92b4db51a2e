"""The command line: its answers and its refusals."""

import json
from pathlib import Path

import pytest
from tests.gateway.samples import live, message

from aircue_gateway.cli import main
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intake import Intake
from aircue_gateway.ledger import Count
from aircue_gateway.spool.spool import Spool
from aircue_gateway.window import Stored

TOML = """
name = "gw-1"
data_dir = "spool"
[uplink]
url = "http://127.0.0.1:1"
key = "gateway-key"
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "gateway.toml"
    file.write_text(TOML)
    return str(file)


def used(folder: Path) -> None:
    intake = Intake(CleaningConfig(), Stored())
    intake.take(message("samples", b"{"), 1)
    intake.take(message("samples", live(1)), 1)
    spool = Spool.open(folder, "gw-1", 1)
    spool.commit(intake.swap())
    spool.close()


def test_status_prints_every_counter(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    used(tmp_path / "spool")
    assert main(["status", "--config", config]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["counters"]) == set(Count)
    assert found["gateway"] == "gw-1"
    assert (found["counters"]["dead_letters"], found["counters"]["awaiting_birth"]) == (1, 1)


def test_deadletter_prints_each_with_its_reason(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used(tmp_path / "spool")
    assert main(["deadletter", "--config", config]) == 0
    (letter,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert letter["payload"] == "{"
    assert "payload: expected a JSON object" in letter["reason"]


def test_a_wrong_configuration_ends_with_2_and_its_reason(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(config).write_text(TOML.replace("data_dir", "datadir"))
    assert main(["run", "--config", config]) == 2
    assert f"aircue-gateway: {config}: unknown key datadir" in capsys.readouterr().err


def test_a_spool_that_is_not_there_ends_with_1(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--config", config]) == 1
    assert "has the gateway run with this configuration?" in capsys.readouterr().err


def test_a_gateway_that_has_stored_nothing_yet_has_a_status(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Spool.open(tmp_path / "spool", "gw-1", 1).close()
    assert main(["status", "--config", config]) == 0
    assert json.loads(capsys.readouterr().out)["waiting_samples"] == 0


@pytest.mark.parametrize(("now", "said"), [(1_763_700_000, "ok"), (86_400, "not believed: see aircue-gateway doctor")])
def test_status_says_how_this_machines_clock_is(
    config: str,
    tmp_path: Path,
    now: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    used(tmp_path / "spool")
    monkeypatch.setattr("aircue_gateway.cli.time.time", lambda: float(now))
    assert main(["status", "--config", config]) == 0
    assert json.loads(capsys.readouterr().out)["clock"] == said
