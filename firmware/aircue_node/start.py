"""What main.py calls: the node's program where its settings can be used, else setting it up.

The two never share the memory: each is imported alone. Settings that only the program itself finds wrong (a driver that
is not there, two sensors for one quantity) lead to a restart with the reason in a tiny file.
"""

import os
import sys
import time

from aircue_node.config import PATH, MissingSettings, Settings, SettingsError
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable

_REASON = "reason"
# A board that fails at once each time can still be reached with a Ctrl-C.
_PAUSE_S = 2
# What flash that lost a byte makes of a module: MicroPython has a ValueError for bytecode it does not know.
_UNLOADABLE = (ImportError, SyntaxError, ValueError)


def load(on_trial: bool) -> "Callable[[], None]":
    """What main.py is to run: the node's program, or setting up. All of it is imported here, so that a program that
    flash spoiled fails before it begins.

    on_trial: this version has to prove itself with the settings that are there; SettingsError where it cannot.
    """
    config = _settings(on_trial)
    run = _program(config) if isinstance(config, Settings) else _setting_up(config)
    if on_trial:
        return run

    def supervised() -> None:
        _supervise(run)

    return supervised


def _program(config: Settings) -> "Callable[[], None]":
    if config.sleep:
        from aircue_node.wiring import battery

        return lambda: battery.run(config)
    from aircue_node.wiring import program

    return lambda: program.run(config)


def _setting_up(reason: str) -> "Callable[[], None]":
    try:
        import network  # noqa: F401 -- only to see whether it is there
    except ImportError:
        return _left_alone
    from aircue_node.wiring import setup

    return lambda: setup.run(reason)


def _left_alone() -> None:
    print("settings: this board has no radio: write settings.json over the cable, see docs/firmware.md")


def _supervise(run: "Callable[[], None]") -> None:
    """Comes back only by a Ctrl-C, or where there is nothing it could do. A module that cannot be loaded is left to
    main.py, which may have another program to start."""
    import machine

    try:
        run()
    except Exception as error:
        if isinstance(error, SettingsError):
            _note(str(error))
        elif isinstance(error, _UNLOADABLE):
            raise
        sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython's own
        time.sleep(_PAUSE_S)
        machine.reset()


def _settings(on_trial: bool) -> "Settings | str":
    """What the program runs with, or why it is not to be run: "" where there are no settings yet."""
    from aircue_node import settings

    try:
        config = settings.load(PATH)
    except SettingsError as error:
        print("settings:", error)
        if on_trial:
            raise
        return "" if isinstance(error, MissingSettings) else str(error)
    unload("aircue_node.settings", "aircue_node.settings_file", "aircue_node.quantities")
    reason = None if on_trial else _noted()
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
