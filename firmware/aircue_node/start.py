"""What main.py calls: the node's program where its settings can be used, else setting it up.

The two never share the memory: each is imported alone. Settings that only the program itself finds wrong (a driver that
is not there, two sensors for one quantity) lead to a restart with the reason in a tiny file.
"""

import os
import sys
import time

from aircue_node import settings

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
    if on_trial:
        return _program(settings.load(settings.PATH).sleep)
    reason = _why_not()
    run = _program(settings.load(settings.PATH).sleep) if reason is None else _setting_up(reason)

    def supervised() -> None:
        _supervise(run)

    return supervised


def _program(sleeps: bool) -> "Callable[[], None]":
    if sleeps:
        from aircue_node.wiring import battery as chosen
    else:
        from aircue_node.wiring import program as chosen
    run: Callable[[], None] = chosen.run
    return run


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
        if isinstance(error, settings.SettingsError):
            _note(str(error))
        elif isinstance(error, _UNLOADABLE):
            raise
        sys.print_exception(error)  # type: ignore[attr-defined]  # MicroPython's own
        time.sleep(_PAUSE_S)
        machine.reset()


def _why_not() -> "str | None":
    """Why the program is not to be run: "" where there are no settings yet, None where it is."""
    try:
        settings.load(settings.PATH)
    except settings.MissingSettings as error:
        print("settings:", error)
        return ""
    except settings.SettingsError as error:
        print("settings:", error)
        return str(error)
    return _noted()


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
