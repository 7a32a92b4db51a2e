"""GET over plain HTTP/1.1 for a board: piece by piece, bounded in bytes and in time, whatever the server does.

Few functions, short texts: it is loaded beside a running node.
"""

import asyncio

from aircue_node.client import hang_up

MYPY = False
if MYPY:
    from collections.abc import Callable

_PIECE = 512
_LONGEST_HEAD = 1024
_LONGEST_URL = 200
_WHOLE_S = 60
_SCHEME = "http://"
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"


class HttpError(Exception):
    """A URL or an answer that is of no use."""


def split(url: str) -> tuple[str, int, str]:
    """(host, port, path without a slash at its end) of http://host:port/path."""
    authority, slash, path = url[len(_SCHEME) :].partition("/")
    host, _, port = authority.partition(":")
    plain = all([" " < character < "\x7f" and character not in "?#@[]" for character in url])
    number = int(port or "80") if plain and (port or "80").isdigit() and len(port) <= 5 else 0
    if not url.startswith(_SCHEME) or not host or not 0 < number < 65536 or len(url) > _LONGEST_URL:
        raise HttpError("url must be http://host:port/path")
    return host, number, (slash + path).rstrip("/")


async def get(url: str, name: str, least: int, most: int, take: "Callable[[bytes], object]") -> None:
    """Hands a file's bytes to take(), least to most of them in all, at most 512 at a time.

    HttpError names the file and what was wrong; OSError where the server cannot be reached, or take() raises one.
    """
    try:
        await asyncio.wait_for(_get(url, name, least, most, take), _WHOLE_S)
    except HttpError as error:
        raise HttpError(f"{name}: {error}")
    except asyncio.TimeoutError:
        raise HttpError(f"{name}: not here within {_WHOLE_S} s")


async def _get(url: str, name: str, least: int, most: int, take: "Callable[[bytes], object]") -> None:
    host, port, path = split(url)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        request = f"GET {path}/{quoted(name)} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        await writer.drain()
        head, piece = await _head(reader)
        left = content_length(head)
        if not least <= left <= most:
            raise HttpError(f"{left} bytes announced, {least} to {most} expected")
        while True:
            take(piece[:left])
            left -= min(left, len(piece))
            if left == 0:
                return
            piece = await _piece(reader)
    finally:
        await hang_up(writer)


async def _head(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The answer's head, and what came of its body already."""
    came = b""
    while b"\r\n\r\n" not in came:
        if len(came) > _LONGEST_HEAD:
            raise HttpError(f"head longer than {_LONGEST_HEAD} bytes")
        came += await _piece(reader)
    head, _, body = came.partition(b"\r\n\r\n")
    return head, body


async def _piece(reader: asyncio.StreamReader) -> bytes:
    piece = await reader.read(_PIECE)
    if not piece:
        raise HttpError("the connection was closed too early")
    return piece


def content_length(head: bytes) -> int:
    """Bytes of the body that a 200 announces (RFC 9112, 6.2)."""
    lines = head.lower().split(b"\r\n")
    status = lines[0].split(b" ")
    if len(status) < 2 or not status[0].startswith(b"http/1."):
        raise HttpError("no HTTP server")
    if status[1] != b"200":
        raise HttpError(f"answered {status[1][:20]!r}")
    lengths = [line[15:].strip() for line in lines if line.startswith(b"content-length:")]
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 9:
        raise HttpError("no usable Content-Length")
    if any([line.startswith(b"transfer-encoding:") for line in lines]):
        raise HttpError("chunked, but whole files are expected")
    return int(lengths[0])


def quoted(path: str) -> str:
    """The path with everything escaped that has a meaning of its own in a URL (RFC 3986, 2.1)."""
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in path.encode()])
