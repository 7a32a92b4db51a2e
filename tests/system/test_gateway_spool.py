"""The spool in a process that is killed at any moment: what it said was committed leaves exactly once."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from tests.gateway.samples import sealed, sequences

from aircue_gateway.spool.spool import Spool

pytestmark = pytest.mark.system

WRITER = """
import sys
from pathlib import Path
from tests.gateway.samples import birth, live, message
from aircue_gateway.config import CleaningConfig
from aircue_gateway.intake import Intake
from aircue_gateway.spool.spool import Spool

spool = Spool.open(Path(sys.argv[1]), "gw-1", 1)
intake = Intake(CleaningConfig(), spool.load())
intake.take(message("birth", birth()), 1)
sequence = int(sys.argv[2])
while True:
    for _ in range(5):
        intake.take(message("samples", live(sequence)), 1)
        sequence += 1
    spool.commit(intake.swap())
    print(sequence - 1, flush=True)
    spool.seal(1, False)
"""


def killed_writer(folder: Path, first: int, lines: int) -> int:
    """Runs a writer from a sequence on and kills it after so many commits; the last sequence it had committed."""
    command = [sys.executable, "-c", WRITER, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    return max(int(line) for line in said if line.endswith("\n"))


def test_what_was_committed_leaves_exactly_once_however_often_the_writer_is_killed(tmp_path: Path) -> None:
    random, committed, sent = Random(7), 0, []
    for _ in range(6):
        said = killed_writer(tmp_path, committed + 1, random.randrange(1, 12))
        spool = Spool.open(tmp_path, "gw-1", 1)
        ((_, committed),) = next(iter(spool.load().streams.values())).ranges
        assert committed >= said
        sent += sealed(spool)
        spool.close()
    spool = Spool.open(tmp_path, "gw-1", 1)
    spool.seal(1, urgent=False)
    sent += sealed(spool)
    spool.close()
    assert sorted(sequences(sent)) == list(range(1, committed + 1))
    assert len({batch.id for batch in sent}) == len(sent)
