"""When the next offer can come at the earliest, by a person's own quiet hours, caps and what they put off. Pure.

What the policy decides by (decision/policy.py) is asked here as well, at one instant after another; what is held out
counts as sent, as it does there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aircue_cloud.decision import local_time
from aircue_cloud.decision.local_time import Window
from aircue_cloud.decision.policy import WEEK, cap_reached
from aircue_cloud.decision.settings import Caps

_STEPS = 1000


def earliest(
    now: datetime,
    *,
    zone: ZoneInfo,
    quiet: Window | None,
    caps: Caps,
    sent: Sequence[datetime],
    snoozed: datetime | None = None,
) -> datetime | None:
    """now itself where nothing is in the way; None where a cap of 0 says never."""
    if caps.day == 0 or caps.week == 0:
        return None
    at = now if snoozed is None else max(now, snoozed)
    for _ in range(_STEPS):
        later = _awake(at, zone, quiet) or _freed(at, zone, caps, sent)
        if later is None:
            return at
        at = later
    return at


def _awake(at: datetime, zone: ZoneInfo, quiet: Window | None) -> datetime | None:
    return None if quiet is None else local_time.quiet_until(quiet, zone, at)


def _freed(at: datetime, zone: ZoneInfo, caps: Caps, sent: Sequence[datetime]) -> datetime | None:
    """The next instant at which a cap counts less; None where none is reached."""
    if cap_reached(caps, sent, at, zone) is None:
        return None
    apart = timedelta(hours=caps.apart_h or 0)
    ends = [local_time.midnight(local_time.day(at, zone) + timedelta(days=1), zone)]
    ends += [one + span for one in sent for span in (WEEK, apart)]
    return min(end for end in ends if end > at)
