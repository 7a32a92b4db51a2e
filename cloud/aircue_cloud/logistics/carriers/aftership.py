"""AfterShip: many carriers behind one, which calls back with each parcel's course.

A callback is signed: the header aftership-hmac-sha256 is the base64 of HMAC-SHA256 over the raw body, under the secret
of the webhook (https://www.aftership.com/docs/tracking/webhook/webhook-signature). Its body has `event_id`, `event`
(tracking_update; edd_revise for another day of delivery) and `msg`, a tracking: tracking_number, slug (the carrier),
tag (the state), updated_at, when it is expected, and checkpoints with checkpoint_time and a tag each
(https://www.aftership.com/docs/tracking/webhook/webhook-specifications).

The signature names no time, so that an old callback can be sent again; it adds nothing, because each of its events is
known by what it says.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from aircue_cloud.fields import Reason
from aircue_cloud.logistics.course import STATES, Event
from aircue_cloud.logistics.parcels import Told
from aircue_cloud.strict import Unfit, shown

NAME = "aftership"
HEADER = "aftership-hmac-sha256"
_EVENTS = ("tracking_update", "edd_revise")


class _Checkpoint(Struct, kw_only=True):
    """checkpoint_time: local time of the place where it has no zone; then it is read as UTC."""

    checkpoint_time: str
    tag: str = ""


class _Estimate(Struct, kw_only=True):
    estimated_delivery_date: str | None = None


class _Tracking(Struct, kw_only=True):
    """expected_delivery: of callbacks of the older form."""

    tracking_number: str
    tag: str = ""
    updated_at: str = ""
    courier_estimated_delivery_date: _Estimate | None = None
    expected_delivery: str | None = None
    checkpoints: list[_Checkpoint] = []

    @property
    def expected(self) -> str | None:
        said = self.courier_estimated_delivery_date
        return self.expected_delivery if said is None else said.estimated_delivery_date


class _Callback(Struct, kw_only=True):
    event: str
    msg: _Tracking


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_genuine(secret: str, body: bytes, signed: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(signature(secret, body).encode(), signed.encode())


def read(body: bytes) -> list[Told]:
    """Nothing where it tells of something else than a parcel's course; Unfit where it is none of AfterShip's."""
    try:
        if msgspec.json.decode(body, type=_Kind).event not in _EVENTS:
            return []
        tracking = msgspec.json.decode(body, type=_Callback).msg
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise _unfit("", str(error), "a tracking_update with msg.tracking_number and msg.checkpoints") from error
    return [Told(tracking_number=tracking.tracking_number, events=_events(tracking))]


class _Kind(Struct, kw_only=True):
    event: str


def _events(tracking: _Tracking) -> list[Event]:
    """Of each checkpoint, and of the parcel as a whole."""
    expected = _by("expected_delivery", tracking.expected) if tracking.expected else None
    found = [_event(one.tag or tracking.tag, one.checkpoint_time, None) for one in tracking.checkpoints]
    if tracking.updated_at and tracking.tag:
        found.append(_event(tracking.tag, tracking.updated_at, expected))
    return found


def _event(tag: str, at: str, expected_at: datetime | None) -> Event:
    if tag not in STATES:
        raise _unfit("tag", tag, f"one of {', '.join(STATES)}")
    moment = _moment("checkpoint_time", at)
    said = [tag, moment.isoformat(), "" if expected_at is None else expected_at.isoformat()]
    key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
    return Event(key=key, at=moment, state=tag, expected_at=expected_at)


def _by(field: str, text: str) -> datetime:
    """A day without a time is over when it is."""
    return _moment(field, f"{text}T23:59:59" if len(text) == len("2026-11-21") else text)


def _moment(field: str, text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        found = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        if not 1970 <= found.year <= 9998:
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise _unfit(field, text, "a time such as 2026-11-21T12:00:00+00:00") from error
    return found


def _unfit(field: str, found: Any, expected: str) -> Unfit:
    return Unfit(Reason(field=field, found=shown(found), expected=expected, remedy="send it as AfterShip does"))
