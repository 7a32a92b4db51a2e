"""Commands: signed, for this installation, once each, and always answered."""

import json
from typing import Any

import pytest
from tests.node.fakes import Ticks

from aircue_node import contract
from aircue_node.clock import Clock
from aircue_node.commands import Commands
from aircue_node.sampler import Sampler

KEY = b"key"


@pytest.fixture
def sampler() -> Sampler:
    return Sampler([], Clock(Ticks().monotonic()), 30000, lambda _: None)


def answer(commands: Commands, key: bytes = KEY, **changes: Any) -> dict[str, Any]:
    fields = {"ident": "a", "command": "interval", "args": {"ms": 5000}, "installation": 7, "number": 1} | changes
    reply: dict[str, Any] = json.loads(commands.answer(contract.encode_command(key, **fields)))
    return reply


def test_the_interval_is_changed(sampler: Sampler) -> None:
    assert answer(Commands(KEY, 7, sampler)) == {"id": "a", "ok": True}
    assert sampler.interval_ms == 5000


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"key": b"other"}, "signature"),
        ({"installation": 8}, "another installation"),
        ({"number": 0}, "used before"),
        ({"command": "explode"}, "unknown command explode; known are interval"),
        ({"args": {"ms": 5}}, "ms must be 1000 to 86400000"),
        ({"args": {}}, "ms must be"),
    ],
)
def test_a_command_that_cannot_be_run_is_answered_with_the_reason(
    sampler: Sampler, changes: dict[str, Any], named: str
) -> None:
    reply = answer(Commands(KEY, 7, sampler), **changes)
    assert reply["ok"] is False
    assert named in reply["error"]
    assert sampler.interval_ms == 30000


def test_a_command_sent_again_is_not_run_again(sampler: Sampler) -> None:
    commands = Commands(KEY, 7, sampler)
    answer(commands)
    sampler.interval_ms = 1000
    assert "used before" in answer(commands)["error"]
    assert sampler.interval_ms == 1000
