"""Assignments as they were first made: written down, so that a share that changes later moves nobody.

A household is assigned by the share that holds when an experiment first looks at it. The hash gives the same answer
again after a restart; the row gives it also after somebody has changed the share, for that household alone. A new share
is for those who come later.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from aircue_cloud import db, tables
from aircue_cloud.outcomes.assignment import GLOBAL, Arms, Assigned, arm

_AT_ONCE = 500
_T = tables.assignments.c


def shares(
    connection: Connection, households: Collection[str], holdouts: Mapping[str, float], now: datetime
) -> dict[tuple[str, str], float]:
    """By experiment and household: the holdout's share under which the household is in the experiment, from now on if
    it was not. With it, `assignment.arm` gives the household's arm for good. holdouts: the shares that hold now, by
    experiment."""
    found = _shares(connection, households, holdouts)
    wanted = [(name, home) for name in sorted(holdouts) for home in sorted(households) if (name, home) not in found]
    if not wanted:
        return found
    rows = [_row(name, home, holdouts[name], now) for name, home in wanted]
    if connection.execute(db.insert_absent(connection, tables.assignments), rows).rowcount == len(rows):
        return found | {(name, home): holdouts[name] for name, home in wanted}
    return _shares(connection, households, holdouts)  # somebody else has put some of them in meanwhile


def _row(experiment: str, household: str, holdout: float, now: datetime) -> dict[str, Any]:
    given = arm(household, experiment, holdout)
    return {"experiment": experiment, "household": household, "arm": given, "holdout": holdout, "at": now}


_SHARES = select(_T.experiment, _T.household, _T.holdout).where(
    _T.household.in_(bindparam("homes", expanding=True)), _T.experiment.in_(bindparam("experiments", expanding=True))
)


def _shares(
    connection: Connection, households: Collection[str], experiments: Collection[str]
) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for some in _parts(households):
        asked = {"homes": some, "experiments": sorted(experiments)}
        found |= {(experiment, home): share for experiment, home, share in connection.execute(_SHARES, asked)}
    return found


def enrolled(
    connection: Connection, households: Collection[str], experiments: Collection[str]
) -> dict[tuple[str, str], float]:
    """As shares() says, of those that are in an experiment already; nobody comes into one by this."""
    return _shares(connection, households, experiments)


def _parts(households: Collection[str]) -> Iterator[list[str]]:
    names = sorted(households)
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]


def arms(connection: Connection, experiment: str, households: Collection[str], holdout: float) -> dict[str, Assigned]:
    """By household: as written down; as the hash has it where nothing was."""
    written = _written(connection, experiment, households)
    return {one: written.get(one) or Assigned(arm=arm(one, experiment, holdout), holdout=holdout) for one in households}


def of_store(connection: Connection, holdout: float, need_holdout: float) -> Arms:
    """Of the store's experiments, for a report. holdout, need_holdout: shares, of who was never written down."""

    def drawn(experiment: str, households: Collection[str]) -> Mapping[str, Assigned]:
        return arms(connection, experiment, households, holdout if experiment == GLOBAL else need_holdout)

    return drawn


def _written(connection: Connection, experiment: str, households: Collection[str]) -> dict[str, Assigned]:
    found: dict[str, Assigned] = {}
    for some in _parts(households):
        query = select(_T.household, _T.arm, _T.holdout).where(_T.experiment == experiment, _T.household.in_(some))
        rows = connection.execute(query)
        found |= {row.household: Assigned(arm=row.arm, holdout=row.holdout) for row in rows}
    return found
