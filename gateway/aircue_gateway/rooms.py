"""Rooms: the nodes that measure one air, merged to one value a quantity by what each sensor is worth. No I/O.

A room is to the rules, to Home Assistant and to the local views what a node is; it is never stored or sent, and the
cloud, which has the nodes' own readings, knows nothing of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aircue_gateway.cleaning.merging import Merge
from aircue_gateway.config import RoomConfig
from aircue_gateway.quantities import LIMITS

_MOST_AGE_S = 900.0  # a node that has been silent for longer has no say


class Told(NamedTuple):
    """What a node says. trusted: no check has flagged it, and the value is the smoothed one."""

    quantity: str
    value: float
    trusted: bool


class RoomValue(NamedTuple):
    """apart: nodes whose value lies away from it."""

    at: float
    value: float
    apart: tuple[str, ...]


class Rooms:
    """nodes: the room of each node that is in one."""

    def __init__(self, rows: Sequence[RoomConfig] = ()) -> None:
        self.nodes = {node: row.name for row in rows for node in row.nodes}
        self._merges: dict[tuple[str, str], Merge] = {}

    def take(self, node: str, at: float, told: Iterable[Told]) -> Iterator[tuple[str, RoomValue]]:
        """By quantity, what the room of this node is at now."""
        room = self.nodes[node]
        for one in told:
            merged = self._merge(room, one.quantity).update(node, at, one.value, one.trusted)
            yield one.quantity, RoomValue(at, merged.value, merged.apart)

    def _merge(self, room: str, quantity: str) -> Merge:
        key = (room, quantity)
        if key not in self._merges:
            limits = LIMITS[quantity]
            self._merges[key] = Merge(step=limits.step, agree=limits.agree, max_age_s=_MOST_AGE_S)
        return self._merges[key]
