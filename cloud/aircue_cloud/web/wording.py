"""Quantities, numbers, money, times and spans as people read them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aircue_cloud.shop import money


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """decimals: of a value shown. least_span: the least a chart's value axis shows, so that noise stays small."""

    label: str
    decimals: int
    least_span: float


QUANTITIES = {
    "temperature": Quantity(label="Temperature", decimals=1, least_span=2),
    "humidity": Quantity(label="Humidity", decimals=1, least_span=8),
    "co2": Quantity(label="CO₂", decimals=0, least_span=200),
    "pm25": Quantity(label="Fine dust PM2.5", decimals=1, least_span=10),
    "pm10": Quantity(label="Dust PM10", decimals=1, least_span=10),
    "voc_index": Quantity(label="VOC index", decimals=0, least_span=40),
    "gas_ratio": Quantity(label="Gas sensor, Rs/R0", decimals=2, least_span=0.2),
    "pressure": Quantity(label="Pressure", decimals=1, least_span=4),
    "dew_point": Quantity(label="Dew point", decimals=1, least_span=2),
    "absolute_humidity": Quantity(label="Absolute humidity", decimals=1, least_span=2),
}
# SenML symbols as people write them.
UNITS = {"Cel": "°C", "%RH": "%", "ug/m3": "µg/m³", "g/m3": "g/m³", "1": ""}
# Currencies with a sign of their own.
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
_THIN = "\u202f"


def quantity(name: str) -> Quantity:
    """One that is not in the table is shown by its name."""
    plain = name.replace("_", " ").capitalize()
    return QUANTITIES.get(name, Quantity(label=plain, decimals=1, least_span=1))


def unit(symbol: str) -> str:
    return UNITS.get(symbol, symbol)


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def count(number: int) -> str:
    return f"{number:,}".replace(",", _THIN)


def price(minor: float, currency: str) -> str:
    exponent = money.exponent(currency)
    amount = f"{minor / 10**exponent:,.{exponent}f}".replace(",", _THIN)
    sign = _SIGNS.get(currency)
    return f"{amount}{_THIN}{currency}" if sign is None else f"{sign}{amount}"


def day_and_time(at: datetime, zone: ZoneInfo) -> str:
    """With the zone named: 21 Nov 18:42 GMT."""
    local = _local(at, zone)
    return f"{local.day} {local:%b %H:%M %Z}"


def date_and_time(at: datetime, zone: ZoneInfo) -> str:
    """With the year as well: 21 Nov 2026 18:42 GMT."""
    local = _local(at, zone)
    return f"{local.day} {local:%b %Y %H:%M %Z}"


def time(at: datetime, zone: ZoneInfo) -> str:
    return f"{_local(at, zone):%H:%M:%S %Z}"


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """A broken clock's last hours of the year 9999 have no local time east of Greenwich."""
    try:
        return at.astimezone(zone)
    except OverflowError:
        return at


def span(seconds: float) -> str:
    """The two largest units: 45 s, 23 min, 1 h 20 min, 3 d 4 h."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{round(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
