"""What becomes of a row of the outbox. Pure.

waiting -> due -> taken -> handed | gone | refused | expired | unwanted | in_doubt
   |        ^______|  (tried again, deferred)
   +-> due (all of the place before have failed for certain) | spare (not needed any more)
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aircue_cloud.delivery.channel import AT_MOST_ONCE, Failed, Gone, Handed, Refused, Result, Unwanted

WAITING, DUE, TAKEN = "waiting", "due", "taken"
HANDED, GONE, REFUSED, EXPIRED = "handed", "gone", "refused", "expired"
UNWANTED, IN_DOUBT, SPARE = "unwanted", "in_doubt", "spare"
OPEN = (WAITING, DUE, TAKEN)
FAILED_FOR_CERTAIN = (GONE, REFUSED)
STATES = (*OPEN, HANDED, GONE, REFUSED, EXPIRED, UNWANTED, IN_DOUBT, SPARE)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
_DOUBLINGS = 10


@dataclass(frozen=True, kw_only=True)
class Fate:
    """ready_at: of a row that is due again."""

    state: str
    reason: str = ""
    ready_at: datetime | None = None


def pause(attempts: int, chance: float) -> timedelta:
    """Before the next attempt, after so many. chance: 0 to 1, so that those that failed together part."""
    whole: timedelta = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, _DOUBLINGS))
    return whole * (0.5 + chance / 2)


def after(result: Result, guarantee: str, attempts: int, now: datetime, expires_at: datetime, chance: float) -> Fate:
    """What an attempt makes of its row."""
    if isinstance(result, Handed):
        return Fate(state=HANDED, reason=result.detail)
    if isinstance(result, Gone | Refused):
        return Fate(state=GONE if isinstance(result, Gone) else REFUSED, reason=result.detail)
    if isinstance(result, Unwanted):
        return unwanted(result.detail, result.until, expires_at)
    if not isinstance(result, Failed) and guarantee == AT_MOST_ONCE:
        return Fate(state=IN_DOUBT, reason=result.detail)
    asked = result.wait if isinstance(result, Failed) and result.wait is not None else timedelta()
    return later(now + max(asked, pause(attempts, chance)), expires_at, result.detail)


def unwanted(reason: str, until: datetime | None, expires_at: datetime) -> Fate:
    """until: from when on it may be asked again."""
    return Fate(state=UNWANTED, reason=reason) if until is None else later(until, expires_at, reason)


def later(ready_at: datetime, expires_at: datetime, reason: str) -> Fate:
    """Due again, unless it is over by then."""
    if ready_at >= expires_at:
        return Fate(state=EXPIRED, reason=reason)
    return Fate(state=DUE, reason=reason, ready_at=ready_at)


def lost(guarantee: str, now: datetime) -> Fate:
    """Of a row whose worker is gone: whether it was handed over, nobody knows."""
    if guarantee == AT_MOST_ONCE:
        return Fate(state=IN_DOUBT, reason="the worker ended between hand-over and record")
    return Fate(state=DUE, reason="the worker ended", ready_at=now)


def following(states: list[str]) -> str | None:
    """What the rows of the next place become, by the states of this place's rows; None while some are open."""
    if any(state in OPEN for state in states):
        return None
    return DUE if all(state in FAILED_FOR_CERTAIN for state in states) else SPARE
