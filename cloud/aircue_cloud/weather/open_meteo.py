"""Open-Meteo: a forecast for two weeks, and what was, from its archive. https://open-meteo.com/en/docs

Both answer alike: one list of times and one for each variable, null where a value is not known. An error is a JSON
object with a reason; 429 with a reason that names the minute, the hour or the day whose share is used up. The position
asked for is the middle of an area, so that nobody's address leaves the house.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from urllib.parse import urlencode

import msgspec
import urllib3

from aircue_cloud.homes.residents import coordinates
from aircue_cloud.weather.errors import Limited, WeatherError
from aircue_cloud.weather.outdoor import Hour

FORECAST_URL = "https://api.open-meteo.com/v1/forecast"
ARCHIVE_URL = "https://archive-api.open-meteo.com/v1/archive"

_AHEAD = timedelta(days=7)
_ARCHIVE_DELAY = timedelta(days=6)  # the archive is five days behind; one more, whatever the hour
_LARGEST = 4 * 1024 * 1024  # bytes of an answer
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_HOUR_S = 3600
_UNITS = MappingProxyType({"time": "unixtime", "temperature_2m": "°C", "relative_humidity_2m": "%"})
_COLDEST, _HOTTEST = -95.0, 65.0
_SHARES = (("minute", 60.0), ("hour", 3600.0), ("dai", 86_400.0), ("day", 86_400.0))

# Codes of the World Meteorological Organization (table 4677, as far as Open-Meteo uses them).
_CONDITIONS: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys((0, 1), "clear"),
        **dict.fromkeys((2, 3), "cloudy"),
        **dict.fromkeys((45, 48), "fog"),
        **dict.fromkeys((51, 53, 55, 56, 57), "drizzle"),
        **dict.fromkeys((61, 63, 65, 66, 67, 80, 81, 82), "rain"),
        **dict.fromkeys((71, 73, 75, 77, 85, 86), "snow"),
        **dict.fromkeys((95, 96, 99), "thunderstorm"),
    }
)


class _Hourly(msgspec.Struct):
    time: list[int]
    temperature_2m: list[float | None]
    relative_humidity_2m: list[float | None]
    weather_code: list[float | None]


class _Answer(msgspec.Struct):
    hourly: _Hourly
    hourly_units: dict[str, str]


class _Error(msgspec.Struct):
    reason: str


def query(area: str, first: date, last: date) -> str:
    latitude, longitude = coordinates(area)
    return urlencode(
        {
            "latitude": latitude,
            "longitude": longitude,
            "hourly": "temperature_2m,relative_humidity_2m,weather_code",
            "start_date": first.isoformat(),
            "end_date": last.isoformat(),
            "timeformat": "unixtime",
            "timezone": "GMT",
        }
    )


def parse(data: bytes, area: str) -> list[Hour]:
    """The hours of an answer, without those of which nothing is known; WeatherError where it is none."""
    try:
        answer = msgspec.json.decode(data, type=_Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WeatherError(f"Open-Meteo answered what it never documents: {error}; look for an update") from error
    _check(answer)
    hourly = answer.hourly
    rows = zip(hourly.time, hourly.temperature_2m, hourly.relative_humidity_2m, hourly.weather_code, strict=True)
    return [
        Hour(
            area=area,
            hour=datetime.fromtimestamp(at, UTC),
            temperature=temperature,
            humidity=humidity,
            condition=None if code is None else _CONDITIONS.get(int(code)),
        )
        for at, temperature, humidity, code in rows
        if not (temperature is None and humidity is None and code is None)
    ]


def _check(answer: _Answer) -> None:
    hourly = answer.hourly
    columns: Sequence[Sequence[object]] = (
        hourly.time,
        hourly.temperature_2m,
        hourly.relative_humidity_2m,
        hourly.weather_code,
    )
    units = {name: answer.hourly_units.get(name) for name in _UNITS}
    temperatures = [value for value in hourly.temperature_2m if value is not None]
    humidities = [value for value in hourly.relative_humidity_2m if value is not None]
    doubts = (
        (len({len(column) for column in columns}) != 1, "columns of different lengths"),
        (units != dict(_UNITS), f"units {units}, expected {dict(_UNITS)}"),
        (any(at % _HOUR_S or not 0 <= at < 2**36 for at in hourly.time), "times that are no full hours"),
        (any(later <= earlier for earlier, later in pairwise(hourly.time)), "times that do not grow"),
        (any(not _COLDEST <= value <= _HOTTEST for value in temperatures), "a temperature no weather has"),
        (any(not 0 <= value <= 100 for value in humidities), "a humidity no air has"),
    )
    for doubtful, what in doubts:
        if doubtful:
            raise WeatherError(f"Open-Meteo answered with {what}; nothing of it was kept, look for an update")


def refusal(status: int, data: bytes, retry_after: str | None) -> WeatherError:
    """What an answer that is no success means."""
    reason = _reason(data)
    if status == 429:
        return Limited(f"Open-Meteo wants fewer requests: {reason}", _retry_s(reason, retry_after))
    if status >= 500:
        return WeatherError(f"Open-Meteo failed with status {status}: {reason}; it is asked again later")
    return WeatherError(f"Open-Meteo refused the request with status {status}: {reason}; check its URL")


def _reason(data: bytes) -> str:
    try:
        return msgspec.json.decode(data, type=_Error).reason[:200]
    except (msgspec.DecodeError, RecursionError):
        return "no reason given"


def _retry_s(reason: str, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6:
        return float(retry_after)
    return next((wait for word, wait in _SHARES if word in reason.lower()), 60.0)


@dataclass(frozen=True, kw_only=True)
class OpenMeteo:
    """One of its two interfaces, asked over HTTP."""

    url: str
    source: str
    changes: timedelta
    http: urllib3.PoolManager

    def days(self, today: date, back: int) -> tuple[date, date] | None:
        return _DAYS[self.source](today, back)

    def hours(self, area: str, first: date, last: date) -> list[Hour]:
        return parse(self._get(f"{self.url}?{query(area, first, last)}"), area)

    def _get(self, url: str) -> bytes:
        try:
            response = self.http.request(
                "GET", url, timeout=_TIMEOUT, retries=False, redirect=False, preload_content=False
            )
            with response:
                data = response.read(_LARGEST + 1, decode_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise WeatherError(f"{self.url} cannot be reached: {error}; it is asked again later") from error
        if response.status != 200:
            raise refusal(response.status, data, response.headers.get("Retry-After"))
        if len(data) > _LARGEST:
            raise WeatherError(f"Open-Meteo answered with more than {_LARGEST} bytes; ask for fewer days")
        return data


def _forecast_days(today: date, _back: int) -> tuple[date, date]:
    return today - timedelta(days=1), today + _AHEAD


def _archived_days(today: date, back: int) -> tuple[date, date] | None:
    first, last = today - timedelta(days=back), today - _ARCHIVE_DELAY
    return (first, last) if first <= last else None


_DAYS = MappingProxyType({"open-meteo-forecast": _forecast_days, "open-meteo-archive": _archived_days})


def forecast(http: urllib3.PoolManager, url: str = FORECAST_URL) -> OpenMeteo:
    """The models behind it run every hour at the oftenest."""
    return OpenMeteo(url=url, source="open-meteo-forecast", changes=timedelta(hours=1), http=http)


def archive(http: urllib3.PoolManager, url: str = ARCHIVE_URL) -> OpenMeteo:
    """It grows by a day every day."""
    return OpenMeteo(url=url, source="open-meteo-archive", changes=timedelta(days=1), http=http)
