"""Instants as files write them."""

from datetime import UTC, datetime, tzinfo

from aircue_cloud.fields import Reason
from aircue_cloud.strict import Unfit, shown
from aircue_cloud.tables.columns import EPOCH, from_ms

_LATEST_S = 253_402_300_799.0  # the end of the year 9999


def instant(text: str, field: str, zone: tzinfo = UTC) -> datetime:
    """Epoch seconds, or ISO 8601, in zone where it names none; Unfit for anything else.

    >>> instant("881250949", "at").isoformat(), instant("2010-12-01 08:26:00", "at").isoformat()
    ('1997-12-04T15:55:49+00:00', '2010-12-01T08:26:00+00:00')
    """
    try:
        return _of_number(text) or _of_text(text, zone)
    except (ValueError, OverflowError) as error:
        expected = "ISO 8601 such as 2026-11-21T12:00:00Z, or seconds since 1970"
        reason = Reason(field=field, found=shown(text), expected=expected, remedy="mend this row and import it again")
        raise Unfit(reason) from error


def _of_number(text: str) -> datetime | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    if not 0 <= seconds <= _LATEST_S:
        raise ValueError(f"{seconds} is out of range")
    return from_ms(round(seconds * 1000))


def _of_text(text: str, zone: tzinfo) -> datetime:
    at = datetime.fromisoformat(text)
    found = (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    if found < EPOCH:
        raise ValueError(f"{found} is before 1970")
    return found
