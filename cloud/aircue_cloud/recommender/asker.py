"""Whoever a recommendation is for, as the parts of a model see them: a row of the training, or what they did lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from scipy.sparse import csr_array

from aircue_cloud.recommender.artefact import MET, Artefact, Head
from aircue_cloud.recommender.asked import Act, Told
from aircue_cloud.recommender.interactions import Interactions, Weighting
from aircue_cloud.recommender.models.blend import standardised
from aircue_cloud.recommender.models.contract import Scores
from aircue_cloud.recommender.parts import People, Rows

HISTORY, RECENT, POPULARITY = "history", "recent", "popularity"


@dataclass(frozen=True, kw_only=True, eq=False)
class Asker:
    """profiles: r_u by weighting, shape (1, items); none of somebody nothing is known of. log, now: as of People."""

    basis: str
    row: int | None = None
    profiles: Mapping[Weighting, csr_array] = field(default_factory=dict)
    log: Interactions | None = None
    now: float = 0.0

    @property
    def people(self) -> People:
        return People(profiles=self.profiles, rows=self.rows, log=self.log, now=self.now)

    @property
    def rows(self) -> Rows | None:
        return None if self.row is None else np.array([self.row], dtype=np.intp)

    @property
    def met(self) -> Sequence[int]:
        """The items the person had to do with, ascending."""
        return self.profiles[MET].indices.tolist() if self.profiles else []


STRANGER = Asker(basis=POPULARITY)


def known(artefact: Artefact, row: int) -> Asker:
    return Asker(basis=HISTORY, row=row, profiles={one: r[row : row + 1] for one, r in artefact.profiles.items()})


def folded_in(artefact: Artefact, columns: Mapping[str, int], acts: Sequence[Act], now: float) -> Asker:
    """What was done with products the model does not know, what has no weight, and what lies after now, is left out."""
    kept = sorted(
        (act.at, columns[act.product], act.weight)
        for act in acts
        if act.product in columns and isfinite(act.weight) and act.at <= now
    )
    if not kept:
        return STRANGER
    log = _log(artefact, kept)
    profiles = {one: log.matrix(one, now) for one in artefact.profiles}
    return Asker(basis=RECENT, profiles=profiles, log=log, now=now)


def _log(artefact: Artefact, kept: Sequence[tuple[float, int, float]]) -> Interactions:
    at, item, weight = zip(*kept, strict=True)
    return Interactions(
        users=("",),
        items=artefact.items,
        user=np.zeros(len(kept), dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        at=np.array(at, dtype=np.float64),
        weight=np.array(weight, dtype=np.float32),
    )


def scores(artefact: Artefact, head: Head, people: People) -> Scores:
    """The head's, shape (people, items), as a Blend of the same models has them."""
    mixed = []
    for number, weight in head.mix:
        mixed.append(np.float32(weight) * standardised(artefact.parts[number].scores(people)))
    return np.asarray(sum(mixed), dtype=np.float32)


def asker(artefact: Artefact, rows: Mapping[str, int], columns: Mapping[str, int], person: str, told: Told) -> Asker:
    if person in told.withheld:
        return STRANGER
    row = rows.get(person)
    if row is None:
        return folded_in(artefact, columns, told.did.get(person, ()), told.now)
    return known(artefact, row)
