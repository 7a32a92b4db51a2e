"""The walk through a batch of version 2, compiled: what aircue_gateway.batches.v2 reads, as columns.

It knows one answer besides columns: not mine. Whatever a gateway of ours never writes (numbers out of all bounds, names
without end, bytes too few or too many) is left to the reader in aircue_gateway, which says in words what is wrong. So
this one never refuses a batch, and what it takes the other takes too, to the last value.

Texts are places in one run of bytes. Samples of all groups lie behind each other, and so do the values: group by group,
channel by channel, sample by sample.
"""

# The compiler finds the types of what it compiles, from the one call of walk in columns.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, untyped-decorator, type-var"

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from aircue_gateway.batch import Status
from aircue_gateway.batches import coders, v2
from aircue_gateway.batches.coders import Field, Flag
from aircue_gateway.batches.presets import PRESETS, UNKNOWN

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """A part of the walk: without what would make Python able to call it, which takes the compiler long."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast("F", numba.njit(nogil=True, error_model="numpy", **options)(function))


# Where a batch stands while it is read.
_CODE, _RANGE, _AT, _LENGTH, _PLAIN, _FAILED = range(6)
# Fields of a series' scale.
_SIZE, _WEIGHT, _SIGN, _SHIFT = range(4)

_START = np.array(coders._START, dtype=np.int64)
_START_PACES = np.array(coders._START_PACES, dtype=np.int64)
_LOW_BITS = np.array(coders._LOW_BITS, dtype=np.int64)
_CERTAIN, _LEAST, _LAST_PACE = coders._CERTAIN, coders._LEAST_ODDS, coders._LAST_PACE
_LOW, _UNARY, _BUCKETS, _BUCKET_CONTEXTS = coders._LOW, coders._UNARY, coders._BUCKETS, coders._BUCKET_CONTEXTS
_SIGNS_AT, _RESIDUALS_AT = coders._SIGNS_AT, coders._RESIDUALS_AT
_FIELDS_AT, _FIELD_CONTEXTS, _SYMBOLS_AT = coders._FIELDS_AT, coders._FIELD_CONTEXTS, coders._SYMBOLS_AT
_LENGTH_BITS, _SYMBOL_BITS, _PLAIN_STEP = coders._LENGTH_BITS, coders._SYMBOL_BITS, coders._PLAIN_STEP
_LONGEST_VARINT, _HEAVIEST = coders._LONGEST_VARINT, coders._HEAVIEST
_FLAGS_AT = coders._FLAGS_AT

_PIECES = b"".join(v2._SPELLINGS)
_SPELLINGS = np.frombuffer(_PIECES, dtype=np.uint8)
_SPELLING_AT = np.cumsum([0, *(len(piece) for piece in v2._SPELLINGS)])
_OTHER, _FIRST_LETTER, _ENDS = v2._OTHER, v2._FIRST_LETTER, v2._ENDS
_LONGEST_TEXT, _MOST_GROUPS, _MOST_ROWS = v2._LONGEST_TEXT, v2._MOST_GROUPS, v2._MOST_ROWS
_MOST_CHANNELS, _MOST_DESCRIBED = v2._MOST_CHANNELS, v2._MOST_DESCRIBED
_MOST_SAMPLES, _MOST_READINGS = v2.MOST_SAMPLES, v2.MOST_READINGS
_STEPS = np.array(v2._STEPS, dtype=np.int64)
_ENOUGH_TO_CHOOSE, _FRACTION, _HALF, _USUAL = v2._ENOUGH_TO_CHOOSE, v2._FRACTION, v2._HALF, v2._USUAL_INTERVAL_MS
_MOST_SHIFT = len(v2._SHIFTS) - 1

_TYPICAL = np.array([UNKNOWN.typical, *(one.typical for one in PRESETS)], dtype=np.int64)
_PRESET_SIZE = np.array([UNKNOWN.size, *(one.size for one in PRESETS)], dtype=np.int64)
_PRESET_STEP = np.array([UNKNOWN.step, *(one.step for one in PRESETS)], dtype=np.int64)
_PRESETS = len(PRESETS)
_STATUSES = len(Status)
_CARRIES = np.array([status.carries_value for status in Status])

# Beyond these a batch is left to the other reader. Sums of what is below them stay within 64 bits.
_MOST_TEXTS = 1024
_MOST_COURSES = 512
_MOST_RESIDUAL = 1 << 50
_MOST_VALUE = 1 << 53
_MOST_PRODUCT = 1 << 56

_F = {one.name: int(one) for one in Field}
_COUNT, _TEXT, _BYTE, _EPOCH = _F["COUNT"], _F["TEXT"], _F["BYTE"], _F["EPOCH"]
_BATCH_SEQUENCE, _SEALED_AT, _STREAM = _F["BATCH_SEQUENCE"], _F["SEALED_AT"], _F["STREAM"]
_INSTALLATION, _BOOT, _SAMPLES, _CHANNEL, _SCALE = (
    _F[name] for name in ("INSTALLATION", "BOOT", "SAMPLES", "CHANNEL", "SCALE")
)
_SEQUENCE, _INTERVAL, _UPTIME, _MEASURED_AT, _RECEIVED_AT = (
    _F[name] for name in ("SEQUENCE", "INTERVAL", "UPTIME", "MEASURED_AT", "RECEIVED_AT")
)
_STEP, _PREDICTOR, _STATUS, _VALUE, _LOSS, _REVISION = (
    _F[name] for name in ("STEP", "PREDICTOR", "STATUS", "VALUE", "LOSS", "REVISION")
)
_G = {one.name: int(one) for one in Flag}
_SAME_SITE, _SAME_CHANNELS, _FIXED_STATUS, _ALL_OK = (
    _G[name] for name in ("SAME_SITE", "SAME_CHANNELS", "FIXED_STATUS", "ALL_OK")
)
_STATUS_HOLDS, _FIXED_CLOCK, _GATEWAY_CLOCK, _CLOCK_HOLDS = (
    _G[name] for name in ("STATUS_HOLDS", "FIXED_CLOCK", "GATEWAY_CLOCK", "CLOCK_HOLDS")
)
_STILL, _STILL_TIME, _HEX, _AT_GATEWAY, _BURST = (
    _G[name] for name in ("STILL", "STILL_TIME", "HEX", "AT_GATEWAY", "BURST")
)


class Walked(NamedTuple):
    """What a batch holds. Texts are numbers of rows of text_at, -1 none.

    header: gateway, epoch, sequence, sealed_at_ms. groups: site, node, installation, boot, first channel, channels,
    first sample, samples, first value. channels: preset (0 for none), quantity, unit, scale. losses: node,
    installation, boot, first, last, samples, at the gateway. revisions: node, installation, boot, sequence, quantity,
    status.
    """

    mine: bool
    header: Ints
    text: Bytes
    text_at: Ints
    groups: Ints
    channels: Ints
    sequence: Ints
    measured_at: Ints
    received_at: Ints
    clock: Bytes
    statuses: Bytes
    values: Ints
    losses: Ints
    revisions: Ints


# The coder: data, where it stands, odds and how often each was met, as one tuple.


@compiled
def _opened(data, plain):
    state = np.zeros(6, np.int64)
    state[_LENGTH], state[_PLAIN] = len(data), plain
    if plain:
        return data, state, _START[:1].copy(), _START_PACES[:1].copy()
    state[_RANGE] = (1 << 48) - 1
    state[_AT] = 6
    for place in range(6):
        state[_CODE] = state[_CODE] << 8 | (data[place] if place < len(data) else 0)
    if state[_CODE] >= state[_RANGE]:
        state[_FAILED] = 1
    return data, state, _START.copy(), _START_PACES.copy()


@compiled
def _shift(data, state):
    while state[_RANGE] < _LOW:
        at = state[_AT]
        if at >= state[_LENGTH] + 6:
            state[_FAILED] = 1
        byte = data[at] if at < state[_LENGTH] else 0
        state[_CODE] = state[_CODE] << 8 | byte
        state[_AT] = at + 1
        state[_RANGE] <<= 8


@compiled
def _decide(coder, at):
    data, state, odds, paces = coder
    chance, pace = odds[at], paces[at]
    bound = (state[_RANGE] >> 16) * chance
    if state[_CODE] < bound:
        bit = 0
        state[_RANGE] = bound
        odds[at] = chance + (_CERTAIN - _LEAST - chance) // pace
    else:
        bit = 1
        state[_CODE] -= bound
        state[_RANGE] -= bound
        odds[at] = chance - (chance - _LEAST) // pace
    if pace < _LAST_PACE:
        paces[at] = pace + 1
    if state[_RANGE] < _LOW:
        _shift(data, state)
    return bit


@compiled
def _plain(coder, count):
    data, state, _, _ = coder
    state[_RANGE] >>= count
    value = state[_CODE] // state[_RANGE]
    if value >= 1 << count:  # no writer comes here
        state[_FAILED] = 1
        value, state[_CODE] = 0, 0
    state[_CODE] -= value * state[_RANGE]
    if state[_RANGE] < _LOW:
        _shift(data, state)
    return value


@compiled
def _tree(coder, base, bits):
    node = 1
    for _ in range(bits):
        node = node * 2 + _decide(coder, base + node)
    return node - (1 << bits)


@compiled
def _bits(coder, count):
    found = 0
    while count > 0:
        step = min(count, _PLAIN_STEP)
        count -= step
        found = found << step | _plain(coder, step)
    return found


@compiled
def _byte(coder):
    data, state, _, _ = coder
    at = state[_AT]
    if at >= state[_LENGTH]:
        state[_FAILED] = 1
        return 0
    state[_AT] = at + 1
    return np.int64(data[at])


@compiled
def _varint(coder):
    whole = 0
    for place in range(_LONGEST_VARINT):
        byte = _byte(coder)
        whole |= (byte & 127) << 7 * place
        if byte < 128:
            return whole
    coder[1][_FAILED] = 1
    return 0


@compiled
def _number(coder, field):
    if coder[1][_PLAIN]:
        whole = _varint(coder)
    else:
        length = _tree(coder, _FIELDS_AT + field * _FIELD_CONTEXTS, _LENGTH_BITS)
        if length == 0:
            coder[1][_FAILED] = 1
            return 0
        whole = (1 << (length - 1) | _bits(coder, length - 1)) - 1
    return whole >> 1 if whole & 1 == 0 else -(whole + 1 >> 1)


@compiled
def _flag(coder, context):
    if coder[1][_PLAIN]:
        return _byte(coder) != 0
    return _decide(coder, _FLAGS_AT + context) == 1


@compiled
def _symbol(coder):
    if coder[1][_PLAIN]:
        return _byte(coder) & 127
    return _tree(coder, _SYMBOLS_AT, _SYMBOL_BITS)


@compiled
def _limited(coder, value, low, high):
    """The value, or low and a failure where it lies outside."""
    if low <= value <= high:
        return value
    coder[1][_FAILED] = 1
    return low


@compiled
def _bucket(size):
    if size < 2:
        return 0
    length = 0
    rest = size
    while rest > 0:
        length += 1
        rest >>= 1
    return min(2 * length - 2 + (size >> (length - 2) & 1), _BUCKETS - 1)


@compiled
def _size(coder, base, low):
    found = 0
    while found < _UNARY and _decide(coder, base + found):
        found += 1
    if found == _UNARY:
        found += _limited(coder, _number(coder, _VALUE), 0, 1 << 32)
    if low == 0:
        return found
    high = _decide(coder, base + _UNARY)
    return found << low | high << (low - 1) | _bits(coder, low - 1)


@compiled
def _residual(coder, scale):
    bucket = _bucket(scale[_SIZE])
    base = _RESIDUALS_AT + bucket * _BUCKET_CONTEXTS
    residual = 0
    if _decide(coder, base):
        below = _decide(coder, _SIGNS_AT + scale[_SIGN])
        size = _size(coder, base + 1, _LOW_BITS[bucket]) + 1
        residual = -size if below else size
    if scale[_WEIGHT] < _HEAVIEST:
        scale[_WEIGHT] += 1
    scale[_SIZE] += ((abs(residual) << 4) - scale[_SIZE]) // scale[_WEIGHT]
    scale[_SIGN] = 0 if residual == 0 else 1 if residual > 0 else 2
    return residual


@compiled
def _column(coder, first, still, expected, scale, found):
    """Fills found, which is not empty."""
    begins = _limited(
        coder, expected + _limited(coder, _number(coder, first), -_MOST_VALUE, _MOST_VALUE), -_MOST_VALUE, _MOST_VALUE
    )
    found[0] = begins
    if _flag(coder, still):
        found[:] = begins
        return
    if len(found) >= _ENOUGH_TO_CHOOSE:
        scale[_SHIFT] = _limited(coder, scale[_SHIFT] + _number(coder, _PREDICTOR), 0, _MOST_SHIFT)
    shift, mean, plain = scale[_SHIFT], begins << _FRACTION, coder[1][_PLAIN]
    for place in range(1, len(found)):
        residual = _number(coder, _VALUE) if plain else _residual(coder, scale)
        residual = _limited(coder, residual, -_MOST_RESIDUAL, _MOST_RESIDUAL)
        value = _limited(coder, residual + (mean + _HALF >> _FRACTION), -_MOST_VALUE, _MOST_VALUE)
        found[place] = value
        mean += ((value << _FRACTION) - mean) >> shift
        if coder[1][_FAILED]:
            return


# What was told before: texts and streams by place, channels by the place of their course.


@compiled
def _hex_text(coder, text, end):
    """Writes a text of hex digits to text from end on; its length."""
    digits = _limited(coder, _number(coder, _BYTE), 4, 14)
    value = _limited(coder, _number(coder, _EPOCH), 0, (1 << (4 * digits)) - 1)
    for place in range(digits):
        digit = value >> (4 * (digits - 1 - place)) & 15
        text[end + place] = digit + (48 if digit < 10 else 87)
    return digits


@compiled
def _spelt(coder, text, end):
    """Writes a text that is spelt out; its length."""
    length = 0
    while not coder[1][_FAILED]:
        symbol = _symbol(coder)
        if symbol == _ENDS:
            return length
        if symbol < _OTHER:
            first, last = _SPELLING_AT[symbol - _FIRST_LETTER], _SPELLING_AT[symbol - _FIRST_LETTER + 1]
            for place in range(first, last):
                text[end + length] = _SPELLINGS[place]
                length += 1
        else:
            text[end + length] = _limited(coder, _number(coder, _BYTE), 0, 255)
            length += 1
        if length > _LONGEST_TEXT:
            coder[1][_FAILED] = 1
    return 0


@compiled
def _text(coder, texts):
    """The place of a text. texts: bytes, where each begins, and how many there are."""
    text, text_at, count = texts
    told = count[0]
    place = _limited(coder, _number(coder, _TEXT), 0, told)
    if place:
        return place - 1
    end = text_at[told]
    if told >= _MOST_TEXTS or end + 2 * _LONGEST_TEXT > len(text):
        coder[1][_FAILED] = 1
        return 0
    length = _hex_text(coder, text, end) if _flag(coder, _HEX) else _spelt(coder, text, end)
    text_at[told + 1] = end + length
    count[0] = told + 1
    return told


@compiled
def _same(texts, one, other):
    text, text_at, _ = texts
    if text_at[one + 1] - text_at[one] != text_at[other + 1] - text_at[other]:
        return False
    for place in range(text_at[one + 1] - text_at[one]):
        if text[text_at[one] + place] != text[text_at[other] + place]:
            return False
    return True


@compiled
def _stream(coder, texts, streams, count):
    """The place of a stream in streams: node, installation, boot."""
    place = _limited(coder, _number(coder, _STREAM), 0, count[1])
    if place:
        return place - 1
    told = count[1]
    if told >= len(streams):
        coder[1][_FAILED] = 1
        return 0
    streams[told, 0] = _text(coder, texts)
    streams[told, 1] = _number(coder, _INSTALLATION)
    streams[told, 2] = _number(coder, _BOOT)
    count[1] = told + 1
    return told


@compiled
def _course(coder, texts, courses, known, channel):
    """The place of a channel's course; a new one is begun."""
    for place in range(known[0]):
        row = courses[place]
        if row[0] == channel[0] and (
            channel[0] > 0
            or (row[3] == channel[3] and _same(texts, row[1], channel[1]) and _same(texts, row[2], channel[2]))
        ):
            return place
    place = known[0]
    if place >= _MOST_COURSES:
        coder[1][_FAILED] = 1
        return 0
    known[0] = place + 1
    courses[place, :4] = channel
    courses[place, 4] = _TYPICAL[channel[0]]
    courses[place, 5] = _PRESET_STEP[channel[0]]
    courses[place, 6 + _SIZE], courses[place, 6 + _WEIGHT] = _PRESET_SIZE[channel[0]], 3
    courses[place, 6 + _SIGN], courses[place, 6 + _SHIFT] = 0, 1
    return place


