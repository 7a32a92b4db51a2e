"""Takes away what trainings left behind, and nothing that anybody may still go back to.

A version's graph (recommender/searching.py) goes with it; so does one that stands alone, left by a server that made it
while its version was removed.
"""

import shutil
import tempfile
from pathlib import Path

from aircue_cloud.recommender import store
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.factor_file import sync_folder
from aircue_cloud.recommender.searching import GRAPH

KEPT = 5  # versions, the newest ones


def prune(model_dir: Path, keep: int = KEPT) -> list[str]:
    """The versions that were removed, oldest first: all but the newest `keep`, the active one and the one that a
    rollback would go to. Nothing where it cannot be told which one is active. ValueError for less than one."""
    if keep < 1:
        raise ValueError(f"keep {keep} versions: at least 1 has to stay")
    stored = store.versions(model_dir)
    try:
        needed = store.way_back(model_dir)
    except (ModelCorrupt, ModelMissing):
        return []
    old = [version for version in stored[:-keep] if version not in needed]
    for version in old:
        _remove(model_dir, version)
    for graph in _graphs_alone(model_dir):
        _remove(model_dir, graph)
    return old


def _graphs_alone(model_dir: Path) -> list[str]:
    """Whose versions are gone, or were never whole."""
    kept = set(store.versions(model_dir))
    return sorted(path.name for path in model_dir.glob(f"[0-9]*{GRAPH}") if path.name.removesuffix(GRAPH) not in kept)


def _remove(model_dir: Path, name: str) -> None:
    """Renamed first: whoever lists versions never sees a part of one."""
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=model_dir))
    (model_dir / name).rename(aside / name)
    sync_folder(model_dir)
    shutil.rmtree(aside)
