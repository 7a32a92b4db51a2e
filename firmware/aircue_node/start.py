"""What main.py calls: the node's program where its settings can be used, else setting it up.

The two never share the memory: each is imported alone. Settings that only the program itself finds wrong (a driver that
is not there, two sensors for one quantity) lead to a restart with the reason in a tiny file.
"""

import os
import sys
import time

from aircue_node.config import PATH, MissingSettings, Settings, SettingsError
from aircue_node.unload import unload

_REASON = "reason"
# A board that fails at once each time can still be reached with a Ctrl-C.
_PAUSE_S = 2


def run() -> None:
    """Comes back only by a Ctrl-C, or where there is nothing it could do."""
    import machine

    try:
        _run()
    except Exception as error:  # noqa: BLE001 -- told whole; a board has no other supervisor than a reset
        sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython's own
        time.sleep(_PAUSE_S)
        machine.reset()


def _run() -> None:
    config = _settings()
    if not isinstance(config, Settings):
        _set_up(config)
        return
    from aircue_node.wiring import program

    try:
        program.run(config)
    except SettingsError as error:
        _note(str(error))
        raise


def _set_up(reason: str) -> None:
    try:
        import network  # noqa: F401 -- only to see whether it is there
    except ImportError:
        print("settings: this board has no radio: write settings.json over the cable, see docs/firmware.md")
        return
    from aircue_node.wiring import setup

    setup.run(reason)


def _settings() -> "Settings | str":
    """What the program runs with, or why it is not to be run: "" where there are no settings yet."""
    from aircue_node import settings

    try:
        config = settings.load(PATH)
    except MissingSettings as error:
        print("settings:", error)
        return ""
    except SettingsError as error:
        print("settings:", error)
        return str(error)
    unload("aircue_node.settings")
    reason = _noted()
    return config if reason is None else reason


def _note(reason: str) -> None:
    with open(_REASON, "w") as file:
        file.write(reason)


def _noted() -> "str | None":
    """What was noted before the restart, once: settings that were put right meanwhile get their chance."""
    try:
        with open(_REASON) as file:
            reason = file.read()
        os.remove(_REASON)
    except OSError:
        return None
    return reason
