"""What a node is told to do otherwise from now on: its interval, its deadband.

An action takes a command's arguments and gives None when it did as told, else why not. Nothing of this module stays in
memory between commands.
"""

from aircue_node.unload import unload

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.sampler import Sampler

_INTERVAL_MS = (1000, 86400000)


class Tuning:
    """interval and deadband, kept across restarts: store(changes) puts them into the settings, which then say what
    runs. OSError, ValueError and MemoryError of it are the command's answer, and nothing changes."""

    def __init__(self, sampler: "Sampler", store: "Callable[[dict[str, Any]], None]") -> None:
        self._sampler = sampler
        self._store = store

    def interval(self, args: "dict[str, Any]") -> "str | None":
        """{"ms": 60000}"""
        ms = args.get("ms")
        smallest, largest = _INTERVAL_MS
        if type(ms) is not int or ms < smallest or ms > largest:
            return f"interval: ms must be {smallest} to {largest}"
        wrong = self._stored({"interval_ms": ms})
        if wrong is None:
            self._sampler.interval_ms = ms
        return wrong

    def deadband(self, args: "dict[str, Any]") -> "str | None":
        """{"temperature": 0.2}, in the quantities' units; {} is none."""
        wrong = _wrong(args)
        if wrong is None:
            # before anything is stored: there may be no memory for it
            deadband = self._sampler.with_deadband() if args else self._sampler.deadband
            wrong = self._stored({"deadband": args})
            if wrong is None and deadband is not None:
                deadband.set(args)
        return wrong

    def _stored(self, changes: "dict[str, Any]") -> "str | None":
        try:
            self._store(changes)
        except (OSError, ValueError, MemoryError) as error:
            return f"not changed: the settings cannot be stored: {error}"
        return None


def _wrong(limits: "dict[str, Any]") -> "str | None":
    """Room is made for storing them."""
    try:
        from aircue_node.quantities import wrong_deadband

        return wrong_deadband(limits)
    finally:
        unload("aircue_node.quantities")
