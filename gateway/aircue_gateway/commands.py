"""Commands to the nodes: numbered, signed with the node's key, sent once the node listens, each waiting for its reply.

Errors: CommandRefused, for an order that cannot be sent at all; the text says what to do.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aircue_gateway.config import Node
from aircue_gateway.control import Fields, Refused
from aircue_gateway.payloads.aircue import Reply
from aircue_node import command_codec, contract

_LOOK_EVERY_S = 0.2


class CommandRefused(Refused):
    """This order was not sent."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants a node to do. wait_s: for the node to come and answer."""

    node: str
    command: str
    args: dict[str, Any]
    wait_s: float


class Commands:
    """installation: the one a node's last birth named, or None. publish: to whoever listens, True where somebody does.

    A command's number is the time in ms, so that it grows over restarts too; a node refuses a number that does not.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        installation: Callable[[str], int | None],
        publish: Callable[[str, bytes], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self._nodes = nodes
        self._installation = installation
        self._publish = publish
        self._now_ms = now_ms
        self._last_number = 0
        self._waiting: dict[tuple[str, str], asyncio.Future[Reply]] = {}

    async def answer(self, request: Fields) -> Fields:
        """What the control socket is asked with node, command, args and wait_s."""
        names = {name: request[name] for name in ("node", "command", "args")}
        reply = await self.carry_out(Order(**names, wait_s=float(request["wait_s"])))
        if reply.error is not None:
            raise CommandRefused(reply.error)
        return {}

    def replied(self, node: str, reply: Reply) -> None:
        """A reply arrived; one that nobody waits for any more is let go."""
        future = self._waiting.get((node, reply.ident))
        if future is not None and not future.done():
            future.set_result(reply)

    async def carry_out(self, order: Order) -> Reply:
        """The node's own answer. CommandRefused where it is unknown, does not come, or does not answer in time."""
        node = self._known(order.node)
        ident = secrets.token_hex(4)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[order.node, ident] = future
        remedy = f"node {order.node} is not connected: see that it has power, or wait longer with --wait"
        try:
            async with asyncio.timeout(order.wait_s):
                while not self._sent(node, order, ident):  # noqa: ASYNC110 -- nothing tells when a node subscribes
                    await asyncio.sleep(_LOOK_EVERY_S)
                remedy = f"node {order.node} did not answer {order.command}: it may have done it or not"
                return await future
        except TimeoutError:
            raise CommandRefused(remedy) from None
        finally:
            del self._waiting[order.node, ident]

    def _known(self, name: str) -> Node:
        if name not in self._nodes:
            raise CommandRefused(f"unknown node {name}; known are {', '.join(sorted(self._nodes)) or 'none'}")
        return self._nodes[name]

    def _sent(self, node: Node, order: Order, ident: str) -> bool:
        """Whether the node was there to be sent it. Numbered as late as this: numbers have to arrive in order."""
        installation = self._installation(order.node)
        if installation is None:
            return False
        number = max(self._now_ms(), self._last_number + 1)
        key = node.key.encode()
        payload = command_codec.encode_command(key, ident, order.command, order.args, installation, number)
        sent = self._publish(contract.topic(node.site, order.node, contract.COMMAND), payload)
        self._last_number = number if sent else self._last_number
        return sent
