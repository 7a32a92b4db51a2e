"""The open data of one house (UCI 374): temperature and humidity of nine rooms and outdoors, ten minutes apart."""

import csv
import gzip
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from aircue_cloud.errors import CommandError
from aircue_cloud.needs.forecast import Course, Numbers

ROOMS = ("kitchen", "living-room", "laundry", "office", "bathroom", "outdoors", "ironing-room", "teenager", "parents")
PREFIXES = {"humidity": "RH_", "temperature": "T"}
_OUTSIDE = ("T_out", "RH_out", "Tdewpoint")
OUTDOORS = "outdoors"


def path() -> Path:
    """CommandError where AIRCUE_DATA does not lead there."""
    folder = os.environ.get("AIRCUE_DATA", "")
    found = Path(folder) / "home_climate" / "house.csv.gz"
    if not folder or not found.exists():
        raise CommandError(f"{found} is not there: point AIRCUE_DATA at the data sets of docs/data-sets.md")
    return found


def courses(quantity: str, rooms: Sequence[str] = ROOMS) -> dict[str, Course]:
    """By room; the house keeps local time. {} for a quantity that was not measured."""
    if quantity not in PREFIXES:
        return {}
    with gzip.open(path(), "rt", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    at = np.array([datetime.fromisoformat(row["date"]).replace(tzinfo=UTC).timestamp() for row in rows])
    weather = {name: _column(rows, name) for name in _OUTSIDE}
    return {
        room: Course(at=at, value=_column(rows, f"{PREFIXES[quantity]}{ROOMS.index(room) + 1}"), weather=weather)
        for room in rooms
        if room != OUTDOORS
    }


def _column(rows: Sequence[dict[str, str]], name: str) -> Numbers:
    return np.array([float(row[name]) for row in rows])
