"""How the numbers of a batch become bytes: a range coder with adaptive odds, and plain varints for what it suits less.

A coder that writes and one that reads have the same methods, so that the order of fields is written down once (see
v2.py): each takes a value and gives one back. The writer gives back what it was given; the reader passes it over and
gives what it found.

    flag(context, value)      yes or no
    number(context, value)    an integer within +-2**61
    symbol(value)             0 to 127, a part of a text
    residuals(scale, values)  many small integers whose usual size is followed as they come
    close()                   the writer's bytes; the reader checks that nothing is left

The range coder: 48 bits wide, one binary decision at a time. Each decision has a context with its own odds in 1/65536,
which move towards what was seen, at first fast. Odds start from a two-sided geometric distribution. All of it is
integer arithmetic: writer and reader must agree to the last bit on every machine. Nothing here may change within
version 2 of the batch; another start of the odds is another version.

The idea of adaptive binary odds: G. N. N. Martin, Range encoding (1979); Howard and Vitter, Arithmetic coding for data
compression (1994).

Errors: CoderError, for bytes that end early or late and numbers that do not fit.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum, auto
from math import isqrt
from typing import Protocol

_TOP = 1 << 48
_MASK = _TOP - 1
_LOW = 1 << 40
_WIDTH_BYTES = 6
_EVEN = 1 << 15
_CERTAIN = 1 << 16
_LEAST_ODDS = 48  # of 65536
_MOST_ODDS = _CERTAIN - _LEAST_ODDS
_LENGTH_BITS = 6
_SYMBOL_BITS = 7
SYMBOLS = 1 << _SYMBOL_BITS
_LONGEST = (1 << _LENGTH_BITS) - 1
_PLAIN_STEP = 16  # bits without a context that are coded at once

# An odds' n-th decision counts for 1 / (n + 2) at first, no less than 1 / 50 later: its pace is the divisor.
_FIRST_PACE, _LAST_PACE = 2, 50
_TRUST = 5  # decisions that the odds of residuals count for before the first


class CoderError(ValueError):
    """Bytes that no writer of this version wrote, or numbers that it does not write."""


class Flag(IntEnum):
    """Contexts of flags, beside those that belong to numbers and residuals."""

    SAME_SITE = 0
    SAME_CHANNELS = auto()
    FIXED_STATUS = auto()
    ALL_OK = auto()
    STATUS_HOLDS = auto()
    FIXED_CLOCK = auto()
    GATEWAY_CLOCK = auto()
    CLOCK_HOLDS = auto()
    STILL = auto()
    STILL_TIME = auto()
    HEX = auto()
    AT_GATEWAY = auto()
    BURST = auto()


class Field(IntEnum):
    """Contexts of numbers."""

    COUNT = 0
    TEXT = auto()
    BYTE = auto()
    EPOCH = auto()
    BATCH_SEQUENCE = auto()
    SEALED_AT = auto()
    STREAM = auto()
    INSTALLATION = auto()
    BOOT = auto()
    SAMPLES = auto()
    CHANNEL = auto()
    SCALE = auto()
    SEQUENCE = auto()
    INTERVAL = auto()
    UPTIME = auto()
    MEASURED_AT = auto()
    RECEIVED_AT = auto()
    STEP = auto()
    PREDICTOR = auto()
    STATUS = auto()
    VALUE = auto()
    LOSS = auto()
    REVISION = auto()


class Scale:
    """The usual size of a series' residuals, as both ends reckon it: in 1/16, moved by each residual. shift: how fast
    the mean they are told from moves (see v2.py)."""

    __slots__ = ("shift", "sign", "size", "weight")

    def __init__(self, size: int, weight: int = 3) -> None:
        self.shift = 1
        self.size = size
        self.weight = weight
        self.sign = 0

    def note(self, residual: int) -> None:
        size = residual if residual >= 0 else -residual
        self.weight += self.weight < _HEAVIEST
        self.size += ((size << 4) - self.size) // self.weight
        self.sign = 0 if residual == 0 else 1 if residual > 0 else 2


_HEAVIEST = 14


class Coder(Protocol):
    """writes: it is one that writes."""

    writes: bool

    def flag(self, context: Flag, value: bool) -> bool: ...
    def number(self, context: Field, value: int) -> int: ...
    def symbol(self, value: int) -> int: ...
    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]: ...
    def close(self) -> bytes: ...


def zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -number * 2 - 1


def unzigzag(number: int) -> int:
    return number >> 1 if number & 1 == 0 else -(number + 1 >> 1)


# Buckets of Scale.size, two an octave; each has its own odds, and a number of low bits that are coded as they are.
_BUCKETS = 40
_UNARY = 14  # decisions that count multiples before an escape
_BUCKET_CONTEXTS = 2 + _UNARY  # zero; each multiple; the highest of the low bits


def _bucket(size: int) -> int:
    """0 for 1/16 and less, then two an octave.

    >>> [_bucket(size) for size in (0, 1, 2, 3, 4, 6, 8)]
    [0, 0, 2, 3, 4, 5, 6]
    """
    if size < 2:
        return 0
    length = size.bit_length()
    return min(2 * length - 2 + (size >> (length - 2) & 1), _BUCKETS - 1)


def _typical(bucket: int) -> int:
    """Scale.size in the middle of a bucket, in 1/64."""
    octave = 1 << (bucket >> 1)
    return octave * (7 if bucket & 1 else 5)


def _low_bits(bucket: int) -> int:
    """How many bits of a residual are worth no odds of their own: multiples of them come about twice."""
    return max(0, (_typical(bucket) >> 6).bit_length() - 1)


def _ratio(typical: int) -> int:
    """t, in 1/65536, of the two-sided geometric distribution t^|n| whose mean size is typical/64."""
    return (isqrt(4096 + typical * typical) - 64) * _CERTAIN // typical


def _starting_odds(bucket: int) -> Iterator[int]:
    """Chances of 0 at each decision of a bucket: not zero, no further multiple, the highest low bit is 0."""
    ratio = _ratio(_typical(bucket))
    yield _bounded(_CERTAIN - (_CERTAIN - ratio) * _CERTAIN // (_CERTAIN + ratio))
    multiple, half = ratio, ratio
    for _ in range(_low_bits(bucket)):
        half = multiple
        multiple = multiple * multiple // _CERTAIN
    for _ in range(_UNARY):
        yield _bounded(_CERTAIN - multiple)
    yield _bounded(_CERTAIN * _CERTAIN // (_CERTAIN + half))


def _bounded(odds: int) -> int:
    return min(max(odds, _LEAST_ODDS), _MOST_ODDS)


_LOW_BITS = [_low_bits(bucket) for bucket in range(_BUCKETS)]
_KNOWN_SIZES = 4096
_BUCKET_OF = bytes(_bucket(size) for size in range(_KNOWN_SIZES))  # of the sizes that there mostly are
_SIGNS = 3
_FLAGS_AT = 0
_SIGNS_AT = _FLAGS_AT + len(Flag)
_RESIDUALS_AT = _SIGNS_AT + _SIGNS
_FIELDS_AT = _RESIDUALS_AT + _BUCKETS * _BUCKET_CONTEXTS
_FIELD_CONTEXTS = 1 << _LENGTH_BITS
_SYMBOLS_AT = _FIELDS_AT + len(Field) * _FIELD_CONTEXTS

# How long (bits of zigzag + 1) a field's number mostly is, and the odds of each step towards that length.
_LIKELY, _SURE = 52_000, 62_500
_LENGTHS = {
    Field.COUNT: (1, 49_000),
    Field.TEXT: (1, _LIKELY),
    Field.BYTE: (5, _LIKELY),
    Field.EPOCH: (33, _LIKELY),
    Field.BATCH_SEQUENCE: (16, _LIKELY),
    Field.SEALED_AT: (42, _SURE),
    Field.STREAM: (1, _SURE),
    Field.INSTALLATION: (33, _LIKELY),
    Field.BOOT: (5, _LIKELY),
    Field.SAMPLES: (1, _LIKELY),
    Field.CHANNEL: (3, _LIKELY),
    Field.SCALE: (8, _LIKELY),
    Field.SEQUENCE: (17, _LIKELY),
    Field.INTERVAL: (1, _SURE),
    Field.UPTIME: (13, _LIKELY),
    Field.MEASURED_AT: (16, _LIKELY),
    Field.RECEIVED_AT: (1, _LIKELY),
    Field.STEP: (1, _SURE),
    Field.PREDICTOR: (1, _SURE),
    Field.STATUS: (3, _LIKELY),
    Field.VALUE: (9, 45_000),
    Field.LOSS: (6, _LIKELY),
    Field.REVISION: (4, _LIKELY),
}


def _length_odds(field: Field) -> list[int]:
    odds = [_EVEN] * _FIELD_CONTEXTS
    length, sure = _LENGTHS[field]
    node = 1
    for place in range(_LENGTH_BITS - 1, -1, -1):
        bit = length >> place & 1
        odds[node] = _CERTAIN - sure if bit else sure
        node = node * 2 + bit
    return odds


# Which side a flag is on where nothing is out of the ordinary.
_FLAGS = {
    Flag.SAME_SITE: _CERTAIN - _LIKELY,
    Flag.SAME_CHANNELS: _CERTAIN - _LIKELY,
    Flag.ALL_OK: _CERTAIN - _SURE,
    Flag.STATUS_HOLDS: _CERTAIN - _SURE,
    Flag.FIXED_CLOCK: _CERTAIN - _SURE,
    Flag.GATEWAY_CLOCK: _SURE,
    Flag.CLOCK_HOLDS: _CERTAIN - _SURE,
    Flag.BURST: _SURE,
}
_START = (
    [_FLAGS.get(flag, _EVEN) for flag in Flag]
    + [_EVEN] * _SIGNS
    + [odds for bucket in range(_BUCKETS) for odds in _starting_odds(bucket)]
    + [odds for one in Field for odds in _length_odds(one)]
    + [_EVEN] * SYMBOLS
)
_START_PACES = [_FIRST_PACE] * _RESIDUALS_AT + [_FIRST_PACE + _TRUST] * (_BUCKETS * _BUCKET_CONTEXTS)
_START_PACES += [_FIRST_PACE + 1] * (len(_START) - len(_START_PACES))


class _Odds:
    """Walks of decisions, the same for both ends; an end gives decide and plain."""

    writes = False

    def __init__(self) -> None:
        self._odds = _START.copy()
        self._paces = _START_PACES.copy()

    def decide(self, at: int, bit: int) -> int:
        """One decision in a context."""
        raise NotImplementedError

    def plain(self, count: int, value: int) -> int:
        """count bits, at most _PLAIN_STEP, as they are."""
        raise NotImplementedError

    def flag(self, context: Flag, value: bool) -> bool:
        return self.decide(_FLAGS_AT + context, value) == 1

    def number(self, context: Field, value: int) -> int:
        """Its length in bits under the context's odds, then the bits below the highest."""
        whole = zigzag(value) + 1
        if whole.bit_length() > _LONGEST:
            raise CoderError(f"{value} is too large a number for a batch")
        length = self._tree(_FIELDS_AT + context * _FIELD_CONTEXTS, _LENGTH_BITS, whole.bit_length())
        if length == 0:
            raise CoderError("batch holds a number of no length")
        return unzigzag((1 << (length - 1) | self._bits(length - 1, whole & (1 << (length - 1)) - 1)) - 1)

    def symbol(self, value: int) -> int:
        return self._tree(_SYMBOLS_AT, _SYMBOL_BITS, value)

    def _tree(self, base: int, bits: int, value: int) -> int:
        node = 1
        for place in range(bits - 1, -1, -1):
            node = node * 2 + self.decide(base + node, value >> place & 1)
        return node - (1 << bits)

    def _bits(self, count: int, value: int) -> int:
        found = 0
        while count > 0:
            step = min(count, _PLAIN_STEP)
            count -= step
            found = found << step | self.plain(step, value >> count & (1 << step) - 1)
        return found

    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]:
        found = []
        for value in values:
            residual = self._residual(scale, value)
            scale.note(residual)
            found.append(residual)
        return found

    def _residual(self, scale: Scale, value: int) -> int:
        """Whether it is not zero, its sign, then its size less 1: multiples of 2**low one by one, and the rest."""
        bucket = _bucket(scale.size)
        base = _RESIDUALS_AT + bucket * _BUCKET_CONTEXTS
        if not self.decide(base, value != 0):
            return 0
        below = self.decide(_SIGNS_AT + scale.sign, value < 0)
        size = self._size(base + 1, _LOW_BITS[bucket], abs(value) - 1) + 1
        return -size if below else size

    def _size(self, base: int, low: int, size: int) -> int:
        multiples, found = size >> low, 0
        while found < _UNARY and self.decide(base + found, multiples > found):
            found += 1
        if found == _UNARY:
            found += self._escaped(multiples - found)
        if not low:
            return found
        high = self.decide(base + _UNARY, size >> (low - 1) & 1)
        return found << low | high << (low - 1) | self._bits(low - 1, size & (1 << (low - 1)) - 1)

    def _escaped(self, value: int) -> int:
        found = self.number(Field.VALUE, value)
        if found < 0:
            raise CoderError("batch holds an impossible difference")
        return found


