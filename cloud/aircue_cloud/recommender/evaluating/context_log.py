"""The context of an evaluation: numbers a day, or a user and day, read from CSV and turned into deviations from their
own season."""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import DatasetError
from aircue_cloud.recommender.interactions import DAY_S

EVERYBODY = ""
YEAR_D = 365.25
_MOST_TOLD = 5

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Context:
    """day: days since 1970-01-01 (UTC), shape (rows,); user: of each row, EVERYBODY where it holds for all; values:
    shape (rows, columns)."""

    columns: tuple[str, ...]
    user: tuple[str, ...] = field(repr=False)
    day: npt.NDArray[np.int64] = field(repr=False)
    values: Numbers = field(repr=False)

    def at(self, users: Sequence[str], days: npt.NDArray[np.int64]) -> Numbers:
        """Shape (occasions, columns): of each user's day, else of everybody's day, else NaN."""
        codes = {name: code for code, name in enumerate(dict.fromkeys((EVERYBODY, *self.user)))}
        keys = _keys(np.array([codes[name] for name in self.user]), self.day)
        order = np.argsort(keys)
        found = np.full((len(days), len(self.columns)), np.nan)
        for code in (np.zeros(len(days), dtype=np.int64), np.array([codes.get(user, 0) for user in users])):
            wanted = _keys(code, days)
            place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
            known = keys[place] == wanted
            found[known] = self.values[place[known]]
        return found

    def deviations(self, until: int) -> "Context":
        """Each user's columns minus their own season (mean and one yearly wave), in standard deviations of what
        remains, both learnt on the days before `until`. A user with less than thirty such days has the norm of all."""
        return self._standardised(until, seasonal=True)

    def standardised(self, until: int) -> "Context":
        """Minus the mean alone: what somebody would use who does not think of the season."""
        return self._standardised(until, seasonal=False)

    def _standardised(self, until: int, *, seasonal: bool) -> "Context":
        names = np.array(self.user)
        features = waves(self.day) if seasonal else np.ones((len(self.day), 1))
        values = np.empty_like(self.values)
        for name in set(self.user):
            own = names == name
            known = own & (self.day < until)
            known = known if known.sum() >= 30 else self.day < until
            values[own] = _rest(features, self.values, own, known)
        return replace(self, values=values)

    def moved(self, days: Mapping[int, int]) -> "Context":
        """Each day's values as those of another day."""
        return replace(self, day=np.array([days[day] for day in self.day.tolist()], dtype=np.int64))

    def renamed(self, users: Mapping[str, str]) -> "Context":
        """Each user's values as those of another user."""
        return replace(self, user=tuple(users[user] for user in self.user))


def _keys(code: npt.NDArray[np.int64], day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One number for a user and a day."""
    return code * 10_000_000 + day


def waves(day: npt.NDArray[np.int64]) -> Numbers:
    """1 and one wave a year, shape (days, 3)."""
    angle = 2 * np.pi * day / YEAR_D
    return np.stack([np.ones(len(day)), np.sin(angle), np.cos(angle)], axis=1)


def _rest(features: Numbers, values: Numbers, own: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> Numbers:
    """Of the own rows, after the known ones' regression. DatasetError where nothing is known."""
    if not known.any():
        raise DatasetError("the context has no day before the split: nothing to say what is usual; add earlier days")
    norm = np.linalg.lstsq(features[known], values[known], rcond=None)[0]
    spread = (values[known] - features[known] @ norm).std(axis=0)
    return np.asarray((values[own] - features[own] @ norm) / np.where(spread > 1e-9, spread, 1.0))


def read_context(path: Path) -> Context:
    """date (ISO 8601) and columns of numbers, with a column user where each has their own. DatasetError names line,
    column and what was expected."""
    bad: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = tuple(name for name in reader.fieldnames or () if name not in ("user", "date"))
            if "date" not in (reader.fieldnames or ()) or not columns:
                raise DatasetError(f"{path}: expected [user,]date and at least one column of numbers")
            rows = list(_rows(reader, columns, bad))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    if bad:
        raise DatasetError(f"{path}: {'; '.join(bad[:_MOST_TOLD])}; mend or remove these lines")
    return context_of(columns, rows, str(path))


def context_of(columns: Sequence[str], rows: Sequence[tuple[str, int, Sequence[float]]], where: str = "") -> Context:
    """From (user or EVERYBODY, day, numbers). DatasetError where there is none or a day stands there twice."""
    keys = [(user, day) for user, day, _ in rows]
    if not keys or len(set(keys)) < len(keys):
        twice = next((f"{day_text(key[1])} twice" for key, count in Counter(keys).items() if count > 1), "no line")
        raise DatasetError(f"{where or 'context'}: {twice}; expected one line a day, or a user and day")
    return Context(
        columns=tuple(columns),
        user=tuple(user for user, _, _ in rows),
        day=np.array([day for _, day, _ in rows], dtype=np.int64),
        values=np.array([numbers for _, _, numbers in rows], dtype=np.float64),
    )


def _rows(
    reader: "csv.DictReader[str]", columns: Sequence[str], bad: list[str]
) -> Iterator[tuple[str, int, tuple[float, ...]]]:
    for row in reader:
        try:
            yield row.get("user") or EVERYBODY, _day(row["date"]), tuple(_number(name, row[name]) for name in columns)
        except ValueError as error:
            bad.append(f"line {reader.line_num}, {error}")


def _day(text: str | None) -> int:
    try:
        return day_of(date.fromisoformat((text or "").strip()[:10]))
    except ValueError:
        raise ValueError(f"column date: {text!r}, expected a day like 2026-03-01") from None


def _number(column: str, text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"column {column}: {text!r}, expected a number; leave the whole line out where there is none")
    return value


def day_of(one: date) -> int:
    return int(datetime(one.year, one.month, one.day, tzinfo=UTC).timestamp() // DAY_S)


def day_text(day: int) -> str:
    return str(datetime.fromtimestamp(day * DAY_S, UTC).date())
