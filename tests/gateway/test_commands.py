"""Commands to nodes: signed, numbered upwards, sent once the node listens, and every way an order can fail."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.gateway.samples import NODE

from aircue_gateway.commands import CommandRefused, Commands, Order
from aircue_gateway.payloads.aircue import Reply
from aircue_node import command_codec, contract

INSTALLATION = 7


class Node:
    """Listens or not; answers each command with what the test says, or not at all."""

    def __init__(self, answer: Callable[[str], Reply | None], listens_after: int = 0) -> None:
        self.seen: list[dict[str, Any]] = []
        self.installation: int | None = INSTALLATION
        self.commands = Commands({NODE.id: NODE}, lambda _: self.installation, self._publish, lambda: 1000)
        self._answer = answer
        self._deaf_for = listens_after

    def _publish(self, topic: str, payload: bytes) -> bool:
        assert topic == contract.topic(NODE.site, NODE.id, "command")
        if self._deaf_for:
            self._deaf_for -= 1
            return False
        self.seen.append(command_codec.decode_command(payload, NODE.key.encode()))
        reply = self._answer(self.seen[-1]["id"])
        if reply is not None:
            self.commands.replied(NODE.id, reply)
        return True

    def order(self, name: str = "interval", wait_s: float = 5.0, node: str = NODE.id) -> Reply:
        order = Order(node=node, command=name, args={"ms": 2000}, wait_s=wait_s)
        return asyncio.run(self.commands.carry_out(order))


def done(ident: str) -> Reply:
    return Reply(ident=ident, error=None)


def test_a_command_is_signed_for_the_nodes_installation_and_its_reply_comes_back() -> None:
    node = Node(done)
    assert node.order().error is None
    assert {key: node.seen[0][key] for key in ("command", "args", "i", "n")} == {
        "command": "interval", "args": {"ms": 2000}, "i": INSTALLATION, "n": 1000,
    }  # fmt: skip


def test_numbers_grow_even_where_the_clock_stands() -> None:
    node = Node(done)
    node.order()
    node.order()
    assert [one["n"] for one in node.seen] == [1000, 1001]


def test_a_nodes_refusal_is_its_own_words() -> None:
    assert Node(lambda ident: Reply(ident=ident, error="ms must be more")).order().error == "ms must be more"


def test_an_order_waits_until_the_node_listens() -> None:
    node = Node(done, listens_after=1)
    assert node.order().error is None
    assert len(node.seen) == 1


def test_a_node_that_never_comes_is_told_from_one_that_does_not_answer() -> None:
    with pytest.raises(CommandRefused, match="not connected"):
        Node(done, listens_after=1000).order(wait_s=0.05)
    with pytest.raises(CommandRefused, match="did not answer"):
        Node(lambda _: None).order(wait_s=0.05)


def test_a_node_that_was_never_born_gets_nothing() -> None:
    node = Node(done)
    node.installation = None
    with pytest.raises(CommandRefused, match="not connected"):
        node.order(wait_s=0.05)
    assert node.seen == []


def test_an_unknown_node_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(CommandRefused, match=f"unknown node attic; known are {NODE.id}"):
        Node(done).order(node="attic")


def test_a_reply_nobody_waits_for_is_let_go() -> None:
    node = Node(done)
    node.commands.replied(NODE.id, Reply(ident="old", error=None))
    assert node.order().error is None
    assert json.dumps(node.seen[0]["args"]) == '{"ms": 2000}'
