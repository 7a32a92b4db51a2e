"""Past readings, node by node, for a backtest: from a file, or from the store's lake.

A file is read once, row by row. Its rows may stand in any order; they are sorted in runs of a fixed size, which lie in
files of their own where there are several, so that no more is in memory than a run and the readings of one node.
"""

import tempfile
from array import array
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from aircue_cloud import consents, db, tables
from aircue_cloud.decision import preferences
from aircue_cloud.decision.policy import CHANNEL, DATA_CATEGORY, PURPOSE
from aircue_cloud.decision.preferences import Wishes
from aircue_cloud.errors import CommandError
from aircue_cloud.layers.lake import Lake, Span, asked
from aircue_cloud.needs.backtest import Course, Household, Values
from aircue_gateway.offline.trace import Bad, Reading, TraceError, read

RUN = 2_000_000  # readings
MOST_BAD = 100  # that are kept to be named
_ROW = np.dtype([("series", np.int32), ("at", np.float64), ("value", np.float64)])
Rows = npt.NDArray[np.void]


@dataclass(kw_only=True)
class Counted:
    """Of a file. unused: of quantities that nobody asked for. empty: without a value. repeated: of an instant that had
    one; the first counts. bad: the first that could not be read."""

    rows: int = 0
    readings: int = 0
    unused: int = 0
    empty: int = 0
    repeated: int = 0
    bad_rows: int = 0
    bad: list[Bad] = field(default_factory=list)

    def note(self, bad: Bad) -> None:
        self.bad_rows += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(bad)


def from_file(path: Path, quantities: Collection[str], counted: Counted, run: int = RUN) -> Iterator[Course]:
    """CommandError where it is no file of readings. counted: is complete at the end."""
    with _Sorter(run) as sorter:
        try:
            for row in read(path):
                counted.rows += 1
                _take(row, quantities, counted, sorter)
        except (TraceError, OSError) as error:
            raise CommandError(str(error) if isinstance(error, TraceError) else f"{path}: {error.strerror}") from error
        yield from sorter.courses(counted)


def _take(row: Reading | Bad, quantities: Collection[str], counted: Counted, sorter: "_Sorter") -> None:
    if isinstance(row, Bad):
        counted.note(row)
    elif row.quantity not in quantities:
        counted.unused += 1
    elif row.value is None:
        counted.empty += 1
    else:
        counted.readings += 1
        sorter.add(row.node, row.quantity, row.at, row.value)


class _Sorter:
    """Takes readings in any order, gives them by node, quantity and time; those of one instant in order of arrival."""

    def __init__(self, run: int) -> None:
        self._size = run
        self._series: dict[tuple[str, str], int] = {}
        self._runs: list[Rows] = []
        self._exit = ExitStack()
        self._folder: Path | None = None
        self._begin()

    def __enter__(self) -> "_Sorter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runs.clear()
        self._exit.close()

    def _begin(self) -> None:
        self._codes, self._at, self._value = array("i"), array("d"), array("d")

    def add(self, node: str, quantity: str, at: float, value: float) -> None:
        self._codes.append(self._series.setdefault((node, quantity), len(self._series)))
        self._at.append(at)
        self._value.append(value)
        if len(self._codes) >= self._size:
            self._runs.append(self._aside(self._sorted()))

    def _sorted(self) -> Rows:
        rows = np.empty(len(self._codes), dtype=_ROW)
        rows["series"], rows["value"] = self._codes, self._value
        rows["at"] = np.rint(np.frombuffer(self._at) * 1000) / 1000 if self._at else ()
        self._begin()
        order: Rows = rows[np.lexsort((rows["at"], rows["series"]))]
        return order

    def _aside(self, rows: Rows) -> Rows:
        if self._folder is None:
            self._folder = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="aircue-past-")))
        path = self._folder / f"{len(self._runs)}.npy"
        np.save(path, rows)
        aside: Rows = np.load(path, mmap_mode="r")
        return aside

    def courses(self, counted: Counted) -> Iterator[Course]:
        runs = [*self._runs, self._sorted()]
        nodes: dict[str, dict[str, int]] = {}
        for (node, quantity), code in self._series.items():
            nodes.setdefault(node, {})[quantity] = code
        for node, codes in nodes.items():
            values = {quantity: _values(runs, code, counted) for quantity, code in codes.items()}
            yield Course(node=node, values=values)


