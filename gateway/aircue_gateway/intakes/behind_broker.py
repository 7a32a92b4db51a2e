"""Our own nodes behind a broker, and what a gateway subscribes to there. No I/O.

The broker lets in whom it likes, so only nodes of the configuration are heard. A node's samples stay in its journal
until it has the gateway's own ack: the broker's word is worth nothing to it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aircue_gateway import log
from aircue_gateway.config import BrokerConfig, DeviceConfig, Node
from aircue_gateway.intake import Intake
from aircue_gateway.intakes.devices import Heard
from aircue_gateway.ledger import Count
from aircue_gateway.message import Message
from aircue_gateway.payloads import aircue
from aircue_gateway.payloads.formats import FORMATS
from aircue_node import contract

_EVERYWHERE = (contract.BIRTH, contract.STATUS, contract.REPLY)  # every gateway of a group has to know these
_SHARED = (contract.SAMPLES, contract.BACKLOG)
_RETAINED = (contract.BIRTH, contract.STATUS)
_MOST_STRANGERS = 1000
_DECODERS: dict[str, Callable[[str, bytes], object]] = {
    contract.BIRTH: aircue.decode_birth,
    contract.STATUS: aircue.decode_status,
    contract.REPLY: aircue.decode_reply,
    contract.SAMPLES: aircue.decode_samples,
    contract.BACKLOG: aircue.decode_backlog,
}


class Receipt(NamedTuple):
    """What has to be acknowledged at the broker once the message is on the disk."""

    connection: int
    packet_id: int


def topics(config: BrokerConfig, devices: Sequence[DeviceConfig]) -> dict[str, tuple[str, ...]]:
    """The filters of each foreign format that is listened to: one with a device, or one the configuration names."""
    wanted = {row.format for row in devices} | {*config.formats} | {*config.topics}
    return {name: config.topics.get(name, FORMATS[name].topics) for name in FORMATS if name in wanted}


def filters(config: BrokerConfig, foreign: Mapping[str, Sequence[str]]) -> list[str]:
    """All subscriptions. Of a group, each gateway gets a part of the samples; nothing retained comes that way."""
    shared = [contract.topic("+", "+", leaf) for leaf in _SHARED] + [one for row in foreign.values() for one in row]
    prefix = f"$share/{config.group}/" if config.group else ""
    return [contract.topic("+", "+", leaf) for leaf in _EVERYWHERE] + [prefix + one for one in shared]


class OwnNodes:
    """file: the configuration's, for the remedy."""

    def __init__(self, nodes: Mapping[str, Node], intake: Intake, file: Path) -> None:
        self._nodes = nodes
        self._intake = intake
        self._file = file
        self._present: set[str] = set()
        self._strangers: set[str] = set()

    def is_ours(self, topic: str) -> bool:
        return topic.startswith(f"{contract.ROOT}/")

    def is_present(self, topic: str) -> bool:
        """Whether the node that a topic belongs to was heard of here and did not leave."""
        return _node_of(topic) in self._present

    def take(self, heard: Heard, received_at_ms: int, receipt: Any) -> None:
        """As from the listener. A broker says "retained" to those alone who come later, so the leaf tells."""
        node = self._nodes.get(_node_of(heard.topic))
        if node is None:
            self._stranger(heard.topic)
            self._intake.settle(receipt)
            return
        prefix = contract.topic(node.site, node.id, "")
        leaf = heard.topic.removeprefix(prefix) if heard.topic.startswith(prefix) else ""
        self._note(node.id, leaf, heard)
        retain = heard.retain or leaf in _RETAINED
        message = Message(node, heard.topic, leaf, heard.payload, heard.packet_id, retain, heard.duplicate)
        self._intake.take(message, received_at_ms, receipt)

    def replay(self, topic: str, payload: bytes, received_at_ms: int) -> str | None:
        """Takes a message in that was set aside earlier; None, or why not. Samples that were declared as lost when they
        were set aside stay lost: their node was told to forget them."""
        node = self._nodes.get(_node_of(topic))
        prefix = "" if node is None else contract.topic(node.site, node.id, "")
        if node is None or not topic.startswith(prefix):
            return "its node is not under [[nodes]]"
        leaf = topic.removeprefix(prefix)
        if leaf not in _DECODERS:
            return f"{leaf} is no kind of message a node sends"
        try:
            _DECODERS[leaf](topic, payload)
        except aircue.PayloadError as error:
            return str(error)
        self._intake.take(Message(node, topic, leaf, payload), received_at_ms)
        return None

    def _note(self, node: str, leaf: str, heard: Heard) -> None:
        if leaf == contract.STATUS:
            (self._present.add if _is_online(heard) else self._present.discard)(node)
        elif not heard.retain:
            self._present.add(node)

    def _stranger(self, topic: str) -> None:
        node = _node_of(topic)
        self._intake.count(Count.UNKNOWN_NODES)
        if node not in self._strangers and len(self._strangers) < _MOST_STRANGERS:
            self._strangers.add(node)
            lines = f"[[nodes]] | id = '{node}' | site = '{topic.split('/')[1]}' | key = 'THE-NODES-KEY'"
            remedy = f"add these lines to {self._file} and restart: {lines}"
            log.warning("unknown_node", node=node, topic=topic, remedy=remedy)


def _node_of(topic: str) -> str:
    levels = topic.split("/")
    return levels[2] if len(levels) > 3 else ""


def _is_online(heard: Heard) -> bool:
    try:
        return aircue.decode_status(heard.topic, heard.payload).online
    except aircue.PayloadError:
        return False
