"""Imports in processes of their own: killed in the middle, two at once, and how much memory they take."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.cloud.stage import NOW, Cloud

from aircue_cloud import db, tables
from aircue_cloud.importing import rejects, taking
from aircue_cloud.importing.interactions import InteractionsFile
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Dialect
from aircue_cloud.importing.taking import Taken

pytestmark = pytest.mark.system

HEADER = "person,product,kind,at"
# One import; it tells every step, so that whoever reads it knows where it is. Its last word is its highest memory.
IMPORT = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from aircue_cloud import db
from aircue_cloud.importing import taking
from aircue_cloud.importing.interactions import InteractionsFile
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Dialect

ticks = iter(range(10**9))
progress = Progress(lambda line: print(line, flush=True), clock=lambda: next(ticks))
now = datetime(2026, 11, 21, tzinfo=UTC)
print(taking.take(db.open_database(sys.argv[1]), Path(sys.argv[2]), InteractionsFile(), Dialect(), now, progress))
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def importing(cloud: Cloud, path: Path) -> "subprocess.Popen[str]":
    url = cloud.engine.url.render_as_string(hide_password=False)
    return subprocess.Popen([sys.executable, "-c", IMPORT, url, str(path)], stdout=subprocess.PIPE, text=True)


def clicks(path: Path, rows: int) -> Path:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    with path.open("w") as file:
        file.write(f"{HEADER}\n")
        for number in range(rows):
            file.write(f"ada-1,salt,click,{(start + timedelta(seconds=number)).isoformat()}\n")
    return path


def stored(cloud: Cloud) -> int:
    with db.reading(cloud.engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.interactions)).scalar_one()


@pytest.mark.parametrize("word", ["import: read", "import: stored 5,000", "import: stored 10,000"])
def test_a_kill_in_the_middle_leaves_nothing_and_the_next_run_completes(
    cloud: Cloud, tmp_path: Path, word: str
) -> None:
    path = clicks(tmp_path / "acts.csv", 12_000)
    process = importing(cloud, path)
    assert process.stdout is not None
    with process.stdout as lines:
        assert next(line for line in lines if line.startswith(word))
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert stored(cloud) == 0
    assert not rejects.place(path).exists()
    taken = taking.take(cloud.engine, path, InteractionsFile(), Dialect(), NOW, Progress(lambda _line: None))
    assert taken == Taken(rows=12_000, stored=12_000, duplicates=0, rejected=0)
    assert stored(cloud) == 12_000


def test_two_imports_of_one_file_at_once_store_it_once(cloud: Cloud, tmp_path: Path) -> None:
    path = clicks(tmp_path / "acts.csv", 3000)
    processes = [importing(cloud, path) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("stored=3000" in one for one in said) == 1
    assert stored(cloud) == 3000


def test_memory_does_not_grow_with_the_file(cloud: Cloud, tmp_path: Path) -> None:
    """Eight times the rows; as objects in memory the larger file alone would take some 100 MB more."""
    peaks = []
    for rows in (10_000, 80_000):
        process = importing(cloud, clicks(tmp_path / f"{rows}.csv", rows))
        peaks.append(int(process.communicate()[0].rpartition("peak ")[2]))
    assert peaks[1] < peaks[0] + 50_000
