"""The figures at the end: the bench's own record of the buses against what the cloud has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from aircue_gateway import batch
from aircue_gateway.batch import Status
from aircue_gateway.episodes import Rule
from aircue_hil.transactions import Transaction
from aircue_hil.witness import Account, Dropped, Key, Measured, Stored, account, dwell_completed


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A push as the household saw it. visible_s: real seconds since 1970 at which it stood in the inbox."""

    push: dict[str, Any]
    household: str
    visible_s: float


def measured(rows: Iterable[Transaction]) -> list[Measured]:
    """The bus transactions of a sample that delivered a value."""
    return [
        Measured(
            key=(row.node, row.boot, row.sequence, row.quantity),
            value=row.value,
            real_s=row.real_s,
            world_ms=row.world_ms,
            glitch=row.why is not None,
        )
        for row in rows
        if row.ok and row.in_sample and row.value is not None
    ]


def stored(rows: Iterable[dict[str, Any]]) -> list[Stored]:
    return [
        Stored(key=(row["node"], row["boot"], row["sequence"], row["quantity"]), value=Decimal(str(row["value"])))
        for row in rows
    ]


class BaseLayer:
    """The batches as the cloud keeps them: who was held back by the deadband, and what was declared as dropped."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: set[Path] = set()
        self.suppressed: set[Key] = set()
        self.dropped: list[Dropped] = []

    def read_new(self) -> None:
        for path in sorted(set(self._folder.rglob("*.batch")) - self._read):
            self._take(batch.decode(path.read_bytes()))
            self._read.add(path)

    def _take(self, found: batch.Batch) -> None:
        for group in found.groups:
            self.suppressed |= set(_suppressed(group))
        for loss in found.losses:
            self.dropped.append(Dropped(node=loss.node, boot=loss.boot, first=loss.first, last=loss.last))


def _suppressed(group: batch.Group) -> Iterable[Key]:
    for sample in group.samples:
        for channel, status in zip(group.channels, sample.statuses, strict=True):
            if status is Status.SUPPRESSED:
                yield group.node, group.boot, sample.sequence, channel.quantity


def cut(rows: Sequence[Transaction]) -> dict[tuple[str, int], int]:
    """The last whole sample of each boot: the newest sequence on the bus may still be in the making."""
    last: dict[tuple[str, int], int] = {}
    for row in rows:
        boot = row.node, row.boot
        last[boot] = max(last.get(boot, 0), row.sequence - 1)
    return last


def until(keys: Iterable[Any], last: dict[tuple[str, int], int]) -> list[Any]:
    """Those whose sample lies before the cut."""
    return [row for row in keys if row.key[2] <= last.get((row.key[0], row.key[1]), 0)]


def reckon(
    buses: Sequence[Measured], rows: Sequence[Stored], base: BaseLayer, last: dict[tuple[str, int], int]
) -> Account:
    return account(until(buses, last), until(rows, last), base.suppressed, base.dropped)


def installations(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """How many installations each node shows; more than one would hide a key that comes twice."""
    return Counter(node for node, _ in {(row["node"], row["installation"]) for row in rows})


def doubled(episodes: Sequence[dict[str, Any]], pushes: Sequence[Seen]) -> int:
    """Episodes of one need on one node that overlap, and pushes beyond one for (household, need, episode)."""
    pushed = Counter((seen.household, seen.push["need"], seen.push["episode"]) for seen in pushes)
    return _overlaps(episodes) + sum(count - 1 for count in pushed.values())


def _overlaps(episodes: Sequence[dict[str, Any]]) -> int:
    """Counted a pair of neighbours in time; an open episode lasts for ever. ISO times of one zone sort as text."""
    count = 0
    ordered = sorted(episodes, key=lambda row: (row["need"], row["node"], row["started_at"]))
    for before, after in pairwise(ordered):
        same = (before["need"], before["node"]) == (after["need"], after["node"])
        count += same and (before["ended_at"] is None or before["ended_at"] > after["started_at"])
    return count


def sensor_to_push_s(seen: Seen, rules: Sequence[Rule], buses: Sequence[Measured]) -> float | None:
    """From the bus read that completes the need's dwell to the push in the inbox, in real seconds.

    That read is found twice: by running the rule over the buses alone, and by the key of the reading that the push
    names. The earlier of the two counts; they may differ by a sample, since the cloud's times are the node's whole
    seconds. None where no bus ever had the named reading.
    """
    trigger = seen.push["trigger"]
    named = (trigger["node"], trigger["boot"], trigger["sequence"], trigger["quantity"])
    read = next((row for row in buses if row.key == named), None)
    if read is None:
        return None
    completed = [row for rule in rules if rule.need == seen.push["need"] for row in _completed(rule, read, buses)]
    return seen.visible_s - min(row.real_s for row in (read, *completed))


def _completed(rule: Rule, read: Measured, buses: Sequence[Measured]) -> list[Measured]:
    """Reads that complete the rule's dwell on the bus no more than one dwell before a read: those of its episode."""
    earliest = read.world_ms - rule.dwell_s * 1000
    return [row for row in dwell_completed(rule, read.key[0], buses) if earliest <= row.world_ms <= read.world_ms]
