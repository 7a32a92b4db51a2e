"""Weather from a CSV file: columns area, hour, and any of temperature, humidity, condition."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

from aircue_cloud import strict
from aircue_cloud.strict import Unfit
from aircue_cloud.weather.errors import WeatherError
from aircue_cloud.weather.outdoor import Hour, ToldHour, vague

_NEEDED = ("area", "hour")


@dataclass(frozen=True, kw_only=True)
class FileProvider:
    """The file is read anew each time; one bad row refuses it as a whole."""

    path: Path
    source: str = "file"
    changes: timedelta = timedelta(0)

    def days(self, today: date, back: int) -> tuple[date, date] | None:
        return today - timedelta(days=back), today

    def hours(self, area: str, first: date, last: date) -> list[Hour]:
        return [hour for hour in self.everything() if hour.area == area and first <= hour.hour.date() <= last]

    def everything(self) -> Iterator[Hour]:
        """Row by row; WeatherError at the first that is none."""
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                yield from _hours(csv.DictReader(file, strict=True), str(self.path))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise WeatherError(f"{self.path} cannot be read: {error}; expected CSV in UTF-8") from error


def _hours(reader: "csv.DictReader[str]", where: str) -> Iterator[Hour]:
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise WeatherError(
            f"{where}: no column {', '.join(missing)}; expected area,hour,temperature,humidity,condition"
        )
    for row in reader:
        given = {name: text for name, text in row.items() if text}
        try:
            told = strict.convert(ToldHour, given)
        except Unfit as unfit:
            raise WeatherError(f"{where} line {reader.line_num}: {unfit}") from unfit
        reason = vague(told)
        if reason is not None:
            raise WeatherError(f"{where} line {reader.line_num}: {reason}")
        yield Hour(
            area=told.area,
            hour=told.hour.astimezone(UTC),
            temperature=told.temperature,
            humidity=told.humidity,
            condition=told.condition,
        )
