"""The witness: what crossed the sensors' buses, compared by key and value with what the cloud has.

    sampled = in cloud + suppressed by the deadband + declared dropped + lost

Pure: rows in, an account out. A key is (node, boot, sequence, quantity), which the bench knows without asking the
firmware: it counts power-ons and samples itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from aircue_gateway.episodes import Change, Rule, State, step
from aircue_node.quantities import QUANTITIES

Key = tuple[str, int, int, str]

# A stored value is the wire's value rounded to the quantity's scale. The hundredth is what a part's compensation in
# integers may differ from the exact one that the bench knows.
_ROUNDING = Decimal("0.51")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value that a sensor gave over its bus. real_s: when the transaction ended, seconds since 1970."""

    key: Key
    value: Decimal
    real_s: float
    world_ms: int
    glitch: bool = False


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One reading as the cloud gives it out."""

    key: Key
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """Sequences first to last of one boot that somebody declared as dropped."""

    node: str
    boot: int
    first: int
    last: int

    def covers(self, key: Key) -> bool:
        node, boot, sequence, _ = key
        return node == self.node and boot == self.boot and self.first <= sequence <= self.last


@dataclass(frozen=True, kw_only=True)
class Account:
    """Counts of readings; the tuples name what should not be there."""

    sampled: int
    in_cloud: int
    suppressed: int
    declared_dropped: int
    lost: tuple[Key, ...]
    stored_twice: tuple[Key, ...]
    wrong_value: tuple[Key, ...]
    never_measured: tuple[Key, ...]

    @property
    def balanced(self) -> bool:
        """Whether every sampled reading is in exactly one of the four places, with its value."""
        return not (self.wrong_value or self.never_measured)


def account(
    measured: Iterable[Measured], stored: Sequence[Stored], suppressed: set[Key], dropped: Sequence[Dropped]
) -> Account:
    """Puts each measured reading in its place: in the cloud, else suppressed, else declared dropped, else lost."""
    truth = {row.key: row.value for row in measured}
    values = {row.key: row.value for row in stored}
    missing = truth.keys() - values.keys()
    held_back = missing & suppressed
    declared = {key for key in missing - held_back if any(row.covers(key) for row in dropped)}
    return Account(
        sampled=len(truth),
        in_cloud=len(truth.keys() & values.keys()),
        suppressed=len(held_back),
        declared_dropped=len(declared),
        lost=tuple(sorted(missing - held_back - declared)),
        stored_twice=tuple(sorted(key for key, count in Counter(row.key for row in stored).items() if count > 1)),
        wrong_value=_wrong(truth, values),
        never_measured=tuple(sorted(values.keys() - truth.keys())),
    )


def _wrong(truth: Mapping[Key, Decimal], values: Mapping[Key, Decimal]) -> tuple[Key, ...]:
    shared = truth.keys() & values.keys()
    return tuple(sorted(key for key in shared if abs(truth[key] - values[key]) > _tolerance(key)))


def _tolerance(key: Key) -> Decimal:
    _, scale = QUANTITIES[key[3]]
    return _ROUNDING / scale


def dwell_completed(rule: Rule, node: str, measured: Iterable[Measured]) -> list[Measured]:
    """The bus reads that complete the rule's dwell on a node, found from the buses alone.

    Injected glitches are left out: the bench knows which values were none of the air's.
    """
    state, completed = State(), []
    for row in measured:
        if row.key[0] != node or row.key[3] != rule.quantity or row.glitch:
            continue
        state, change = step(rule, state, row.world_ms / 1000, float(row.value))
        if change is Change.STARTED:
            completed.append(row)
    return completed
