"""The way of one channel's values: range, spike, episodes, deadband."""

from collections.abc import Callable
from typing import Protocol

from aircue_gateway.batch import Status
from aircue_gateway.cleaning.deadband import Deadband
from aircue_gateway.cleaning.range import Range
from aircue_gateway.cleaning.spike import Spike
from aircue_gateway.config import CleaningConfig
from aircue_gateway.quantities import LIMITS

# Feeds a trusted value (time in epoch seconds) to the rules; whether it changed the phase of one.
Watch = Callable[[float, float], bool]


class Filter(Protocol):
    def update(self, at: float, value: float) -> Status: ...


class Pipeline:
    """What a stage flags goes no further; a value that changed an episode's phase is never held back."""

    def __init__(self, *, filters: tuple[Filter, ...], watch: Watch, deadband: Deadband | None) -> None:
        self._filters = filters
        self._watch = watch
        self._deadband = deadband

    def update(self, at: float, value: float) -> tuple[Status, bool]:
        """The value's status, and whether it changed the phase of an episode. at: epoch seconds."""
        for stage in self._filters:
            status = stage.update(at, value)
            if status is not Status.OK:
                return status, False
        changed = self._watch(at, value)
        if self._deadband is None:
            return Status.OK, changed
        if changed:
            self._deadband.keep(at, value)
            return Status.OK, True
        return self._deadband.update(at, value), False


def build(config: CleaningConfig, quantity: str, watch: Watch) -> Pipeline:
    limits = LIMITS[quantity]
    spike = config.spike
    floor = spike.floor.get(quantity, limits.spike_floor)
    filters = (
        Range(low=limits.low, high=limits.high),
        Spike(window=spike.window, k=spike.k, floor=floor, max_gap_s=spike.max_gap_s),
    )
    width = config.deadband.width.get(quantity)
    deadband = None if width is None else Deadband(width=width, heartbeat_s=config.deadband.heartbeat_s)
    return Pipeline(filters=filters, watch=watch, deadband=deadband)