class RangeWriter(_Odds):
    writes = True

    def __init__(self) -> None:
        super().__init__()
        self._out = bytearray()
        self._low = 0
        self._range = _MASK

    def decide(self, at: int, bit: int) -> int:
        odds, pace = self._odds[at], self._paces[at]
        bound = (self._range >> 16) * odds
        if bit:
            self._low += bound
            self._range -= bound
            self._odds[at] = odds - (odds - _LEAST_ODDS) // pace
        else:
            self._range = bound
            self._odds[at] = odds + (_MOST_ODDS - odds) // pace
        if pace < _LAST_PACE:
            self._paces[at] = pace + 1
        if self._range < _LOW:
            self._shift()
        return bit

    def plain(self, count: int, value: int) -> int:
        self._range >>= count
        self._low += self._range * value
        if self._range < _LOW:
            self._shift()
        return value

    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]:  # noqa: C901 -- calls are what it avoids
        """What _Odds.residuals does, in one loop: most decisions of a batch are made here, so nothing is called and
        nothing is looked up twice. Each decision is decide()'s; a test holds the two together.

        low is longer than its 48 bits by the bytes that have gathered, which leave together.
        """
        odds, paces = self._odds, self._paces
        low, width, gathered = self._low, self._range, 0
        size, weight, sign = scale.size, scale.weight, scale.sign
        for value in values:
            bucket = _BUCKET_OF[size] if size < _KNOWN_SIZES else _bucket(size)
            at = _RESIDUALS_AT + bucket * _BUCKET_CONTEXTS
            if value:
                # Not zero, its sign, as many multiples, no further one, the highest low bit: what is 1 lowers its odds.
                low_bits = _LOW_BITS[bucket]
                reach = value if value > 0 else -value
                multiples = reach - 1 >> low_bits
                if multiples >= _UNARY:
                    self._low, self._range = low, width
                    self._gather(gathered)
                    scale.size, scale.weight, scale.sign = size, weight, sign
                    super().residuals(scale, (value,))
                    low, width, gathered = self._low, self._range, 0
                    size, weight, sign = scale.size, scale.weight, scale.sign
                    continue
                chance, pace = odds[at], paces[at]
                odds[at] = chance - (chance - _LEAST_ODDS) // pace
                if pace < _LAST_PACE:
                    paces[at] = pace + 1
                bound = (width >> 16) * chance
                low += bound
                width -= bound
                while width < _LOW:
                    low, width, gathered = low << 8, width << 8, gathered + 1
                which = _SIGNS_AT + sign
                chance, pace = odds[which], paces[which]
                if pace < _LAST_PACE:
                    paces[which] = pace + 1
                bound = (width >> 16) * chance
                if value < 0:
                    odds[which] = chance - (chance - _LEAST_ODDS) // pace
                    low += bound
                    width -= bound
                    sign = 2
                else:
                    odds[which] = chance + (_MOST_ODDS - chance) // pace
                    width = bound
                    sign = 1
                while width < _LOW:
                    low, width, gathered = low << 8, width << 8, gathered + 1
                high_at = at + 1 + _UNARY
                last_at = at + 1 + multiples
                for at in range(at + 1, last_at):  # noqa: B020 -- the same contexts, one after the other
                    chance, pace = odds[at], paces[at]
                    odds[at] = chance - (chance - _LEAST_ODDS) // pace
                    if pace < _LAST_PACE:
                        paces[at] = pace + 1
                    bound = (width >> 16) * chance
                    low += bound
                    width -= bound
                    while width < _LOW:
                        low, width, gathered = low << 8, width << 8, gathered + 1
                chance, pace = odds[last_at], paces[last_at]
                odds[last_at] = chance + (_MOST_ODDS - chance) // pace
                if pace < _LAST_PACE:
                    paces[last_at] = pace + 1
                width = (width >> 16) * chance
                while width < _LOW:
                    low, width, gathered = low << 8, width << 8, gathered + 1
                if low_bits:
                    low_bits -= 1
                    chance, pace = odds[high_at], paces[high_at]
                    if pace < _LAST_PACE:
                        paces[high_at] = pace + 1
                    bound = (width >> 16) * chance
                    if reach - 1 >> low_bits & 1:
                        odds[high_at] = chance - (chance - _LEAST_ODDS) // pace
                        low += bound
                        width -= bound
                    else:
                        odds[high_at] = chance + (_MOST_ODDS - chance) // pace
                        width = bound
                    while width < _LOW:
                        low, width, gathered = low << 8, width << 8, gathered + 1
                    if low_bits:
                        width >>= low_bits
                        low += width * (reach - 1 & (1 << low_bits) - 1)
                        while width < _LOW:
                            low, width, gathered = low << 8, width << 8, gathered + 1
                if weight < _HEAVIEST:
                    weight += 1
                size += ((reach << 4) - size) // weight
                if gathered > 16:
                    self._low = low
                    self._gather(gathered)
                    low, gathered = self._low, 0
            else:
                chance, pace = odds[at], paces[at]
                odds[at] = chance + (_MOST_ODDS - chance) // pace
                if pace < _LAST_PACE:
                    paces[at] = pace + 1
                width = (width >> 16) * chance
                while width < _LOW:
                    low, width, gathered = low << 8, width << 8, gathered + 1
                if weight < _HEAVIEST:
                    weight += 1
                size += -size // weight
                sign = 0
        self._low, self._range = low, width
        self._gather(gathered)
        scale.size, scale.weight, scale.sign = size, weight, sign
        return list(values)

    def _gather(self, count: int) -> None:
        """Moves the bytes out that low is too long by."""
        if count:
            carried, self._low = self._low >> 48, self._low & _MASK
            if carried >> 8 * count:
                carried &= (1 << 8 * count) - 1
                self._carry_over()
            self._out += carried.to_bytes(count, "big")

    def _shift(self) -> None:
        """Moves the bytes out that no later decision changes, but for a carry."""
        while self._range < _LOW:
            self._carry()
            self._out.append(self._low >> 40)
            self._low = (self._low << 8) & _MASK
            self._range <<= 8

    def _carry(self) -> None:
        if self._low >= _TOP:
            self._low &= _MASK
            self._carry_over()

    def _carry_over(self) -> None:
        at = len(self._out) - 1
        while self._out[at] == 255:
            self._out[at] = 0
            at -= 1
        self._out[at] += 1

    def close(self) -> bytes:
        """As few bytes as tell this outcome from every other; behind them the reader sees zeros."""
        for kept in range(_WIDTH_BYTES + 1):
            below = (1 << 8 * (_WIDTH_BYTES - kept)) - 1
            end = (self._low + below) & ~below
            if end < self._low + self._range:
                break
        self._low = end
        self._carry()
        return bytes(self._out) + self._low.to_bytes(_WIDTH_BYTES, "big")[:kept]


