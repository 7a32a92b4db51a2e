"""The launcher: which folder it starts, what it counts, and what it does with a program that fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.node import board

EXIT_RESET = 42
RUNS = 'def load(on_trial):\n    return run\ndef run():\n    print("runs {0}")\n'
BROKEN = "import nosuch\n"
EXITS = "def load(on_trial):\n    return run\nimport sys\ndef run():\n    sys.exit(1)\n"
ENDS = "def load(on_trial):\n    return run\ndef run():\n    pass\n"
CONFIRMS = (
    "def load(on_trial):\n    return run\n"
    'def run():\n    open("slot", "w").write(\'{"active": "b"}\')\n    raise RuntimeError("later")\n'
)
STOPPED = "def load(on_trial):\n    return run\ndef run():\n    raise KeyboardInterrupt\n"


class Board:
    """Storage in a folder, and a processor that is CPython here: start() is one start, to its reset or its end."""

    def __init__(self, root: Path) -> None:
        self.root = root / "board"
        self._modules = root / "modules"
        self.root.mkdir()
        self._modules.mkdir()
        (self._modules / "machine.py").write_text(f"import os\ndef reset():\n    os._exit({EXIT_RESET})\n")
        text = board.LAUNCHER.read_text()
        assert "_PAUSE_S = 60" in text
        (self.root / "main.py").write_text(text.replace("_PAUSE_S = 60", "_PAUSE_S = 0"))

    def program(self, folder: str, text: str) -> None:
        package = self.root / folder / "aircue_node"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
        (package / "start.py").write_text(text.replace("{0}", folder))

    def says(self, **state: Any) -> None:
        (self.root / "slot").write_text(json.dumps(state))

    def slot(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.root / "slot").read_text())
        return state

    def start(self) -> tuple[int, str]:
        """(exit code, the last line printed); without site, or this checkout's package would be found too."""
        done = subprocess.run(
            [sys.executable, "-S", "-B", "main.py"],
            cwd=self.root,
            env={"PYTHONPATH": str(self._modules), "PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout.splitlines() or [""])[-1]


@pytest.fixture
def node(tmp_path: Path) -> Board:
    return Board(tmp_path)


def test_without_folders_the_program_beside_it_runs_and_nothing_is_written(node: Board) -> None:
    node.program(".", RUNS)
    assert node.start() == (0, "runs .")
    assert not (node.root / "slot").exists()


def test_a_board_as_it_was_flashed_starts_folder_a_and_writes_nothing(node: Board) -> None:
    node.program("a", RUNS)
    assert node.start() == (0, "runs a")
    assert not (node.root / "slot").exists()


def test_a_trial_has_three_starts_each_counted_before_it_begins(node: Board) -> None:
    node.program("a", RUNS)
    node.program("b", BROKEN)
    node.says(active="a", trial="b", tries=0, version="0.2.0", sequence=4)
    for tries in (1, 2, 3):
        assert node.start()[0] == EXIT_RESET
        assert node.slot()["tries"] == tries
    assert node.start() == (0, "runs a")
    assert node.slot() == {
        "active": "a",
        "sequence": 4,
        "outcome": "rolled back from 0.2.0: no ack in 3 starts;"
        " the last: ModuleNotFoundError: No module named 'nosuch'",
    }


@pytest.mark.parametrize(("program", "why"), [(EXITS, "SystemExit: 1"), (ENDS, "it ended by itself")])
def test_a_trial_that_ends_in_any_way_is_reset_and_says_how(node: Board, program: str, why: str) -> None:
    node.program("a", RUNS)
    node.program("b", program)
    node.says(active="a", trial="b", tries=0, version="0.2.0")
    assert node.start()[0] == EXIT_RESET
    assert node.slot()["why"] == why


def test_a_confirmation_outlives_the_failure_of_the_start_that_gave_it(node: Board) -> None:
    node.program("a", RUNS)
    node.program("b", CONFIRMS)
    node.says(active="a", trial="b", tries=0, version="0.2.0")
    assert node.start()[0] == EXIT_RESET
    assert node.slot() == {"active": "b"}


def test_ctrl_c_gives_the_prompt_on_trial_too(node: Board) -> None:
    node.program("a", RUNS)
    node.program("b", STOPPED)
    node.says(active="a", trial="b", tries=0, version="0.2.0")
    assert node.start()[0] not in (0, EXIT_RESET)


def test_an_active_program_that_cannot_be_loaded_gives_way_to_the_other(node: Board) -> None:
    node.program("a", RUNS)
    node.program("b", BROKEN)
    node.says(active="b", sequence=4)
    assert node.start()[0] == EXIT_RESET
    assert node.start() == (0, "runs a")
    state = node.slot()
    assert (state["active"], state["swapped"], state["sequence"]) == ("a", True, 4)
    assert state["outcome"].startswith("folder b was given up: ModuleNotFoundError")


def test_two_programs_that_cannot_be_loaded_wear_no_flash(node: Board) -> None:
    node.program("a", BROKEN)
    node.program("b", BROKEN)
    node.says(active="a")
    assert node.start()[0] == EXIT_RESET
    written = (node.root / "slot").stat().st_mtime_ns
    assert [node.start()[0] for _ in range(3)] == [EXIT_RESET] * 3
    assert (node.root / "slot").stat().st_mtime_ns == written
    assert node.slot()["active"] == "b"


def test_the_only_program_that_cannot_be_loaded_is_tried_again_and_again(node: Board) -> None:
    node.program("a", BROKEN)
    assert [node.start()[0] for _ in range(2)] == [EXIT_RESET] * 2
    node.program("a", RUNS)
    assert node.start() == (0, "runs a")


def test_a_folder_that_is_not_whole_is_never_started(node: Board) -> None:
    node.program("a", RUNS)
    node.program("b", RUNS)
    (node.root / "b" / "unfinished").touch()
    node.says(active="a", trial="b", tries=0, version="0.2.0")
    assert node.start() == (0, "runs a")
    assert node.slot()["outcome"] == "rolled back from 0.2.0: its folder is not whole"
    node.says(active="b")
    assert node.start() == (0, "runs a")
    assert node.slot()["outcome"] == "folder b was given up: it is not whole"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"active": "c"}',
        '{"active": "a", "trial": "a", "tries": 0}',
        '{"active": "a", "trial": "b"}',
    ],
)
def test_a_file_that_makes_no_sense_is_as_none(node: Board, text: str) -> None:
    node.program("a", RUNS)
    node.program("b", RUNS)
    (node.root / "slot").write_text(text)
    assert node.start() == (0, "runs a")


def test_flash_that_takes_nothing_starts_no_trial(node: Board) -> None:
    """An uncounted start could come for ever."""
    node.program("a", RUNS)
    node.program("b", RUNS)
    node.says(active="a", trial="b", tries=0, version="0.2.0")
    (node.root / "slot.new").mkdir()
    assert node.start() == (0, "runs a")
