"""Who did what with which product, and when: the columns every model learns from.

Ids become numbers here, once. A part of the log in time keeps the numbers of the whole, so that a model fitted on the
past can be held against the future.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from aircue_cloud.recommender.errors import DatasetError

DAY_S = 86_400.0
_MOST_TOLD = 5  # bad rows named in an error

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """How the events of one user with one item become one number.

    half_life_d: days after which an event counts half; None: age does not matter. shape: what is made of the sum of the
    events' weights, sign kept: "binary" 1, "linear" the sum, "sqrt" its root, "log" log(1 + sum).
    """

    half_life_d: float | None = None
    shape: str = "linear"

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape {self.shape!r}: expected one of {', '.join(SHAPES)}")
        if self.half_life_d is not None and not self.half_life_d > 0:
            raise ValueError(f"half_life_d {self.half_life_d}: expected days over 0, or None")


SHAPES: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "binary": np.sign,
    "linear": lambda r: r,
    "sqrt": lambda r: np.sign(r) * np.sqrt(np.abs(r)),
    "log": lambda r: np.sign(r) * np.log1p(np.abs(r)),
}


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """Events in order of time. user and item index users and items; at: epoch seconds; weight: how much the event says,
    negative for a dislike. All four arrays have shape (events,)."""

    users: tuple[str, ...] = field(repr=False)
    items: tuple[str, ...] = field(repr=False)
    user: Numbers = field(repr=False)
    item: Numbers = field(repr=False)
    at: npt.NDArray[np.float64] = field(repr=False)
    weight: npt.NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, float, float]]) -> "Interactions":
        """From (user, item, epoch seconds, weight) in any order. DatasetError where there is none, or no number."""
        table = sorted(rows, key=lambda row: (row[2], row[0], row[1], row[3]))
        if not table:
            raise DatasetError("no interactions")
        names, products, at, weight = zip(*table, strict=True)
        users, items = tuple(sorted(set(names))), tuple(sorted(set(products)))
        found = cls(
            users=users,
            items=items,
            user=_numbered(names, users),
            item=_numbered(products, items),
            at=np.array(at, dtype=np.float64),
            weight=np.array(weight, dtype=np.float32),
        )
        if not (np.isfinite(found.at).all() and np.isfinite(found.weight).all()):
            raise DatasetError("interactions hold a time or a weight that is NaN or infinite")
        return found

    def __len__(self) -> int:
        return len(self.user)

    @property
    def shape(self) -> tuple[int, int]:
        """(users, items), whether they have events in this part or not."""
        return len(self.users), len(self.items)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of ids, times and weights; the order in which rows came leaves no trace."""
        digest = hashlib.sha256("\0".join([*self.users, "", *self.items]).encode())
        for part in (self.user, self.item, self.at, self.weight):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def between(self, begin: float, end: float) -> "Interactions":
        """The events with begin <= at < end, under the same numbers."""
        return self.where((self.at >= begin) & (self.at < end))

    def where(self, kept: npt.NDArray[np.bool_]) -> "Interactions":
        part = {name: getattr(self, name)[kept] for name in ("user", "item", "at", "weight")}
        return replace(self, **part)

    def matrix(self, weighting: Weighting, now: float) -> csr_array:
        """r_ui as float32, shape (users, items), indices sorted, no explicit zeros. now: what an event's age counts
        from; later events are an error, for they would leak the future."""
        if len(self) and float(self.at[-1]) > now:
            raise DatasetError(f"an interaction of {_day(float(self.at[-1]))} lies after {_day(now)}")
        weight = self.weight.astype(np.float64)
        if weighting.half_life_d is not None:
            weight *= np.exp2((self.at - now) / (DAY_S * weighting.half_life_d))
        found = csr_array((weight, (self.user, self.item)), shape=self.shape)
        found.sum_duplicates()
        found.data = SHAPES[weighting.shape](found.data).astype(np.float32)
        found.eliminate_zeros()
        return found


def _numbered(names: Sequence[str], order: Sequence[str]) -> Numbers:
    places = {name: place for place, name in enumerate(order)}
    return np.array([places[name] for name in names], dtype=np.int32)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def read_csv(path: Path, latest: float = np.inf) -> Interactions:
    """user, item, time and, if there is such a column, weight. time: epoch seconds or ISO 8601 (UTC where it names no
    zone), up to `latest`. DatasetError names the bad lines and columns; nothing is left out silently."""
    bad: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_parsed(_reader(path, file), latest, bad))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: no CSV in UTF-8 ({error}); save it as one") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    if bad:
        more = "" if len(bad) <= _MOST_TOLD else f" and {len(bad) - _MOST_TOLD} more"
        raise DatasetError(f"{path}: {'; '.join(bad[:_MOST_TOLD])}{more}; mend or remove these lines")
    if not rows:
        raise DatasetError(f"{path}: no interactions; a line each is expected under user,item,time[,weight]")
    return Interactions.of(rows)


def _reader(path: Path, file: Iterable[str]) -> "csv.DictReader[str]":
    reader = csv.DictReader(file)
    missing = [name for name in ("user", "item", "time") if name not in (reader.fieldnames or ())]
    if missing:
        has = ", ".join(reader.fieldnames or ()) or "nothing"
        raise DatasetError(f"{path}: no column {', '.join(missing)}; expected user,item,time[,weight], found {has}")
    return reader


def _parsed(reader: "csv.DictReader[str]", latest: float, bad: list[str]) -> Iterator[tuple[str, str, float, float]]:
    for row in reader:
        try:
            yield _row(row, latest)
        except ValueError as error:
            bad.append(f"line {reader.line_num}, {error}")


def _row(row: dict[str, str | None], latest: float) -> tuple[str, str, float, float]:
    """ValueError says which column, what stands there and what was expected."""
    if None in row:
        raise ValueError("the line has more fields than the header; quote fields that hold a comma")
    user, item = _id("user", row["user"]), _id("item", row["item"])
    at = _time(row["time"])
    if at > latest:
        raise ValueError(f"column time: {row['time']} lies in the future, after {_day(latest)}")
    return user, item, at, _weight(row.get("weight"))


def _id(column: str, text: str | None) -> str:
    if not (text or "").strip():
        raise ValueError(f"column {column}: empty, expected an id")
    return str(text).strip()


def _weight(text: str | None) -> float:
    """1 where the file says none."""
    if not (text or "").strip():
        return 1.0
    return _finite("weight", str(text), float, "a number, or nothing for 1")


def _time(text: str | None) -> float:
    return _finite("time", text or "", _seconds, "epoch seconds or ISO 8601")


def _finite(column: str, text: str, parse: Callable[[str], float], expected: str) -> float:
    try:
        value = parse(text)
    except (ValueError, OverflowError):
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"column {column}: {text!r}, expected {expected}")
    return value


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
