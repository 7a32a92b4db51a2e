"""A message on its way in, whatever intake it came through."""

from typing import NamedTuple

from aircue_gateway.config import Node


class Message(NamedTuple):
    """leaf: the topic below the node's own prefix, empty where the topic lies outside it. packet_id: 0 where the
    sender asked for no receipt. duplicate: the sender says that it has sent this before."""

    node: Node
    topic: str
    leaf: str
    payload: bytes
    packet_id: int = 0
    retain: bool = False
    duplicate: bool = False
