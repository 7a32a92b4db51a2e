"""What a node that sleeps between samples knows, and what it does next. Without I/O.

Everything lives in the RTC's memory, which survives deep sleep and nothing else: who the node is in this boot, where
its clock stood, and the samples the gateway has not acked. A block, little-endian:

    head     version, flags, failures, and how many values, sensors, losses and samples follow; see _HEAD
    faults   32 bits a sensor: failed reads
    last     32 bits a value: the last one that was no gap
    losses   boot, first, last, samples: 32 bits each
    samples  sequence 32, uptime_ms 64, epoch_s 32 bits, values 32 bits each; a gap is the smallest integer
    crc      CRC-32 of all before, 32 bits
"""

import binascii
import struct

MYPY = False
if MYPY:
    from collections.abc import Sequence

    from aircue_node.ports import Loss, Range, Sample

RTC_BYTES = 2048
SLEPT = "deep-sleep"
MOST_LOSSES = 8

_VERSION = 1
_HEAD = "<BBBBBBHIIIIIQQQQ12s"
_HEAD_BYTES = struct.calcsize(_HEAD)
_CRC_BYTES = 4
_LOSS = "<IIII"
_LOSS_BYTES = 16
_STAMP = "<IQI"
_STAMP_BYTES = 16
_GAP = -0x80000000

_INTRODUCED = 1
_AWAKE = 2

_LONGEST_BACK_OFF = 16
_SLACK_MS = 60_000


class State:
    """One boot of a sleeping node.

    Times in ms. uptime_ms and wall_ms: the uptime and the RTC's time when it lay down; due_ms: the uptime of the next
    sample; epoch_ms: time of day at uptime 0, None while unknown. sequence: the last sample's. introduced: the gateway
    has this boot's birth. awake: written while a run lasts, so that one that broke off shows. failures: visits in a row
    that failed; next_visit: the sequence before which none is tried again. last: by value, the last that was no gap.
    """

    def __init__(self, installation: int, boot: int, reset: str, width: int, sensors: int) -> None:
        self.installation = installation
        self.boot = boot
        self.reset = reset
        self.interval_ms = 0
        self.sequence = 0
        self.uptime_ms = self.wall_ms = self.due_ms = 0
        self.epoch_ms: int | None = None
        self.introduced = False
        self.awake = True
        self.failures = 0
        self.next_visit = 0
        self.faults = [0] * sensors
        self.last: list[int | None] = [None] * width
        self.losses: list[Loss] = []
        self.samples: list[Sample] = []


def capacity(width: int, sensors: int) -> int:
    """Samples of that many values a block holds, whatever else it has to tell."""
    fixed = _HEAD_BYTES + 4 * sensors + 4 * width + MOST_LOSSES * _LOSS_BYTES + _CRC_BYTES
    return (RTC_BYTES - fixed) // (_STAMP_BYTES + 4 * width)


def encode(state: State, block: bytearray) -> memoryview:
    """Written into block, RTC_BYTES long and made before memory is in pieces; what of it is used."""
    struct.pack_into(
        _HEAD,
        block,
        0,
        _VERSION,
        (_INTRODUCED if state.introduced else 0) | (_AWAKE if state.awake else 0),
        min(state.failures, 255),
        len(state.last),
        len(state.faults),
        len(state.losses),
        len(state.samples),
        state.installation,
        state.boot,
        state.sequence,
        state.next_visit,
        state.interval_ms,
        state.uptime_ms,
        state.wall_ms,
        state.due_ms,
        0 if state.epoch_ms is None else state.epoch_ms,
        state.reset.encode()[:12],
    )
    at = _put(block, _HEAD_BYTES, "<I", state.faults)
    at = _put_values(block, at, state.last)
    for loss in state.losses:
        at = _put(block, at, "<I", loss)
    for sequence, uptime_ms, epoch_s, values in state.samples:
        struct.pack_into(_STAMP, block, at, sequence, uptime_ms, epoch_s)
        at = _put_values(block, at + _STAMP_BYTES, values)
    struct.pack_into("<I", block, at, _crc(memoryview(block)[:at]))
    return memoryview(block)[: at + _CRC_BYTES]


def _put(block: bytearray, at: int, kind: str, numbers: "Sequence[int]") -> int:
    """Where the next ones go: each of these takes four bytes."""
    for number in numbers:
        struct.pack_into(kind, block, at, number)
        at += 4
    return at


def _put_values(block: bytearray, at: int, values: list[int | None]) -> int:
    return _put(block, at, "<i", [_GAP if value is None else value for value in values])


def decode(block: bytes) -> State | None:
    """None for what is no whole block of this version: a cold start, or a memory that lost its power."""
    if len(block) < _HEAD_BYTES + _CRC_BYTES or block[0] != _VERSION:
        return None
    (crc,) = struct.unpack_from("<I", block, len(block) - _CRC_BYTES)
    if crc != _crc(memoryview(block)[:-_CRC_BYTES]):
        return None
    return _decoded(block)


