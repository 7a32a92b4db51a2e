"""The button: held for 5 s, at the start or at any other time, it wipes the settings. A shorter press does nothing, and
neither does switching the power off and on, however often."""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Monotonic
    from aircue_node.ports import InputPin

HELD_MS = 5000
_LOOK_S = 0.1


class Hold:
    """Notices that the button was down for long enough without a break, once a press."""

    def __init__(self) -> None:
        self._down_ms: int | None = None
        self._told = False

    def update(self, now_ms: int, down: bool) -> bool:
        """True at the moment the hold is complete."""
        if not down:
            self._down_ms, self._told = None, False
            return False
        if self._down_ms is None:
            self._down_ms = now_ms
        complete = now_ms - self._down_ms >= HELD_MS and not self._told
        self._told = self._told or complete
        return complete


async def watch(pin: "InputPin", monotonic: "Monotonic", held: "Callable[[], None]") -> None:
    """Looks at a pin that the button pulls low, for ever."""
    hold = Hold()
    while True:
        if hold.update(monotonic.ms(), pin.value() == 0):
            held()
        await asyncio.sleep(_LOOK_S)
