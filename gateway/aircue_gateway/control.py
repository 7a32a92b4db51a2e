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
from aircue_gateway.window import DeadLetter

FILE_NAME = "control"
_LARGEST = 256 * 1024  # a dead letter in hexadecimal digits
_ASK_WITHIN_S = 10.0
_PATIENCE_S = 5.0  # of the asking side, past the order's own wait


class NotRunning(Exception):
    """No daemon answers in this folder."""


class Control:
    """The daemon's end. look: what only the running gateway knows. replay: takes a dead letter in again; None, or why
    not."""

    def __init__(
        self,
        folder: Path,
        commands: Commands,
        look: Callable[[], dict[str, Any]] = dict,
        replay: Callable[[int, DeadLetter], str | None] = lambda _ident, _letter: "this gateway replays nothing",
    ) -> None:
        self._path = folder / FILE_NAME
        self._commands = commands
        self._look = look
        self._replay = replay
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
            return await self._done(json.loads(line))
        except (CommandRefused, TimeoutError, ValueError) as error:
            return {"ok": False, "error": str(error) or "no order came in time"}

    async def _done(self, fields: dict[str, Any]) -> dict[str, Any]:
        if "look" in fields:
            return {"ok": True, "error": None, **self._look()}
        if "replay" in fields:
            error = self._replay(fields["id"], _letter(fields["replay"]))
            return {"ok": error is None, "error": error}
        reply = await self._commands.carry_out(_order(fields))
        return {"ok": reply.error is None, "error": reply.error}


def _letter(fields: dict[str, Any]) -> DeadLetter:
    return DeadLetter(**{**fields, "payload": bytes.fromhex(fields["payload"])})


def _order(fields: dict[str, Any]) -> Order:
    return Order(node=fields["node"], command=fields["command"], args=fields["args"], wait_s=float(fields["wait_s"]))


def ask(folder: Path, order: Order) -> str | None:
    """None where the node did it, else why not. NotRunning where no daemon listens in this folder."""
    fields = _exchange(folder, vars(order), order.wait_s)
    return None if fields["ok"] else str(fields["error"])


def look(folder: Path) -> dict[str, Any]:
    """What only the running gateway knows. NotRunning as above."""
    fields = _exchange(folder, {"look": True}, 0.0)
    return {name: value for name, value in fields.items() if name not in ("ok", "error")}


def replay(folder: Path, ident: int, letter: DeadLetter) -> str | None:
    """Has the running gateway take a dead letter in again; None, or why not. NotRunning as above."""
    fields = _exchange(folder, {"id": ident, "replay": {**vars(letter), "payload": letter.payload.hex()}}, 0.0)
    return None if fields["ok"] else str(fields["error"])


def _exchange(folder: Path, order: dict[str, Any], wait_s: float) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(wait_s + _PATIENCE_S)
        try:
            line.connect(str(folder / FILE_NAME))
            line.sendall(json.dumps(order).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = answers.readline()
        except OSError as error:
            raise NotRunning(f"no gateway answers at {folder / FILE_NAME}: start it with aircue-gateway run") from error
    if not answer:
        raise NotRunning("the gateway stopped before it answered")
    fields: dict[str, Any] = json.loads(answer)
    return fields
