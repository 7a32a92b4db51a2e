"""What the gateway shows of itself: its nodes' last values, what stands in the air, how the uplink fares. No I/O.

Fed with every window that reached the disk, so nothing is shown that a power cut could take back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aircue_gateway.batch import Status
from aircue_gateway.config import Node, RoomConfig
from aircue_gateway.payloads import aircue
from aircue_gateway.quantities import unit
from aircue_gateway.rooms import RoomValue
from aircue_gateway.window import BirthRow, SampleRow, Stored, StreamKey, Window
from aircue_node import contract

T = TypeVar("T")


@dataclass(kw_only=True)
class _Sight:
    """The last that was seen of a node. online: as its last status says, None before one."""

    birth: BirthRow | None = None
    last: SampleRow | None = None
    online: bool | None = None
    samples: int = 0


@dataclass(kw_only=True)
class UplinkSight:
    """trouble: why the last try failed, empty after one that did not."""

    delivered_at_ms: int | None = None
    trouble: str = ""


@dataclass(kw_only=True)
class Vitals:
    """samples are counted since this start of the gateway."""

    uplink: UplinkSight = field(default_factory=UplinkSight)
    _births: dict[int, BirthRow] = field(default_factory=dict)
    _nodes: dict[str, _Sight] = field(default_factory=dict)
    _rooms: dict[str, dict[str, RoomValue]] = field(default_factory=dict)
    _phases: dict[tuple[str, str], tuple[str, float | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Stored) -> "Vitals":
        """As the spool remembers it."""
        vitals = cls()
        vitals._note_births(stored.births)
        vitals._note_statuses(stored.retained)
        vitals._note_states(stored.states)
        return vitals

    def committed(self, window: Window) -> None:
        """This window is on the disk."""
        self._note_births(window.births)
        for row in window.samples:
            self._note_sample(self._births[row.birth], row)
        self._note_statuses(window.retained)
        self._note_states(window.states)
        for name, values in window.rooms.items():
            self._rooms.setdefault(name, {}).update(values)
        if window.births or window.forgotten:
            self._forget(window.forgotten)

    def _forget(self, boots: set[StreamKey]) -> None:
        """And births that were followed by another one of their boot."""
        newest = {_boot(birth): ident for ident, birth in self._births.items()}
        self._births = {ident: self._births[ident] for key, ident in newest.items() if key not in boots}

    def nodes(self, known: Mapping[str, Node]) -> list[dict[str, Any]]:
        """Those of the configuration, seen or not, and whoever else sent something; sorted by name."""
        names = sorted({*known, *self._nodes})
        return [_shown(name, known.get(name), self._nodes.get(name, _Sight())) for name in names]

    def rooms(self, known: Sequence[RoomConfig]) -> list[dict[str, Any]]:
        """As they are configured, heard of or not."""
        return [_room(row, self._rooms.get(row.name, {})) for row in known]

    def needs(self) -> list[dict[str, Any]]:
        """Where something goes on, sorted by node and need."""
        rows = sorted((node, need, phase, since) for (need, node), (phase, since) in self._phases.items())
        return [{"node": node, "need": need, "phase": phase, "since": since} for node, need, phase, since in rows]

    def _sight(self, node: str) -> _Sight:
        sight = self._nodes.get(node)
        if sight is None:
            sight = self._nodes[node] = _Sight()
        return sight

    def _note_sample(self, birth: BirthRow, row: SampleRow) -> None:
        """A value that the deadband held back is the one before it."""
        sight = self._sight(birth.node)
        sight.samples += 1
        last = sight.last
        if last is not None and row.measured_at_ms < last.measured_at_ms:
            return
        if last is not None and last.birth == row.birth and Status.SUPPRESSED in row.statuses:
            row = _filled(row, last)
        sight.last, sight.birth = row, birth

    def _note_births(self, births: Iterable[BirthRow]) -> None:
        for birth in births:
            self._births[birth.id] = birth
            self._sight(birth.node).birth = birth

    def _note_statuses(self, retained: Mapping[str, bytes]) -> None:
        for topic, payload in retained.items():
            if topic.endswith("/" + contract.STATUS):
                self._sight(topic.split("/")[2]).online = aircue.decode_status(topic, payload).online

    def _note_states(self, states: Mapping[tuple[str, str], Any]) -> None:
        for key, state in states.items():
            if state.phase == "idle":
                self._phases.pop(key, None)
            else:
                self._phases[key] = (str(state.phase), state.since)


def _boot(birth: BirthRow) -> StreamKey:
    return birth.node, birth.installation, birth.boot


def _filled(row: SampleRow, last: SampleRow) -> SampleRow:
    """The row with the values before it in place of those that the deadband held back."""
    held = [status is Status.SUPPRESSED for status in row.statuses]
    return row._replace(
        values=_chosen(held, last.values, row.values), statuses=_chosen(held, last.statuses, row.statuses)
    )


def _chosen(first: Sequence[bool], ones: Sequence[T], others: Sequence[T]) -> tuple[T, ...]:
    return tuple(one if take else other for take, one, other in zip(first, ones, others, strict=True))


def _shown(name: str, known: Node | None, sight: _Sight) -> dict[str, Any]:
    birth, last = sight.birth, sight.last
    site = known.site if known is not None else birth.site if birth is not None else ""
    return {
        "node": name,
        "site": site,
        "configured": known is not None,
        "online": sight.online,
        "boot": None if birth is None else birth.boot,
        "samples": sight.samples,
        "sequence": None if last is None else last.sequence,
        "measured_at_ms": None if last is None else last.measured_at_ms,
        "received_at_ms": None if last is None else last.received_at_ms,
        "values": [] if birth is None or last is None else list(_values(birth, last)),
    }


def _room(row: RoomConfig, values: Mapping[str, RoomValue]) -> dict[str, Any]:
    shown = [
        {"quantity": name, "unit": unit(name), "value": one.value, "apart": list(one.apart)}
        for name, one in values.items()
    ]
    at = max((one.at for one in values.values()), default=None)
    measured_at_ms = None if at is None else round(at * 1000)
    return {
        "room": row.name,
        "site": row.site,
        "nodes": list(row.nodes),
        "measured_at_ms": measured_at_ms,
        "values": shown,
    }


def _values(birth: BirthRow, row: SampleRow) -> Iterator[dict[str, Any]]:
    for channel, value, status in zip(birth.channels, row.values, row.statuses, strict=True):
        number = None if value is None else value / channel.scale
        yield {"quantity": channel.quantity, "unit": channel.unit, "value": number, "status": status.name.lower()}
