"""Temperature and humidity as one sensor of the node last measured them, for another that needs them."""

MYPY = False
if MYPY:
    from collections.abc import Callable

    from aircue_node.ports import Sensor

# What parts that compensate assume where nothing is known (SGP40 datasheet, table 10), in hundredths.
DEFAULT_CENTI = (2500, 5000)
QUANTITIES = ("temperature", "humidity")
_KEPT_MS = 600000


class Climate:
    """What nobody told, or not for ten minutes, is the default."""

    def __init__(self, uptime_ms: "Callable[[], int]") -> None:
        self._uptime_ms = uptime_ms
        self._told: tuple[int, int] | None = None
        self._told_at = 0

    def tell(self, temperature_centi: int, humidity_centi: int) -> None:
        self._told = temperature_centi, humidity_centi
        self._told_at = self._uptime_ms()

    def centi(self) -> "tuple[int, int]":
        """(hundredths of a degree Celsius, hundredths of a percent)."""
        if self._told is None or self._uptime_ms() - self._told_at > _KEPT_MS:
            return DEFAULT_CENTI
        return self._told


class Telling:
    """A sensor that also tells the climate what it read."""

    def __init__(self, sensor: "Sensor", climate: Climate) -> None:
        self._sensor = sensor
        self._climate = climate
        self.name = sensor.name
        self.channels = sensor.channels
        names = [channel[0] for channel in sensor.channels]
        self._places = [names.index(name) for name in QUANTITIES]

    async def read(self) -> list[int]:
        values = await self._sensor.read()
        self._climate.tell(values[self._places[0]], values[self._places[1]])
        return values


def tells(sensor: "Sensor") -> bool:
    """Whether it measures both quantities itself: a humidity counts at the temperature it was measured at."""
    names = [channel[0] for channel in sensor.channels]
    return all([name in names for name in QUANTITIES])
