"""A web server on loopback that gives files, or whatever else a test makes it say."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Web:
    """folder: what it gives. answers: by path, instead of the file. asked: every path that was asked for, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Web":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split(b" ")[1].decode()
            self.asked.append(path)
            await self.answers.get(path, self._file(path))(writer)
            await writer.drain()
        writer.close()
        self._open.discard(task)

    def _file(self, path: str) -> Answer:
        file = self.folder / path.lstrip("/")
        return whole(file.read_bytes()) if file.is_file() else says(b"HTTP/1.1 404 Not Found\r\n\r\n")


def says(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def whole(data: bytes, length: int | None = None) -> Answer:
    """A 200; length: what it announces, where that is not the truth."""
    announced = len(data) if length is None else length
    return says(b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: %d\r\n\r\n" % announced + data)


def endless(start: bytes) -> Answer:
    """start, then more bytes for as long as anybody reads."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(b"x" * 4096)
            await writer.drain()

    return answer


def silent(start: bytes) -> Answer:
    """start, then nothing, and the connection stays open."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.Event().wait()

    return answer
