"""What main.py calls: the node's program where its settings can be used, else setting it up.

The two never share the memory: each is imported alone. Settings that only the program itself finds wrong (a driver that
is not there, two sensors for one quantity) lead to a restart with the reason in a tiny file.
"""

import os

from aircue_node.config import PATH, MissingSettings, Settings, SettingsError
from aircue_node.supervisor import REASON, bound
from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any


def load(on_trial: bool) -> "Callable[[], None]":
    """What main.py is to run: the node's program, or setting up. All of it is imported here, so that a program that
    flash spoiled fails before it begins.

    on_trial: this version has to prove itself with the settings that are there; SettingsError where it cannot.
    """
    config = _settings(on_trial)
    run, given = _program(config) if isinstance(config, Settings) else _setting_up(config)
    return bound(run, given, not on_trial)


def _program(config: Settings) -> "tuple[Callable[[Any], None], Any]":
    if config.sleep:
        from aircue_node.wiring import battery

        return battery.run, config
    from aircue_node.wiring import program

    return program.run, config


def _setting_up(reason: str) -> "tuple[Callable[[Any], None], Any]":
    try:
        import network  # noqa: F401 -- only to see whether it is there
    except ImportError:
        return _leave_alone, None
    from aircue_node.wiring import setup

    return setup.run, reason


def _leave_alone(_: object) -> None:
    print("settings: this board has no radio: write settings.json over the cable, see docs/firmware.md")


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


def _noted() -> "str | None":
    """What was noted before the restart, once: settings that were put right meanwhile get their chance."""
    try:
        with open(REASON) as file:
            reason = file.read()
        os.remove(REASON)
    except OSError:
        return None
    return reason
