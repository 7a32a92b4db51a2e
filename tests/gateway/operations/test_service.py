"""The unit and the installation, on a real system's own tools."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

GATEWAY = Path(__file__).parents[3] / "gateway"
UNIT = GATEWAY / "systemd" / "aircue-gateway.service"
_EXPOSURE = "20"  # tenths, of systemd's own scale from 0 to 10; most services lie at 9

pytestmark = pytest.mark.system


def done(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_the_unit_is_hardened(need_program: Callable[[str], Path]) -> None:
    analyze = need_program("systemd-analyze")
    result = done(analyze, "security", "--offline=true", f"--threshold={_EXPOSURE}", UNIT)
    assert result.returncode == 0, result.stdout


def test_every_line_of_the_unit_is_known_to_systemd(need_program: Callable[[str], Path], tmp_path: Path) -> None:
    """Its program is replaced by one that is here: systemd looks for it."""
    analyze = need_program("systemd-analyze")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/aircue/bin/aircue-gateway", "/bin/true"))
    result = done(analyze, "verify", "--recursive-errors=no", unit)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_installation_brings_a_gateway_that_runs_without_numpy(tmp_path: Path) -> None:
    result = done(GATEWAY / "install.sh", "--root", tmp_path)
    assert result.returncode == 0, result.stderr
    python = tmp_path / "opt/aircue/bin/python"
    listed = done(python, "-c", "import sys, aircue_gateway.cli; print('numpy' in sys.modules)")
    assert (listed.stdout, listed.stderr) == ("False\n", "")
    missing = done(python, "-c", "import numpy")
    assert "No module named 'numpy'" in missing.stderr
    assert done(tmp_path / "opt/aircue/bin/aircue-gateway", "--help").returncode == 0
    assert (tmp_path / "etc/systemd/system" / UNIT.name).read_text() == UNIT.read_text()


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    result = done(GATEWAY / "install.sh", "--prefix", tmp_path)
    assert (result.returncode, result.stderr) == (
        1,
        "install: unknown option --prefix; known are --source and --root\n",
    )
