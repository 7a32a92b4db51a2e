"""Which messages of a broker were taken lately, so that one that is sent again is known. No I/O.

A broker sends a message again, marked and under the same packet id, when it saw no acknowledgement: that is one that
was in flight when the connection or the gateway ended. So many as may be in flight have to be remembered. They are kept
in pages, with the data they brought; a commit writes the page it changed alone.
"""

import hashlib
from collections.abc import Callable, Mapping

_NAME = "$aircue/recent/{}"
_PAGES = 32
_A_PAGE = 64
_TURN_SIZE = 4
_SIZE = 10  # bytes of a mark: 8 of the digest, 2 of the packet id
MOST = (_PAGES - 1) * _A_PAGE  # the oldest page makes room for the newest


class Recent:
    """keep: stores bytes under a name with the next commit. kept: what was stored so; a page is the number of the turn
    it was begun in, then its marks."""

    def __init__(self, keep: Callable[[str, bytes], None], kept: Mapping[str, bytes]) -> None:
        self._keep = keep
        pages = [kept.get(_NAME.format(number), b"") for number in range(_PAGES)]
        self._turn = max(int.from_bytes(page[:_TURN_SIZE], "big") for page in pages)
        self._pages = [page[_TURN_SIZE:] for page in pages]
        self._known = self._marks()

    def __contains__(self, mark: bytes) -> bool:
        return mark in self._known

    def note(self, mark: bytes) -> None:
        if len(self._pages[self._turn % _PAGES]) >= _A_PAGE * _SIZE:
            self._turn += 1
            self._pages[self._turn % _PAGES] = b""
            self._known = self._marks()
        number = self._turn % _PAGES
        self._pages[number] += mark
        self._known.add(mark)
        self._keep(_NAME.format(number), self._turn.to_bytes(_TURN_SIZE, "big") + self._pages[number])

    def _marks(self) -> set[bytes]:
        return {page[at : at + _SIZE] for page in self._pages for at in range(0, len(page), _SIZE)}


def mark_of(topic: str, payload: bytes, packet_id: int) -> bytes:
    digest = hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=_SIZE - 2).digest()
    return digest + packet_id.to_bytes(2, "big")
