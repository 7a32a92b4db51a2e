"""The policy simulator: stored decisions decided again under other settings.

What a decision looked at is in its trace. The policy that decides live (decision.policy) looks at it again, gate by
gate, with what the changed settings change; what depends on earlier outcomes (cooldown, caps, one push for an episode,
one at a time) is counted from what the replay sent, not from what was sent. With nothing changed it gives what was
recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from aircue_cloud.decision.settings import Settings
from aircue_cloud.needs.needs import Needs

CANNOT_KNOW = (
    "How people react. More offers may be stopped, bought or turned down, fewer may not; what they did in fact stays.",
    "What would have been bought: an offer that was not made has no outcome.",
    "What no gate had looked at. It is what the nearest decision about the same person says, or else what holds today.",
    "What happens after the decision: a push may still be stopped right before it is handed to a channel.",
)


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """What is changed; UNSET stays as it was. caps: None is no limit. explore: False alone, since records do not hold
    how sure the scores were."""

    cap_day: int | UnsetType | None = UNSET
    cap_week: int | UnsetType | None = UNSET
    cap_apart_h: float | UnsetType | None = UNSET
    cooldown_days: int | UnsetType = UNSET
    rest_days: int | UnsetType = UNSET
    quiet_hours: str | UnsetType = UNSET
    widest_quiet_hours: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    push_ttl_h: float | UnsetType = UNSET
    linger_h: float | UnsetType = UNSET
    holdout: float | UnsetType = UNSET
    need_holdout: float | UnsetType = UNSET
    explore: bool | UnsetType = UNSET


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What came of an episode. gate: which held it, "" for a send."""

    outcome: str
    gate: str
    at: datetime
    product: str | None = None


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One episode. assumed: gates whose inputs nobody had recorded."""

    episode: str
    household: str | None
    person: str | None
    need: str
    before: Ending
    after: Ending
    assumed: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """In outcome or in the gate that holds it."""
        return (self.before.outcome, self.before.gate) != (self.after.outcome, self.after.gate)


Told = tuple[str, str]  # outcome, gate


@dataclass(frozen=True, kw_only=True)
class Replay:
    """before, after: how many episodes came to each (outcome, gate). moved: how many went from one to another. changes:
    the first of those that moved, at most MOST. unlike: how many the policy of today, with nothing changed, does not
    decide as recorded. assumed: how many needed something that nobody had recorded."""

    since: datetime
    changed: Mapping[str, object]
    episodes: int
    before: Mapping[Told, int]
    after: Mapping[Told, int]
    moved: Mapping[tuple[Told, Told], int]
    changes: Sequence[Replayed]
    unlike: int
    assumed: int
    cannot_know: Sequence[str] = CANNOT_KNOW


MOST = 1000
_USUAL = Settings()


def read_settings(assignments: Sequence[str]) -> PolicySettings:
    """From `cap_day=2` and its like; `none` is no cap. CommandError naming the key, the value and what is known."""
    raise NotImplementedError


def replay(
    connection: Connection,
    since: datetime,
    changed: PolicySettings,
    *,
    settings: Settings = _USUAL,
    needs: Needs | None = None,
) -> Replay:
    """settings: those that hold now. needs: as they are now; the shipped ones unless given."""
    raise NotImplementedError
