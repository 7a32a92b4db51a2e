"""What main.py starts: the program where the settings can be used, else setting up, each alone; with a fake board."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import aircue_node
from aircue_node import start, supervisor
from aircue_node.config import Settings, SettingsError

GOOD = {"site": "s", "node": "n", "key": "k", "gateway": "g", "sensors": []}


class Board:
    """Notes what was run; `program_error` is what the program raises."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        self.program_error: Exception | None = None

    def program(self, config: Settings) -> None:
        self.ran.append("program")
        self.config = config
        self.loaded = set(sys.modules)
        if self.program_error is not None:
            raise self.program_error

    def set_up(self, reason: str) -> None:
        self.ran.append(("set up", reason))

    def reset(self) -> None:
        self.ran.append("reset")


def module(name: str, monkeypatch: pytest.MonkeyPatch, **members: object) -> None:
    made = ModuleType(name)
    for key, value in members.items():
        setattr(made, key, value)
    monkeypatch.setitem(sys.modules, name, made)
    package, _, leaf = name.rpartition(".")
    if package:
        monkeypatch.setattr(sys.modules[package], leaf, made, raising=False)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    import aircue_node.wiring

    made = Board()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "_PAUSE_S", 0)
    # start unloads it; the other tests go on with the one they have
    for name in ("start", "settings", "settings_file", "quantities"):
        monkeypatch.setitem(sys.modules, f"aircue_node.{name}", importlib.import_module(f"aircue_node.{name}"))
        monkeypatch.setattr(aircue_node, name, sys.modules[f"aircue_node.{name}"])
    monkeypatch.setattr(sys, "print_exception", print, raising=False)
    module("machine", monkeypatch, reset=made.reset)
    module("network", monkeypatch)
    module("aircue_node.wiring.program", monkeypatch, run=made.program)
    module("aircue_node.wiring.setup", monkeypatch, run=made.set_up)
    return made


def put(fields: object) -> None:
    Path("settings.json").write_text(json.dumps(fields))


def test_settings_that_can_be_used_start_the_program(board: Board) -> None:
    put(GOOD)
    start.load(False)()
    assert board.ran == ["program"]
    assert (board.config.node, board.config.interval_ms) == ("n", 30000)


def test_what_reads_and_judges_the_settings_is_out_of_memory_when_the_program_begins(board: Board) -> None:
    put(GOOD)
    start.load(False)()
    assert "aircue_node.config" in board.loaded
    assert not {"aircue_node.settings", "aircue_node.start"} & board.loaded
    assert not hasattr(aircue_node, "settings")


def test_without_settings_the_node_is_set_up(board: Board) -> None:
    start.load(False)()
    assert board.ran == [("set up", "")]


def test_with_wrong_settings_it_is_set_up_with_the_reason(board: Board) -> None:
    put(GOOD | {"port": 0})
    start.load(False)()
    assert board.ran == [("set up", "settings.json: port is 0, 1 to 65535 is expected")]


def test_what_only_the_program_finds_wrong_is_noted_for_once_after_a_restart(board: Board) -> None:
    put(GOOD)
    board.program_error = SettingsError("unknown driver sht99")
    start.load(False)()
    start.load(False)()
    start.load(False)()
    assert board.ran == ["program", "reset", ("set up", "unknown driver sht99"), "program", "reset"]


def test_any_other_failure_restarts(board: Board) -> None:
    put(GOOD)
    board.program_error = RuntimeError("broken")
    start.load(False)()
    start.load(False)()
    assert board.ran == ["program", "reset"] * 2


def test_a_board_without_a_radio_is_left_to_its_prompt(
    board: Board, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "network", None)
    start.load(False)()
    assert board.ran == []
    assert "no radio" in capsys.readouterr().out
