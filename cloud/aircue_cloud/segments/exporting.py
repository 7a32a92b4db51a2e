"""An audience as a file: its people, for whoever may write to them. Nobody whose data may not be used is in it."""

import csv
import io

from sqlalchemy import Connection, select

from aircue_cloud import tables
from aircue_cloud.errors import CommandError
from aircue_cloud.importing.cells import harmless
from aircue_cloud.segments import figures, reading, saved, snapshots


def as_csv(connection: Connection, name: str) -> str:
    """A line a person: their id, their household's, and the segments that the audience asks for. CommandError where
    there is no such audience, no snapshot, or too few people."""
    held = saved.current(connection).get(name)
    day = snapshots.latest(connection)
    if held is None or held.audience is None:
        raise CommandError(f"audience {name!r:.80}: there is none of this name; see aircue-cloud segments list")
    if day is None:
        raise CommandError("there is no snapshot of the segments yet; make one with: aircue-cloud segments refresh")
    found = reading.people(connection, day)
    inside = sorted(reading.members(found, held.audience))
    refusal = figures.refusal(len(inside))
    if refusal is not None:
        raise CommandError(f"audience {name}: {refusal}")
    asked = sorted(held.audience.profiles)
    homes = _homes(connection)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(harmless(one) for one in ("person", "household", *asked))
    for person in inside:
        segments = (" + ".join(found[person][profile]) for profile in asked)
        writer.writerow(harmless(one) for one in (person, homes.get(person, ""), *segments))
    return out.getvalue()


def _homes(connection: Connection) -> dict[str, str]:
    table = tables.people.c
    return {row.id: row.household for row in connection.execute(select(table.id, table.household))}
