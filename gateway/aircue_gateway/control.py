"""The way from the command line into the running daemon: a Unix socket in its folder, one JSON object each way.

Whoever may write to the gateway's folder may command its nodes.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aircue_gateway import log
from aircue_gateway.commands import CommandRefused, Commands, Order

FILE_NAME = "control"
_ASK_STATE = {"ask": "state"}
_LARGEST = 64 * 1024
_ASK_WITHIN_S = 10.0
_PATIENCE_S = 5.0  # of the asking side, past the order's own wait


class NotRunning(Exception):
    """No daemon answers in this folder."""


class Control:
    """The daemon's end."""

    def __init__(self, folder: Path, commands: Commands, state: Callable[[], dict[str, Any]]) -> None:
        """state: of the spool, as `state` answers it."""
        self._path = folder / FILE_NAME
        self._state = state
        self._commands = commands
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

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            line = await asyncio.wait_for(reader.readline(), _ASK_WITHIN_S)
            if json.loads(line) == _ASK_STATE:
                return self._state()
            reply = await self._commands.carry_out(_order(line))
        except (CommandRefused, TimeoutError, ValueError) as error:
            return {"ok": False, "error": str(error) or "no order came in time"}
        return {"ok": reply.error is None, "error": reply.error}


def _order(line: bytes) -> Order:
    fields = json.loads(line)
    return Order(node=fields["node"], command=fields["command"], args=fields["args"], wait_s=float(fields["wait_s"]))


def ask(folder: Path, order: Order) -> str | None:
    """None where the node did it, else why not. NotRunning where no daemon listens in this folder."""
    answer = _exchanged(folder, vars(order), order.wait_s + _PATIENCE_S)
    if not answer:
        raise NotRunning("the gateway stopped before the node answered")
    fields: dict[str, Any] = json.loads(answer)
    return None if fields["ok"] else str(fields["error"])


def spool_state(folder: Path) -> dict[str, Any]:
    """How the running daemon's spool is: name, since_ms, reason. Its name is "stopped" where no daemon answers."""
    try:
        answer = _exchanged(folder, _ASK_STATE, _PATIENCE_S)
    except NotRunning:
        answer = b""
    state: dict[str, Any] = json.loads(answer) if answer else {"name": "stopped"}
    return state


def _exchanged(folder: Path, question: dict[str, Any], patience_s: float) -> bytes:
    """The daemon's line in answer to one of ours; empty where it stopped meanwhile."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(patience_s)
        try:
            line.connect(str(folder / FILE_NAME))
            line.sendall(json.dumps(question).encode() + b"\n")
            with line.makefile("rb") as answers:
                return answers.readline()
        except OSError as error:
            raise NotRunning(f"no gateway answers at {folder / FILE_NAME}: start it with aircue-gateway run") from error
