"""Takes away what trainings left behind, and nothing that anybody may still go back to."""

import shutil
import tempfile
from pathlib import Path

from aircue_cloud.recommender import store
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.factor_file import sync_folder

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
    return old


def _remove(model_dir: Path, version: str) -> None:
    """Renamed first: whoever lists versions never sees a part of one."""
    aside = Path(tempfile.mkdtemp(prefix=".old-", dir=model_dir))
    (model_dir / version).rename(aside / version)
    sync_folder(model_dir)
    shutil.rmtree(aside)