@compiled
def _channel(coder, texts, row):
    number = _limited(coder, _number(coder, _CHANNEL), 0, _PRESETS)
    row[0], row[1], row[2], row[3] = number, -1, -1, 0
    if number == 0:
        row[1], row[2] = _text(coder, texts), _text(coder, texts)
        row[3] = _number(coder, _SCALE)


@compiled
def _begun(size):
    scale = np.zeros(4, np.int64)
    scale[_SIZE], scale[_WEIGHT], scale[_SHIFT] = size, 3, 1
    return scale


@compiled
def _checked_product(coder, one, other):
    """one * other, 0 and a failure where that is out of all bounds."""
    if other != 0 and abs(one) > _MOST_PRODUCT // abs(other):
        coder[1][_FAILED] = 1
        return 0
    return one * other


@compiled
def _times(coder, memory, scales, sealed_at, sequence, measured, received, clock):
    """Fills the four columns of a group's samples, at least one. memory: the interval so far."""
    count = len(sequence)
    _column(coder, _SEQUENCE, _STILL_TIME, 0, scales[0], sequence)
    for place in range(count):
        sequence[place] += place
    interval = _limited(coder, memory[0] + _number(coder, _INTERVAL), -(1 << 40), 1 << 40)
    memory[0] = interval
    late = np.empty(count, np.int64)
    _column(coder, _UPTIME, _STILL_TIME, 0, scales[1], late)
    for place in range(count):
        late[place] += _checked_product(coder, interval, sequence[place])
    expected = sealed_at - interval * count - late[0]
    _column(coder, _MEASURED_AT, _STILL_TIME, _limited(coder, expected, -_MOST_VALUE, _MOST_VALUE), scales[2], measured)
    longer = interval // 1000 if _flag(coder, _BURST) else 0
    _column(coder, _RECEIVED_AT, _STILL_TIME, 0, scales[3], received)
    for place in range(count):
        measured[place] += late[place]
        delay = received[place] - _checked_product(coder, longer, place)
        received[place] = _checked_product(coder, 1000, delay) + measured[place]
    fixed, here = _flag(coder, _FIXED_CLOCK), _flag(coder, _GATEWAY_CLOCK)
    for place in range(count):
        if place and not fixed and not _flag(coder, _CLOCK_HOLDS):
            here = not here
        clock[place] = 1 if here else 0


