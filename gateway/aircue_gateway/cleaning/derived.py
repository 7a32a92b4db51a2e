"""Derived quantities: dew point, absolute humidity and heat index from temperature (°C) and relative humidity (%).

They are computed wherever they are wanted, here for the rules and local views, in the cloud from the stored readings;
they are never stored with the samples. The mould index has a state and its own file, mould.py.

Sources: saturation pressure over water by Magnus' formula with the constants of Sonntag 1990 (6.112 hPa, 17.62,
243.12 °C; within 0.1 % from -45 to 60 °C, WMO-No. 8); absolute humidity by the ideal gas law, 461.5 J/(kg K) for water;
heat index by Rothfusz 1990 (NWS SR 90-23) with the adjustments and the simple formula of the US National Weather
Service.
"""

import math
from collections.abc import Callable, Mapping

_A, _B, _C = 6.112, 17.62, 243.12
_WATER_J_KG_K = 461.5
_LEAST_RH = 0.1  # a logarithm of 0 has no value; a sensor that says 0 % means less than its resolution


def saturation_hpa(temperature: float) -> float:
    """Of water vapour over water.

    >>> round(saturation_hpa(20.0), 2)
    23.33
    """
    return _A * math.exp(_B * temperature / (_C + temperature))


def dew_point(temperature: float, humidity: float) -> float:
    """°C at which this air, cooled, is saturated.

    >>> round(dew_point(20.0, 50.0), 1)
    9.3
    """
    gamma = math.log(max(humidity, _LEAST_RH) / 100.0) + _B * temperature / (_C + temperature)
    return _C * gamma / (_B - gamma)


def absolute_humidity(temperature: float, humidity: float) -> float:
    """g of water in a m3 of air.

    >>> round(absolute_humidity(20.0, 50.0), 2)
    8.62
    """
    return saturation_hpa(temperature) * humidity / (temperature + 273.15) / _WATER_J_KG_K * 1000.0


def heat_index(temperature: float, humidity: float) -> float:
    """How warm the air feels in the shade, °C.

    >>> round(heat_index(32.2, 70.0), 1)
    41.0
    """
    t, r = temperature * 1.8 + 32.0, humidity
    simple = 0.5 * (0.5 * (t + 61.0 + (t - 68.0) * 1.2 + r * 0.094) + t)
    return ((simple if simple < 80.0 else _rothfusz(t, r)) - 32.0) / 1.8


def _rothfusz(t: float, r: float) -> float:
    """°F from °F and %."""
    index = (
        -42.379
        + 2.04901523 * t
        + 10.14333127 * r
        - 0.22475541 * t * r
        - 0.00683783 * t * t
        - 0.05481717 * r * r
        + 0.00122874 * t * t * r
        + 0.00085282 * t * r * r
        - 0.00000199 * t * t * r * r
    )
    if r < 13.0 and 80.0 <= t <= 112.0:
        return index - (13.0 - r) / 4.0 * math.sqrt((17.0 - abs(t - 95.0)) / 17.0)
    if r > 85.0 and 80.0 <= t <= 87.0:
        return index + (r - 85.0) / 10.0 * (87.0 - t) / 5.0
    return index


# name -> (unit, from temperature and humidity)
DERIVED: Mapping[str, tuple[str, Callable[[float, float], float]]] = {
    "dew_point": ("Cel", dew_point),
    "absolute_humidity": ("g/m3", absolute_humidity),
    "heat_index": ("Cel", heat_index),
}
