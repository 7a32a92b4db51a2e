"""A need on past readings: which episodes it would have had, and what would have been sent. Pure.

Three courses of the same readings go through the engine of the episodes (aircue_gateway.episodes), side by side:

    raw      every reading, as if nobody had cleaned
    trusted  without the flagged ones: what the cloud follows, and what is decided on
    cleaned  smoothed as well: what the gateway's rules look at

Every episode of the trusted course is decided about at the instant of the reading that completed its dwell, by the
policy that decides live (decision.policy); what is deferred is decided again at that time. Nothing later than the
instant of a decision is known to it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aircue_cloud.decision.policy import SEND
from aircue_cloud.decision.preferences import NOTHING_SAID, Preferences
from aircue_cloud.decision.settings import Settings
from aircue_cloud.needs.needs import Need
from aircue_gateway.config import CleaningConfig

RAW, TRUSTED, CLEANED = SIDES = ("raw", "trusted", "cleaned")


@dataclass(frozen=True, kw_only=True)
class Values:
    """One quantity of one node. at: epoch seconds, growing. trusted: which of them no flag was on; None where that is
    for the cleaning to find out."""

    at: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    trusted: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Course:
    """One node. values: by quantity."""

    node: str
    values: Mapping[str, Values]


@dataclass(frozen=True, kw_only=True)
class Household:
    """Whom it is decided about. site_zone: UTC where nobody has said where the home lies. assumed: in words, what
    nobody knows and was taken to be so."""

    name: str = "backtest"
    person: str | None = None
    site_zone: str = "UTC"
    said: Preferences = NOTHING_SAID
    consent: bool = True
    assumed: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Episode:
    """confirmed: of the reading that completed the dwell. end: None while it lasts; minutes then count to the last
    reading. peak: the furthest value past the threshold."""

    node: str
    start: datetime
    confirmed: datetime
    end: datetime | None
    peak: float
    minutes: float


@dataclass(frozen=True, kw_only=True)
class Side:
    """readings: that the rule looked at."""

    readings: int
    episodes: tuple[Episode, ...]

    @property
    def minutes(self) -> float:
        return sum(one.minutes for one in self.episodes)


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What came of an episode in the end. at: of the last decision about it. gate: which held it, "" for a send.
    category: of what was offered."""

    episode: Episode
    at: datetime
    outcome: str
    gate: str
    reason: str
    category: str | None


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What could be offered, and how it scores (decision.candidates)."""

    category: str
    lift: float
    score: float
    arm: bool  # whether it is worth more than no push


class Slice(NamedTuple):
    """Readings of a slice of time, as web.charts.Bucket has them: `Bucket(*slice)`."""

    first_ms: int
    last_ms: int
    low: float
    mean: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A node's quantity to be drawn, in slices of time; flagged: times (epoch seconds) and values, thinned."""

    node: str
    quantity: str
    raw: Sequence[Slice]
    cleaned: Sequence[Slice]
    flagged: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """sides: by name (SIDES). flags: of the cleaning, by name. missing: quantities that the need watches and no node
    measured. repeated: readings of an instant that had one."""

    need: str
    quantities: tuple[str, ...]
    nodes: tuple[str, ...]
    first: datetime | None
    last: datetime | None
    sides: Mapping[str, Side]
    flags: Mapping[str, int]
    missing: tuple[str, ...]
    candidates: tuple[Remedy, ...]
    decisions: tuple[Decided, ...]
    assumed: tuple[str, ...]
    drawn: tuple[Drawn, ...] = field(default=(), repr=False)

    @property
    def sends(self) -> tuple[Decided, ...]:
        return tuple(one for one in self.decisions if one.outcome == SEND)

    @property
    def held(self) -> Mapping[str, int]:
        """How many episodes each gate held in the end, most first."""
        return dict(Counter(one.gate for one in self.decisions if one.outcome != SEND).most_common())


def backtest(
    need: Need,
    courses: Iterable[Course],
    *,
    settings: Settings,
    household: Household = Household(),
    cleaning: CleaningConfig = CleaningConfig(),
) -> Backtest:
    """courses: each node once; each is looked at once and let go."""
    raise NotImplementedError
