"""Devices of other makers: which node each is, and what of their messages is new. No I/O.

A message becomes one sample for every time it tells and every node its readings belong to. Sent again by the broker, it
is known by its mark (recent.py); told again by the device, by its time. A retained message is a value of unknown age:
it counts where its own time is newer, or once, when nothing was heard on its topic before.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aircue_gateway import log
from aircue_gateway.config import DeviceConfig, Node
from aircue_gateway.intake import Intake
from aircue_gateway.intakes import mqtt_server
from aircue_gateway.intakes.numbered import Numbered
from aircue_gateway.intakes.recent import Recent, mark_of
from aircue_gateway.ledger import Count
from aircue_gateway.payloads.aircue import PayloadError
from aircue_gateway.payloads.formats import FORMATS
from aircue_gateway.payloads.reading import Decoded, Reading
from aircue_gateway.units import canonical

_KEPT = "$aircue/device/{}/known"
_MOST_SEEN = 500
_MOST_TOPICS = 200  # a node
_WHOLE_NAMES = ("state",)  # formats whose device is a prefix that many rooms may share


class Heard(NamedTuple):
    """A message from a broker. packet_id: 0 with QoS 0."""

    topic: str
    payload: bytes
    packet_id: int = 0
    retain: bool = False
    duplicate: bool = False


class _Told(NamedTuple):
    """A reading with the row of the configuration it belongs to."""

    row: DeviceConfig
    source: str
    quantity: str
    value: float
    at_ms: int | None


class _Known:
    """What is kept of one node: by quantity which source tells it and its newest time, and the topics heard."""

    def __init__(self, kept: bytes | None, sources: Iterable[str]) -> None:
        fields = json.loads(kept) if kept else {}
        configured = tuple(sources)
        owners = fields.get("owners", {})
        self.owners = {name: one for name, one in owners.items() if _belongs(one, configured)}
        self.newest: dict[str, int] = fields.get("newest", {})
        self.topics: list[str] = fields.get("topics", [])

    def encode(self) -> bytes:
        return json.dumps(vars(self), separators=(",", ":")).encode()


class Devices:
    """rows: the configured devices. topics: the filters of each format that is listened to."""

    def __init__(
        self,
        rows: Sequence[DeviceConfig],
        topics: Mapping[str, Sequence[str]],
        intake: Intake,
        numbered: Numbered,
    ) -> None:
        self._rows = {(row.format, row.id): row for row in rows}
        self._topics = topics
        self._intake = intake
        self._numbered = numbered
        self._recent = Recent(intake.keep, intake.retained)
        self._nodes = {row.node: Node(id=row.node, site=row.site, key="") for row in rows}
        self._known = {name: self._recall(name) for name in self._nodes}
        self._once: dict[str, bytes] = {}
        self._seen: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, heard: Heard, received_at_ms: int, receipt: Any = None) -> None:
        """Takes a message in; the receipt leaves with the commit that has its samples, and what they are known by."""
        mark = mark_of(heard.topic, heard.payload, heard.packet_id) if heard.packet_id else b""
        if heard.duplicate and mark in self._recent:
            self._intake.count(Count.SAMPLES_REDELIVERED)
        elif self._take(heard, received_at_ms) and mark:
            self._recent.note(mark)
        self._intake.settle(receipt)

    def replay(self, topic: str, payload: bytes, received_at_ms: int, now_ms: int) -> str | None:
        """Takes a message in that was set aside earlier; None, or why not."""
        name = self._format(topic)
        if name is None:
            return "no format that is listened to has this topic"
        try:
            decoded = FORMATS[name].decode(topic, payload, received_at_ms)
        except PayloadError as error:
            return str(error)
        if decoded.faults:
            return f"{decoded.faults[0]}; the rest of the message was taken when it came"
        told = self._placed(name, decoded, now_ms)
        taken = self._add(Heard(topic, payload), told, b"", received_at_ms, now_ms)
        return None if taken else "nothing in it is new for a configured device"

    def report(self) -> list[dict[str, Any]]:
        """What was heard and is not taken: with the lines that would take it."""
        return list(self._seen.values())

    def _recall(self, node: str) -> _Known:
        sources = (_source(row.format, row.id) for row in self._rows.values() if row.node == node)
        return _Known(self._intake.retained.get(_KEPT.format(node)), sources)

    def _format(self, topic: str) -> str | None:
        for name, filters in self._topics.items():
            if any(mqtt_server.matches(one, topic) for one in filters):
                return name
        return None

    def _take(self, heard: Heard, received_at_ms: int) -> bool:
        """Whether there is something to know it by, should it come again."""
        name = self._format(heard.topic)
        if name is None:
            return False
        try:
            decoded = FORMATS[name].decode(heard.topic, heard.payload, received_at_ms)
        except PayloadError as error:
            return self._refuse(name, heard, [error], received_at_ms)
        told = self._placed(name, decoded, received_at_ms)
        self._add(heard, told, decoded.once, received_at_ms, received_at_ms)
        return self._refuse(name, heard, decoded.faults, received_at_ms) or bool(told)

    def _refuse(self, name: str, heard: Heard, faults: Sequence[PayloadError], received_at_ms: int) -> bool:
        """Sets a message aside, unless no device of its format is ours."""
        if not faults or heard.retain or name not in [one for one, _ in self._rows]:
            return False
        self._intake.set_aside(heard.topic, "; ".join(map(str, faults)), heard.payload, received_at_ms)
        return True

    def _add(self, heard: Heard, told: Sequence[_Told], once: bytes, at_ms: int, now_ms: int) -> bool:
        """Whether any of it was new. at_ms: when the message came; now_ms: when it is taken in, later where it is
        replayed."""
        if not told or self._is_repeated(told[0], once):
            return False
        new = [one for one in told if self._is_new(heard, one)]
        for node, moment in sorted({(one.row.node, one.at_ms) for one in new}, key=_by_time):
            rows = [one for one in new if (one.row.node, one.at_ms) == (node, moment)]
            self._sample(node, rows, at_ms if moment is None and at_ms != now_ms else moment, now_ms)
        for node in {one.row.node for one in told}:
            self._remember(node, heard.topic)
        return bool(new)

    def _placed(self, name: str, decoded: Decoded, now_ms: int) -> list[_Told]:
        found = (self._place(name, one, now_ms) for one in decoded.readings)
        return [one for one in found if one is not None]

    def _place(self, name: str, reading: Reading, now_ms: int) -> _Told | None:
        """The reading as its node's, None where no row has it or another source tells this quantity of the node."""
        whole = f"{reading.device}/{reading.part}"
        row = self._rows.get((name, whole)) or self._rows.get((name, reading.device))
        quantity = (row.quantity if row is not None else "") or reading.quantity
        if row is None or not quantity:
            self._notice(name, reading, "not configured", now_ms)
            return None
        source = _source(name, whole if reading.part else reading.device)
        owner = self._known[row.node].owners.setdefault(quantity, source)
        if owner != source:
            self._notice(name, reading, f"{quantity} of node {row.node} comes from {owner}", now_ms, whole)
            return None
        value = canonical(quantity, reading.value, row.unit) if row.unit else reading.value
        return _Told(row, source, quantity, value, reading.at_ms)

    def _is_repeated(self, told: _Told, once: bytes) -> bool:
        """A device that repeats itself on purpose says the same bytes."""
        before = self._once.get(told.source, b"")
        self._once[told.source] = once
        return bool(once) and once == before

    def _is_new(self, heard: Heard, told: _Told) -> bool:
        known = self._known[told.row.node]
        newest = known.newest.get(told.quantity)
        if told.at_ms is None:
            return not heard.retain or heard.topic not in known.topics
        if heard.retain:
            return newest is None or told.at_ms > newest
        return told.at_ms != newest

    def _sample(self, node: str, rows: Sequence[_Told], at_ms: int | None, now_ms: int) -> None:
        """Of two readings of one quantity at one time the first counts."""
        values: dict[str, float] = {}
        for one in rows:
            values.setdefault(one.quantity, one.value)
        self._numbered.add(self._nodes[node], rows[0].row.format, values, at_ms, now_ms)
        if rows[0].at_ms is not None:
            newest = self._known[node].newest
            newest.update({name: max(rows[0].at_ms, newest.get(name, 0)) for name in values})

    def _remember(self, node: str, topic: str) -> None:
        """Kept with the samples, where it changed."""
        known = self._known[node]
        if topic not in known.topics:
            known.topics = [*known.topics[-_MOST_TOPICS + 1 :], topic]
        name, data = _KEPT.format(node), known.encode()
        if self._intake.retained.get(name) != data:
            self._intake.keep(name, data)

    def _notice(self, name: str, reading: Reading, why: str, now_ms: int, ident: str = "") -> None:
        """Once in the log for each device; the count of what is remembered is bounded, for anybody may publish."""
        if not reading.quantity:
            return
        whole = f"{reading.device}/{reading.part}" if name in _WHOLE_NAMES else reading.device
        ident = ident or whole
        row = self._seen.get((name, ident))
        if row is None:
            if len(self._seen) >= _MOST_SEEN:
                return
            lines = f'[[devices]]\nformat = "{name}"\nid = {json.dumps(ident)}\nnode = "A-NAME"\nsite = "THE-SITE"'
            row = self._seen[name, ident] = {"format": name, "id": ident, "quantities": [], "why": why, "add": lines}
            log.event(
                "device_seen", format=name, id=ident, why=why, remedy="aircue-gateway status has the lines to add"
            )
        row["last_ms"] = now_ms
        if reading.quantity not in row["quantities"]:
            row["quantities"].append(reading.quantity)


def _by_time(key: tuple[str, int | None]) -> tuple[float, str]:
    """Older first; without a time is now."""
    node, at_ms = key
    return (float("inf") if at_ms is None else at_ms), node


def _source(name: str, ident: str) -> str:
    return f"{name}:{ident}"


def _belongs(owner: str, configured: tuple[str, ...]) -> bool:
    """Whether a source is still one of the node's devices, or a part of one."""
    return any(owner == one or owner.startswith(one + "/") for one in configured)
