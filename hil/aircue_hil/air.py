"""The air of one room at one moment, and the physics of water vapour that sensors and homes share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

ABSOLUTE_ZERO_C = -273.15
VAPOUR_GAS_CONSTANT = 461.5  # J/(kg K)
SEA_LEVEL_HPA = 1013.25  # ICAO standard atmosphere
OUTDOOR_CO2_PPM = 422.0  # global mean of 2024, NOAA
USUAL_VOC_UGM3 = 150.0  # of the usual magnitude in homes, and what a source that does not know is taken for


@dataclass(frozen=True, kw_only=True)
class Air:
    """True air, before any sensor. `None` = this source does not know the quantity.

    temperature in degrees Celsius, relative humidity in % (0..100), CO2 in ppm, PM2.5 and volatile organic
    compounds in ug/m3, pressure in hPa.
    """

    temperature_c: float
    humidity_pct: float
    co2_ppm: float | None = None
    pm25_ugm3: float | None = None
    pressure_hpa: float | None = None
    voc_ugm3: float | None = None


class Source(Protocol):
    """Where a node's air comes from: a simulated home or a replayed trace."""

    @property
    def rooms(self) -> tuple[str, ...]: ...

    def air(self, room: str, at: int) -> Air | None:
        """The air of `room` at `at` (microseconds since 1970, world time); None in a gap of a trace."""
        ...


def saturation_pressure_pa(temperature_c: float) -> float:
    """Magnus form over water, coefficients of Sonntag (1990), within 0.1 % for -45..60 C.

    >>> round(saturation_pressure_pa(20.0))
    2333
    """
    return 611.2 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))


def saturation_density_gm3(temperature_c: float) -> float:
    """Water vapour that one m3 of air holds at most, in grams.

    >>> round(saturation_density_gm3(20.0), 1)
    17.2
    """
    kelvin = temperature_c - ABSOLUTE_ZERO_C
    return 1000.0 * saturation_pressure_pa(temperature_c) / (VAPOUR_GAS_CONSTANT * kelvin)


def vapour_density_gm3(temperature_c: float, humidity_pct: float) -> float:
    """Grams of water vapour in one m3 of air at this temperature and relative humidity."""
    return saturation_density_gm3(temperature_c) * humidity_pct / 100.0


def relative_humidity_pct(temperature_c: float, density_gm3: float) -> float:
    """Relative humidity of air that holds `density_gm3` of vapour; not clipped, so over 100 means fog."""
    return 100.0 * density_gm3 / saturation_density_gm3(temperature_c)


def first_above(
    read: Callable[[int], float | None], *, threshold: float, for_s: int, start: int, end: int, step_s: int = 60
) -> int | None:
    """The first moment (us) from which `read` stays strictly above `threshold` for `for_s` seconds; None if never.

    A gap (`read` gives None) ends a run.
    """
    since: int | None = None
    for at in range(start, end + 1, step_s * 1_000_000):
        value = read(at)
        if value is None or value <= threshold:
            since = None
            continue
        since = at if since is None else since
        if at - since >= for_s * 1_000_000:
            return since
    return None
