"""What one commit writes: everything that came in since the one before, as rows of the spool."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aircue_gateway.alerts import NO_RULES, Key, Rules
from aircue_gateway.batch import Channel, Loss, Status
from aircue_gateway.episodes import State
from aircue_gateway.intervals import Intervals
from aircue_gateway.ledger import Count

Memory = dict[str, Any]  # as JSON has it
StreamKey = tuple[str, int, int]  # node, installation, boot
LossKey = tuple[str, int, int, int, str]  # node, installation, boot, first, where


class SampleRow(NamedTuple):
    """birth: id of the BirthRow that names the channels. resolved: the gateway had to work out the time."""

    birth: int
    sequence: int
    uptime_ms: int
    measured_at_ms: int
    received_at_ms: int
    resolved: bool
    values: tuple[int | None, ...]
    statuses: tuple[Status, ...]


class RevisionRow(NamedTuple):
    """A status that the samples after it corrected. channel: its index in the birth's channels."""

    birth: int
    sequence: int
    channel: int
    status: Status


@dataclass(frozen=True, kw_only=True)
class BirthRow:
    """What a node measured in one boot. A boot has another one when its channels change."""

    id: int
    site: str
    node: str
    installation: int
    boot: int
    channels: tuple[Channel, ...]


@dataclass(frozen=True, kw_only=True)
class StreamRow:
    """What arrived of one boot, and its clock (see clock.Clock)."""

    ranges: tuple[tuple[int, int], ...]
    offset_ms: int | None
    known: bool


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    received_at_ms: int
    topic: str
    reason: str
    payload: bytes


@dataclass(kw_only=True)
class Window:
    """Grows while messages come in, and is given away whole. receipts: what the intakes want back once this is on
    disk. acks: what the nodes are told then. urgent: the phase of an episode changed. late: an older part of the
    story came in, which may have changed one. hurried: somebody waits for the commit. forgotten: boots that the intake
    knows no more. rooms: by name and quantity, the last RoomValue. backlog: places of the samples that came late.
    memory: what the filters have learnt with this window, None in most. crowded: what waits in the spool should become
    a batch, so that it can forget them as well."""

    samples: list[SampleRow] = field(default_factory=list)
    revisions: list[RevisionRow] = field(default_factory=list)
    births: list[BirthRow] = field(default_factory=list)
    streams: dict[StreamKey, StreamRow] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    states: dict[Key, State] = field(default_factory=dict)
    retained: dict[str, bytes] = field(default_factory=dict)
    counts: Counter[Count] = field(default_factory=Counter)
    acks: dict[StreamKey, Intervals] = field(default_factory=dict)
    receipts: list[Any] = field(default_factory=list)
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    backlog: list[int] = field(default_factory=list)
    memory: Memory | None = None
    forgotten: set[StreamKey] = field(default_factory=set)
    urgent: bool = False
    late: bool = False
    hurried: bool = False
    crowded: bool = False

    @property
    def empty(self) -> bool:
        return not (self.counts or self.receipts or self.births or self.retained or self.losses or self.streams)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a spool knows when the gateway starts. births_from: a new birth has a higher id. memory: what the filters
    had learnt; past: the samples since then, in order, and whether each came late; to be read once, before the next
    commit."""

    births: tuple[BirthRow, ...] = ()
    births_from: int = 0
    streams: Mapping[StreamKey, StreamRow] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    states: Mapping[Key, State] = field(default_factory=dict)
    retained: Mapping[str, bytes] = field(default_factory=dict)
    rules: Rules = NO_RULES
    memory: Memory = field(default_factory=dict)
    past: Iterable[tuple[bool, SampleRow]] = ()


# A node has so many boots and declared losses in memory and in every checkpoint of the spool; older ones are forgotten.
MOST_BOOTS = 32
MOST_LOSSES = 1000


def loss_key(loss: Loss) -> LossKey:
    return loss.node, loss.installation, loss.boot, loss.first, loss.where
