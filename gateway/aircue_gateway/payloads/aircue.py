"""Our own format, contract version 1: births, samples, backlogs, statuses and replies, checked field by field.

Errors: PayloadError, naming the topic, the field and what was expected.
"""

import json
import json.scanner
from dataclasses import dataclass
from typing import Any, NamedTuple

from aircue_gateway.batch import Channel
from aircue_gateway.quantities import LIMITS, unit
from aircue_node import contract

_LARGEST_ID = 2**32 - 1
_LARGEST_VALUE = 2**31 - 1
_LARGEST_UPTIME_MS = 2**48
_LARGEST_EPOCH_S = 2**40
_MOST_CHANNELS = 32
_MOST_LOSSES = 1000
_LONGEST_TEXT = 100
_decode = json.scanner.make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # the stub takes it for a copy
_tuple = tuple.__new__


class PayloadError(ValueError):
    """A payload that the contract does not allow."""

    def __init__(self, topic: str, field: str, expected: str) -> None:
        super().__init__(f"{topic}: {field}: expected {expected}")


class Sample(NamedTuple):
    """epoch_s is 0 where the node has no time; a value is an integer to be divided by its channel's scale."""

    sequence: int
    uptime_ms: int
    epoch_s: int
    values: tuple[int | None, ...]


class Samples(NamedTuple):
    """A message with samples of one boot; rows: each to be read by decode_sample, so that a bad one costs itself."""

    installation: int
    boot: int
    rows: list[Any]


@dataclass(frozen=True, kw_only=True)
class LossRow:
    """samples dropped by the node's journal between two sequences of one boot."""

    boot: int
    first: int
    last: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class Birth:
    firmware: str
    hardware: str
    installation: int
    boot: int
    interval_ms: int
    reset: str
    channels: tuple[Channel, ...]
    sensors: tuple[tuple[str, str], ...]
    losses: tuple[LossRow, ...]


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """uptime_ms is None in a last will, which the node wrote before it could know. refused: what the node refused last
    and why, refusals counts them within the boot. suppressed: samples of this boot that the node's own deadband held
    back."""

    online: bool
    installation: int
    boot: int
    uptime_ms: int | None = None
    free: int = 0
    waiting: int = 0
    losses: tuple[LossRow, ...] = ()
    faults: tuple[tuple[str, int], ...] = ()
    refused: str = ""
    refusals: int = 0
    suppressed: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a node made of a command. error is None where it did as told."""

    ident: str
    error: str | None


def decode_samples(topic: str, payload: bytes) -> Samples:
    """One live sample."""
    fields = _object(topic, payload)
    return Samples(_identity(topic, fields, "i"), _identity(topic, fields, "b"), [fields])


def plain_sample(payload: bytes) -> tuple[int, int, Sample] | None:
    """(installation, boot, sample) of one live sample in which nothing is unusual, checked in one go: what nearly
    every message is. None for any other: decode_samples and decode_sample say what it is. How many values it should
    have, the caller knows."""
    try:
        text = payload.decode()
        fields, end = _decode(text, 0)
        installation, boot, sequence = fields["i"], fields["b"], fields["s"]
        uptime_ms, epoch_s, values = fields["u"], fields["t"], fields["v"]
    except (ValueError, LookupError, TypeError, RecursionError, StopIteration):
        return None
    if type(values) is not list or end != len(text):
        return None
    if not type(installation) is type(boot) is type(sequence) is type(uptime_ms) is type(epoch_s) is int:
        return None
    for value in values:
        if value is not None and (type(value) is not int or not -_LARGEST_VALUE <= value <= _LARGEST_VALUE):
            return None
    plain = (
        0 <= installation <= _LARGEST_ID
        and 0 <= boot <= _LARGEST_ID
        and 1 <= sequence <= _LARGEST_ID
        and 0 <= uptime_ms <= _LARGEST_UPTIME_MS
        and 0 <= epoch_s <= _LARGEST_EPOCH_S
    )
    if not plain:
        return None
    return installation, boot, _tuple(Sample, (sequence, uptime_ms, epoch_s, tuple(values)))


def decode_backlog(topic: str, payload: bytes) -> Samples:
    """Several older samples."""
    fields = _object(topic, payload)
    rows = _list(topic, fields, "m")
    return Samples(_identity(topic, fields, "i"), _identity(topic, fields, "b"), rows)


def decode_sample(topic: str, row: Any, channels: int) -> Sample:
    """The sample in a row of decode_samples or decode_backlog. channels: how many the node's birth lists."""
    if not isinstance(row, dict):
        raise PayloadError(topic, "m", "objects with s, u, t and v")
    sequence = _whole(topic, row, "s", 1, _LARGEST_ID)
    uptime_ms = _whole(topic, row, "u", 0, _LARGEST_UPTIME_MS)
    epoch_s = _whole(topic, row, "t", 0, _LARGEST_EPOCH_S)
    values = row.get("v")
    if type(values) is not list or len(values) != channels:
        raise PayloadError(topic, "v", f"a list of {channels} values, as many as the birth has quantities")
    for value in values:
        if value is not None and (type(value) is not int or not -_LARGEST_VALUE <= value <= _LARGEST_VALUE):
            raise PayloadError(topic, "v", f"integers within +-{_LARGEST_VALUE} or null, found {_shown(value)}")
    return Sample(sequence, uptime_ms, epoch_s, tuple(values))


