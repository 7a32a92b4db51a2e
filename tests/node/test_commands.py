"""Commands: signed, for this installation, once each even across a restart, and always answered."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aircue_node import command_codec
from aircue_node.commands import Commands, LastNumber

KEY = b"key"


class Seen:
    """An action that notes what it was given."""

    def __init__(self, refusal: str | None = None) -> None:
        self.args: list[dict[str, Any]] = []
        self._refusal = refusal

    def command(self, args: dict[str, Any]) -> str | None:
        self.args.append(args)
        return self._refusal


@pytest.fixture
def last(tmp_path: Path) -> Callable[..., LastNumber]:
    """`last()` is what a node finds that starts now."""

    def found(installation: int = 7) -> LastNumber:
        return LastNumber(installation, str(tmp_path / "command"))

    return found


def answer(commands: Commands, key: bytes = KEY, **changes: Any) -> dict[str, Any]:
    fields = {"ident": "a", "command": "interval", "args": {"ms": 5000}, "installation": 7, "number": 1} | changes
    reply: dict[str, Any] = json.loads(commands.answer(command_codec.encode_command(key, **fields)))
    return reply


def test_a_command_is_run_with_its_arguments_and_answered(last: Callable[..., LastNumber]) -> None:
    seen = Seen()
    assert answer(Commands(KEY, 7, {"interval": seen.command}, last())) == {"id": "a", "ok": True}
    assert seen.args == [{"ms": 5000}]


def test_what_an_action_refuses_is_the_answer(last: Callable[..., LastNumber]) -> None:
    reply = answer(Commands(KEY, 7, {"interval": Seen("no").command}, last()))
    assert reply == {"id": "a", "ok": False, "error": "no"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"key": b"other"}, "signature"),
        ({"installation": 8}, "another installation"),
        ({"number": 0}, "used before: 1 or more"),
        ({"command": "explode"}, "unknown command explode; known are identify, interval"),
    ],
)
def test_a_command_that_cannot_be_run_is_answered_with_the_reason(
    last: Callable[..., LastNumber], changes: dict[str, Any], named: str
) -> None:
    seen = Seen()
    reply = answer(Commands(KEY, 7, {"interval": seen.command, "identify": seen.command}, last()), **changes)
    assert reply["ok"] is False
    assert named in reply["error"]
    assert seen.args == []


def test_a_recorded_command_is_not_run_again_not_even_after_a_restart(last: Callable[..., LastNumber]) -> None:
    seen = Seen()
    for _ in range(2):
        commands = Commands(KEY, 7, {"interval": seen.command}, last())
        answer(commands, number=41)
        assert "used before: 42 or more" in answer(commands, number=41)["error"]
    assert len(seen.args) == 1
    assert answer(Commands(KEY, 7, {"interval": seen.command}, last()), number=42)["ok"] is True


def test_another_installation_begins_anew(last: Callable[..., LastNumber]) -> None:
    last().store(41)
    assert last().value == 41
    assert last(8).value == 0


@pytest.mark.parametrize("text", ["", "7", "7 x", "seven 41", "7 41 9"])
def test_a_damaged_number_counts_as_none(last: Callable[..., LastNumber], tmp_path: Path, text: str) -> None:
    (tmp_path / "command").write_text(text)
    assert last().value == 0


def test_a_command_whose_number_cannot_be_stored_is_not_run(tmp_path: Path) -> None:
    seen = Seen()
    commands = Commands(KEY, 7, {"interval": seen.command}, LastNumber(7, str(tmp_path / "no folder" / "command")))
    assert "cannot be stored" in answer(commands)["error"]
    assert seen.args == []


def test_a_refused_command_leaves_the_number_alone(last: Callable[..., LastNumber], tmp_path: Path) -> None:
    answer(Commands(KEY, 7, {}, last()), key=b"other", number=99)
    answer(Commands(KEY, 7, {}, last()), installation=8, number=99)
    assert not (tmp_path / "command").exists()
