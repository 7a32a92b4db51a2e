"""Runs what start.py found, for as long as the board has power; start.py itself is out of memory by then."""

import sys
import time

from aircue_node.config import SettingsError
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

REASON = "reason"
# A board that fails at once each time can still be reached with a Ctrl-C.
_PAUSE_S = 2
# What flash that lost a byte makes of a module: MicroPython has a ValueError for bytecode it does not know.
_UNLOADABLE = (ImportError, SyntaxError, ValueError)


def bound(run: "Callable[[Any], None]", given: "Any", supervised: bool) -> "Callable[[], None]":
    """Made here, because a function keeps the module in memory that it was made in."""

    def begin() -> None:
        unload("aircue_node.start")
        if supervised:
            _supervise(run, given)
        else:
            run(given)

    return begin


def _supervise(run: "Callable[[Any], None]", given: "Any") -> None:
    """Comes back only by a Ctrl-C, or where there is nothing it could do. A module that cannot be loaded is left to
    main.py, which may have another program to start."""
    import machine

    try:
        run(given)
    except Exception as error:
        if isinstance(error, SettingsError):
            _note(str(error))
        elif isinstance(error, _UNLOADABLE):
            raise
        sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython's own
        time.sleep(_PAUSE_S)
        machine.reset()


def _note(reason: str) -> None:
    with open(REASON, "w") as file:
        file.write(reason)
