"""What every test may ask for: a program of the system, a free port, MicroPython.

A test whose program is missing skips and names the remedy; in CI (the variable CI is set) it fails instead, so that
nothing stays untested there for want of a package.
"""

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pluggy
import pytest
from hypothesis import HealthCheck, settings
from tests import ports

from aircue_hil import micropython as finder
from aircue_hil.backends.fidelity import FIDELITY

# Before numpy is loaded: implicit warns, and warnings are errors here, when BLAS brings threads of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


# No test depends on how quick the machine is just now. CI tries the same examples in every run, so that what it refuses
# is the change and not the day; a person's own runs draw new ones.
settings.register_profile(
    "aircue",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=100 if os.environ.get("CI") else 40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aircue")

# Debian keeps the programs of each PostgreSQL version out of PATH.
_POSTGRESQL = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)


@pytest.fixture
def pseudo_terminals() -> None:
    """For tests with a simulated cable or board; some containers have no pseudo terminals."""
    try:
        ends = os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo terminal here ({error}): mount devpts at /dev/pts")
    for end in ends:
        os.close(end)


# What a hil test may run on; `unix` is the default and the only one in CI.
_BACKENDS = ("unix", "pico_w", "board")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--backend", choices=_BACKENDS, default="unix", help="where the firmware of hil tests runs")


def pytest_report_header(config: pytest.Config) -> str:
    name = config.getoption("backend")
    return f"hil backend: {_shown(name)}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another backend than unix only those tests run that are marked for it; the long ones begin first."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    name = config.getoption("backend")
    if name != "unix":
        others = [item for item in items if item.get_closest_marker(name) is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pluggy.Result[pytest.TestReport], None]:
    """A report of a test that took the fixture `backend` says where it ran."""
    outcome = yield
    if "backend" in getattr(item, "fixturenames", ()):
        outcome.get_result().backend = item.config.getoption("backend")


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Verbose lines name backend and fidelity, so that a simulated pass is never read as one on hardware."""
    name = getattr(report, "backend", None)
    if name is None or report.when != "call" or report.outcome not in ("passed", "failed"):
        return None
    letter = "." if report.passed else "F"
    return report.outcome, letter, f"{report.outcome.upper()} on {_shown(name)}"


def _shown(name: str) -> str:
    return f"{name} ({FIDELITY[name]})"


def unavailable(reason: str) -> None:
    """Skips the test, or fails it in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def need_program() -> Callable[[str], Path]:
    """`need_program("mosquitto")` is the program's path."""

    def path_of(name: str) -> Path:
        found = shutil.which(name, path=":".join([os.environ.get("PATH", ""), "/usr/sbin", *_POSTGRESQL]))
        if found is None:
            unavailable(f"the program {name!r} is not installed; type: make system-packages")
        return Path(str(found))

    return path_of


@pytest.fixture(scope="session")
def micropython() -> Path:
    """The program that runs MicroPython's unix port, fetched if need be."""
    try:
        return finder.find()
    except finder.MicropythonMissing as error:
        unavailable(str(error))
        raise


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on."""
    return ports.free_port()
