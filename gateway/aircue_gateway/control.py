"""The way from the command line into the running daemon: a Unix socket in its folder, one JSON object each way.

Whoever may write to the gateway's folder may command its nodes.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from aircue_gateway import log

Fields = dict[str, Any]
Answer = Callable[[Fields], Awaitable[Fields]]

FILE_NAME = "control"
_LARGEST = 256 * 1024  # a dead letter in hexadecimal digits
_ASK_WITHIN_S = 10.0
_PATIENCE_S = 5.0  # of the asking side, past what the answer may take


class Refused(Exception):
    """The daemon heard, and does not; the text says why."""


class NotRunning(Exception):
    """No daemon answers in this folder."""


class Control:
    """The daemon's end. answers: by the request's field "ask", a coroutine from the request to the answer's fields."""

    def __init__(self, folder: Path, answers: Mapping[str, Answer]) -> None:
        self._path = folder / FILE_NAME
        self._answers = answers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """A gateway that cannot open it goes on without and says so: readings matter more."""
        try:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_LARGEST)
            self._path.chmod(0o600)
        except OSError as error:
            log.warning("no_control", path=self._path, reason=error, remedy="commands cannot be sent to nodes")

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(json.dumps(await self._answer(reader)).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> Fields:
        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), _ASK_WITHIN_S))
            return {"ok": True, **await self._answers[request["ask"]](request)}
        except (Refused, TimeoutError, ValueError) as error:
            return {"ok": False, "error": str(error) or "no request came in time"}
        except (KeyError, TypeError) as error:
            return {"ok": False, "error": f"{error}: the daemon and this command are of different versions: restart it"}


def ask(folder: Path, what: str, within_s: float = 0.0, **fields: Any) -> Fields:
    """The answer's fields. within_s: what the answer may take beside its way. Refused with the daemon's own words;
    NotRunning where no daemon listens in this folder."""
    answer = _exchange(folder / FILE_NAME, {"ask": what, **fields}, within_s + _PATIENCE_S)
    if not answer["ok"]:
        raise Refused(answer["error"])
    return answer


def _exchange(path: Path, request: Fields, within_s: float) -> Fields:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(within_s)
        try:
            line.connect(str(path))
            line.sendall(json.dumps(request).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = answers.readline()
        except OSError as error:
            raise NotRunning(f"no gateway answers at {path}: start it with aircue-gateway run") from error
    if not answer:
        raise NotRunning("the gateway stopped before it answered")
    fields: Fields = json.loads(answer)
    return fields