def _values(runs: list[Rows], code: int, counted: Counted) -> Values:
    parts = []
    for rows in runs:
        begin, end = np.searchsorted(rows["series"], (code, code + 1))
        parts.append(rows[begin:end])
    found = np.concatenate(parts)
    found = found[np.argsort(found["at"], kind="stable")]
    new = np.diff(found["at"], prepend=-np.inf) > 0
    counted.repeated += int(len(new) - new.sum())
    return Values(at=found["at"][new].copy(), value=found["value"][new].copy())


def from_lake(
    connection: Connection, lake: Lake, site: str, since: datetime, quantities: Collection[str]
) -> Iterator[Course]:
    """A site's readings since then, flags as they stand. Readings of the future are left out."""
    named: dict[str, Any] = {"site": site, "since": db.to_ms(since), "quantities": sorted(quantities)}
    mine = "site = $site AND measured_at >= $since AND list_contains($quantities, quantity) AND flag <> 'FUTURE'"
    with lake.open(connection, Span(first_ms=db.to_ms(since))) as opened:
        nodes = asked(opened, f"SELECT DISTINCT node FROM lake WHERE {mine} ORDER BY node", named)
        for node in nodes["node"].to_pylist():
            rows = asked(opened, _OF_NODE.format(mine=mine), {**named, "node": node})
            yield Course(node=node, values=_columns(rows))


_OF_NODE = """
SELECT quantity, measured_at / 1000 AS at, value / scale AS value, flag = 'OK' AS ok
FROM lake WHERE {mine} AND node = $node AND value IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY quantity, measured_at ORDER BY installation, boot, sequence) = 1
ORDER BY quantity, measured_at
"""


def _columns(rows: Any) -> dict[str, Values]:
    quantity = np.array(rows["quantity"].to_pylist(), dtype=object)
    at, value, trusted = (rows[name].to_numpy() for name in ("at", "value", "ok"))
    found = {}
    for name in dict.fromkeys(quantity.tolist()):
        mine = quantity == name
        found[name] = Values(at=at[mine], value=value[mine].astype(np.float64), trusted=trusted[mine].astype(np.bool_))
    return found


def site_of(connection: Connection, site: str | None) -> str:
    """The site of this name, or the only one. CommandError naming those that are known."""
    known = list(connection.execute(select(tables.sites.c.id).order_by(tables.sites.c.id)).scalars())
    if site in known or (site is None and len(known) == 1):
        return site or known[0]
    names = f"{', '.join(known[:5])}{' ...' if len(known) > 5 else ''}" if known else "none has sent anything yet"
    missing = "say which site with --site" if site is None else f"site {site} is not known"
    raise CommandError(f"{missing}; known are: {names}")


def household_of(connection: Connection, site: str) -> Household:
    """The one whose home it is, as it stands today; somebody who is made up where nobody has claimed it."""
    row = connection.execute(select(tables.sites.c.household, tables.sites.c.tz).where(tables.sites.c.id == site)).one()
    if row.household is None:
        return Household(site_zone=row.tz)
    people = tables.people.c
    person = connection.execute(
        select(people.id).where(people.household == row.household).order_by(people.id).limit(1)
    ).scalar()
    wishes = Wishes(
        person=preferences.of(connection, preferences.PERSON, person or ""),
        household=preferences.of(connection, preferences.HOUSEHOLD, row.household),
    )
    asked_for = {"purpose": PURPOSE, "data_category": DATA_CATEGORY, "channel": CHANNEL}
    consent = consents.granted(connection, row.household, **asked_for)
    return Household(name=row.household, given=True, person=person, site_zone=row.tz, wishes=wishes, consent=consent)
