"""A node shows itself by command. In memory only while it does."""

import asyncio

MYPY = False
if MYPY:
    from typing import Any

    from aircue_node.ports import OutputPin

_IDENTIFY_S = (1, 300)
_BLINK_S = 0.25


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
