"""How the best items of factors are found: exactly, or, where there are very many and it is asked for, by a graph.

A graph is made once for a version of a model and kept beside it, <model_dir>/<version>.graph/<part>; it holds items
alone. One that cannot be read is made again.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aircue_cloud.recommender.errors import RecommenderError
from aircue_cloud.recommender.hnsw import Hnsw
from aircue_cloud.recommender.kernels import Floats, Ints
from aircue_cloud.recommender.retrieval import Retrieval

log = logging.getLogger(__name__)
GRAPH = ".graph"  # what a version's folder of graphs is called behind its name


class Search(Protocol):
    def one(self, x: Floats, k: int, seen: Ints | Sequence[int] = ()) -> tuple[Ints, Floats]:
        """At most k (item, score) for a user's factors, best first. seen: items to leave out, ascending."""


class Exactly:
    def search(self, part: int, y: Floats) -> Search:
        return Retrieval(y)


@dataclass(frozen=True, kw_only=True)
class ByGraph:
    """from_items: how many items there are at least; fewer are searched exactly."""

    folder: Path
    from_items: int

    def search(self, part: int, y: Floats) -> Search:
        if len(y) < self.from_items:
            return Retrieval(y)
        file = self.folder / str(part)
        return (self._stored(file, y) if file.exists() else None) or self._made(file, y)

    def _stored(self, file: Path, y: Floats) -> Hnsw | None:
        try:
            return Hnsw.load(y, file)
        except RecommenderError as error:
            log.warning("%s", error)
            return None

    def _made(self, file: Path, y: Floats) -> Hnsw:
        """Another process may make the same one; whoever is last leaves it there, whole."""
        log.info("a graph of %d items is made: %s", len(y), file)
        found = Hnsw(y, threads=os.cpu_count() or 1)
        self.folder.mkdir(exist_ok=True)
        draft = file.with_name(f".{file.name}-{os.getpid()}")
        found.save(draft)
        draft.replace(file)
        return found


Searching = Exactly | ByGraph


def searching(model_dir: Path, version: str, from_items: int) -> Searching:
    """from_items: 0 for never."""
    return ByGraph(folder=model_dir / f"{version}{GRAPH}", from_items=from_items) if from_items else Exactly()
