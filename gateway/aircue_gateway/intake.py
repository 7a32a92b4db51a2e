"""Messages in, rows of the spool out: decoding, sorting out repetitions, times, cleaning, episodes. No I/O.

Nothing counts as taken before its window is on disk: receipts and acks leave with the window.
"""

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aircue_gateway import log
from aircue_gateway.alerts import Alerts, Rules
from aircue_gateway.batch import Loss, Status
from aircue_gateway.cleaning.air import DERIVED_UNITS, Air
from aircue_gateway.clock import believed
from aircue_gateway.config import CleaningConfig, RoomConfig
from aircue_gateway.episodes import Change, Rule
from aircue_gateway.intervals import Intervals
from aircue_gateway.ledger import Count
from aircue_gateway.message import DISCOVERY, Message
from aircue_gateway.payloads import aircue
from aircue_gateway.rooms import Rooms, RoomValue
from aircue_gateway.stream import Lane, Stream
from aircue_gateway.window import (
    MOST_BOOTS,
    MOST_LOSSES,
    BirthRow,
    DeadLetter,
    LossKey,
    Memory,
    SampleRow,
    Stored,
    StreamKey,
    StreamRow,
    Window,
    loss_key,
)
from aircue_node import contract

_PRESSING_SAMPLES = 256
_SET_BACK_MS = 600_000
_PRESSING_RECEIPTS = 2048  # of messages that brought no new sample
_PRESSING_BYTES = 256 * 1024  # of what was set aside
_MOST_UNCOMMITTED = 2048  # samples or receipts
_MOST_UNCOMMITTED_BYTES = 4 * 1024 * 1024  # of what was set aside
_MOST_HELD = 1000  # messages that wait for a birth; their senders have them too
_MOST_HELD_BYTES = 1024 * 1024
_PRESSING_LOSSES = 1000
_LARGEST_DISCOVERY = 16 * 1024
_RECEIVED = Count.SAMPLES_RECEIVED
_REMEMBERED_EVERY_MS = 3_600_000
_OFTEN_REMEMBERED = 50_000  # samples: a restart goes through so many at most
_BOOTS_REMEMBERED = 2  # a node; older ones only drain
_NOT_FLAGGED = (Status.OK, Status.GAP, Status.SUPPRESSED)


