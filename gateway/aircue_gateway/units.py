"""Units: what other makers' devices say, in the unit that the contract fixes for the quantity.

Factors are exact by definition (SI, 1 inHg = 3386.389 Pa at 0 °C, 1 mmHg = 133.322387415 Pa) except where a mass is
told of a gas: ppm = mg/m3 x 24.45 / molar mass, at 25 °C and 1013.25 hPa, 44.01 g/mol for CO2.

Errors: UnitError, whose text says what was expected: the quantity, the units that are known, and the one found.
"""

from collections.abc import Callable, Mapping

from aircue_gateway.quantities import LIMITS

_MOLAR_L = 24.45
_CO2_G = 44.01


class UnitError(ValueError):
    """A unit that a quantity cannot have."""


# canonical = value x factor + offset, by unit; a unit is compared without its spaces and regardless of case.
Line = tuple[float, float]
_TEMPERATURE: Mapping[str, Line] = {
    **dict.fromkeys(("cel", "°c", "c", "degc", "celsius"), (1.0, 0.0)),
    **dict.fromkeys(("°f", "f", "degf", "fahrenheit"), (5 / 9, -160 / 9)),
    **dict.fromkeys(("k", "kelvin"), (1.0, -273.15)),
}
_HUMIDITY: Mapping[str, Line] = {"%rh": (1.0, 0.0), "%": (1.0, 0.0), "1": (100.0, 0.0), "/": (100.0, 0.0)}
_CO2: Mapping[str, Line] = {
    "ppm": (1.0, 0.0),
    "ppb": (1e-3, 0.0),
    "%": (1e4, 0.0),
    "/": (1e6, 0.0),
    "mg/m3": (_MOLAR_L / _CO2_G, 0.0),
    "ug/m3": (_MOLAR_L / _CO2_G / 1000, 0.0),
    "g/m3": (_MOLAR_L / _CO2_G * 1000, 0.0),
}
_PARTICLES: Mapping[str, Line] = {
    "ug/m3": (1.0, 0.0),
    "ng/m3": (1e-3, 0.0),
    "mg/m3": (1e3, 0.0),
    "g/m3": (1e6, 0.0),
    "kg/m3": (1e9, 0.0),
}
_PRESSURE: Mapping[str, Line] = {
    "hpa": (1.0, 0.0),
    "mbar": (1.0, 0.0),
    "mb": (1.0, 0.0),
    "pa": (1e-2, 0.0),
    "kpa": (10.0, 0.0),
    "bar": (1e3, 0.0),
    "inhg": (33.86389, 0.0),
    "mmhg": (1.33322387415, 0.0),
    "psi": (68.94757293168, 0.0),
    "atm": (1013.25, 0.0),
}
_PLAIN: Mapping[str, Line] = {"1": (1.0, 0.0), "": (1.0, 0.0), "index": (1.0, 0.0), "%": (1e-2, 0.0)}

UNITS: Mapping[str, Mapping[str, Line]] = {
    "temperature": _TEMPERATURE,
    "humidity": _HUMIDITY,
    "co2": _CO2,
    "pm1": _PARTICLES,
    "pm25": _PARTICLES,
    "pm10": _PARTICLES,
    "pressure": _PRESSURE,
    "voc_index": _PLAIN,
    "gas_ratio": _PLAIN,
}
_SAME = str.maketrans({"µ": "u", "μ": "u", "³": "3", "º": "°", " ": "", "^": ""})  # both signs for micro


def converter(quantity: str, unit: str) -> Callable[[float], float]:
    """What turns a value in unit into one in the quantity's own unit.

    >>> round(converter("temperature", "°F")(70.0), 3)
    21.111
    >>> round(converter("pressure", "inHg")(29.92), 2)
    1013.21
    """
    factor, offset = line(quantity, unit)
    if (factor, offset) == (1.0, 0.0):
        return _same
    return lambda value: value * factor + offset


def _same(value: float) -> float:
    return value


def canonical(quantity: str, value: float, unit: str) -> float:
    """A value in the contract's unit for its quantity, to six decimals.

    >>> canonical("temperature", 71.6, "F"), canonical("pressure", 101325, "Pa"), canonical("co2", 800, "ppm")
    (22.0, 1013.25, 800.0)
    """
    factor, offset = line(quantity, unit)
    return round(value * factor + offset, 6)


def line(quantity: str, unit: str) -> Line:
    """(factor, offset) from a unit to the quantity's own."""
    if quantity not in UNITS:
        raise UnitError(f"a quantity: {', '.join(LIMITS)}; found {quantity!r}")
    lines = UNITS[quantity]
    found = lines.get(unit.translate(_SAME).lower())
    if found is None:
        known = ", ".join(one or "none" for one in lines)
        raise UnitError(f"a unit of {quantity}: {known}; found {unit[:20]!r}")
    return found
