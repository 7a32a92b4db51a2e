"""Trained models on disk: immutable versions in folders, and one file that names the active version.

    <model_dir>/active         text: the active version, below it those that were active before, the latest first
    <model_dir>/<version>/     a model as aircue_cloud.recommender.factor_file writes it

A version is written beside its place, synced and renamed into it; `active` is replaced the same way. Whoever reads sees
the old or the new, never a part, and a power cut leaves one of the two.
"""

import os
import shutil
import tempfile
from pathlib import Path

from aircue_cloud.recommender import artefact as artefacts
from aircue_cloud.recommender.artefact import Artefact, ModelInfo
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing
from aircue_cloud.recommender.factor_file import HEADER, FactorFile, read_header, sync_folder

_ACTIVE = "active"
_REMEMBERED = 20  # versions that were active before


def save(model_dir: Path, artefact: Artefact) -> str:
    """The version it was stored as: a running number and the first digits of the data's fingerprint."""
    model_dir.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=model_dir))
    try:
        artefact.file().write(draft)
        return _place(model_dir, draft, artefact.info.fingerprint)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _place(model_dir: Path, draft: Path, fingerprint: str) -> str:
    """Renames the draft to the next free version; another trainer may take a number first."""
    while True:
        version = f"{_last_number(model_dir) + 1:04d}-{fingerprint[:12]}"
        try:
            draft.rename(model_dir / version)
        except OSError:
            if (model_dir / version).exists():
                continue
            raise
        sync_folder(model_dir)
        return version


def versions(model_dir: Path) -> list[str]:
    """All stored versions, oldest first."""
    return sorted(path.parent.name for path in model_dir.glob(f"[0-9]*/{HEADER}"))


def _last_number(model_dir: Path) -> int:
    """Of all that lies there, whole or not."""
    taken = (path.name.split("-")[0] for path in model_dir.glob("[0-9]*-*"))
    return max((int(number) for number in taken if number.isdecimal()), default=0)


def activate(model_dir: Path, version: str) -> None:
    """Makes a stored version the one that load_active finds; ModelMissing, ModelCorrupt and no change otherwise."""
    load(model_dir, version)
    before = [one for one in _before(model_dir) if one != version]
    _write_active(model_dir, [version, *before[:_REMEMBERED]])


def _before(model_dir: Path) -> list[str]:
    """What the file says; a broken one says nothing, and activating mends it."""
    try:
        return _named(model_dir)
    except ModelCorrupt:
        return []


def rollback(model_dir: Path) -> str:
    """Goes back to the version that was active before, and names it; one that cannot be read any more is passed over.

    ModelMissing, and no change, where there is none.
    """
    now, before = active_version(model_dir), _named(model_dir)[1:]
    for place, version in enumerate(before):
        try:
            load(model_dir, version)
        except (ModelMissing, ModelCorrupt):
            continue
        _write_active(model_dir, before[place:])
        return version
    raise ModelMissing(f"no version was active before {now}: activate one of {', '.join(versions(model_dir))}")


def _write_active(model_dir: Path, named: list[str]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=".active-", dir=model_dir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(named) + "\n")
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(model_dir / _ACTIVE)
    sync_folder(model_dir)


def load_active(model_dir: Path) -> Artefact:
    """ModelMissing where nothing is active, ModelCorrupt where the active version cannot be trusted."""
    return load(model_dir, active_version(model_dir))


def active_version(model_dir: Path) -> str:
    if not (model_dir / _ACTIVE).exists():
        raise ModelMissing(f"no model is active in {model_dir}: train one")
    named = _named(model_dir)
    if not named or not _is_version(named[0]):
        raise ModelCorrupt(f"{model_dir / _ACTIVE} names no version: activate one of {versions(model_dir)}")
    return named[0]


def way_back(model_dir: Path) -> frozenset[str]:
    """The active version and the one that a rollback would go to. ModelMissing where nothing is active."""
    active = active_version(model_dir)
    before = next((version for version in _named(model_dir)[1:] if _whole(model_dir, version)), active)
    return frozenset({active, before})


def _whole(model_dir: Path, version: str) -> bool:
    try:
        read_header(_folder(model_dir, version))
    except (ModelMissing, ModelCorrupt):
        return False
    return True


def is_active(model_dir: Path, version: str) -> bool:
    return _before(model_dir)[:1] == [version]


def _named(model_dir: Path) -> list[str]:
    """The active version and those before it; none where nothing was ever active."""
    try:
        return (model_dir / _ACTIVE).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ModelCorrupt(f"{model_dir / _ACTIVE} is no text: {error}; activate a version again") from error


def load(model_dir: Path, version: str) -> Artefact:
    file = FactorFile.read(_folder(model_dir, version))
    try:
        return artefacts.of_file(file, version)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelCorrupt(f"model {version} in {model_dir} is not whole: {error!r}; {_REMEDY}") from error


def info(model_dir: Path, version: str) -> ModelInfo:
    """What a stored model is; every file is held against its checksum."""
    header = read_header(_folder(model_dir, version))
    try:
        return artefacts.info_of(header, version)
    except (KeyError, TypeError) as error:
        raise ModelCorrupt(f"model {version} in {model_dir} does not say what it is: {error!r}; {_REMEDY}") from error


_REMEDY = "activate another version, or train again"


def _folder(model_dir: Path, version: str) -> Path:
    if not _is_version(version):
        known = f"there are {', '.join(versions(model_dir)) or 'none'}"
        hint = "; the one that is active needs no activating" if version == _ACTIVE else ""
        raise ModelMissing(f"{version!r} is no version; {known}{hint}")
    return model_dir / version


def _is_version(name: str) -> bool:
    return bool(name) and name == Path(name).name and not name.startswith(".") and name != _ACTIVE
