"""The two folders a program can lie in on a board, a and b, seen from the program that runs in one of them.

The launcher (main.py at the board's root, never updated) decides what is started; both tell each other through the file
`slot`, whose keys main.py explains. Here beside them: sequence, the highest release that proved itself, and next, the
trial's. A program that runs beside main.py has no slots; then nothing here writes anything.
"""

import asyncio
import json
import os
import sys

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

FOLDERS = ("a", "b")
_FILE = "slot"
_STARTS = 3
_TRIAL_S = 600


def running() -> str | None:
    """The folder the launcher started this program from; None beside main.py."""
    return sys.path[0] if sys.path[0] in FOLDERS else None


class Slots:
    """folder: the one that runs, see running()."""

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self._state = {} if folder is None else _read(folder)
        self._proved = folder is None or not (self.on_trial or self._state.get("swapped"))

    @property
    def on_trial(self) -> bool:
        """Whether the program that runs has yet to be confirmed."""
        return self.folder is not None and self._state.get("trial") == self.folder

    @property
    def spare(self) -> str | None:
        """The folder to write an update to; None without slots, and on trial: there it is what to fall back to."""
        if self.folder is None or self.on_trial:
            return None
        return FOLDERS[1 - FOLDERS.index(self.folder)]

    @property
    def sequence(self) -> int:
        """The highest release that was confirmed on this board; 0 where none was."""
        sequence: int = self._state.get("sequence", 0)
        return sequence

    @property
    def outcome(self) -> str | None:
        """What became of the last update, for the birth; None where there is nothing to say."""
        if self.on_trial:
            return f"{self._state.get('version')} on trial, start {self._state.get('tries')} of {_STARTS}"
        outcome: str | None = self._state.get("outcome")
        return outcome

    def stage(self, version: str, sequence: int) -> None:
        """The next start is the spare folder's first on trial."""
        state = {"active": self.folder, "trial": self.spare, "tries": 0, "version": version}
        self._write(dict(state, sequence=self.sequence, next=sequence))

    def confirm(self) -> None:
        """The gateway has a sample of this start on its disk: the program works. Cheap once that is written down.

        Flash that takes nothing is tried again with the next ack.
        """
        if self._proved:
            return
        state = {"active": self.folder, "sequence": self.sequence}
        if self.on_trial:
            state["sequence"] = max(self.sequence, self._state.get("next", 0))
        elif self.outcome is not None:
            state["outcome"] = self.outcome
        try:
            self._write(state)
        except OSError as error:
            print("slots: the confirmation cannot be written:", error)
            return
        self._proved = True

    async def limit_trial(self, restart: "Callable[[], None]") -> None:
        """A trial that nobody acks in time restarts, which counts as one of its starts. Else returns at once."""
        if self.on_trial:
            await asyncio.sleep(_TRIAL_S)
        if self.on_trial:
            print("slots: no ack on trial, restarting")
            restart()

    def _write(self, state: "dict[str, Any]") -> None:
        """The file holds the old state or this one, whenever the power goes."""
        with open(_FILE + ".new", "w") as file:
            file.write(json.dumps(state))
        os.rename(_FILE + ".new", _FILE)
        self._state = state


def _read(folder: str) -> "dict[str, Any]":
    """What the launcher went by; it knows why there are two names."""
    for name in (_FILE, _FILE + ".new"):
        try:
            with open(name) as file:
                return dict(json.loads(file.read()))
        except (OSError, ValueError, TypeError):
            pass
    return {"active": folder}