def sequence_of(row: Any) -> int | None:
    """The sequence of a row that is bad otherwise, where it can be read."""
    sequence = row.get("s") if isinstance(row, dict) else None
    return sequence if type(sequence) is int and 1 <= sequence <= _LARGEST_ID else None


def decode_birth(topic: str, payload: bytes) -> Birth:
    fields = _versioned(topic, payload)
    return Birth(
        firmware=_text(topic, fields, "fw"),
        hardware=_text(topic, fields, "hw"),
        installation=_identity(topic, fields, "i"),
        boot=_identity(topic, fields, "b"),
        interval_ms=_whole(topic, fields, "interval_ms", 1, _LARGEST_ID),
        reset=_text(topic, fields, "reset"),
        channels=_channels(topic, _list(topic, fields, "quantities")),
        sensors=tuple(_sensor(topic, row) for row in _list(topic, fields, "sensors")),
        losses=_losses(topic, fields),
    )


def decode_status(topic: str, payload: bytes) -> NodeStatus:
    fields = _versioned(topic, payload)
    installation, boot = _identity(topic, fields, "i"), _identity(topic, fields, "b")
    state = fields.get("state")
    if state not in (contract.ONLINE, contract.OFFLINE):
        raise PayloadError(topic, "state", f"{contract.ONLINE!r} or {contract.OFFLINE!r}")
    if state == contract.OFFLINE:
        return NodeStatus(online=False, installation=installation, boot=boot)
    return NodeStatus(
        online=True,
        installation=installation,
        boot=boot,
        uptime_ms=_whole(topic, fields, "u", 0, _LARGEST_UPTIME_MS),
        free=_whole(topic, fields, "free", 0, _LARGEST_UPTIME_MS),
        waiting=_whole(topic, fields, "waiting", 0, _LARGEST_ID),
        losses=_losses(topic, fields),
        faults=_faults(topic, fields),
        refused=_text(topic, fields, "refused") if "refused" in fields else "",
        refusals=_whole(topic, fields, "refusals", 0, _LARGEST_ID) if "refusals" in fields else 0,
        suppressed=_whole(topic, fields, "suppressed", 0, _LARGEST_ID) if "suppressed" in fields else 0,
    )


def decode_reply(topic: str, payload: bytes) -> Reply:
    fields = _object(topic, payload)
    ident, done = _text(topic, fields, "id"), fields.get("ok")
    if type(done) is not bool:
        raise PayloadError(topic, "ok", "true or false")
    return Reply(ident=ident, error=None if done else _text(topic, fields, "error"))


