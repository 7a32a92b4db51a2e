"""The courier of a node that is short of memory: its backlog goes out in smaller messages, and all of it does."""

import json

import pytest
from tests.node.fakes import FakeLastNumber, FakeReport

from aircue_node import contract
from aircue_node.commands import Commands
from aircue_node.courier import Courier
from aircue_node.journal import Journal
from aircue_node.ports import Sample

INSTALLATION, BOOT = 7, 3


class Memory:
    """Stands for the encoder of a backlog: there is room for so many samples in a message."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[int] = []
        self._encode = contract.encode_backlog

    def __call__(self, installation: int, boot: int, samples: list[Sample]) -> bytes:
        self.asked.append(len(samples))
        if len(samples) > self.room:
            raise MemoryError
        return self._encode(installation, boot, samples)


def started(waiting: int) -> Courier:
    journal = Journal(BOOT, 100, 1)
    for sequence in range(1, waiting + 1):
        journal.append((sequence, sequence, 9, [sequence]))
    commands = Commands(b"secret", INSTALLATION, {}, FakeLastNumber())
    courier = Courier(INSTALLATION, BOOT, journal, commands, FakeReport(), lambda sample: sample)
    courier.start_session()
    return courier


def sent(courier: Courier) -> list[list[int]]:
    """Sequences a message, until nothing waits."""
    found = []
    while messages := courier.next_backlog(0):
        found += [[row["s"] for row in json.loads(payload)["m"]] for _, payload, _, _ in messages]
    return found


def test_twelve_older_samples_go_into_a_message() -> None:
    assert [len(rows) for rows in sent(started(30))] == [12, 12, 6]


@pytest.mark.parametrize(("room", "sizes"), [(11, [6, 6, 6, 6, 6]), (4, [3] * 10), (1, [1] * 30)])
def test_where_memory_has_no_room_for_that_fewer_go_into_each_and_none_is_left_out(
    room: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(room)
    monkeypatch.setattr(contract, "encode_backlog", memory)
    found = sent(started(30))
    assert [len(rows) for rows in found] == sizes
    assert [sequence for rows in found for sequence in rows] == list(range(1, 31))
    assert len([asked for asked in memory.asked if asked > room]) <= 3


def test_a_session_that_ended_for_want_of_memory_makes_the_messages_of_the_next_smaller() -> None:
    courier = started(30)
    courier.starved()
    assert [len(rows) for rows in sent(courier)] == [6] * 5


def test_what_was_handed_over_in_a_large_message_comes_again_in_small_ones() -> None:
    courier = started(12)
    assert [len(rows) for rows in sent(courier)] == [12]
    courier.starved()
    courier.start_session()
    assert [len(rows) for rows in sent(courier)] == [6, 6]


def test_where_there_is_no_room_for_a_single_sample_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "encode_backlog", Memory(0))
    with pytest.raises(MemoryError):
        started(30).next_backlog(0)
