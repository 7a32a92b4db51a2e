"""What every test may ask for: a program of the system, a free port, MicroPython.

A test whose program is missing skips and names the remedy; in CI (the variable CI is set) it fails instead, so that
nothing stays untested there for want of a package.
"""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aircue_hil import micropython as finder

# Before numpy is loaded: implicit warns, and warnings are errors here, when BLAS brings threads of its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


# No test depends on how quick the machine is just now; CI looks harder than a person who waits.
settings.register_profile(
    "aircue",
    deadline=None,
    max_examples=100 if os.environ.get("CI") else 40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("aircue")

# Debian keeps the programs of each PostgreSQL version out of PATH.
_POSTGRESQL = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