def _decoded(block: bytes) -> State:
    head = struct.unpack_from(_HEAD, block)
    _, flags, failures, width, sensors, losses, samples, installation, boot = head[:9]
    state = State(installation, boot, head[16].rstrip(b"\0").decode(), width, sensors)
    state.interval_ms = head[11]
    state.introduced, state.awake = bool(flags & _INTRODUCED), bool(flags & _AWAKE)
    state.failures, state.sequence, state.next_visit = failures, head[9], head[10]
    state.uptime_ms, state.wall_ms, state.due_ms = head[12:15]
    state.epoch_ms = head[15] or None
    at = _HEAD_BYTES
    state.faults = list(struct.unpack_from(f"<{sensors}I", block, at))
    at += 4 * sensors
    state.last = _unpacked(block, at, width)
    at += 4 * width
    for _ in range(losses):
        boot, first, last, count = struct.unpack_from(_LOSS, block, at)
        state.losses.append((boot, first, last, count))
        at += _LOSS_BYTES
    for _ in range(samples):
        sequence, uptime_ms, epoch_s = struct.unpack_from(_STAMP, block, at)
        state.samples.append((sequence, uptime_ms, epoch_s, _unpacked(block, at + _STAMP_BYTES, width)))
        at += _STAMP_BYTES + 4 * width
    return state


def _unpacked(block: bytes, at: int, width: int) -> list[int | None]:
    return [None if value == _GAP else value for value in struct.unpack_from(f"<{width}i", block, at)]


def _crc(data: memoryview) -> int:
    return binascii.crc32(data) & 0xFFFFFFFF


def goes_on(state: State, reset: str) -> bool:
    """Whether this run continues the boot of a block. A run that broke off may have sent a sample that the block does
    not know, and no (boot, sequence) may come twice: after it, as after any reset, a new boot begins."""
    return reset == SLEPT and not state.awake


def woken_ms(state: State, wall_ms: int) -> int:
    """The uptime now. wall_ms: the RTC's time, which somebody may have set meanwhile; then the sleep's planned end
    counts."""
    planned_ms, elapsed_ms = state.due_ms - state.uptime_ms, wall_ms - state.wall_ms
    if planned_ms // 2 <= elapsed_ms <= 2 * planned_ms + _SLACK_MS:
        return state.uptime_ms + elapsed_ms
    return state.due_ms


def record(state: State, sample: "Sample", most: int, limits: "list[tuple[int, int]]") -> bool:
    """Takes a sample in; where `most` wait already the oldest goes, and is named. limits: (index of a value, its
    limit). Whether a value crossed its limit, up or down, since the last sample that had it."""
    while len(state.samples) >= most:
        lose(state, state.boot, state.samples.pop(0)[0])
    state.sequence = sample[0]
    state.samples.append(sample)
    crossed = [_crossed(state.last[index], sample[3][index], limit) for index, limit in limits]
    state.last = [before if value is None else value for before, value in zip(state.last, sample[3])]
    return True in crossed


def _crossed(before: int | None, value: int | None, limit: int) -> bool:
    return before is not None and value is not None and (before > limit) is not (value > limit)


def lose(state: State, boot: int, sequence: int) -> None:
    """Into the loss ledger, whose rows are few."""
    rows = state.losses
    if rows and rows[-1][0] == boot and rows[-1][2] == sequence - 1:
        rows[-1] = (boot, rows[-1][1], sequence, rows[-1][3] + 1)
        return
    if len(rows) == MOST_LOSSES:
        _make_room(rows)
    rows.append((boot, sequence, sequence, 1))


def _make_room(rows: "list[Loss]") -> None:
    """Two rows of one boot become one that spans both; where every row is another boot's, the oldest is said here."""
    for index in range(len(rows) - 1):
        (boot, first, _, samples), (other, _, last, more) = rows[index], rows[index + 1]
        if boot == other:
            rows[index : index + 2] = [(boot, first, last, samples + more)]
            return
    print("battery: no room left to report the loss", rows.pop(0))


def wants_visit(state: State, batch: int, crossed: bool) -> bool:
    """Whether the radio is worth its current now."""
    if crossed:
        return True
    return state.sequence >= state.next_visit and (not state.introduced or len(state.samples) >= batch)


def acked(state: State, boot: int, ranges: "list[Range]") -> None:
    """The gateway has these on disk."""
    if boot == state.boot:
        state.samples = [one for one in state.samples if not any([a <= one[0] <= b for a, b in ranges])]


def visited(state: State) -> None:
    """The gateway has everything, the birth and what it says of losses included."""
    state.introduced, state.failures, state.next_visit, state.losses = True, 0, 0, []


def failed(state: State, batch: int) -> None:
    """Tried again after twice as many samples each time; whether the gateway still knows this boot is not certain."""
    state.failures += 1
    state.introduced = False
    state.next_visit = state.sequence + batch * min(2**state.failures, _LONGEST_BACK_OFF)


def lie_down(state: State, uptime_ms: int, wall_ms: int) -> int:
    """The ms to sleep: until the next moment of the grid."""
    due, now = state.due_ms, max(state.due_ms, uptime_ms)
    state.due_ms = due + state.interval_ms * ((now - due) // state.interval_ms + 1)
    state.uptime_ms, state.wall_ms, state.awake = uptime_ms, wall_ms, False
    return state.due_ms - uptime_ms
