"""Money, numbers, days and times as people of a language read them. Pure.

Times are those of one zone, and name it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aircue_cloud.shop import money

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SIGNS: Mapping[str, Mapping[str, str]] = {
    "en": {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CNY": "CN¥"},
    "zh": {"EUR": "€", "USD": "US$", "GBP": "£", "JPY": "JP¥", "CNY": "¥"},
}
_UNITS = {"Cel": "°C", "%RH": "%", "ug/m3": "µg/m³", "g/m3": "g/m³", "1": ""}
_NARROW = "\u202f"


def _english_day(at: datetime) -> str:
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _chinese_day(at: datetime) -> str:
    return f"{at.year}年{at.month}月{at.day}日"


_DAYS: Mapping[str, Callable[[datetime], str]] = {"en": _english_day, "zh": _chinese_day}


@dataclass(frozen=True)
class Formats:
    """Of a language and a zone."""

    language: str
    zone: ZoneInfo

    def price(self, minor: int, currency: str) -> str:
        """
        >>> Formats("en", ZoneInfo("UTC")).price(123456, "EUR"), Formats("zh", ZoneInfo("UTC")).price(1200, "JPY")
        ('€1,234.56', 'JP¥1,200')
        """
        exponent = money.exponent(currency)
        amount = f"{minor / 10**exponent:,.{exponent}f}"
        sign = _SIGNS[self.language].get(currency)
        return f"{amount}{_NARROW}{currency}" if sign is None else f"{sign}{amount}"

    def day(self, at: datetime) -> str:
        return _DAYS[self.language](at.astimezone(self.zone))

    def moment(self, at: datetime) -> str:
        """
        >>> from datetime import UTC
        >>> Formats("en", ZoneInfo("Europe/Berlin")).moment(datetime(2026, 11, 21, 17, 5, tzinfo=UTC))
        '21 Nov 2026, 18:05 (Europe/Berlin)'
        """
        between = ", " if self.language == "en" else " "
        return f"{self.day(at)}{between}{at.astimezone(self.zone):%H:%M} ({self.zone.key})"

    def clock(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%H:%M} ({self.zone.key})"

    def number(self, value: float, decimals: int = 1) -> str:
        return f"{value:,.{decimals}f}"

    def measured(self, value: float, unit: str) -> str:
        """From a hundred on without decimals, which no sensor of a home is good for.

        >>> said = Formats("en", ZoneInfo("UTC"))
        >>> said.measured(81.04, "%RH"), said.measured(1559.5, "ppm")
        ('81.0\\u202f%', '1,560\\u202fppm')
        """
        name = _UNITS.get(unit, unit)
        said = self.number(value, 0 if abs(value) >= 100 else 1)
        return f"{said}{_NARROW}{name}" if name else said
