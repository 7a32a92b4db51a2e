"""Streams that the gateway numbers itself: readings that came without a number become births and samples of the
contract, and go the way every sample goes. No I/O.

The installation is the spool's epoch as a number: a new spool begins a new stream. There is one boot, whose uptime 0 is
the epoch of the clock, so that a sample's uptime is its time; a device's own time counts in whole seconds.
"""

from collections.abc import Callable, Iterable, Mapping

from aircue_gateway.clock import FIRST_BELIEVED_S
from aircue_gateway.config import Node
from aircue_gateway.message import Message
from aircue_gateway.window import BirthRow, Stored
from aircue_node import contract
from aircue_node.quantities import QUANTITIES

BOOT = 1
_MADE_BY = "gateway"
_NO_INTERVAL_MS = 1  # the contract wants one; these devices speak when they like
_AHEAD_MS = 300_000  # a device's clock may be this much before ours


class _Stream:
    """What was told so far of one node."""

    def __init__(self) -> None:
        self.site = ""
        self.quantities: list[str] = []
        self.last = 0
        self.newest_ms = 0


class Numbered:
    """take: the intake's. disbelieved: called for each sample whose device's clock cannot be right."""

    def __init__(
        self,
        installation: int,
        stored: Stored,
        take: Callable[[Message, int], None],
        disbelieved: Callable[[], None] = lambda: None,
    ) -> None:
        self._installation = installation
        self._take = take
        self._disbelieved = disbelieved
        self._streams: dict[str, _Stream] = {}
        for birth in stored.births:
            self._born(birth)
        for (node, found, boot), row in stored.streams.items():
            if (found, boot) == (installation, BOOT) and row.ranges:
                self._stream(node).last = row.ranges[-1][1]

    def add(
        self,
        node: Node,
        source: str,
        values: Mapping[str, float],
        at_ms: int | None,
        received_at_ms: int,
    ) -> None:
        """One sample of what a device measured at one time, by quantity in the contract's unit. source: what the
        device is, for the birth. at_ms: None where the device has no time."""
        stream = self._stream(node.id)
        self._introduce(node, source, stream, values, received_at_ms)
        uptime_ms, epoch_s = self._time(at_ms, received_at_ms)
        stream.last += 1
        wire = [_fixed(quantity, values.get(quantity)) for quantity in stream.quantities]
        sample = stream.last, uptime_ms, epoch_s, wire
        late = uptime_ms < stream.newest_ms
        stream.newest_ms = max(stream.newest_ms, uptime_ms)
        leaf = contract.BACKLOG if late else contract.SAMPLES
        self._hand_in(node, leaf, self._encoded(leaf, sample), received_at_ms)

    def _born(self, birth: BirthRow) -> None:
        if (birth.installation, birth.boot) == (self._installation, BOOT):
            stream = self._stream(birth.node)
            stream.site = birth.site
            stream.quantities = [channel.quantity for channel in birth.channels]

    def _stream(self, node: str) -> _Stream:
        return self._streams.setdefault(node, _Stream())

    def _introduce(
        self, node: Node, source: str, stream: _Stream, quantities: Iterable[str], received_at_ms: int
    ) -> None:
        """Sends a birth where the device tells a quantity for the first time, or moved."""
        new = [quantity for quantity in quantities if quantity not in stream.quantities]
        if not new and stream.site == node.site:
            return
        stream.site = node.site
        stream.quantities += new
        rows = [(quantity, *QUANTITIES[quantity], source) for quantity in stream.quantities]
        birth = contract.encode_birth(
            _MADE_BY, source, self._installation, BOOT, _NO_INTERVAL_MS, "", rows, [(source, "ok")], []
        )
        self._hand_in(node, contract.BIRTH, birth, received_at_ms)

    def _time(self, at_ms: int | None, received_at_ms: int) -> tuple[int, int]:
        """(uptime in ms, epoch seconds or 0)."""
        if at_ms is None:
            return received_at_ms, 0
        if not FIRST_BELIEVED_S * 1000 <= at_ms <= received_at_ms + _AHEAD_MS:
            self._disbelieved()
            return received_at_ms, 0
        return at_ms // 1000 * 1000, at_ms // 1000

    def _encoded(self, leaf: str, sample: tuple[int, int, int, list[int | None]]) -> bytes:
        if leaf == contract.BACKLOG:
            return contract.encode_backlog(self._installation, BOOT, [sample])
        return contract.encode_sample(self._installation, BOOT, sample)

    def _hand_in(self, node: Node, leaf: str, payload: bytes, received_at_ms: int) -> None:
        topic = contract.topic(node.site, node.id, leaf)
        self._take(Message(node, topic, leaf, payload), received_at_ms)


def _fixed(quantity: str, value: float | None) -> int | None:
    return None if value is None else round(value * QUANTITIES[quantity][1])
