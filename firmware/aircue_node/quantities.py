"""What a node can measure. In memory only while somebody names a quantity: a sample does not."""

MYPY = False
if MYPY:
    from typing import Any

# What a node can measure: SenML unit and the integer one unit is multiplied by on the wire.
QUANTITIES = {
    "temperature": ("Cel", 100),
    "humidity": ("%RH", 100),
    "co2": ("ppm", 1),
    "pm1": ("ug/m3", 10),
    "pm25": ("ug/m3", 10),
    "pm10": ("ug/m3", 10),
    "pressure": ("hPa", 10),
    "voc_index": ("1", 1),
    "gas_ratio": ("1", 1000),
}
_WIDEST = 1_000_000


def wrong_deadband(limits: "dict[str, Any]") -> "str | None":
    """Why these are no deadbands by quantity, or None."""
    for quantity, width in limits.items():
        if quantity not in QUANTITIES:
            return f"deadband: unknown quantity {quantity}; known are {', '.join(sorted(QUANTITIES))}"
        if type(width) not in (int, float) or not 0 < width <= _WIDEST:
            return f"deadband: {quantity} is {width!r}, a number over 0 in {QUANTITIES[quantity][0]} is expected"
    return None
