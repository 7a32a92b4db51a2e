"""Whoever a recommendation is for, as the parts of a model see them: a row of the training, what they did lately, or
both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender import since
from aircue_cloud.recommender.artefact import MET, Artefact, Head
from aircue_cloud.recommender.asked import Act, Told
from aircue_cloud.recommender.interactions import Interactions
from aircue_cloud.recommender.models.blend import scaled
from aircue_cloud.recommender.models.contract import Scores
from aircue_cloud.recommender.parts import People, Rows

HISTORY, RECENT, POPULARITY = "history", "recent", "popularity"


@dataclass(frozen=True, kw_only=True, eq=False)
class Asker:
    """people: that one person, with no profiles where nothing is known of them."""

    basis: str
    people: People

    @property
    def met(self) -> npt.NDArray[np.integer]:
        """The items the person had to do with, ascending."""
        return self.people.profiles[MET].indices if self.people.profiles else np.zeros(0, dtype=np.int32)


STRANGER = Asker(basis=POPULARITY, people=People(profiles={}))


def asker(artefact: Artefact, rows: Mapping[str, int], columns: Mapping[str, int], person: str, told: Told) -> Asker:
    if person in told.withheld:
        return STRANGER
    row = rows.get(person)
    acts = told.did.get(person, ())
    if row is None:
        return folded_in(artefact, _kept(columns, acts, -np.inf, told.now), told.now)
    later = _kept(columns, acts, artefact.info.trained_at, told.now)
    return brought_up_to_date(artefact, row, later, told.now) if later else known(artefact, row)


_Kept = Sequence[tuple[float, int, float]]  # time, column, weight


def _kept(columns: Mapping[str, int], acts: Sequence[Act], after: float, now: float) -> _Kept:
    """What was done with products the model does not know, what has no weight, and what lies after now, is left out."""
    return sorted(
        (act.at, columns[act.product], act.weight)
        for act in acts
        if act.product in columns and isfinite(act.weight) and after < act.at <= now
    )


def known(artefact: Artefact, row: int) -> Asker:
    profiles = {one: r[row : row + 1] for one, r in artefact.profiles.items()}
    return Asker(basis=HISTORY, people=People(profiles=profiles, rows=_rows(row)))


def brought_up_to_date(artefact: Artefact, row: int, acts: _Kept, now: float) -> Asker:
    log, at = _log(artefact, acts), artefact.info.trained_at
    profiles = {one: since.profile(one, r[row : row + 1], at, log, now) for one, r in artefact.profiles.items()}
    people = People(profiles=profiles, rows=_rows(row), log=log, now=now, later=True, trained_at=at)
    return Asker(basis=HISTORY, people=people)


def folded_in(artefact: Artefact, acts: _Kept, now: float) -> Asker:
    if not acts:
        return STRANGER
    log = _log(artefact, acts)
    profiles = {one: log.matrix(one, now) for one in artefact.profiles}
    return Asker(basis=RECENT, people=People(profiles=profiles, log=log, now=now))


def _rows(row: int) -> Rows:
    return np.array([row], dtype=np.intp)


def _log(artefact: Artefact, kept: _Kept) -> Interactions:
    at, item, weight = zip(*kept, strict=True)
    return Interactions(
        users=("",),
        items=artefact.items,
        user=np.zeros(len(kept), dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        at=np.array(at, dtype=np.float64),
        weight=np.array(weight, dtype=np.float32),
    )


def raw_scores(artefact: Artefact, head: Head, people: People) -> list[Scores]:
    """Of each part of the head's mix, shape (people, items), as the part has them."""
    return [artefact.parts[number].scores(people) for number, _ in head.mix]


def blended(head: Head, raw: Sequence[Scores], spread: Sequence[Scores]) -> Scores:
    """Of the parts' scores, shape (people, items), and their spreads: the head's, as a Blend of the same models has
    them."""
    mixed = [
        np.float32(weight) * scaled(scores, each)
        for (_, weight), scores, each in zip(head.mix, raw, spread, strict=True)
    ]
    return np.asarray(sum(mixed), dtype=np.float32)


def tells_apart(scores: Scores) -> npt.NDArray[np.bool_]:
    """Of each row, whether its items differ."""
    return np.asarray(scores.max(axis=1, initial=-np.inf) > scores.min(axis=1, initial=np.inf))
