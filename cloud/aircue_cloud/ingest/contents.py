"""What a batch holds, checked. Pure.

Errors: Refused, for a batch that is whole by its hash and yet holds what no gateway of ours would write.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from aircue_cloud.errors import Refused
from aircue_gateway.batch import Batch, BatchError, Channel, Group, Loss, Revision, decode

_NAME = re.compile(r"(?! )[^\x00-\x1f/\x7f]{1,128}(?<! )")  # people give nodes names like "Küche 2"
_UNIT = re.compile(r"[^\x00-\x1f\x7f]{0,32}")
_KEY_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LATEST_MS = 253_402_300_799_999  # the end of the year 9999
_INTEGER_LIMIT = 2**53  # JSON readers keep integers up to here exact
_VALUE_LIMIT = 10**15  # decimals of 15 digits survive a double
_SCALE_LIMIT = 10**9

# Least and most of what a batch holds in columns.
LIMITS = {
    "sequence": (0, _INTEGER_LIMIT),
    "measured_at_ms": (0, _LATEST_MS),
    "received_at_ms": (0, _LATEST_MS),
    "value": (-_VALUE_LIMIT, _VALUE_LIMIT),
}


def read(data: bytes, gateway: str) -> Batch:
    """The batch in data, which gateway has delivered."""
    try:
        batch = decode(data)
    except BatchError as error:
        raise Refused(str(error)) from error
    check_header(batch, gateway)
    for group in batch.groups:
        _check_group(group)
    for loss in batch.losses:
        check_loss(loss)
    for revision in batch.revisions:
        check_revision(revision)
    return batch


class Header(Protocol):
    """Who sealed a batch, which one it is, and when."""

    @property
    def gateway(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def sequence(self) -> int: ...
    @property
    def sealed_at_ms(self) -> int: ...


class Named(Protocol):
    """Whose readings a group holds, and of what."""

    @property
    def site(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def installation(self) -> int: ...
    @property
    def boot(self) -> int: ...
    @property
    def channels(self) -> tuple[Channel, ...]: ...


def check_header(batch: Header, gateway: str) -> None:
    if batch.gateway != gateway:
        raise Refused(
            f"batch is from gateway {batch.gateway!r}, the key is that of {gateway!r}: "
            "set the gateway's name in its configuration to the one its key was made for"
        )
    _check_text("epoch", batch.epoch, _KEY_PART)
    _check_integer("batch sequence", batch.sequence, 0, _INTEGER_LIMIT)
    _check_integer("sealed_at_ms", batch.sealed_at_ms, 0, _LATEST_MS)


def check_names(group: Named) -> None:
    for field in ("site", "node"):
        _check_text(field, getattr(group, field), _NAME)
    _check_integer("installation", group.installation, 0, 2**32 - 1)
    _check_integer("boot", group.boot, 0, _INTEGER_LIMIT)
    for channel in group.channels:
        _check_channel(channel)


def _check_group(group: Group) -> None:
    check_names(group)
    for field in ("sequence", "measured_at_ms", "received_at_ms"):
        _check_column(field, [getattr(sample, field) for sample in group.samples], *LIMITS[field])
    for index, channel in enumerate(group.channels):
        values = [value for sample in group.samples if (value := sample.values[index]) is not None]
        _check_column(f"value of {channel.quantity}", values, *LIMITS["value"])


def _check_channel(channel: Channel) -> None:
    _check_text("quantity", channel.quantity, _NAME)
    _check_text("unit", channel.unit, _UNIT)
    _check_integer("scale", channel.scale, 1, _SCALE_LIMIT)


def check_loss(loss: Loss) -> None:
    _check_text("node of a loss", loss.node, _NAME)
    _check(loss.where in ("node", "gateway"), "where of a loss", loss.where)
    for field in ("installation", "boot", "first", "last", "samples"):
        _check_integer(f"{field} of a loss", getattr(loss, field), 0, _INTEGER_LIMIT)
    _check(loss.first <= loss.last, "range of a loss", (loss.first, loss.last))


def check_revision(revision: Revision) -> None:
    _check_text("node of a revision", revision.node, _NAME)
    _check_text("quantity of a revision", revision.quantity, _NAME)
    for field in ("installation", "boot", "sequence"):
        _check_integer(f"{field} of a revision", getattr(revision, field), 0, _INTEGER_LIMIT)
    _check(revision.status.carries_value, "status of a revision", revision.status.name)


def _check_text(field: str, value: object, pattern: re.Pattern[str]) -> None:
    _check(isinstance(value, str) and pattern.fullmatch(value), field, value)


def _check_integer(field: str, value: object, low: int, high: int) -> None:
    _check(type(value) is int and low <= value <= high, field, value)


def _check_column(field: str, values: Sequence[int], low: int, high: int) -> None:
    if values:
        _check_integer(field, min(values), low, high)
        _check_integer(field, max(values), low, high)


def _check(holds: object, field: str, value: object) -> None:
    if not holds:
        raise Refused(f"batch holds an impossible {field}: {value!r:.100}; the gateway that wrote it needs an update")
