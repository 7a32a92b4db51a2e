"""Local time: zones, the windows that people want quiet, and the days that caps count. Pure.

A window is [start, end) of the wall clock and may pass midnight. Where the clock is put forward over its start or end,
that is the instant of the change. Where the clock is put back, a window starts at the first of the two times and ends
at the second: of two readings the one that leaves people alone for longer holds.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

UNSAID = "UTC"  # what a site's zone is while nobody has said where it lies
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """
    >>> Window.read("22:00-07:30")
    Window(start=datetime.time(22, 0), end=datetime.time(7, 30))
    """

    start: time
    end: time

    @classmethod
    def read(cls, text: str) -> "Window | None":
        """None for "". ValueError where it is no window, or one that would never end."""
        return None if text == "" else _read(text)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@lru_cache(maxsize=256)
def _read(text: str) -> Window:
    try:
        start, end = (time.fromisoformat(part) for part in text.split("-"))
    except ValueError as error:
        raise ValueError(f"{text!r:.40} is no window of time, expected such as 22:00-08:00, or nothing") from error
    if start == end or start.tzinfo is not None or end.tzinfo is not None:
        raise ValueError(f"{text!r:.40}: a window starts and ends at different times of one day and names no zone")
    return Window(start, end)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | None:
    """None where the database of time zones does not know it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not there; no name of a file; a folder
        return None


def day(at: datetime, where: ZoneInfo) -> date:
    return at.astimezone(where).date()


def midnight(of: date, where: ZoneInfo) -> datetime:
    """The first instant of a day, in UTC."""
    return _instant(of, time(), where, last=False)


@lru_cache(maxsize=1024)  # of a turn, most homes share zone and window
def quiet_until(window: Window, where: ZoneInfo, now: datetime) -> datetime | None:
    """When the window that holds ends, in UTC; None while none holds."""
    today = day(now, where)
    for begins in (today - _DAY, today):
        ends = begins + _DAY if window.end < window.start else begins
        until = _instant(ends, window.end, where, last=True)
        if _instant(begins, window.start, where, last=False) <= now < until:
            return until
    return None


def _instant(of: date, at: time, where: ZoneInfo, *, last: bool) -> datetime:
    """When a wall clock shows a time; last: the second time, where it does so twice."""
    local = datetime.combine(of, at)
    first, second = (local.replace(tzinfo=where, fold=fold).astimezone(UTC) for fold in (0, 1))
    if second < first and first.astimezone(where).replace(tzinfo=None) != local:
        return _change(second, first, where)
    return second if last else first


def _change(before: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """The second from which on the offset is what it is after."""
    offset = after.astimezone(where).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        if middle.astimezone(where).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
