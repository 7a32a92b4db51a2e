"""What a node says of itself: its birth after every connect, its status now and then."""

import gc

from aircue_node import __version__, contract
from aircue_node.sampler import channels

MYPY = False
if MYPY:
    from aircue_node.clock import Clock
    from aircue_node.ports import Loss, Sensor, Stock
    from aircue_node.sampler import Sampler
    from aircue_node.slots import Slots


_LONGEST_TEXT = 100


class Report:
    """hardware: the port's name; reset: why this boot happened."""

    def __init__(
        self,
        installation: int,
        boot: int,
        hardware: str,
        reset: str,
        fitted: "list[tuple[Sensor, list[int]]]",
        sampler: "Sampler",
        journal: "Stock",
        clock: "Clock",
        slots: "Slots",
    ) -> None:
        self._installation = installation
        self._boot = boot
        self._hardware = hardware
        self._reset = reset
        self._fitted = fitted
        self._sampler = sampler
        self._journal = journal
        self._clock = clock
        self._slots = slots
        self._refused = ""
        self._refusals = 0

    def refuse(self, text: str) -> None:
        """Something from outside was refused: the status says what and why."""
        self._refused = text[:_LONGEST_TEXT]
        self._refusals += 1

    def birth(self) -> bytes:
        return self._birth(self._journal.loss)

    def birth_to_keep(self) -> bytes:
        """For the samples of this boot that a later one sends: without the loss ledger, which would be an old one."""
        return self._birth([])

    def _birth(self, loss: "list[Loss]") -> bytes:
        return contract.encode_birth(
            __version__,
            self._hardware,
            self._installation,
            self._boot,
            self._sampler.interval_ms,
            self._reset,
            channels(self._fitted),
            [(sensor.name, self._sampler.states.get(sensor.name, "not read yet")) for sensor, _ in self._fitted],
            loss,
            self._slots.outcome,
        )

    def status(self) -> bytes:
        gc.collect()
        return contract.encode_status(
            self._installation,
            self._boot,
            self._clock.uptime_ms(),
            _free_heap(),
            len(self._journal),
            self._journal.loss,
            self._sampler.faults,
            self._refused,
            self._refusals,
            self._sampler.suppressed,
        )


def _free_heap() -> int:
    """Bytes; 0 where the interpreter cannot tell (CPython)."""
    return gc.mem_free() if hasattr(gc, "mem_free") else 0
