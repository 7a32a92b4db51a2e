"""Episodes: when a need holds, as a small event-time state machine; the same code at the edge and in the cloud.

    IDLE --past enter--> PENDING --held for dwell_s--> FIRING --back past exit--> RECOVERING --for keep_s--> IDLE

Time is event time (measured_at of the readings), so replaying the same readings gives the same episodes. A gap longer
than max_gap_s never ends or re-arms an episode; what it does to the time held so far is on_missing: "hold" freezes it
(time inside the gap counts neither as dwell nor as recovery), "reset" begins it anew, "fire" counts the gap as if the
air had stayed as it was. While the gap lasts the need is STALE, which is no phase: the phase waits beside it.
"Past" is strict: 80 does not pass a threshold of 80. Between exit and enter nothing changes: the dwell goes on, but an
episode starts only with a reading that is past enter.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

STALE = "stale"
ON_MISSING = ("hold", "reset", "fire")
ON_START = ("suppress", "fire")


class Phase(StrEnum):
    IDLE = "idle"
    PENDING = "pending"
    FIRING = "firing"
    RECOVERING = "recovering"


class Change(StrEnum):
    """What a reading did to an episode: it armed the dwell, ended it early, started or ended the episode, ..."""

    ARMED = "armed"
    DISARMED = "disarmed"
    STARTED = "started"
    RECOVERING = "recovering"
    RESUMED = "resumed"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The condition of a need on one quantity. direction "above": enter > exit; "below": enter < exit. Times in s.

    on_start: whether a need that holds with the first reading ever known of a node begins an episode at the edge; under
    "suppress" it must have been seen back past exit before. lateness_s: how late a reading may come to be counted in
    at the edge. The cloud has the history, so both are nothing to it.
    """

    need: str
    quantity: str
    direction: str
    enter: float
    exit: float
    dwell_s: float
    keep_s: float
    max_gap_s: float
    on_missing: str = "hold"
    on_start: str = "suppress"
    lateness_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value, known in (("on_missing", self.on_missing, ON_MISSING), ("on_start", self.on_start, ON_START)):
            if value not in known:
                raise ValueError(f"need {self.need}: {name} {value!r} is none of {', '.join(known)}")
        if self.direction not in ("above", "below"):
            raise ValueError(f"need {self.need}: direction {self.direction!r} is neither 'above' nor 'below'")
        if self._past(self.exit, self.enter):
            raise ValueError(f"need {self.need}: exit {self.exit} lies beyond enter {self.enter}")
        if min(self.dwell_s, self.keep_s, self.lateness_s) < 0 or self.max_gap_s <= 0:
            raise ValueError(
                f"need {self.need}: dwell_s, keep_s and lateness_s may not be negative, max_gap_s must be over 0"
            )

    def holds(self, value: float) -> bool:
        return self._past(value, self.enter)

    def cleared(self, value: float) -> bool:
        """Back on the safe side of exit; between exit and enter neither holds nor is cleared (hysteresis)."""
        return not self._past(value, self.exit)

    def _past(self, value: float, threshold: float) -> bool:
        return value > threshold if self.direction == "above" else value < threshold


@dataclass(frozen=True, kw_only=True)
class State:
    """Where one rule stands on one node. Times are epoch seconds of event time; held_s counts since the
    phase began, without gaps. armed: False until the need was seen not to hold, where nothing may begin before."""

    phase: Phase = Phase.IDLE
    since: float | None = None
    held_s: float = 0.0
    last_at: float | None = None
    peak: float | None = None
    armed: bool = True


def fresh(rule: Rule) -> State:
    """Where a rule stands at the edge before the first reading that is known of a node."""
    return State(armed=rule.on_start == "fire")


def standing(rule: Rule, state: State, now: float) -> str:
    """The phase's name, or STALE where the last reading lies more than max_gap_s back."""
    if state.last_at is not None and now - state.last_at > rule.max_gap_s:
        return STALE
    return state.phase.value


