"""The cloud's own tests once more, on a real PostgreSQL of this test's own instead of SQLite."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]

ROOT = Path(__file__).parents[2]
# Nothing here has to survive a power cut.
QUICK = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"


class Server:
    """A PostgreSQL on loopback in a folder of its own; run by the user postgres where this test is root."""

    def __init__(self, programs: Path, port: int) -> None:
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="aircue-postgresql-", dir="/tmp"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {QUICK}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def close(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._programs / program, "-D", self._folder / "data", *arguments]
        subprocess.run(
            command,
            check=True,
            cwd=self._folder,
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )


@pytest.fixture
def server(need_program: Callable[[str], Path], free_port: int) -> Iterator[Server]:
    started = Server(need_program("initdb").parent, free_port)
    yield started
    started.close()


def test_the_cloud_keeps_its_promises_on_postgresql(server: Server) -> None:
    variables = os.environ | {"AIRCUE_TEST_DATABASE": server.url}
    chosen = ["-m", "not system", "--ignore", "tests/cloud/recommender", "tests/cloud"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "2", *chosen]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 200