class Intake:
    """retained: the last birth and status of every node, by topic. airs: what is derived at each node. replied: told of
    each node's reply to a command. rooms: nodes that are merged."""

    def __init__(
        self,
        config: CleaningConfig,
        stored: Stored,
        replied: Callable[[str, aircue.Reply], None] = lambda _node, _reply: None,
        rooms: Sequence[RoomConfig] = (),
    ) -> None:
        self._config = config
        self._rooms = Rooms(rooms)
        self._room_values: dict[str, dict[str, RoomValue]] = {}
        self._replied = replied
        self._alerts = Alerts(stored.rules, stored.states, told=_log_change)
        self.airs: dict[str, Air] = {}
        self._derived: list[str] = []
        self._watch_derived()
        self._live_ms: dict[str, int] = {}
        self._window = Window()
        self._remembered_ms = 0
        self._since_remembered = _OFTEN_REMEMBERED
        self._streams: dict[StreamKey, Stream] = {}
        self._boots: dict[str, list[StreamKey]] = {}
        for key, row in stored.streams.items():
            self._know(key, row)
        self._losses: dict[LossKey, Loss] = {loss_key(loss): loss for loss in stored.losses}
        self._loss_counts = Counter(key[0] for key in self._losses)
        self._births = stored.births_from
        self._births_at_rest = 0  # of them, when the spool was last asked to forget
        for birth in stored.births:
            self._births = max(self._births, birth.id)
            self._stream((birth.node, birth.installation, birth.boot)).born(birth)
        self._recall(stored)
        self._held: dict[StreamKey, list[tuple[Message, int, Any]]] = {}
        self._held_count = 0
        self._held_bytes = 0
        self._set_aside_bytes = 0
        self.retained = {topic: payload for topic, payload in stored.retained.items() if payload}
        self._faults = _known_faults(stored.retained)
        self._told_of_losses: set[str] = set()
        self._refusals: dict[str, tuple[int, int, int]] = {}
        self._leaves: dict[str, Callable[[Message, int], StreamKey | None]] = {
            contract.BIRTH: self._birth,
            contract.SAMPLES: self._samples,
            contract.BACKLOG: self._backlog,
            contract.STATUS: self._status,
            contract.REPLY: self._reply,
            DISCOVERY: self._discovery,
        }

    @property
    def waiting(self) -> int:
        """Samples in the open window."""
        return len(self._window.samples)

    @property
    def empty(self) -> bool:
        return self._window.empty and not self._window.acks

    @property
    def pressing(self) -> bool:
        """Whether the open window should not wait for its time."""
        window = self._window
        return (
            window.urgent
            or window.hurried
            or len(window.samples) >= _PRESSING_SAMPLES
            or len(window.receipts) >= _PRESSING_RECEIPTS
            or len(window.losses) >= _PRESSING_LOSSES
            or self._set_aside_bytes >= _PRESSING_BYTES
        )

    @property
    def full(self) -> bool:
        """Whether nothing more should be read until the disk has caught up."""
        return (
            len(self._window.samples) > _MOST_UNCOMMITTED
            or len(self._window.receipts) > _MOST_UNCOMMITTED
            or len(self._window.losses) > _MOST_UNCOMMITTED
            or self._set_aside_bytes > _MOST_UNCOMMITTED_BYTES
        )

    @property
    def rules_version(self) -> str:
        return self._alerts.version

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self._alerts.rules

    def replace_rules(self, rules: Rules) -> None:
        self._alerts.replace(rules)
        self._watch_derived()

    def _watch_derived(self) -> None:
        """What the rules look at, one list for all streams."""
        self._derived[:] = [name for name in DERIVED_UNITS if self._alerts.watches(name)]

    def configure(self, config: CleaningConfig) -> None:
        """The filters start anew with it."""
        if config != self._config:
            self._config = config
            for stream in self._streams.values():
                stream.configure(config)
            for air in self.airs.values():
                air.stand_on(config.mould_surface)
            self._since_remembered = _OFTEN_REMEMBERED

    def count(self, name: Count) -> None:
        self._window.counts[name] += 1

    def swap(self) -> Window:
        """The window so far; a new one is open from now on."""
        window, self._window = self._window, Window()
        self._set_aside_bytes = 0
        if window.samples:
            window.counts[Count.SAMPLES_STORED] += len(window.samples)
        window.streams = {key: self._streams[key].row() for key in window.acks if key in self._streams}
        window.crowded = self._is_crowded(window)
        window.states = self._alerts.take()
        if window.samples:
            self._remember(window)
        return window

    def _remember(self, window: Window) -> None:
        """Writes down what the filters have learnt, now and then: a restart learns what came since from the spool."""
        now_ms = window.samples[-1].received_at_ms
        self._since_remembered += len(window.samples)
        if self._since_remembered >= _OFTEN_REMEMBERED or abs(now_ms - self._remembered_ms) >= _REMEMBERED_EVERY_MS:
            self._since_remembered, self._remembered_ms = 0, now_ms
            window.memory = self._memory()

    def _memory(self) -> Memory:
        last = [key for boots in self._boots.values() for key in boots[-_BOOTS_REMEMBERED:]]
        born = [(key, self._streams[key]) for key in last if self._streams[key].birth is not None]
        return {
            "config": _fingerprint(self._config),
            "streams": [[*key, stream.birth.id, stream.learnt()] for key, stream in born if stream.birth is not None],
            "airs": {node: air.learnt() for node, air in self.airs.items()},
        }

    def _recall(self, stored: Stored) -> None:
        """The filters as they were: what they had learnt, and the samples since then. The rules have seen those."""
        births = {birth.id: birth for birth in stored.births}
        self._alerts.deaf = True
        if stored.memory.get("config") == _fingerprint(self._config):
            self._recall_memory(stored.memory, births)
        for late, row in stored.past:
            stream = self._reborn(row.birth, births)
            if stream is not None and stream.birth is not None:
                stream.recall(Lane.BACKLOG if late else Lane.LIVE, row)
                if not late and stream.birth.node in self._rooms.nodes:
                    self._merge(stream.birth.node, stream, row)
        for birth in stored.births:  # the newest of a boot is in force
            self._reborn(birth.id, births)
        self._alerts.deaf = False

    def _recall_memory(self, memory: Memory, births: Mapping[int, BirthRow]) -> None:
        for _, _, _, birth, learnt in memory["streams"]:
            stream = self._reborn(birth, births)
            if stream is not None:
                stream.teach(learnt)
        for node, learnt in memory["airs"].items():
            if node in self.airs or node in self._rooms.nodes.values():
                self.airs.setdefault(node, Air(self._config.mould_surface)).teach(learnt)

    def _reborn(self, ident: int, births: Mapping[int, BirthRow]) -> Stream | None:
        """The stream with the channels of that birth; None where it is forgotten."""
        birth = births.get(ident)
        stream = None if birth is None else self._streams.get((birth.node, birth.installation, birth.boot))
        if birth is not None and stream is not None and stream.birth != birth:
            stream.born(birth)
        return stream

    def take(self, message: Message, received_at_ms: int, receipt: Any = None) -> None:
        """Takes a message in. receipt: comes back in a window's receipts once that says what became of the message."""
        try:
            missing = self._leaves.get(message.leaf, self._strange)(message, received_at_ms)
        except aircue.PayloadError as error:
            self._set_aside(message.topic, str(error), message.payload, received_at_ms)
            missing = None
        if missing is not None:
            self._hold(missing, message, received_at_ms, receipt)
        elif receipt is not None:
            self._window.receipts.append(receipt)

    def settle(self, receipt: Any) -> None:
        """A message that brought nothing to store, or whose samples were taken without a receipt, is dealt with."""
        if receipt is not None:
            self._window.receipts.append(receipt)

    def set_aside(self, topic: str, reason: str, payload: bytes, received_at_ms: int) -> None:
        """Keeps a message that cannot be read with the reason."""
        self._set_aside(topic, reason, payload, received_at_ms)

    def keep(self, name: str, payload: bytes) -> None:
        """Stores a few bytes under a name, in the commit of what came in with them; nobody may subscribe to it."""
        self.retained[name] = self._window.retained[name] = payload

    def hurry(self) -> None:
        """Somebody waits for the commit."""
        self._window.hurried = True

    def _hold(self, key: StreamKey, message: Message, received_at_ms: int, receipt: Any) -> None:
        """Samples nobody can read before their node's birth: they wait for it without a receipt, and past a number
        of them they are left to the node, which keeps what was never acked."""
        self.count(Count.AWAITING_BIRTH)
        log.warning("awaiting_birth", topic=message.topic, installation=key[1], boot=key[2])
        if self._held_count < _MOST_HELD and self._held_bytes + len(message.payload) <= _MOST_HELD_BYTES:
            self._held_count += 1
            self._held_bytes += len(message.payload)
            self._held.setdefault(key, []).append((message, received_at_ms, receipt))

    def _release(self, key: StreamKey) -> None:
        held = self._held.pop(key, [])
        self._held_count -= len(held)
        self._held_bytes -= sum(len(message.payload) for message, _, _ in held)
        for message, received_at_ms, receipt in held:
            self.take(message, received_at_ms, receipt)

    def _strange(self, message: Message, received_at_ms: int) -> None:
        prefix = contract.topic(message.node.site, message.node.id, "")
        leaves = ", ".join(leaf for leaf in self._leaves if leaf != DISCOVERY)
        expected = f"one of {prefix}{{{leaves}}}, the only topics node {message.node.id} may publish to"
        self._set_aside(message.topic, f"{message.topic}: topic: expected {expected}", message.payload, received_at_ms)

    def _set_aside(self, topic: str, reason: str, payload: bytes, received_at_ms: int) -> None:
        self.count(Count.DEAD_LETTERS)
        letter = DeadLetter(received_at_ms=received_at_ms, topic=topic, reason=reason, payload=payload)
        self._window.dead_letters.append(letter)
        self._set_aside_bytes += len(payload) + len(topic)
        log.warning("dead_letter", topic=topic, reason=reason, remedy="look at it with: aircue-gateway deadletter")

    def _retain(self, message: Message) -> None:
        """An empty payload takes back what was retained (3.3.1.3)."""
        if message.retain:
            self._window.retained[message.topic] = message.payload
            self.retained[message.topic] = message.payload
            if not message.payload:
                del self.retained[message.topic]

    def _discovery(self, message: Message, received_at_ms: int) -> None:
        """What a node tells Home Assistant about itself: kept for it as it is."""
        if len(message.payload) > _LARGEST_DISCOVERY:
            expected = f"at most {_LARGEST_DISCOVERY} bytes, found {len(message.payload)}"
            raise aircue.PayloadError(message.topic, "payload", expected)
        self._retain(message)

    def _birth(self, message: Message, received_at_ms: int) -> None:
        birth = aircue.decode_birth(message.topic, message.payload)
        key = (message.node.id, birth.installation, birth.boot)
        stream = self._stream(key)
        if stream.birth is None or (stream.birth.site, stream.birth.channels) != (message.node.site, birth.channels):
            stream.born(self._birth_row(message, birth))
        self._declared(message.node.id, birth.installation, birth.losses)
        self._retain(message)
        self._window.hurried = True
        log.event(
            "node_joined", node=message.node.id, site=message.node.site, installation=birth.installation,
            boot=birth.boot, firmware=birth.firmware, quantities=",".join(one.quantity for one in birth.channels),
        )  # fmt: skip
        self._release(key)

    def _birth_row(self, message: Message, birth: aircue.Birth) -> BirthRow:
        self._births += 1
        row = BirthRow(
            id=self._births,
            site=message.node.site,
            node=message.node.id,
            installation=birth.installation,
            boot=birth.boot,
            channels=birth.channels,
        )
        self._window.births.append(row)
        return row

    def _stream(self, key: StreamKey) -> Stream:
        if key not in self._streams:
            self._know(key, None)
            self._window.forgotten.discard(key)
            boots = self._boots[key[0]]
            while len(boots) > MOST_BOOTS:
                self._forget(boots.pop(0))
        return self._streams[key]

    def _know(self, key: StreamKey, row: StreamRow | None) -> None:
        self._streams[key] = self._new_stream(key, row)
        self._boots.setdefault(key[0], []).append(key)

    def _forget(self, key: StreamKey) -> None:
        """What comes of this boot after all waits for its birth again; a sample that comes again is stored again, and
        counts once in the cloud."""
        del self._streams[key]
        self._window.forgotten.add(key)
        self.count(Count.BOOTS_FORGOTTEN)
        node, installation, boot = key
        log.warning("boot_forgotten", node=node, installation=installation, boot=boot, newer_ones=MOST_BOOTS)

    def _is_crowded(self, window: Window) -> bool:
        """Whether the spool has more to keep than it should until the next batch."""
        crowded = (
            bool(window.forgotten)
            or len(window.losses) >= _PRESSING_LOSSES
            or self._births - self._births_at_rest >= MOST_BOOTS
        )
        if crowded:
            self._births_at_rest = self._births
        return crowded

    def _new_stream(self, key: StreamKey, row: StreamRow | None) -> Stream:
        air = self.airs.setdefault(key[0], Air(self._config.mould_surface))
        return Stream(self._config, self._ear, row, air, self._derived)

    def _declared(self, node: str, installation: int, rows: tuple[aircue.LossRow, ...]) -> None:
        for row in rows:
            self._lose(
                Loss(
                    node=node,
                    installation=installation,
                    boot=row.boot,
                    first=row.first,
                    last=row.last,
                    samples=row.samples,
                    where="node",
                )
            )

    def _lose(self, loss: Loss) -> None:
        """Passes a loss on, once for each change: nodes repeat theirs in every status."""
        key = loss_key(loss)
        known = self._losses.pop(key, None)
        self._losses[key] = loss  # the last ones heard of are the last ones forgotten
        if known != loss:
            self._window.losses.append(loss)
        if known is None:
            self._count_loss(loss.node)

    def _count_loss(self, node: str) -> None:
        self._loss_counts[node] += 1
        if self._loss_counts[node] > MOST_LOSSES:
            self._loss_counts[node] -= 1
            del self._losses[next(key for key in self._losses if key[0] == node)]
            self.count(Count.LOSSES_FORGOTTEN)
            if node not in self._told_of_losses:
                self._told_of_losses.add(node)
                log.warning("losses_forgotten", node=node, most=MOST_LOSSES, remedy="the cloud has them; said once")

    def _status(self, message: Message, received_at_ms: int) -> None:
        status = aircue.decode_status(message.topic, message.payload)
        self._declared(message.node.id, status.installation, status.losses)
        self._note_faults(message, status)
        self._note_refusals(message, status)
        self._retain(message)
        stream = self._streams.get((message.node.id, status.installation, status.boot))
        if stream is not None and status.uptime_ms is not None:
            stream.clock.heard(status.uptime_ms, received_at_ms)
        if not status.online:
            log.event("node_left", node=message.node.id, site=message.node.site, boot=status.boot)

    def _note_faults(self, message: Message, status: aircue.NodeStatus) -> None:
        """Counts the reads that failed since this boot's status before."""
        boot = (status.installation, status.boot)
        before_boot, before = self._faults.get(message.topic, (boot, {}))
        known = before if before_boot == boot else {}
        new = sum(max(0, count - known.get(sensor, 0)) for sensor, count in status.faults)
        if not status.online or not new:
            return
        self._faults[message.topic] = (boot, dict(status.faults))
        self._window.counts[Count.SENSOR_FAULTS] += new
        log.warning(
            "sensor_faults", node=message.node.id, new=new, failed_reads=dict(status.faults),
            remedy="the node's console says what is wrong with the sensor and what to check",
        )  # fmt: skip

    def _note_refusals(self, message: Message, status: aircue.NodeStatus) -> None:
        """Says what a node refused since its status before."""
        so_far = (status.installation, status.boot, status.refusals)
        if status.refusals and self._refusals.get(message.topic) != so_far:
            self._refusals[message.topic] = so_far
            log.warning("node_refused", node=message.node.id, refusals=status.refusals, last=status.refused)

    def _reply(self, message: Message, received_at_ms: int) -> None:
        reply = aircue.decode_reply(message.topic, message.payload)
        log.event("command_reply", node=message.node.id, id=reply.ident, error=reply.error or "none")
        self._replied(message.node.id, reply)

    def _samples(self, message: Message, received_at_ms: int) -> StreamKey | None:
        plain = aircue.plain_sample(message.payload)
        if plain is not None:
            installation, boot, sample = plain
            key = (message.node.id, installation, boot)
            stream = self._streams.get(key)
            if stream is not None and stream.birth is not None and len(sample.values) == len(stream.birth.channels):
                self._take_sample(Lane.LIVE, key, stream, sample, received_at_ms, message.duplicate)
                return None
        samples = aircue.decode_samples(message.topic, message.payload)
        return self._take_samples(Lane.LIVE, message, samples, received_at_ms)

    def _backlog(self, message: Message, received_at_ms: int) -> StreamKey | None:
        samples = aircue.decode_backlog(message.topic, message.payload)
        return self._take_samples(Lane.BACKLOG, message, samples, received_at_ms)

    def _take_samples(
        self, lane: Lane, message: Message, samples: aircue.Samples, received_at_ms: int
    ) -> StreamKey | None:
        """None, or the key of the stream whose birth is missing."""
        key = (message.node.id, samples.installation, samples.boot)
        stream = self._streams.get(key)
        if stream is None or stream.birth is None:
            return key
        good = self._readable(key, stream.birth, message, samples, received_at_ms)
        stream.anchor(good, received_at_ms)
        for sample in good:
            self._take_sample(lane, key, stream, sample, received_at_ms, message.duplicate)
        return None

    def _readable(
        self, key: StreamKey, birth: BirthRow, message: Message, samples: aircue.Samples, received_at_ms: int
    ) -> list[aircue.Sample]:
        """The samples of a message; a bad one is set aside without its neighbours."""
        good = []
        for row in samples.rows:
            try:
                good.append(aircue.decode_sample(message.topic, row, len(birth.channels)))
            except aircue.PayloadError as error:
                self._set_aside(message.topic, str(error), json.dumps(row).encode(), received_at_ms)
                self._give_up(key, aircue.sequence_of(row))
        return good

    def _give_up(self, key: StreamKey, sequence: int | None) -> None:
        """A bad sample will not get better by being sent again: it is acked, and declared as lost here."""
        if sequence is None:
            return
        self._ack(key, sequence)
        if self._streams[key].seen.add(sequence):
            self.count(Count.SAMPLES_SET_ASIDE)
            node, installation, boot = key
            self._lose(
                Loss(
                    node=node,
                    installation=installation,
                    boot=boot,
                    first=sequence,
                    last=sequence,
                    samples=1,
                    where="gateway",
                )
            )

    def _take_sample(
        self, lane: Lane, key: StreamKey, stream: Stream, sample: aircue.Sample, received_at_ms: int, duplicate: bool
    ) -> None:
        window = self._window
        counts = window.counts
        counts[_RECEIVED] += 1
        self._ack(key, sample.sequence)
        new = stream.seen.add(sample.sequence)
        if duplicate or not new:
            counts[Count.SAMPLES_REDELIVERED] += 1
        if not new:
            return
        row, changed = stream.accept(lane, sample, received_at_ms)
        window.samples.append(row)
        if lane is Lane.LIVE:
            self._notice_time(key[0], row.measured_at_ms)
            if key[0] in self._rooms.nodes:
                changed = self._merge(key[0], stream, row) or changed
        else:
            window.late = True
            window.backlog.append(len(window.samples) - 1)
        if stream.revisions:
            window.revisions += stream.revisions
            stream.revisions.clear()
        if changed:
            window.urgent = True
        if row.resolved and not believed(sample.epoch_s):
            counts[Count.CLOCK_DISBELIEVED] += 1
        if any(row.statuses):
            _tally(counts, row)

    def _merge(self, node: str, stream: Stream, row: SampleRow) -> bool:
        """What the room of this node is at now; whether that changed a phase."""
        room, at = self._rooms.nodes[node], row.measured_at_ms / 1000
        values = self._room_values.setdefault(room, {})
        told = list(self._rooms.take(node, at, stream.told(row)))
        values.update(told)
        self._window.rooms[room] = dict(values)
        changes = [self._ear(room, quantity)(at, merged.value) for quantity, merged in told]
        return any([*changes, self._derive_room(room, at, values)])

    def _derive_room(self, room: str, at: float, values: Mapping[str, RoomValue]) -> bool:
        temperature, humidity = values.get("temperature"), values.get("humidity")
        if temperature is None or humidity is None:
            return False
        air = self.airs.setdefault(room, Air(self._config.mould_surface))
        air.note(at, temperature.value, humidity.value)
        changes = [self._ear(room, name)(at, air.value(name)) for name in self._derived]
        return any(changes)

    def _notice_time(self, node: str, at_ms: int) -> None:
        """Live samples come in order; where one lies far before the last, the node's clock was set back."""
        times = self._live_ms
        last_ms = times.get(node, at_ms)
        times[node] = at_ms
        if at_ms < last_ms - _SET_BACK_MS:
            log.warning("clock_set_back", node=node, seconds=(last_ms - at_ms) // 1000)
            self._alerts.rewind(node, at_ms / 1000)

    def _ack(self, key: StreamKey, sequence: int) -> None:
        acked = self._window.acks.get(key)
        if acked is None:
            acked = self._window.acks[key] = Intervals()
        acked.add(sequence)

    def _ear(self, node: str, quantity: str) -> Callable[[float, float], bool]:
        """What listens to a quantity of a node for the rules."""
        return self._alerts.series(node, quantity).hear


def _log_change(node: str, quantity: str, at: float, value: float, need: str, change: Change) -> None:
    log.event("episode", need=need, node=node, change=change, quantity=quantity, value=value, at=at)


def _fingerprint(config: CleaningConfig) -> str:
    """What was learnt under another configuration is of no use."""
    return f"{zlib.crc32(repr(config).encode()):08x}"


def _known_faults(retained: Mapping[str, bytes]) -> dict[str, tuple[tuple[int, int], dict[str, int]]]:
    """((installation, boot), failed reads by sensor) of the last status of every node, by topic."""
    found = {}
    for topic, payload in retained.items():
        if topic.endswith("/" + contract.STATUS):
            status = aircue.decode_status(topic, payload)
            found[topic] = ((status.installation, status.boot), dict(status.faults))
    return found


def _tally(counts: Counter[Count], row: SampleRow) -> None:
    for status in row.statuses:
        if status is Status.SUPPRESSED:
            counts[Count.READINGS_SUPPRESSED] += 1
        elif status not in _NOT_FLAGGED:
            counts[Count.READINGS_FLAGGED] += 1
