"""The air at one node: what follows from its temperature and humidity together, for the rules and local views."""

from collections.abc import Iterator, Mapping

from aircue_gateway.cleaning.derived import DERIVED
from aircue_gateway.cleaning.memory import Fields, learnt, teach
from aircue_gateway.cleaning.mould import SURFACES, MouldIndex

MOULD_INDEX = "mould_index"

# What a rule may name beside the measured quantities: name -> SenML unit.
DERIVED_UNITS: Mapping[str, str] = {**{name: unit for name, (unit, _) in DERIVED.items()}, MOULD_INDEX: "1"}


class Air:
    """The last air of a node; what follows from it is reckoned when it is asked for, but for the mould index, which
    counts on from one air to the next.

    >>> air = Air("sensitive")
    >>> [(name, round(value, 1)) for name, value in air.update(0.0, 20.0, 50.0)]
    [('dew_point', 9.3), ('absolute_humidity', 8.6), ('heat_index', 19.7), ('mould_index', 0.0)]
    """

    def __init__(self, surface: str) -> None:
        self._surface = surface
        self._mould = MouldIndex(SURFACES[surface])
        self._at: float | None = None
        self._temperature = self._humidity = 0.0

    def note(self, at: float, temperature: float, humidity: float) -> None:
        """Temperature in °C, humidity in %, both trusted and of one sample."""
        self._at, self._temperature, self._humidity = at, temperature, humidity
        self._mould.update(at, temperature, humidity)

    def value(self, name: str) -> float:
        """Of a derived quantity, as the last air has it."""
        return self._mould.index if name == MOULD_INDEX else DERIVED[name][1](self._temperature, self._humidity)

    def stand_on(self, surface: str) -> None:
        """The mould index begins anew where this is another surface."""
        if surface != self._surface:
            self._surface, self._mould = surface, MouldIndex(SURFACES[surface])

    def learnt(self) -> Fields:
        """What a restart must not lose, as JSON has it."""
        fresh = Air(self._surface)
        return {"air": learnt(self, fresh), "mould": learnt(self._mould, fresh._mould)}

    def teach(self, kept: Fields) -> None:
        teach(self, kept["air"])
        teach(self._mould, kept["mould"])

    @property
    def latest(self) -> dict[str, tuple[float, float]]:
        """By quantity, the last (time, value)."""
        return {} if self._at is None else {name: (self._at, self.value(name)) for name in DERIVED_UNITS}

    def update(self, at: float, temperature: float, humidity: float) -> Iterator[tuple[str, float]]:
        """note(), and every derived quantity."""
        self.note(at, temperature, humidity)
        return ((name, self.value(name)) for name in DERIVED_UNITS)