class RangeReader(_Odds):
    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data + bytes(_WIDTH_BYTES)
        self._length = len(data)
        self._at = _WIDTH_BYTES
        self._range = _MASK
        self._code = int.from_bytes(self._data[:_WIDTH_BYTES], "big")
        if self._code >= self._range:
            raise CoderError("batch begins as no batch does")

    def decide(self, at: int, bit: int) -> int:
        odds, pace = self._odds[at], self._paces[at]
        bound = (self._range >> 16) * odds
        if self._code < bound:
            bit = 0
            self._range = bound
            self._odds[at] = odds + (_MOST_ODDS - odds) // pace
        else:
            bit = 1
            self._code -= bound
            self._range -= bound
            self._odds[at] = odds - (odds - _LEAST_ODDS) // pace
        if pace < _LAST_PACE:
            self._paces[at] = pace + 1
        if self._range < _LOW:
            self._shift()
        return bit

    def plain(self, count: int, value: int) -> int:
        self._range >>= count
        value = min(self._code // self._range, (1 << count) - 1)
        self._code -= value * self._range
        if self._range < _LOW:
            self._shift()
        return value

    def _shift(self) -> None:
        while self._range < _LOW:
            if self._at >= len(self._data):
                raise CoderError("batch ends inside a column")
            self._code = self._code << 8 | self._data[self._at]
            self._at += 1
            self._range <<= 8

    def close(self) -> bytes:
        if self._at < self._length:
            raise CoderError(f"batch has {self._length - self._at} bytes behind its last column")
        return b""


class PlainWriter:
    """Varints one after the other, for a general compressor to find what repeats."""

    writes = True

    def __init__(self) -> None:
        self._out = bytearray()

    def flag(self, context: Flag, value: bool) -> bool:
        self._out.append(value)
        return value

    def number(self, context: Field, value: int) -> int:
        self._put(zigzag(value))
        return value

    def symbol(self, value: int) -> int:
        self._out.append(value)
        return value

    def _put(self, whole: int) -> None:
        if (whole + 1).bit_length() > _LONGEST:
            raise CoderError(f"{unzigzag(whole)} is too large a number for a batch")
        while whole > 127:
            self._out.append(whole & 127 | 128)
            whole >>= 7
        self._out.append(whole)

    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]:
        wholes = [value * 2 if value >= 0 else -value * 2 - 1 for value in values]
        if max(wholes, default=0) <= 127:
            self._out += bytes(wholes)
        else:
            for whole in wholes:
                self._put(whole)
        return list(values)

    def close(self) -> bytes:
        return bytes(self._out)


