"""Assignments as they were first made: written down, so that a share that changes later moves nobody.

A household is assigned by the share that holds when an experiment first looks at it. The hash gives the same answer
again after a restart; the row gives it also after somebody has changed the share, for that household alone. A new share
is for those who come later.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from aircue_cloud import db, tables
from aircue_cloud.outcomes.assignment import Arm, arm

_AT_ONCE = 500
_T = tables.assignments.c


def share(connection: Connection, household: str, experiment: str, holdout: float, now: datetime) -> float:
    """The holdout's share under which the household is in the experiment, from now on if it was not: with it,
    `assignment.arm` gives the household's arm for good."""
    row = {"experiment": experiment, "household": household, "holdout": holdout, "at": now}
    given = arm(household, experiment, holdout)
    connection.execute(db.insert_absent(connection, tables.assignments), [{**row, "arm": given}])
    found: float = connection.execute(
        select(_T.holdout).where(_T.experiment == experiment, _T.household == household)
    ).scalar_one()
    return found


def arms(connection: Connection, experiment: str, households: Collection[str], holdout: float) -> Mapping[str, Arm]:
    """By household: as written down; as the hash has it where nothing was."""
    written = _written(connection, experiment, sorted(households))
    return {one: written.get(one) or arm(one, experiment, holdout) for one in households}


def _written(connection: Connection, experiment: str, households: list[str]) -> dict[str, Arm]:
    found: dict[str, Arm] = {}
    for start in range(0, len(households), _AT_ONCE):
        some = households[start : start + _AT_ONCE]
        query = select(_T.household, _T.arm).where(_T.experiment == experiment, _T.household.in_(some))
        found |= {row.household: row.arm for row in connection.execute(query)}
    return found
