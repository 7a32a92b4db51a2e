"""A carrier's own list: a CSV file with the columns tracking_number, state, at, and expected_at where it is known.

The file is read as a whole: rows that are wrong are told with their line, and the others are taken.
"""

import csv
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from aircue_cloud.fields import Reason
from aircue_cloud.importing.errors import FileRefused
from aircue_cloud.importing.instants import instant
from aircue_cloud.logistics.course import STATES, Event
from aircue_cloud.logistics.parcels import Told
from aircue_cloud.strict import Unfit, shown

NEEDED, MORE = ("tracking_number", "state", "at"), ("expected_at",)


@dataclass(frozen=True, kw_only=True)
class Read:
    """wrong: line and reason of each row that is not taken."""

    told: list[Told]
    wrong: list[tuple[int, str]]


def read(text: str) -> Read:
    """FileRefused where its header lacks a column."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise FileRefused(f"line 1: column {', '.join(missing)} is missing: expected {', '.join((*NEEDED, *MORE))}")
    events = defaultdict[str, list[Event]](list)
    wrong: list[tuple[int, str]] = []
    for line, row in _rows(reader):
        try:
            number, event = _event(row)
            events[number].append(event)
        except Unfit as unfit:
            wrong.append((line, str(unfit)))
    return Read(told=[Told(tracking_number=one, events=some) for one, some in events.items()], wrong=wrong)


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for row in reader:
            yield reader.line_num, {name: (row.get(name) or "").strip() for name in (*NEEDED, *MORE)}
    except csv.Error as error:
        raise FileRefused(f"line {reader.line_num}: no CSV: {error}") from error


def _event(row: dict[str, str]) -> tuple[str, Event]:
    number, state = row.get("tracking_number", ""), row.get("state", "")
    if not number:
        raise _unfit("tracking_number", number, "the parcel's number")
    if state not in STATES:
        raise _unfit("state", state, f"one of {', '.join(STATES)}")
    at = instant(row.get("at", ""), "at")
    expected = instant(row["expected_at"], "expected_at") if row.get("expected_at") else None
    said = (state, at.isoformat(), "" if expected is None else expected.isoformat())
    key = hashlib.sha256("\n".join(said).encode()).hexdigest()[:32]
    return number, Event(key=key, at=at, state=state, expected_at=expected)


def _unfit(field: str, found: str, expected: str) -> Unfit:
    return Unfit(Reason(field=field, found=shown(found), expected=expected, remedy="mend this row and import it again"))
