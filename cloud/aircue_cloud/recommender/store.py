"""Trained models on disk: immutable versions in folders, and one file that names the active version.

    <model_dir>/active                    text: the active version
    <model_dir>/<version>/factors.npz     people, products, x, y, shares
    <model_dir>/<version>/model.json      format, config, logit, metrics, ..., SHA-256 of factors.npz

A version is written beside its place, synced and renamed into it; `active` is replaced the same way. Whoever reads sees
the old or the new, never a part, and a power cut leaves one of the two.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.affinity import Logit
from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing

FORMAT = 1
_ACTIVE = "active"
_FACTORS = "factors.npz"
_MODEL = "model.json"


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model is, without its factors. version is empty until it is stored. metrics: held-out figures by name."""

    people: int
    products: int
    interactions: int
    fingerprint: str
    config: dict[str, Any]
    metrics: dict[str, float]
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """x: float32 (people, f). y: float32 (products, f). shares: float64 (products,), positive. floor: share of the
    untouched."""

    info: ModelInfo
    people: tuple[str, ...] = field(repr=False)
    products: tuple[str, ...] = field(repr=False)
    x: npt.NDArray[np.float32] = field(repr=False)
    y: npt.NDArray[np.float32] = field(repr=False)
    shares: npt.NDArray[np.float64] = field(repr=False)
    floor: float
    logit: Logit


def save(model_dir: Path, artefact: Artefact) -> str:
    """The version it was stored as: a running number and the first digits of the data's fingerprint."""
    model_dir.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=model_dir))
    try:
        _write(draft, artefact)
        return _place(model_dir, draft, artefact.info.fingerprint)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(folder: Path, artefact: Artefact) -> None:
    people, products = np.array(artefact.people, dtype=np.str_), np.array(artefact.products, dtype=np.str_)
    with (folder / _FACTORS).open("xb") as file:
        np.savez(file, people=people, products=products, x=artefact.x, y=artefact.y, shares=artefact.shares)
        _sync(file)
    head = {
        "format": FORMAT,
        **{name: value for name, value in asdict(artefact.info).items() if name != "version"},
        "logit": asdict(artefact.logit),
        "floor": artefact.floor,
        "sha256": _hash(folder / _FACTORS),
    }
    with (folder / _MODEL).open("x", encoding="utf-8") as file:
        json.dump(head, file, indent=2, allow_nan=False)
        _sync(file)
    _sync_folder(folder)


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
        _sync_folder(model_dir)
        return version


def versions(model_dir: Path) -> list[str]:
    """All stored versions, oldest first."""
    return sorted(path.parent.name for path in model_dir.glob(f"[0-9]*/{_MODEL}"))


def _last_number(model_dir: Path) -> int:
    return max((int(version.split("-")[0]) for version in versions(model_dir)), default=0)


def activate(model_dir: Path, version: str) -> None:
    """Makes a stored version the one that load_active finds; ModelMissing, ModelCorrupt and no change otherwise."""
    load(model_dir, version)
    descriptor, name = tempfile.mkstemp(prefix=".active-", dir=model_dir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(version + "\n")
        _sync(file)
    Path(name).replace(model_dir / _ACTIVE)
    _sync_folder(model_dir)


def load_active(model_dir: Path) -> Artefact:
    """ModelMissing where nothing is active, ModelCorrupt where the active version cannot be trusted."""
    return load(model_dir, active_version(model_dir))


def active_version(model_dir: Path) -> str:
    try:
        version = (model_dir / _ACTIVE).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ModelMissing(f"no model is active in {model_dir}: train one") from error
    if not version or version != Path(version).name:
        raise ModelCorrupt(f"{model_dir / _ACTIVE} names no version: activate one of {versions(model_dir)}")
    return version


def load(model_dir: Path, version: str) -> Artefact:
    folder = model_dir / version
    try:
        head = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
        return _artefact(version, head, _arrays(folder / _FACTORS, head))
    except FileNotFoundError as error:
        raise ModelMissing(f"{error.filename} is missing: train a model, or activate one that is there") from error
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        remedy = "activate another version, or train again"
        raise ModelCorrupt(f"model {version} in {model_dir} cannot be read: {error}; {remedy}") from error


def _arrays(path: Path, head: dict[str, Any]) -> dict[str, npt.NDArray[Any]]:
    if head["format"] != FORMAT:
        raise ValueError(f"format {head['format']}, this reader knows {FORMAT}")
    if _hash(path) != head["sha256"]:
        raise ValueError(f"{_FACTORS} does not fit the hash in {_MODEL}")
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in ("people", "products", "x", "y", "shares")}


def _artefact(version: str, head: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Artefact:
    names = ("people", "products", "interactions", "fingerprint", "config", "metrics")
    return Artefact(
        info=ModelInfo(version=version, **{name: head[name] for name in names}),
        people=tuple(arrays["people"].tolist()),
        products=tuple(arrays["products"].tolist()),
        x=arrays["x"],
        y=arrays["y"],
        shares=arrays["shares"],
        floor=float(head["floor"]),
        logit=Logit(**head["logit"]),
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
