"""What a node does when it is commanded to: change its interval or deadband, show itself.

An action takes a command's arguments and gives None when it did as told, else why not. Nothing of this module stays in
memory between commands, but for what blinks.
"""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from aircue_node.ports import OutputPin
    from aircue_node.sampler import Sampler

_INTERVAL_MS = (1000, 86400000)
_IDENTIFY_S = (1, 300)
_BLINK_S = 0.25


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
        from aircue_node.quantities import wrong_deadband

        wrong = wrong_deadband(args) or self._stored({"deadband": args})
        if wrong is None:
            self._sampler.deadband.set(args)
        return wrong

    def _stored(self, changes: "dict[str, Any]") -> "str | None":
        try:
            self._store(changes)
        except (OSError, ValueError, MemoryError) as error:
            return f"not changed: the settings cannot be stored: {error}"
        return None


class Identify:
    """Blinks the LED; a board without one says so on its console, for whoever looks there. shown: where the task that
    does so is kept until it is over."""

    def __init__(self, led: "OutputPin | None", node: str, shown: "list[asyncio.Task[None]]") -> None:
        self._led = led
        self._node = node
        self._shown = shown

    def command(self, args: "dict[str, Any]") -> "str | None":
        """{"seconds": 30}; 10 where it is not given. The last one counts."""
        seconds = args.get("seconds", 10)
        shortest, longest = _IDENTIFY_S
        if type(seconds) is not int or seconds < shortest or seconds > longest:
            return f"identify: seconds must be {shortest} to {longest}"
        while self._shown:
            self._shown.pop().cancel()
        self._shown.append(asyncio.create_task(self._show(seconds)))
        return None

    async def _show(self, seconds: int) -> None:
        for blink in range(int(seconds / _BLINK_S)):
            self._light(1 - blink % 2)
            if blink % 8 == 0:
                print("identify: this is", self._node)
            await asyncio.sleep(_BLINK_S)
        self._light(0)
        self._shown.clear()

    def _light(self, level: int) -> None:
        if self._led is not None:
            self._led.value(level)


def bare(command: str, act: "Callable[[], object]") -> "Callable[[dict[str, Any]], str | None]":
    """The action of a command that takes no arguments."""

    def action(args: "dict[str, Any]") -> "str | None":
        if args:
            return f"{command}: takes no arguments"
        act()
        return None

    return action
