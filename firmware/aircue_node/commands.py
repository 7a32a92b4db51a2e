"""Commands to a node: signed, meant for one installation, each run once, each answered."""

import os

from aircue_node import contract
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    Action = Callable[[dict[str, Any]], str | None]

_FILE = "command"


class LastNumber:
    """The number of the last command of one installation, in a tiny file, so that a recorded command is not run again
    after a restart either. Another installation begins at 0."""

    def __init__(self, installation: int, path: str = _FILE) -> None:
        self._installation = installation
        self._path = path
        self.value = self._read()

    def store(self, number: int) -> None:
        """Written before the command is run. OSError where it cannot be."""
        with open(self._path + ".new", "w") as file:
            file.write(f"{self._installation} {number}")
        os.rename(self._path + ".new", self._path)
        self.value = number

    def _read(self) -> int:
        try:
            with open(self._path) as file:
                installation, number = file.read().split()
            return int(number) if int(installation) == self._installation else 0
        except (OSError, ValueError):
            return 0


class Commands:
    """answer() runs one command message and gives the reply to publish.

    actions: by command; each takes the arguments and gives None when it did as told, else why not.
    """

    def __init__(self, key: bytes, installation: int, actions: "dict[str, Action]", last: LastNumber) -> None:
        self._key = key
        self._installation = installation
        self._actions = actions
        self._last = last

    def answer(self, payload: bytes) -> bytes:
        try:
            fields = self._decoded(payload)
        except contract.ContractError as error:
            return contract.encode_reply("", str(error))
        return contract.encode_reply(fields["id"], self._refusal(fields) or self._run(fields))

    def _decoded(self, payload: bytes) -> "dict[str, Any]":
        """Room is made for what the command does."""
        try:
            from aircue_node import command_codec

            return command_codec.decode_command(payload, self._key)
        finally:
            unload("aircue_node.command_codec")

    def _refusal(self, fields: "dict[str, Any]") -> "str | None":
        if fields["i"] != self._installation:
            return "meant for another installation"
        if fields["n"] <= self._last.value:
            return f"number {fields['n']} was used before: {self._last.value + 1} or more is expected"
        try:
            self._last.store(fields["n"])
        except OSError as error:
            return f"not run: its number cannot be stored: {error}"
        return None

    def _run(self, fields: "dict[str, Any]") -> "str | None":
        action = self._actions.get(fields["command"])
        if action is None:
            return f"unknown command {fields['command']}; known are {', '.join(sorted(self._actions))}"
        return action(fields["args"])