def rewound(state: State, at: float) -> State:
    """The state after the clock was set back to `at`: what it has counted stays, time goes on from there."""
    if state.last_at is None or state.last_at <= at:
        return state
    since = None if state.since is None else min(state.since, at)
    return replace(state, last_at=at, since=since)


def step(rule: Rule, state: State, at: float, value: float) -> tuple[State, Change | None]:
    """The next state after a trusted reading, and what changed.

    A reading not newer than the last one changes nothing: readings arrive live first, backlog behind, and whoever
    keeps the state replays the course in order when an older part comes in.
    """
    if state.last_at is not None and at <= state.last_at:
        return state, None
    return _NEXT[state.phase](rule, state, at, value)


def _held_s(rule: Rule, state: State, at: float) -> float:
    """The time counted so far with the time since the last reading, a gap as on_missing says."""
    gap = 0.0 if state.last_at is None else at - state.last_at
    if gap <= rule.max_gap_s or rule.on_missing == "fire":
        return state.held_s + gap
    return state.held_s if rule.on_missing == "hold" else 0.0


def _since(rule: Rule, state: State, at: float) -> float | None:
    """A dwell that a gap begins anew began with this reading."""
    gap = 0.0 if state.last_at is None else at - state.last_at
    return at if gap > rule.max_gap_s and rule.on_missing == "reset" else state.since


def _idle(rule: Rule, state: State, at: float, value: float) -> tuple[State, Change | None]:
    if not state.armed and _stays_unarmed(rule, state, value):
        return State(last_at=at, armed=False), None
    if not rule.holds(value):
        return State(last_at=at), None
    if rule.dwell_s == 0:
        return State(phase=Phase.FIRING, since=at, last_at=at, peak=value), Change.STARTED
    return State(phase=Phase.PENDING, since=at, last_at=at, peak=value), Change.ARMED


def _stays_unarmed(rule: Rule, state: State, value: float) -> bool:
    """A need that held with the first reading must be cleared once; one that did not is armed at once."""
    return rule.holds(value) if state.last_at is None else not rule.cleared(value)


def _pending(rule: Rule, state: State, at: float, value: float) -> tuple[State, Change | None]:
    if rule.cleared(value):
        return State(last_at=at), Change.DISARMED
    held_s, peak = _held_s(rule, state, at), _further(rule, state.peak, value)
    since = _since(rule, state, at)
    if held_s >= rule.dwell_s and rule.holds(value):
        return State(phase=Phase.FIRING, since=since, held_s=held_s, last_at=at, peak=peak), Change.STARTED
    return State(phase=Phase.PENDING, since=since, held_s=held_s, last_at=at, peak=peak), None


def _firing(rule: Rule, state: State, at: float, value: float) -> tuple[State, Change | None]:
    if not rule.cleared(value):
        return _still_firing(rule, state, at, value), None
    if rule.keep_s == 0:
        return State(last_at=at), Change.ENDED
    return State(phase=Phase.RECOVERING, since=state.since, last_at=at, peak=state.peak), Change.RECOVERING


def _recovering(rule: Rule, state: State, at: float, value: float) -> tuple[State, Change | None]:
    if rule.holds(value):
        return _still_firing(rule, state, at, value), Change.RESUMED
    held_s = _held_s(rule, state, at)
    if held_s >= rule.keep_s:
        return State(last_at=at), Change.ENDED
    return State(phase=Phase.RECOVERING, since=state.since, held_s=held_s, last_at=at, peak=state.peak), None


def _still_firing(rule: Rule, state: State, at: float, value: float) -> State:
    peak = _further(rule, state.peak, value)
    return State(phase=Phase.FIRING, since=state.since, held_s=_held_s(rule, state, at), last_at=at, peak=peak)


def _further(rule: Rule, peak: float | None, value: float) -> float:
    """The one of the two that lies further past the threshold."""
    if peak is None:
        return value
    return max(peak, value) if rule.direction == "above" else min(peak, value)


_NEXT = {Phase.IDLE: _idle, Phase.PENDING: _pending, Phase.FIRING: _firing, Phase.RECOVERING: _recovering}
