"""The sandbox: a simulated carrier, for the demo and for tests. No parcel moves; each is told to, by the clock.

What is told of a parcel follows from its number and when it was tracked alone: every fourth number, by its digest,
finds nobody at home at first. Nothing here speaks to anybody.
"""

import hashlib
from datetime import datetime, timedelta

from aircue_cloud.logistics import course
from aircue_cloud.logistics.course import Event

NAME = "sandbox"
_STRAIGHT = (
    (timedelta(), course.ANNOUNCED),
    (timedelta(hours=6), course.MOVING),
    (timedelta(hours=42), course.OUT),
    (timedelta(hours=47), course.DELIVERED),
)
_MISSED = (
    *_STRAIGHT[:3],
    (timedelta(hours=46), course.ATTEMPTED),
    (timedelta(hours=50), course.WAITING),
    (timedelta(hours=70), course.DELIVERED),
)


def told(tracking_number: str, tracked_at: datetime, now: datetime) -> list[Event]:
    """What has been told by now."""
    steps = _MISSED if _finds_nobody(tracking_number) else _STRAIGHT
    last = tracked_at + steps[-1][0]
    return [
        Event(key=f"simulated-{place}", at=tracked_at + after, state=state, expected_at=last)
        for place, (after, state) in enumerate(steps)
        if tracked_at + after <= now
    ]


def _finds_nobody(tracking_number: str) -> bool:
    return hashlib.sha256(tracking_number.encode()).digest()[0] % 4 == 0
