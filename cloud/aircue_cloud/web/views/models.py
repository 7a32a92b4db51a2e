"""The stored models as a page shows them: what each is, how it ranked on what it had not seen, what was tried."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from aircue_cloud.recommender import store
from aircue_cloud.recommender.artefact import HEADS, ModelInfo
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.factor_file import HEADER

RANKERS = ("chosen", "recent-popularity", "popularity", "own-frequency")
FIGURES = ("ndcg@10", "recall@20")
CHOSEN, GATE = RANKERS[:2]


@dataclass(frozen=True, kw_only=True)
class Version:
    """learned_until: of the newest interaction. broken: why it cannot be used; the rest is empty then."""

    name: str
    is_active: bool
    is_way_back: bool
    info: ModelInfo | None = None
    broken: str = ""

    @property
    def learned_until(self) -> datetime | None:
        return None if self.info is None else datetime.fromtimestamp(self.info.trained_at, UTC)

    def figure(self, head: str, ranker: str, figure: str) -> float | None:
        return None if self.info is None else self.info.metrics.get(f"{head}_{ranker}_{figure}")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row of an evaluation table; None where it was not measured. gain: ndcg@10 over the gate's."""

    head: str
    ranker: str
    ndcg: float | None
    recall: float | None
    gain: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """best: the highest value up to this trial."""

    number: int
    family: str
    value: float
    best: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Models:
    """versions: newest first. way_back: what a roll back goes to; None where there is no way back. trouble: why nothing
    is active."""

    versions: tuple[Version, ...]
    active: str | None
    way_back: str | None
    trouble: str = ""

    @property
    def by_name(self) -> dict[str, Version]:
        return {one.name: one for one in self.versions}


def models(model_dir: Path) -> Models:
    active, before, trouble = _standing(model_dir)
    versions = tuple(_version(model_dir, name, active, before) for name in reversed(store.versions(model_dir)))
    return Models(versions=versions, active=active, way_back=before, trouble=trouble)


def _standing(model_dir: Path) -> tuple[str | None, str | None, str]:
    try:
        active = store.active_version(model_dir)
        before = store.way_back(model_dir) - {active}
    except (ModelMissing, ModelCorrupt) as error:
        return None, None, str(error)
    return active, next(iter(before), None), ""


def _version(model_dir: Path, name: str, active: str | None, before: str | None) -> Version:
    said: dict[str, Any] = {"name": name, "is_active": name == active, "is_way_back": name == before}
    try:
        return Version(**said, info=_info(model_dir, name, _stamp(model_dir, name)))
    except (ModelMissing, ModelCorrupt) as error:
        return Version(**said, broken=str(error))


def _stamp(model_dir: Path, name: str) -> tuple[int, ...]:
    """Changes with any of its files."""
    files = sorted((model_dir / name).iterdir()) if (model_dir / name / HEADER).exists() else []
    return tuple(part for file in files for part in (file.stat().st_mtime_ns, file.stat().st_size))


@lru_cache(maxsize=64)
def _info(model_dir: Path, name: str, stamp: tuple[int, ...]) -> ModelInfo:
    """Reading it holds every file against its checksum, which takes its time: so once, as long as no file changes."""
    return store.info(model_dir, name)


def measured(info: ModelInfo) -> tuple[Measured, ...]:
    """By head, the chosen blend first; nothing for a head that was not measured."""
    return tuple(row for head in HEADS for row in _measured(info.metrics, head))


def _measured(metrics: Mapping[str, float], head: str) -> Iterator[Measured]:
    gate = metrics.get(f"{head}_{GATE}_ndcg@10")
    for ranker in RANKERS:
        ndcg, recall = (metrics.get(f"{head}_{ranker}_{figure}") for figure in FIGURES)
        if ndcg is not None or recall is not None:
            gain = None if ndcg is None or gate is None else ndcg - gate
            yield Measured(head=head, ranker=ranker, ndcg=ndcg, recall=recall, gain=gain)


def trials(info: ModelInfo, head: str) -> tuple[Trial, ...]:
    """In the order in which they were tried."""
    found: list[Trial] = []
    for number, one in enumerate(info.trials.get(head, {}).get("trials", ()), 1):
        value = float(one["value"])
        best = max(value, found[-1].best) if found else value
        family = str(one["recipe"]["family"])
        found.append(Trial(number=number, family=family, value=value, best=best, seconds=float(one["seconds"])))
    return tuple(found)


def parts(info: ModelInfo, head: str) -> tuple[tuple[str, float], ...]:
    """What the head blends: family and weight, the heaviest first."""
    found = [(str(one["family"]), float(one["weight"])) for one in info.trials.get(head, {}).get("parts", ())]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def over_versions(versions: Sequence[Version], head: str) -> list[tuple[str, float, float]]:
    """Oldest first: version, and ndcg@10 of the chosen blend and of the gate, where both were measured."""
    found = []
    for one in reversed(versions):
        chosen, gate = one.figure(head, CHOSEN, "ndcg@10"), one.figure(head, GATE, "ndcg@10")
        if chosen is not None and gate is not None:
            found.append((one.name, chosen, gate))
    return found