@compiled
def _statuses(coder, statuses):
    """Fills the statuses of one channel; how many of them carry a value."""
    if _flag(coder, _ALL_OK):
        statuses[:] = 0
        return len(statuses)
    fixed = _flag(coder, _FIXED_STATUS)
    status = _limited(coder, _number(coder, _STATUS), 0, _STATUSES - 1)
    carried = 0
    for place in range(len(statuses)):
        if place and not fixed and not _flag(coder, _STATUS_HOLDS):
            status = _limited(coder, _number(coder, _STATUS), 0, _STATUSES - 1)
        statuses[place] = status
        carried += _CARRIES[status]
    return carried


@compiled
def _values(coder, course, statuses, values):
    """Fills statuses and values of one channel; 0 where there is none."""
    carried = _statuses(coder, statuses)
    values[:] = 0
    if carried == 0:
        return
    course[5] = _limited(coder, course[5] + _number(coder, _STEP), 0, len(_STEPS) - 1)
    step = _STEPS[course[5]]
    found = np.empty(carried, np.int64)
    _column(coder, _VALUE, _STILL, course[4] // step, course[6:10], found)
    course[4] = found[0] * step
    at = 0
    for place in range(len(values)):
        if _CARRIES[statuses[place]]:
            values[place] = found[at] * step
            at += 1


@compiled
def _room(array, needed):
    """The array, or a larger one that begins with it."""
    if needed <= len(array):
        return array
    larger = np.empty(max(needed, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


@compiled
def _rows_room(array, needed):
    if needed <= len(array):
        return array
    larger = np.zeros((max(needed, 2 * len(array)), array.shape[1]), array.dtype)
    larger[: len(array)] = array
    return larger


@numba.njit(cache=True, nogil=True, error_model="numpy")
def walk(data, plain):
    """The fields of Walked. data: behind the coding's byte, unpacked where plain."""
    coder = _opened(data, plain)
    state = coder[1]
    count = np.zeros(2, np.int64)  # texts, streams
    texts = (np.empty(64 + _MOST_TEXTS * 64 + _LONGEST_TEXT * 8, np.uint8), np.zeros(_MOST_TEXTS + 1, np.int64), count)
    header = np.zeros(4, np.int64)
    header[0], header[1] = _text(coder, texts), _text(coder, texts)
    header[2] = _number(coder, _BATCH_SEQUENCE)
    header[3] = _limited(coder, _number(coder, _SEALED_AT), 0, _MOST_VALUE)
    streams = np.zeros((_MOST_TEXTS, 3), np.int64)
    courses, known = np.zeros((_MOST_COURSES, 10), np.int64), np.zeros(1, np.int64)
    scales = (_begun(16), _begun(64), _begun(1600), _begun(8))
    interval = np.full(1, _USUAL, np.int64)
    channels, described, used = np.zeros((16, 4), np.int64), 0, np.zeros(256, np.int64)
    first_channel, channel_count = 0, 0
    sequence, measured, received = np.empty(256, np.int64), np.empty(256, np.int64), np.empty(256, np.int64)
    clock, statuses, values = np.empty(256, np.uint8), np.empty(1024, np.uint8), np.empty(1024, np.int64)
    samples, readings, before, site = 0, 0, 0, -1
    group_count = _limited(coder, _number(coder, _COUNT), 0, _MOST_GROUPS)
    groups = np.zeros((group_count, 9), np.int64)
    for place in range(group_count):
        stream = _stream(coder, texts, streams, count)
        if not _flag(coder, _SAME_SITE):
            site = _text(coder, texts)
        if not _flag(coder, _SAME_CHANNELS):
            most = min(_MOST_CHANNELS, _MOST_DESCRIBED - described)
            channel_count = _limited(coder, _number(coder, _COUNT), 0, most)
            first_channel = described
            channels = _rows_room(channels, described + channel_count)
            for number in range(channel_count):
                _channel(coder, texts, channels[described + number])
                used[number] = _course(coder, texts, courses, known, channels[described + number])
            described += channel_count
        here = _limited(coder, before + _number(coder, _SAMPLES), 0, _MOST_SAMPLES - samples)
        before = here
        _limited(coder, here * channel_count, 0, _MOST_READINGS - readings)
        if state[_FAILED]:
            break
        row = groups[place]
        row[0], row[1], row[2], row[3] = site, streams[stream, 0], streams[stream, 1], streams[stream, 2]
        row[4], row[5], row[6], row[7], row[8] = first_channel, channel_count, samples, here, readings
        end = samples + here
        sequence, measured, received = _room(sequence, end), _room(measured, end), _room(received, end)
        clock = _room(clock, end)
        values, statuses = (
            _room(values, readings + here * channel_count),
            _room(statuses, readings + here * channel_count),
        )
        if here:
            _times(
                coder, interval, scales, header[3],
                sequence[samples:end], measured[samples:end], received[samples:end], clock[samples:end],
            )  # fmt: skip
            for number in range(channel_count):
                at = readings + number * here
                _values(coder, courses[used[number]], statuses[at : at + here], values[at : at + here])
                if state[_FAILED]:
                    break
        samples = end
        readings += here * channel_count
        if state[_FAILED]:
            break
    losses = _losses(coder, texts, streams, count)
    revisions = _revisions(coder, texts, streams, count)
    mine = state[_FAILED] == 0 and state[_AT] >= state[_LENGTH]
    return (
        mine, header, texts[0][: texts[1][count[0]]], texts[1][: count[0] + 1], groups, channels[:described],
        sequence[:samples], measured[:samples], received[:samples], clock[:samples],
        statuses[:readings], values[:readings], losses, revisions,
    )  # fmt: skip


@compiled
def _losses(coder, texts, streams, count):
    total = 0 if coder[1][_FAILED] else _limited(coder, _number(coder, _COUNT), 0, _MOST_ROWS)
    rows = np.zeros((total, 7), np.int64)
    for place in range(total):
        row = rows[place]
        stream = _stream(coder, texts, streams, count)
        row[0], row[1], row[2] = streams[stream, 0], streams[stream, 1], streams[stream, 2]
        row[3] = _number(coder, _LOSS)
        length = _number(coder, _LOSS)
        row[4] = _limited(coder, row[3], -_MOST_VALUE, _MOST_VALUE) + _limited(coder, length, -_MOST_VALUE, _MOST_VALUE)
        row[5] = _limited(coder, _number(coder, _LOSS), -_MOST_VALUE, _MOST_VALUE) + length
        row[6] = 1 if _flag(coder, _AT_GATEWAY) else 0
        if coder[1][_FAILED]:
            break
    return rows


@compiled
def _revisions(coder, texts, streams, count):
    total = 0 if coder[1][_FAILED] else _limited(coder, _number(coder, _COUNT), 0, _MOST_ROWS)
    rows = np.zeros((total, 6), np.int64)
    sequence = 0
    for place in range(total):
        row = rows[place]
        stream = _stream(coder, texts, streams, count)
        row[0], row[1], row[2] = streams[stream, 0], streams[stream, 1], streams[stream, 2]
        sequence = _limited(coder, sequence + _number(coder, _REVISION), -_MOST_VALUE, _MOST_VALUE)
        row[3] = sequence
        row[4] = _text(coder, texts)
        row[5] = _limited(coder, _number(coder, _STATUS), 0, _STATUSES - 1)
        if coder[1][_FAILED]:
            break
    return rows
