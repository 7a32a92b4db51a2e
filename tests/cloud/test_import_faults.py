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
# One import; it tells every step, so that whoever reads it knows where it is. Its last word is its highest memory, in
# kB (of this program alone: getrusage counts what the one that started it took).
IMPORT = """
import sys
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
print("peak", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
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


@pytest.mark.parametrize("word", ["import: read", "import: compared 5,000", "import: compared 12,000"])
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
    there = stored(cloud)
    # Right behind the last word the transaction goes on: the kill may find it before its end, or past it.
    assert there in ((0, 12_000) if word.endswith("12,000") else (0,))
    assert not rejects.place(path).exists()
    taken = taking.take(cloud.engine, path, InteractionsFile(), Dialect(), NOW, Progress(lambda _line: None))
    assert taken == Taken(rows=12_000, stored=12_000 - there, duplicates=there, rejected=0)
    assert stored(cloud) == 12_000


def test_two_imports_of_one_file_at_once_store_it_once(cloud: Cloud, tmp_path: Path) -> None:
    path = clicks(tmp_path / "acts.csv", 3000)
    processes = [importing(cloud, path) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("stored=3000" in one for one in said) == 1
    assert stored(cloud) == 3000


MOST_KB = 600_000  # of an import, however large its file: most of it are Python and its libraries
MORE_KB = {"interactions": 50_000, "readings": 20_000}  # what is not due to the file's length
TURN = 10_000  # readings that the layers take up at once, so that both files take several turns


@pytest.mark.parametrize(("kind", "few", "many"), [("interactions", 10_000, 80_000), ("readings", 20_000, 150_000)])
def test_memory_does_not_grow_with_the_file(cloud: Cloud, tmp_path: Path, kind: str, few: int, many: int) -> None:
    """As objects in memory the larger file alone would take some 100 MB more; what the layers remember of readings,
    were it each of them, some 40 MB."""
    peaks = []
    for rows in (few, many):
        path = tmp_path / f"{rows}.csv"
        process = importing(cloud, clicks(path, rows)) if kind == "interactions" else measuring(cloud, path, rows)
        said = process.communicate()[0]
        assert f"rows={rows}, stored=" in said, said
        peaks.append(int(said.rpartition("peak ")[2]))
    assert peaks[1] < peaks[0] + MORE_KB[kind], peaks
    assert peaks[1] < MOST_KB


READINGS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from aircue_cloud.app import open_intake, open_layers, open_objects
from aircue_cloud.config import Config
from aircue_cloud.importing import readings
from aircue_cloud.importing.progress import Progress
from aircue_cloud.importing.records import Dialect
from aircue_cloud.layers import worker

worker.MOST_CARRIED = int(sys.argv[4])
config = Config(data_dir=sys.argv[1], database_url=sys.argv[2])
place = config.place("main")
objects = open_objects(config, place)
ticks = iter(range(10**9))
progress = Progress(lambda line: print(line, flush=True), clock=lambda: next(ticks))
intake, layers = open_intake(place, objects), open_layers(config, place, objects)
print(readings.take(intake, layers, Path(sys.argv[3]), "home-1", Dialect(), progress))
print("peak", Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def measuring(cloud: Cloud, path: Path, rows: int) -> "subprocess.Popen[str]":
    with path.open("w") as file:
        file.write("node,quantity,measured_at,value\n")
        for number in range(rows):
            file.write(f"room,humidity,{1_763_000_000 + 2 * number},{40 + number % 20}\n")
    words = [str(cloud.folder.parents[1]), cloud.database_url, str(path), str(TURN)]
    return subprocess.Popen([sys.executable, "-c", READINGS, *words], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("word", ["import: read 5", "import: sealed 2,", "import: sealed 8,000"])
def test_readings_are_acknowledged_all_at_once_or_not_at_all(cloud: Cloud, tmp_path: Path, word: str) -> None:
    process = measuring(cloud, tmp_path / "sensors.csv", 8_000)
    assert process.stdout is not None
    with process.stdout as lines:
        assert next(line for line in lines if line.startswith(word))
        process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    carried = sum(row["carried"] for row in cloud.rows(tables.batches))
    assert carried in ((0, 8_000) if word.endswith("8,000") else (0,))
    again = measuring(cloud, tmp_path / "sensors.csv", 8_000)
    assert "rows=8000, stored=" in again.communicate()[0]
    assert len(cloud.readings()) == 8_000
