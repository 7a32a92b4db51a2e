"""Who tells the weather: one class a source."""

from datetime import date, timedelta
from typing import Protocol

from aircue_cloud.weather.outdoor import Hour


class Provider(Protocol):
    """source: its row in outdoor.SOURCES. changes: how often what it says changes; it is asked no oftener."""

    @property
    def source(self) -> str: ...

    @property
    def changes(self) -> timedelta: ...

    def days(self, today: date, back: int) -> tuple[date, date] | None:
        """The first and last day to ask for, of the days from `back` days ago on; None where it knows none."""

    def hours(self, area: str, first: date, last: date) -> list[Hour]:
        """What it says of these days, in UTC; WeatherError where it says nothing."""
