"""The slots as the running program sees them, together with the launcher, and with the power cut at every step."""

import asyncio
import json
from pathlib import Path
from types import ModuleType

import pytest
from tests.node import board
from tests.node.board import Flash, PowerCut

from aircue_node import slots
from aircue_node.slots import Slots

OLD, NEW = board.image("0.1.0"), board.image("0.2.0")


@pytest.fixture
def launcher() -> ModuleType:
    return board.launcher()


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A board that runs folder a, and has another version in folder b."""
    monkeypatch.chdir(tmp_path)
    board.install(OLD, tmp_path / "a")
    board.install(NEW, tmp_path / "b")
    return tmp_path


def start(launcher: ModuleType) -> Slots:
    """One start: the launcher chooses, the program that it starts looks at its slots."""
    folder, _, _ = launcher.choose()
    return Slots(folder)


def test_a_board_that_was_never_updated_has_nothing_to_say(launcher: ModuleType, storage: Path) -> None:
    node = start(launcher)
    assert (node.folder, node.on_trial, node.spare, node.outcome, node.sequence) == ("a", False, "b", None, 0)
    node.confirm()
    assert not (storage / "slot").exists()


def test_beside_main_there_are_no_slots(storage: Path) -> None:
    node = Slots(None)
    assert (node.on_trial, node.spare, node.outcome) == (False, None, None)
    node.confirm()
    assert not (storage / "slot").exists()


def test_the_running_folder_is_where_the_launcher_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", ["b", "/lib"])
    assert slots.running() == "b"
    monkeypatch.setattr("sys.path", ["", "b"])
    assert slots.running() is None


def test_a_confirmed_trial_is_the_active_one_from_then_on(launcher: ModuleType, storage: Path) -> None:
    start(launcher).stage("0.2.0", 7)
    trial = start(launcher)
    assert (trial.folder, trial.on_trial, trial.spare) == ("b", True, None)
    assert trial.outcome == "0.2.0 on trial, start 1 of 3"
    trial.confirm()
    assert (trial.on_trial, trial.spare, trial.outcome, trial.sequence) == (False, "a", None, 7)
    written = (storage / "slot").stat().st_mtime_ns
    trial.confirm()
    assert (storage / "slot").stat().st_mtime_ns == written
    assert [start(launcher).folder for _ in range(5)] == ["b"] * 5


def test_a_trial_without_ack_is_rolled_back_and_may_be_staged_again(launcher: ModuleType) -> None:
    start(launcher).stage("0.2.0", 7)
    assert [start(launcher).folder for _ in range(3)] == ["b"] * 3
    back = start(launcher)
    assert (back.folder, back.outcome, back.sequence) == ("a", "rolled back from 0.2.0: no ack in 3 starts", 0)
    back.stage("0.2.0", 7)
    assert start(launcher).outcome == "0.2.0 on trial, start 1 of 3"


def test_a_start_on_trial_forgets_why_the_one_before_failed(launcher: ModuleType, storage: Path) -> None:
    """That one may end without a word; the outcome shall not blame it on the wrong thing."""
    state = {"active": "a", "trial": "b", "tries": 1, "version": "0.2.0", "why": "ImportError: no module"}
    (storage / "slot").write_text(json.dumps(state))
    assert [start(launcher).folder for _ in range(3)] == ["b", "b", "a"]
    assert start(launcher).outcome == "rolled back from 0.2.0: no ack in 3 starts"


def test_an_older_release_never_lowers_the_sequence(launcher: ModuleType, storage: Path) -> None:
    (storage / "slot").write_text(json.dumps({"active": "a", "sequence": 9}))
    start(launcher).stage("0.2.0", 7)
    trial = start(launcher)
    trial.confirm()
    assert trial.sequence == 9


def test_a_stopgap_that_is_acked_is_confirmed_and_still_says_why(launcher: ModuleType, storage: Path) -> None:
    (storage / "slot").write_text(json.dumps({"active": "b", "swapped": True, "outcome": "folder a was given up: x"}))
    start(launcher).confirm()
    assert json.loads((storage / "slot").read_text()) == {
        "active": "b",
        "sequence": 0,
        "outcome": "folder a was given up: x",
    }


def test_a_confirmation_that_flash_refuses_is_written_with_a_later_ack(launcher: ModuleType, storage: Path) -> None:
    start(launcher).stage("0.2.0", 7)
    trial = start(launcher)
    (storage / "slot.new").mkdir()
    trial.confirm()
    assert trial.on_trial
    (storage / "slot.new").rmdir()
    trial.confirm()
    assert start(launcher).folder == "b"


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_trial_that_nobody_acks_in_time_restarts(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, confirmed: bool
) -> None:
    monkeypatch.setattr(slots, "_TRIAL_S", 0)
    start(launcher).stage("0.2.0", 7)
    trial = start(launcher)
    if confirmed:
        trial.confirm()
    restarts: list[str] = []
    asyncio.run(trial.limit_trial(lambda: restarts.append("restart")))
    assert restarts == ([] if confirmed else ["restart"])


def test_a_power_cut_while_staging_leaves_the_old_one_or_the_trial(
    launcher: ModuleType, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for cut in range(1, 20):
        (storage / "slot").write_text(json.dumps({"active": "a", "sequence": 3}))
        flash = Flash(cut).into(monkeypatch, slots, launcher)
        try:
            Slots("a").stage("0.2.0", 7)
        except PowerCut:
            Flash().into(monkeypatch, slots, launcher)
            node = start(launcher)
            seen.add((node.folder, node.on_trial, node.sequence))
        else:
            assert flash.steps < cut
            break
    assert seen == {("a", False, 3), ("b", True, 3)}


def test_no_power_cut_gives_a_trial_more_starts_or_ends_on_the_wrong_side(
    launcher: ModuleType, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes at each step of the four starts in turn: a start may be used up by that, never gained."""
    for cut in range(1, 100):
        (storage / "slot").write_text(json.dumps({"active": "a", "trial": "b", "tries": 0, "version": "0.2.0"}))
        flash = Flash(cut).into(monkeypatch, slots, launcher)
        started: list[str | None] = []
        for _ in range(6):
            try:
                started.append(start(launcher).folder)
            except PowerCut:
                flash = Flash().into(monkeypatch, slots, launcher)
        assert started in (["b"] * 3 + ["a"] * 3, ["b"] * 3 + ["a"] * 2, ["b"] * 2 + ["a"] * 3)
        assert start(launcher).outcome == "rolled back from 0.2.0: no ack in 3 starts"
        if flash.steps and started == ["b"] * 3 + ["a"] * 3:
            break
    assert cut > 10


def test_a_power_cut_while_confirming_leaves_a_trial_or_the_new_one(
    launcher: ModuleType, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for cut in range(1, 20):
        Flash().into(monkeypatch, slots, launcher)
        (storage / "slot").write_text(json.dumps({"active": "a", "trial": "b", "tries": 0, "next": 7}))
        trial = start(launcher)
        flash = Flash(cut).into(monkeypatch, slots, launcher)
        try:
            trial.confirm()
        except PowerCut:
            Flash().into(monkeypatch, slots, launcher)
            node = start(launcher)
            seen.add((node.folder, node.on_trial, node.sequence))
        else:
            assert flash.steps < cut
            break
    assert seen == {("b", True, 0), ("b", False, 7)}
