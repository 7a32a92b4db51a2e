"""What a store has decided about its pushes; people's own preferences go before it."""

from dataclasses import dataclass, field
from datetime import timedelta

from aircue_cloud.decision.local_time import UNSAID
from aircue_cloud.outcomes.assignment import GLOBAL_HOLDOUT, NEED_HOLDOUT

PUSH_TTL = timedelta(hours=24)
QUIET_HOURS = "22:00-08:00"
WIDEST_QUIET_HOURS = "20:00-10:00"


@dataclass(frozen=True, kw_only=True)
class Caps:
    """Of marketing pushes to one person, over all channels; None is no limit, 0 is none at all. apart_h: hours."""

    day: int | None = 1
    week: int | None = 3
    apart_h: float | None = 20.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """push_ttl: how old an episode may be. linger: how long an offer stands after the condition has cleared.
    quiet_hours: "" for none; widest_quiet_hours: of people whose zone nobody knows, by the store's own (timezone).
    holdout, need_holdout: shares of households. explore: whether offers are drawn, or the best is always made."""

    push_ttl: timedelta = PUSH_TTL
    linger: timedelta = timedelta()
    quiet_hours: str = QUIET_HOURS
    widest_quiet_hours: str = WIDEST_QUIET_HOURS
    timezone: str = UNSAID
    caps: Caps = field(default_factory=Caps)
    holdout: float = GLOBAL_HOLDOUT
    need_holdout: float = NEED_HOLDOUT
    explore: bool = True
    language: str = "en"
