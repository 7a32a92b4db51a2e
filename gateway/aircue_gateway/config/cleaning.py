"""[cleaning] and its parts, one a stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aircue_gateway.config.checks import QUANTITIES, TABLE, Kind, checked, number, one_of, whole

STAGES = ("range", "rate", "stuck", "spike")


SMOOTHING = ("none", "median", "ewma", "one-euro", "kalman")


SURFACES = ("very-sensitive", "sensitive", "medium-resistant", "resistant")


@dataclass(frozen=True, kw_only=True)
class RateConfig:
    """jump, per_s: what is possible, by quantity, in its unit; those of quantities.py where none is given."""

    max_gap_s: float = 600.0
    jump: Mapping[str, float] = field(default_factory=dict)
    per_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StuckConfig:
    """How long a sensor of fine, and one of coarse resolution may repeat one value."""

    fine_s: float = 3600.0
    coarse_s: float = 86_400.0
    max_gap_s: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class SpikeConfig:
    """k: in scales; memory: changes the scale is learnt from; floor: the least scale a quantity, in its unit. Samples
    further apart than max_gap_s are not compared."""

    k: float = 4.0
    memory: int = 32
    max_gap_s: float = 120.0
    floor: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SmoothingConfig:
    """window_s: of the median. tau_s: of ewma. cutoff_hz, beta, speed_cutoff_hz: of one-euro. noise_steps, drift_steps:
    of kalman, in the quantity's step (quantities.py); the drift is that of a minute."""

    method: str = "median"
    window_s: float = 30.0
    tau_s: float = 30.0
    cutoff_hz: float = 0.02
    beta: float = 0.05
    speed_cutoff_hz: float = 0.02
    noise_steps: float = 2.0
    drift_steps: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DeadbandConfig:
    """width: by quantity, in its unit; a quantity without one has no deadband."""

    heartbeat_s: float = 300.0
    width: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GapsConfig:
    """interval_s: the cadence, 0 to learn it. A gap of more than bridge_s is not bridged."""

    interval_s: float = 0.0
    bridge_s: float = 300.0


@dataclass(frozen=True, kw_only=True)
class CleaningConfig:
    """stages: the checks, in their order. mould_surface: what the mould index is of."""

    stages: tuple[str, ...] = STAGES
    mould_surface: str = "sensitive"
    rate: RateConfig = field(default_factory=RateConfig)
    stuck: StuckConfig = field(default_factory=StuckConfig)
    spike: SpikeConfig = field(default_factory=SpikeConfig)
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)
    deadband: DeadbandConfig = field(default_factory=DeadbandConfig)
    gaps: GapsConfig = field(default_factory=GapsConfig)


def _is_stages(value: Any) -> bool:
    return isinstance(value, list) and all(one in STAGES for one in value) and len(set(value)) == len(value)


_CLEANING = {
    "stages": Kind(expected=f"a list of some of {', '.join(STAGES)}, each once", accepts=_is_stages),
    "mould_surface": one_of(SURFACES),
    "rate": TABLE,
    "stuck": TABLE,
    "spike": TABLE,
    "smoothing": TABLE,
    "deadband": TABLE,
    "gaps": TABLE,
}


_RATE = {"max_gap_s": number(0.001, 86_400), "jump": QUANTITIES, "per_s": QUANTITIES}


_STUCK = {
    "fine_s": number(60, 31_536_000),
    "coarse_s": number(60, 31_536_000),
    "max_gap_s": number(0.001, 86_400),
}


_SPIKE = {
    "k": number(0.5, 100),
    "memory": whole(8, 10_000),
    "max_gap_s": number(0.001, 86_400),
    "floor": QUANTITIES,
}


_SMOOTHING = {
    "method": one_of(SMOOTHING),
    "window_s": number(0.001, 86_400),
    "tau_s": number(0.001, 86_400),
    "cutoff_hz": number(1e-6, 100),
    "beta": number(0, 1000),
    "speed_cutoff_hz": number(1e-6, 100),
    "noise_steps": number(0.001, 1000),
    "drift_steps": number(0.001, 1000),
}


_DEADBAND = {"heartbeat_s": number(1, 86_400), "width": QUANTITIES}


_GAPS = {"interval_s": number(0, 86_400), "bridge_s": number(0, 86_400)}


_CLEANING_PARTS: Mapping[str, tuple[Callable[..., Any], dict[str, Kind]]] = {
    "rate": (RateConfig, _RATE),
    "stuck": (StuckConfig, _STUCK),
    "spike": (SpikeConfig, _SPIKE),
    "smoothing": (SmoothingConfig, _SMOOTHING),
    "deadband": (DeadbandConfig, _DEADBAND),
    "gaps": (GapsConfig, _GAPS),
}


def read(file: Path, table: dict[str, Any]) -> CleaningConfig:
    parts = checked(file, "cleaning", table, _CLEANING)
    for name, (kind, kinds) in _CLEANING_PARTS.items():
        parts[name] = kind(**checked(file, f"cleaning.{name}", parts.get(name, {}), kinds))
    if "stages" in parts:
        parts["stages"] = tuple(parts["stages"])
    return CleaningConfig(**parts)
