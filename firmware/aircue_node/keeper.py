"""The keeper: once a second, what is on its way for too long waits again, and what waits for long goes to flash."""

import asyncio

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.clock import Clock, Monotonic
    from aircue_node.courier import Courier
    from aircue_node.journal import Journal

_EVERY_S = 1


class Keeper:
    """tick: called while the journal gets on."""

    def __init__(
        self, journal: "Journal", courier: "Courier", clock: "Clock", monotonic: "Monotonic", tick: "Callable[[], None]"
    ) -> None:
        self._journal = journal
        self._courier = courier
        self._clock = clock
        self._monotonic = monotonic
        self._tick = tick

    async def run(self) -> None:
        while True:
            self._courier.expire(self._monotonic.ms())
            self._journal.flush(self._clock.uptime_ms())
            self._tick()
            await asyncio.sleep(_EVERY_S)

    def store_all(self) -> None:
        """Before a reset: nothing is in RAM alone any more."""
        self._journal.flush(self._clock.uptime_ms(), True)
