"""The way of one channel's values: the configured checks, smoothing, episodes, deadband."""

from collections.abc import Callable, Mapping
from typing import Protocol

from aircue_gateway.batch import Status
from aircue_gateway.cleaning import smoothing
from aircue_gateway.cleaning.deadband import Deadband
from aircue_gateway.cleaning.range import Range
from aircue_gateway.cleaning.rate import Rate
from aircue_gateway.cleaning.spike import Spike, Suspect
from aircue_gateway.cleaning.stuck import Stuck
from aircue_gateway.config import CleaningConfig, SmoothingConfig
from aircue_gateway.quantities import LIMITS, Limits

# Feeds a trusted, smoothed value (time in epoch seconds) to the rules; whether it changed the phase of one.
Watch = Callable[[float, float], bool]

_OK = Status.OK


class Filter(Protocol):
    def update(self, at: float, value: float) -> Status: ...


class Pipeline:
    """What a check flags goes no further; a value that changed an episode's phase is never held back.

    smoothed: what the last trusted value became, None before there was one. revised: the flagged values that the last
    update cleared after all, in order; the rules have seen them before the value that cleared them. Empty it once it
    is read.
    """

    def __init__(
        self, *, filters: tuple[Filter, ...], smoother: smoothing.Smoother, watch: Watch, deadband: Deadband | None
    ) -> None:
        self.filters = filters
        self.smoother = smoother
        self.deadband = deadband
        self._checks = tuple(one.update for one in filters)
        self._spike = next((one for one in filters if isinstance(one, Spike)), None)
        self._smooth = smoother.update
        self._watch = watch
        self._deadband = deadband
        self.smoothed: float | None = None
        self.revised: list[Suspect] = [] if self._spike is None else self._spike.revised

    def update(self, at: float, value: float) -> tuple[Status, bool]:
        """The value's status, and whether it changed the phase of an episode. at: epoch seconds."""
        for check in self._checks:
            status = check(at, value)
            if status is not _OK:
                return status, self._set_back(status)
        changed = self._watch_revised() if self.revised else False
        self.smoothed = smoothed = self._smooth(at, value)
        changed = self._watch(at, smoothed) or changed
        if self._deadband is None:
            return _OK, changed
        if changed:
            self._deadband.keep(at, smoothed)
            return _OK, True
        return self._deadband.update(at, smoothed), False

    def _set_back(self, status: Status) -> bool:
        """Whether the flagged value cleared others, and they changed a phase."""
        if self._spike is not None and status is not Status.SPIKE:
            self._spike.passed()
        return self._watch_revised()

    def _watch_revised(self) -> bool:
        changes = [self._watch(one.at, self._smooth(one.at, one.value)) for one in self.revised]
        return any(changes)


def build(config: CleaningConfig, quantity: str, watch: Watch) -> Pipeline:
    from aircue_gateway.cleaning.usual import Usual  # which is a pipeline itself

    limits = LIMITS[quantity]
    width = config.deadband.width.get(quantity)
    filters = tuple(_CHECKS[name](config, quantity, limits) for name in config.stages)
    smoother = _smoother(config.smoothing, limits)
    match filters:
        case (Range() as range_, Rate() as rate, Stuck() as stuck, Spike() as spike):
            if isinstance(smoother, smoothing.Median) and width is None:
                return Usual(filters=(range_, rate, stuck, spike), median=smoother, watch=watch)
    deadband = None if width is None else Deadband(width=width, heartbeat_s=config.deadband.heartbeat_s)
    return Pipeline(filters=filters, smoother=smoother, watch=watch, deadband=deadband)


def _range(_config: CleaningConfig, _quantity: str, limits: Limits) -> Range:
    return Range(low=limits.low, high=limits.high)


def _rate(config: CleaningConfig, quantity: str, limits: Limits) -> Rate:
    return Rate(
        jump=config.rate.jump.get(quantity, limits.jump),
        per_s=config.rate.per_s.get(quantity, limits.per_s),
        max_gap_s=config.rate.max_gap_s,
    )


def _stuck(config: CleaningConfig, _quantity: str, limits: Limits) -> Stuck:
    stuck = config.stuck
    return Stuck(
        step=limits.step,
        fine_s=stuck.fine_s,
        coarse_s=stuck.coarse_s,
        max_gap_s=stuck.max_gap_s,
        rests=limits.rests,
    )


def _spike(config: CleaningConfig, quantity: str, limits: Limits) -> Spike:
    spike = config.spike
    floor = spike.floor.get(quantity, limits.spike_floor)
    return Spike(k=spike.k, memory=spike.memory, start=limits.spike_start, floor=floor, max_gap_s=spike.max_gap_s)


_CHECKS: Mapping[str, Callable[[CleaningConfig, str, Limits], Filter]] = {
    "range": _range,
    "rate": _rate,
    "stuck": _stuck,
    "spike": _spike,
}


def _smoother(config: SmoothingConfig, limits: Limits) -> smoothing.Smoother:
    if config.method == "kalman":
        return smoothing.Kalman(noise=config.noise_steps * limits.step, drift=config.drift_steps * limits.step)
    kind, names = smoothing.METHODS[config.method]
    return kind(**{name: getattr(config, name) for name in names})
