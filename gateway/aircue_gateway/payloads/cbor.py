"""The part of CBOR (RFC 8949) that SenML needs, decoded strictly: whole and floating-point numbers, decimal fractions
(tag 4), texts, bytes, arrays, maps, true, false, null; lengths definite or not.

A library of its own would bring more than this and a compiled part to a Raspberry Pi; the tests hold it against one.

Errors: CborError, saying at which byte.
"""

import struct
from typing import Any

_DEEPEST = 16
_BREAK = 0xFF
_INDEFINITE = 31
_DECIMAL_FRACTION = 4
_LARGEST_EXPONENT = 400
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


class CborError(ValueError):
    """Bytes that are no CBOR, or none that SenML has."""


def decode(data: bytes) -> Any:
    """The one item that the bytes are."""
    reader = _Reader(data)
    item = reader.item(0)
    if reader.at != len(data):
        raise CborError(f"byte {reader.at}: expected the end")
    return item


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def item(self, depth: int) -> Any:
        if depth > _DEEPEST:
            raise CborError(f"byte {self.at}: nested deeper than {_DEEPEST}")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        return self._kinds()[major](info, depth)

    def _kinds(self) -> tuple[Any, ...]:
        return self._whole, self._negative, self._bytes, self._text, self._array, self._map, self._tag

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self.at:
            raise CborError(f"byte {self.at}: ends inside an item")
        self.at += count
        return self._data[self.at - count : self.at]

    def _whole(self, info: int, _depth: int = 0) -> int:
        if info < 24:
            return info
        if info > 27:
            raise CborError(f"byte {self.at - 1}: a length of kind {info}")
        return int.from_bytes(self._take(1 << info - 24), "big")

    def _negative(self, info: int, _depth: int) -> int:
        return -1 - self._whole(info)

    def _bytes(self, info: int, _depth: int) -> bytes:
        return self._string(info, 2)

    def _text(self, info: int, _depth: int) -> str:
        try:
            return self._string(info, 3).decode()
        except UnicodeDecodeError:
            raise CborError(f"byte {self.at}: a text that is no UTF-8") from None

    def _string(self, info: int, major: int) -> bytes:
        if info != _INDEFINITE:
            return self._take(self._whole(info))
        pieces = []
        while not self._ends():
            first = self._take(1)[0]
            if first >> 5 != major or first & 31 == _INDEFINITE:
                raise CborError(f"byte {self.at - 1}: a piece of another kind")
            pieces.append(self._take(self._whole(first & 31)))
        return b"".join(pieces)

    def _ends(self) -> bool:
        """Takes the break that ends an item without a length, if it is next."""
        if self.at < len(self._data) and self._data[self.at] == _BREAK:
            self.at += 1
            return True
        return False

    def _array(self, info: int, depth: int) -> list[Any]:
        if info == _INDEFINITE:
            items = []
            while not self._ends():
                items.append(self.item(depth + 1))
            return items
        return [self.item(depth + 1) for _ in range(self._whole(info))]

    def _map(self, info: int, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        left = None if info == _INDEFINITE else self._whole(info)
        while not self._ends() if left is None else len(found) < left:
            key = self.item(depth + 1)
            if type(key) not in (int, str) or key in found:
                raise CborError(f"byte {self.at}: expected a key of its own, a number or a text")
            found[key] = self.item(depth + 1)
        return found

    def _tag(self, info: int, depth: int) -> float:
        tag = self._whole(info)
        pair = self.item(depth + 1)
        whole = isinstance(pair, list) and [type(one) for one in pair] == [int, int]
        if tag != _DECIMAL_FRACTION or not whole or abs(pair[0]) > _LARGEST_EXPONENT:
            raise CborError(f"byte {self.at}: tag {tag}; only decimal fractions (4) are known")
        return float(f"{pair[1]}e{pair[0]}")

    def _simple(self, info: int) -> Any:
        if info in _FLOATS:
            return struct.unpack(_FLOATS[info], self._take(1 << info - 24))[0]
        if info not in _SIMPLE:
            raise CborError(f"byte {self.at - 1}: simple value {info}")
        return _SIMPLE[info]