class BothWriter:
    """A range coder, and beside it what a general compressor would get: fields are walked through once."""

    writes = True

    def __init__(self) -> None:
        self.coded = RangeWriter()
        self.plain = PlainWriter()

    def flag(self, context: Flag, value: bool) -> bool:
        self.plain.flag(context, value)
        return self.coded.flag(context, value)

    def number(self, context: Field, value: int) -> int:
        self.plain.number(context, value)
        return self.coded.number(context, value)

    def symbol(self, value: int) -> int:
        self.plain.symbol(value)
        return self.coded.symbol(value)

    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]:
        self.plain.residuals(scale, values)
        return self.coded.residuals(scale, values)

    def close(self) -> bytes:
        """The range coder's."""
        return self.coded.close()


_LONGEST_VARINT = 9


class PlainReader:
    writes = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def flag(self, context: Flag, value: bool) -> bool:
        return self._byte() != 0

    def number(self, context: Field, value: int) -> int:
        whole = 0
        for place in range(_LONGEST_VARINT):
            byte = self._byte()
            whole |= (byte & 127) << 7 * place
            if byte < 128:
                return unzigzag(whole)
        raise CoderError(f"batch holds a number of more than {_LONGEST_VARINT} bytes")

    def symbol(self, value: int) -> int:
        return self._byte() & (SYMBOLS - 1)

    def _byte(self) -> int:
        if self._at == len(self._data):
            raise CoderError("batch ends inside a column")
        self._at += 1
        return self._data[self._at - 1]

    def residuals(self, scale: Scale, values: Sequence[int]) -> list[int]:
        return [self.number(Field.VALUE, 0) for _ in values]

    def close(self) -> bytes:
        if self._at < len(self._data):
            raise CoderError(f"batch has {len(self._data) - self._at} bytes behind its last column")
        return b""
