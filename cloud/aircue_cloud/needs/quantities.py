"""What a need may watch or ask for, by source. Pure."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aircue_cloud.needs.also import FORECAST, OUTDOOR, PERSON, ROOM
from aircue_cloud.needs.needs import REPLENISH
from aircue_gateway.cleaning.derived import DERIVED
from aircue_node.quantities import QUANTITIES

MEASURED = tuple(QUANTITIES)
MOULD_INDEX = "mould_index"
# Of the weather: rain and snow are 1 while it does, 0 while it does not; rain_ahead is 1 where one of the three hours
# that follow is told to have rain.
WEATHER = ("temperature", "humidity", *DERIVED, "rain", "snow", "rain_ahead")
# Of a wearable, as observations call them, and what follows from them: steps made within the last hour; away, 1 while
# the latest area is none of the household's sites' and 0 at home.
WORN = ("ambient-temperature", "skin-temperature", "steps")
FOLLOWS = ("steps-in-hour", "away")

# The cloud has no course of what is derived, so that a rule cannot follow it; a condition asks for its latest value.
TRIGGERS: Mapping[str, tuple[str, ...]] = MappingProxyType({ROOM: MEASURED, OUTDOOR: WEATHER, PERSON: WORN})
ALSO: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {ROOM: (*MEASURED, *DERIVED, MOULD_INDEX), OUTDOOR: WEATHER, FORECAST: WEATHER, PERSON: (*WORN, *FOLLOWS)}
)
# The category of data that a household must have agreed to, by quantity of a wearable.
CATEGORY: Mapping[str, str] = MappingProxyType(
    {
        "ambient-temperature": "ambient",
        "skin-temperature": "body",
        "steps": "activity",
        "steps-in-hour": "activity",
        "away": "location",
    }
)
BY_SHOPPING = "behaviour"
# By what triggers a need: the category of data that a quantity of it is of; None: of the air alone, or of nobody.
TRIGGERED_BY: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {ROOM: lambda _: None, OUTDOOR: lambda _: None, PERSON: CATEGORY.__getitem__, REPLENISH: lambda _: BY_SHOPPING}
)


def of(source: str, quantity: str) -> str:
    """As a rule names it."""
    return quantity if source == ROOM else f"{source}.{quantity}"


def unit(named: str) -> str:
    """Of a quantity as a rule names it.

    >>> unit("humidity"), unit("outdoor.temperature"), unit("person.steps"), unit("replenish.used")
    ('%RH', 'Cel', '1', '%')
    """
    return _UNITS.get(named.rpartition(".")[2], "1")


_UNITS: Mapping[str, str] = MappingProxyType(
    {name: symbol for name, (symbol, _) in (*QUANTITIES.items(), *DERIVED.items())}
    | {"ambient-temperature": "Cel", "skin-temperature": "Cel", "used": "%"}
)
