"""A message on its way in, whatever intake it came through."""

from typing import NamedTuple

from aircue_gateway.config import Node

DISCOVERY = "#discovery"  # the leaf of a node's message for Home Assistant; no topic has a # in it


class Message(NamedTuple):
    """leaf: the topic below the node's own prefix, DISCOVERY, or empty where the node may not publish under this topic.
    packet_id: 0 where the sender asked for no receipt. duplicate: the sender says that it has sent this before."""

    node: Node
    topic: str
    leaf: str
    payload: bytes
    packet_id: int = 0
    retain: bool = False
    duplicate: bool = False
