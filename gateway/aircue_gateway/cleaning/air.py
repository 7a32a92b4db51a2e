"""The air at one node: what follows from its temperature and humidity together, for the rules and local views."""

from collections.abc import Iterator, Mapping

from aircue_gateway.cleaning.derived import DERIVED
from aircue_gateway.cleaning.mould import SURFACES, MouldIndex

MOULD_INDEX = "mould_index"

# What a rule may name beside the measured quantities: name -> SenML unit.
DERIVED_UNITS: Mapping[str, str] = {**{name: unit for name, (unit, _) in DERIVED.items()}, MOULD_INDEX: "1"}


class Air:
    """latest: by quantity, the last (time, value). The mould index counts from when this gateway started.

    >>> air = Air("sensitive")
    >>> [(name, round(value, 1)) for name, value in air.update(0.0, 20.0, 50.0)]
    [('dew_point', 9.3), ('absolute_humidity', 8.6), ('heat_index', 19.7), ('mould_index', 0.0)]
    """

    def __init__(self, surface: str) -> None:
        self._mould = MouldIndex(SURFACES[surface])
        self.latest: dict[str, tuple[float, float]] = {}

    def update(self, at: float, temperature: float, humidity: float) -> Iterator[tuple[str, float]]:
        """Every derived quantity; temperature in °C, humidity in %, both trusted and of one sample."""
        for name, (_, derive) in DERIVED.items():
            value = derive(temperature, humidity)
            self.latest[name] = (at, value)
            yield name, value
        index = self._mould.update(at, temperature, humidity)
        self.latest[MOULD_INDEX] = (at, index)
        yield MOULD_INDEX, index
