"""A rule on a past course, and what the gateway's cleaning makes of the readings. Pure; readings lie in columns."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aircue_cloud.decision.policy import FAULTS
from aircue_cloud.layers.course import ACTIVE, Course, PointColumns, Span, lapsed, leap, run
from aircue_gateway.batch import Status
from aircue_gateway.cleaning import pipeline
from aircue_gateway.config import CleaningConfig
from aircue_gateway.episodes import Rule, State

Numbers = npt.NDArray[np.float64]
_AT_ONCE = 65_536
_STEP = 512  # points that are leapt over at once
_MOST_FLAGGED = 500
_FINE = (Status.OK, Status.SUPPRESSED)


def spans(rule: Rule, at: Numbers, value: Numbers, lapses_at: float | None = None) -> list[Span]:
    """All episodes. at: epoch seconds, growing; of one instant the first counts. lapses_at: now, where an episode ends
    that nothing was told of for max_gap_s."""
    state, found = State(), list[Span]()
    for points in _points(at, value):
        leapt = leap(rule, state, points)
        if leapt is not None:
            state = leapt
            continue
        course = run(rule, state, points)
        more = list(course.spans)
        if state.phase in ACTIVE:
            goes_on = more.pop(0)
            found[-1] = replace(found[-1], ended_ms=goes_on.ended_ms, peak=goes_on.peak)
        found += more
        state = course.state
    if state.phase in ACTIVE and state.peak is not None:
        found[-1] = replace(found[-1], peak=state.peak)
    if lapses_at is None:
        return found
    return list(lapsed(rule, Course(state=state, spans=tuple(found)), round(lapses_at * 1000)).spans)


def crossings(rule: Rule, value: Numbers) -> int:
    """How often the value passed enter, from one reading to the next."""
    past = value > rule.enter if rule.direction == "above" else value < rule.enter
    return int(np.count_nonzero(past[1:] & ~past[:-1]))


def _points(at: Numbers, value: Numbers) -> Iterator[PointColumns]:
    at_ms, nothing = np.rint(at * 1000).astype(np.int64), np.zeros(_STEP, dtype=np.int64)
    for first in range(0, len(at_ms), _STEP):
        some = slice(first, first + _STEP)
        none = nothing[: len(at_ms[some])]
        keys: dict[str, npt.NDArray[Any]] = dict.fromkeys(("installation", "boot", "sequence"), none)
        yield PointColumns({"measured_at": at_ms[some], "value": value[some], **keys})


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """at, value: what the rules look at. codes: the status of every reading, as it stands in the end."""

    at: Numbers
    value: Numbers
    codes: npt.NDArray[np.uint8]

    @property
    def trusted(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.codes == Status.OK.value)

    @property
    def flags(self) -> Counter[str]:
        names = {status.value: status.name for status in Status}
        codes, counts = np.unique(self.codes, return_counts=True)
        found = zip(codes.tolist(), counts.tolist(), strict=True)
        return Counter({names[code]: number for code, number in found if names[code] != Status.OK.name})


def untouched(at: Numbers, value: Numbers) -> Cleaned:
    """Of what nobody cleans."""
    return Cleaned(at=at, value=value, codes=np.full(len(at), Status.OK.value, dtype=np.uint8))


def clean(config: CleaningConfig, quantity: str, at: Numbers, value: Numbers) -> Cleaned:
    """The pipeline of the gateway, on readings in the order of their time."""
    handed: list[tuple[float, float]] = []
    parts: list[npt.NDArray[np.float64]] = []

    def watch(when: float, smoothed: float) -> bool:
        handed.append((when, smoothed))
        return False

    stages = pipeline.build(config, quantity, watch)
    codes = np.zeros(len(at), dtype=np.uint8)
    for first in range(0, len(at), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        statuses = []
        for when, one in zip(at[some].tolist(), value[some].tolist(), strict=True):
            statuses.append(stages.update(when, one)[0].value)
            if stages.revised:
                _revise(codes, statuses, first, at, [suspect.at for suspect in stages.revised])
                stages.revised.clear()
        codes[some] = statuses
        parts.append(np.array(handed, dtype=np.float64).reshape(-1, 2))
        handed.clear()
    both = np.concatenate(parts) if parts else np.zeros((0, 2))
    return Cleaned(at=both[:, 0], value=both[:, 1], codes=codes)


def _revise(
    codes: npt.NDArray[np.uint8], statuses: list[int], first: int, at: Numbers, cleared: Sequence[float]
) -> None:
    """Flags that a later reading took back, in this part or in the one before."""
    for place in np.searchsorted(at, cleared).tolist():
        if place >= first:
            statuses[place - first] = Status.OK.value
        else:
            codes[place] = Status.OK.value


class Fault(NamedTuple):
    """From when to before when the latest reading was flagged so; epoch seconds."""

    begin: float
    end: float
    flag: str


def faults(at: Numbers, codes: npt.NDArray[np.uint8]) -> list[Fault]:
    """Of the flags that no need should be built on."""
    if not len(at):
        return []
    begins = np.flatnonzero(np.diff(codes, prepend=codes[0] + 1))
    ends = [*at[begins[1:]].tolist(), np.inf]
    names = (Status(code).name for code in codes[begins].tolist())
    found = zip(at[begins].tolist(), ends, names, strict=True)
    return [Fault(*one) for one in found if one[2] in FAULTS]


def flag_at(found: Sequence[Fault], at: float) -> str:
    return next((one.flag for one in found if one.begin <= at < one.end), Status.OK.name)


class Slice(NamedTuple):
    """Readings of a slice of time, as web.charts.Bucket has them: `Bucket(*slice)`."""

    first_ms: int
    last_ms: int
    low: float
    mean: float
    high: float
    readings: int


def slices(at: Numbers, value: Numbers, begin: float, end: float, most: int) -> list[Slice]:
    """Those that hold a reading, of most even ones."""
    if not len(at):
        return []
    edges = np.unique(np.searchsorted(at, np.linspace(begin, end, most + 1)[:-1]))
    edges = np.unique(np.r_[0, edges[edges < len(at)]])
    ends = np.r_[edges[1:], len(at)]
    counts = ends - edges
    columns = (
        np.rint(at[edges] * 1000).astype(np.int64),
        np.rint(at[ends - 1] * 1000).astype(np.int64),
        np.minimum.reduceat(value, edges),
        np.add.reduceat(value, edges) / counts,
        np.maximum.reduceat(value, edges),
        counts,
    )
    return [Slice(*one) for one in zip(*(column.tolist() for column in columns), strict=True)]


def thinned(at: Numbers, value: Numbers, codes: npt.NDArray[np.uint8]) -> list[tuple[float, float]]:
    """Flagged readings, evenly thinned."""
    flagged = np.flatnonzero(~np.isin(codes, [status.value for status in _FINE]))
    some = flagged[:: -(-len(flagged) // _MOST_FLAGGED) or 1]
    return list(zip(at[some].tolist(), value[some].tolist(), strict=True))