def _versioned(topic: str, payload: bytes) -> dict[str, Any]:
    fields = _object(topic, payload)
    version = fields.get("v")
    if version != contract.VERSION or type(version) is not int:
        raise PayloadError(
            topic, "v", f"contract version {contract.VERSION}, found {_shown(version)}: update this gateway"
        )
    return fields


def _object(topic: str, payload: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise PayloadError(topic, "payload", f"a JSON object, found {_shown(payload)}") from error
    if type(fields) is not dict:
        raise PayloadError(topic, "payload", f"a JSON object, found {_shown(payload)}")
    return fields


def _identity(topic: str, fields: dict[str, Any], name: str) -> int:
    return _whole(topic, fields, name, 0, _LARGEST_ID)


def _whole(topic: str, fields: dict[str, Any], name: str, low: int, high: int) -> int:
    value = fields.get(name)
    if type(value) is not int or not low <= value <= high:
        raise PayloadError(topic, name, f"a whole number from {low} to {high}, found {_shown(value)}")
    return value


def _text(topic: str, fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if type(value) is not str or len(value) > _LONGEST_TEXT:
        raise PayloadError(topic, name, f"a text of at most {_LONGEST_TEXT} characters, found {_shown(value)}")
    return value


def _list(topic: str, fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if type(value) is not list:
        raise PayloadError(topic, name, f"a list, found {_shown(value)}")
    return value


def _channels(topic: str, rows: list[Any]) -> tuple[Channel, ...]:
    channels = tuple(_channel(topic, row) for row in rows)
    if not 0 < len(channels) <= _MOST_CHANNELS:
        raise PayloadError(topic, "quantities", f"1 to {_MOST_CHANNELS} of them, found {len(channels)}")
    if len({channel.quantity for channel in channels}) < len(channels):
        raise PayloadError(topic, "quantities", "each quantity once")
    return channels


def _channel(topic: str, row: Any) -> Channel:
    if type(row) is not dict:
        raise PayloadError(topic, "quantities", "objects with q, u, scale and sensor")
    quantity = _text(topic, row, "q")
    if quantity not in LIMITS:
        known = ", ".join(LIMITS)
        raise PayloadError(topic, "quantities.q", f"one of {known}, found {_shown(quantity)}: update this gateway")
    if row.get("u") != unit(quantity):
        raise PayloadError(topic, "quantities.u", f"{unit(quantity)} for {quantity}, found {_shown(row.get('u'))}")
    scale = _whole(topic, row, "scale", 1, 1_000_000)
    return Channel(quantity=quantity, unit=_text(topic, row, "u"), scale=scale)


def _sensor(topic: str, row: Any) -> tuple[str, str]:
    if type(row) is not dict:
        raise PayloadError(topic, "sensors", "objects with sensor and state")
    return _text(topic, row, "sensor"), _text(topic, row, "state")


def _losses(topic: str, fields: dict[str, Any]) -> tuple[LossRow, ...]:
    rows = _list(topic, fields, "loss")
    if len(rows) > _MOST_LOSSES:
        raise PayloadError(topic, "loss", f"at most {_MOST_LOSSES} rows, found {len(rows)}")
    return tuple(_loss(topic, row) for row in rows)


def _loss(topic: str, row: Any) -> LossRow:
    expected = "rows of [boot, first, last, samples], whole numbers"
    if type(row) is not list or len(row) != 4 or not all(type(n) is int and 0 <= n <= _LARGEST_ID for n in row):
        raise PayloadError(topic, "loss", f"{expected}, found {_shown(row)}")
    boot, first, last, samples = row
    if not (1 <= first <= last and 1 <= samples <= last - first + 1):
        raise PayloadError(topic, "loss", f"{expected}, 1 <= first <= last, found {_shown(row)}")
    return LossRow(boot=boot, first=first, last=last, samples=samples)


def _faults(topic: str, fields: dict[str, Any]) -> tuple[tuple[str, int], ...]:
    rows = fields.get("faults")
    if type(rows) is not dict:
        raise PayloadError(topic, "faults", f"an object of counts by sensor, found {_shown(rows)}")
    return tuple((name, _whole(topic, rows, name, 0, _LARGEST_ID)) for name in rows)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
