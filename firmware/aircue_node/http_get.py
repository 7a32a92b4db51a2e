"""GET over plain HTTP/1.1 for a board: piece by piece, bounded in bytes and in time, whatever the server does.

Errors: HttpError, naming the address and what was wrong.
"""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    T = TypeVar("T")

_PIECE = 512
_LONGEST_HEAD = 1024
_LONGEST_URL = 200
_SCHEME = "http://"
_WHOLE_S = 60
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"


class HttpError(Exception):
    """A server that cannot be reached, or answers something that is of no use."""


class Place:
    """A folder on a web server, from its URL: http://host, :port and /path as needed."""

    def __init__(self, url: str) -> None:
        authority, slash, path = url[len(_SCHEME) :].partition("/")
        self.host, _, port = authority.partition(":")
        self.path = (slash + path).rstrip("/")
        if not _is_url(url) or not self.host or not _is_port(port or "80"):
            raise HttpError(f"url is {url[:_LONGEST_URL]!r}, http://host:port/path is expected")
        self.port = int(port or "80")

    async def get(self, name: str, least: int, most: int, take: "Callable[[bytes], object]") -> None:
        """Hands a file's bytes to take(), least to most of them in all, at most 512 at a time."""
        what = f"http://{self.host}:{self.port}{self.path}/{name}"
        try:
            await asyncio.wait_for(self._get(name, least, most, take), _WHOLE_S)
        except HttpError as error:
            raise HttpError(f"{what}: {error}")
        except asyncio.TimeoutError:
            raise HttpError(f"{what}: not here within {_WHOLE_S} s")

    async def _get(self, name: str, least: int, most: int, take: "Callable[[bytes], object]") -> None:
        line = _Line(*await _within_network(asyncio.open_connection(self.host, self.port)))
        try:
            await line.ask(f"GET {self.path}/{quoted(name)} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n")
            head, body = await line.head()
            length = content_length(head)
            if not least <= length <= most:
                expected = most if least == most else f"{least} to {most}"
                raise HttpError(f"{length} bytes are announced, {expected} are expected")
            await line.body(body, length, take)
        finally:
            await line.close()


class _Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: str) -> None:
        await _within_network(self._send((request + "Connection: close\r\n\r\n").encode()))

    async def head(self) -> tuple[bytes, bytes]:
        """The answer's head, and what came of its body already."""
        came = b""
        while b"\r\n\r\n" not in came:
            if len(came) > _LONGEST_HEAD:
                raise HttpError(f"the answer's head is longer than {_LONGEST_HEAD} bytes")
            came += await self._piece()
        head, _, body = came.partition(b"\r\n\r\n")
        return head, body

    async def body(self, piece: bytes, left: int, take: "Callable[[bytes], object]") -> None:
        """What a server sends past the announced length is not looked at."""
        while True:
            take(piece[:left])
            left -= min(left, len(piece))
            if left == 0:
                return
            piece = await self._piece()

    async def close(self) -> None:
        """MicroPython closes the socket in wait_closed alone."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _piece(self) -> bytes:
        piece = await _within_network(self._reader.read(_PIECE))
        if not piece:
            raise HttpError("the server closed the connection too early")
        return piece


def content_length(head: bytes) -> int:
    """Bytes of the body that a 200 announces (RFC 9112, 6.2)."""
    lines = head.split(b"\r\n")
    status = lines[0].split(b" ")
    if len(status) < 2 or not status[0].startswith(b"HTTP/1."):
        raise HttpError("that is no HTTP server")
    if status[1] != b"200":
        raise HttpError(f"the server answered {_shown(status[1])}")
    lengths = [_value(line) for line in lines[1:] if line.lower().startswith(b"content-length:")]
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 9:
        raise HttpError("the answer has no usable Content-Length: take a server that sends files as they are")
    if any([line.lower().startswith(b"transfer-encoding:") for line in lines]):
        raise HttpError("the answer is chunked: take a server that sends files as they are")
    return int(lengths[0])


def quoted(path: str) -> str:
    """The path with everything escaped that has a meaning of its own in a URL (RFC 3986, 2.1)."""
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in path.encode()])


def _is_url(url: str) -> bool:
    plain = all([" " < character < "\x7f" and character not in "?#@[]" for character in url])
    return url.startswith(_SCHEME) and plain and len(url) <= _LONGEST_URL


def _is_port(text: str) -> bool:
    return text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip()


def _shown(raw: bytes) -> str:
    return "".join([chr(byte) for byte in raw[:20] if 32 <= byte < 127])


async def _within_network(awaitable: "Awaitable[T]") -> "T":
    """Its result; what the network did to it is told as an HttpError."""
    try:
        return await awaitable
    except OSError as error:
        raise HttpError(f"no connection: {error}")
