"""Units that devices state, and the way from each to the unit the contract fixes for a quantity.

Errors: UnitError, for a unit that no value of the quantity can have.
"""

from aircue_gateway.quantities import unit

_KELVIN = 273.15

# By canonical unit: (factor, offset) for every spelling; canonical = value * factor + offset. Pressures after NIST
# SP 811, table B.8: conventional mmHg, inHg and pound-force per square inch.
_WAYS: dict[str, dict[str, tuple[float, float]]] = {
    "Cel": {
        **dict.fromkeys(("Cel", "C", "°C", "degC", "celsius"), (1.0, 0.0)),
        **dict.fromkeys(("F", "°F", "degF", "fahrenheit"), (5 / 9, -160 / 9)),
        **dict.fromkeys(("K", "kelvin"), (1.0, -_KELVIN)),
    },
    "%RH": {**dict.fromkeys(("%RH", "%", "%rh"), (1.0, 0.0)), "/": (100.0, 0.0)},
    "ppm": {"ppm": (1.0, 0.0), "ppb": (1e-3, 0.0), "%": (1e4, 0.0), "/": (1e6, 0.0)},
    "ug/m3": {
        **dict.fromkeys(("ug/m3", "µg/m³", "μg/m³", "µg/m3", "μg/m3", "ug/m³"), (1.0, 0.0)),
        **dict.fromkeys(("mg/m3", "mg/m³"), (1e3, 0.0)),
        "kg/m3": (1e9, 0.0),
    },
    "hPa": {
        **dict.fromkeys(("hPa", "mbar", "mb"), (1.0, 0.0)),
        "Pa": (1e-2, 0.0),
        "kPa": (10.0, 0.0),
        "bar": (1e3, 0.0),
        "mmHg": (1.333224, 0.0),
        "inHg": (33.86389, 0.0),
        "psi": (68.94757, 0.0),
    },
    "1": {**dict.fromkeys(("1", "", "index"), (1.0, 0.0)), "%": (1e-2, 0.0)},
}


class UnitError(ValueError):
    """The text says which unit was found and which are known for the quantity."""


def canonical(quantity: str, value: float, stated: str) -> float:
    """A value in the contract's unit for its quantity.

    >>> canonical("temperature", 71.6, "F"), canonical("pressure", 101325, "Pa"), canonical("co2", 800, "ppm")
    (22.0, 1013.25, 800.0)
    """
    factor, offset = way(quantity, stated)
    return round(value * factor + offset, 6)


def way(quantity: str, stated: str) -> tuple[float, float]:
    """(factor, offset) from a stated unit to the contract's."""
    ways = _WAYS[unit(quantity) or "1"]
    if stated not in ways:
        raise UnitError(f"a unit of {quantity}: {', '.join(name or 'none' for name in ways)}; found {stated[:20]!r}")
    return ways[stated]
