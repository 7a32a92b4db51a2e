"""Contract version 1 between node and gateway: topics and JSON payloads, both directions, without I/O.

Keys on the wire: v contract version, i installation id, b boot, s sequence, u uptime in ms, t epoch seconds
(0 while the node has no time), v (in samples) fixed-point values in the birth's order, null = gap, m samples of a
backlog, r ranges of sequences, both ends included. A value stands for integer / scale in the unit of the birth.

Errors: ContractError, for whatever a peer sends that this contract does not allow.
"""

import json

MYPY = False
if MYPY:
    from typing import Any

    from aircue_node.ports import Channel, Loss, Range, Sample

VERSION = 1
ROOT = "aircue"
BIRTH = "birth"
SAMPLES = "samples"
BACKLOG = "backlog"
STATUS = "status"
ACK = "ack"
COMMAND = "command"
REPLY = "reply"

ONLINE = "online"
OFFLINE = "offline"


class ContractError(ValueError):
    """A payload that contract version 1 does not allow; the text says which field and what was expected."""


def topic(site: str, node: str, leaf: str) -> str:
    return f"{ROOT}/{site}/{node}/{leaf}"


def encode_birth(
    firmware: str,
    hardware: str,
    installation: int,
    boot: int,
    interval_ms: int,
    reset: str,
    channels: "list[Channel]",
    sensors: list[tuple[str, str]],
    loss: "list[Loss]",
    update: str | None = None,
) -> bytes:
    """What this node is. channels: (quantity, unit, scale, sensor); sensors: (name, state); loss: see encode_status;
    update: what became of the last one, left out where there is nothing to say."""
    fields: "dict[str, Any]" = {
        "v": VERSION,
        "fw": firmware,
        "hw": hardware,
        "i": installation,
        "b": boot,
        "interval_ms": interval_ms,
        "reset": reset,
        "quantities": [{"q": q, "u": u, "scale": scale, "sensor": name} for q, u, scale, name in channels],
        "sensors": [{"sensor": name, "state": state} for name, state in sensors],
        "loss": [list(row) for row in loss],
    }
    if update is not None:
        fields["update"] = update
    return json.dumps(fields).encode()


def encode_sample(installation: int, boot: int, sample: "Sample") -> bytes:
    """One live sample. sample: (sequence, uptime_ms, epoch_s or 0, values), values integers or None."""
    sequence, uptime_ms, epoch_s, values = sample
    return (
        f'{{"i":{installation},"b":{boot},"s":{sequence},"u":{uptime_ms},"t":{epoch_s},"v":{_values(values)}}}'
    ).encode()


def encode_backlog(installation: int, boot: int, samples: "list[Sample]") -> bytes:
    """Several older samples of one boot, each as in encode_sample."""
    pieces, comma = [f'{{"i":{installation},"b":{boot},"m":['], ""
    for s, u, t, values in samples:
        pieces.append(f'{comma}{{"s":{s},"u":{u},"t":{t},"v":{_values(values)}}}')
        comma = ","
    pieces.append("]}")
    return "".join(pieces).encode()


def _values(values: list[int | None]) -> str:
    return "[" + ",".join(["null" if value is None else str(value) for value in values]) + "]"


def encode_status(
    installation: int,
    boot: int,
    uptime_ms: int,
    free: int,
    waiting: int,
    loss: "list[Loss]",
    faults: dict[str, int],
    refused: str = "",
    refusals: int = 0,
    suppressed: int = 0,
) -> bytes:
    """How this node is. free: heap bytes; waiting: samples in the journal; loss: (boot, first, last, samples) rows of
    what the journal dropped; faults: failed reads by sensor; refused: what this node refused last and why, the
    refusals of this boot counted; suppressed: samples of this boot that the node's deadband held back. These are left
    out while there are none."""
    fields = {
        "v": VERSION,
        "state": ONLINE,
        "i": installation,
        "b": boot,
        "u": uptime_ms,
        "free": free,
        "waiting": waiting,
        "loss": [list(row) for row in loss],
        "faults": faults,
    }
    if refusals:
        fields["refused"] = refused
        fields["refusals"] = refusals
    if suppressed:
        fields["suppressed"] = suppressed
    return json.dumps(fields).encode()


def encode_will(installation: int, boot: int) -> bytes:
    """The status the broker publishes when this node vanishes."""
    return json.dumps({"v": VERSION, "state": OFFLINE, "i": installation, "b": boot}).encode()


def encode_ack(installation: int, boot: int, ranges: "list[Range]") -> bytes:
    """The gateway has these sequences on disk. ranges: (first, last), both included."""
    rows = ",".join([f"[{first},{last}]" for first, last in ranges])
    return f'{{"i":{installation},"b":{boot},"r":[{rows}]}}'.encode()


def decode_ack(payload: bytes) -> "tuple[int, int, list[Range]]":
    """(installation, boot, [(first, last), ...])."""
    fields = json_object(payload, "ack")
    ranges = field(fields, "r", list, "ack")
    return field(fields, "i", int, "ack"), field(fields, "b", int, "ack"), [_range(row) for row in ranges]


def _range(row: "Any") -> "Range":
    if not (isinstance(row, list) and len(row) == 2 and all(type(n) is int for n in row) and 0 < row[0] <= row[1]):
        raise ContractError(f"ack: {row} is no range [first, last] of sequences")
    return row[0], row[1]


def encode_reply(ident: str, error: str | None = None) -> bytes:
    if error is None:
        return json.dumps({"id": ident, "ok": True}).encode()
    return json.dumps({"id": ident, "ok": False, "error": error}).encode()


def json_object(payload: bytes, what: str) -> "dict[str, Any]":
    try:
        fields = json.loads(payload)
    except ValueError:
        raise ContractError(f"{what}: not JSON")
    if not isinstance(fields, dict):
        raise ContractError(f"{what}: not a JSON object")
    return fields


def field(fields: "dict[str, Any]", name: str, kind: type, what: str) -> "Any":
    value = fields.get(name)
    if type(value) is not kind:
        raise ContractError(f"{what}: field {name} is missing or no {kind.__name__}")
    return value
