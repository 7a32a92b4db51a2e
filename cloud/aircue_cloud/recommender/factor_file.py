"""A model as files, the same from every engine: a folder with a JSON header, one .npy an array, and their checksums.

    header.json    what the model is and what it is made of; of every array its type and shape
    <name>.npy     one array each (NumPy's format 1.0), little-endian, in C order
    checksums      SHA-256 of all of these, as `sha256sum` writes and checks them

Ids are arrays too: `<name>.utf8` holds the bytes of all ids one after another, `<name>.ends` where each ends. Nothing
in a file is code, and a name cannot leave its folder. docs/recommender-model-files.md has the whole description.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from aircue_cloud.recommender.errors import ModelCorrupt, ModelMissing

FORMAT = "aircue-model"
VERSION = 3  # what changes the meaning of a file counts it up
READS = (2, 3)  # what a reader takes; 2 knew no trees
HEADER = "header.json"
CHECKSUMS = "checksums"
TYPES = ("<f4", "<f8", "<i4", "<i8", "|u1")
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")

Array = npt.NDArray[Any]
Ids = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FactorFile:
    """header: JSON without the keys `format`, `version` and `arrays`, which are written beside it. arrays: by name,
    lower-case words joined by dots, each of one of TYPES."""

    header: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(repr=False)

    def write(self, folder: Path) -> None:
        """Into an empty folder, everything synced. ValueError where a name or a type is none of the format's."""
        for name, array in self.arrays.items():
            _check(name, array)
            with (folder / f"{name}.npy").open("xb") as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
                _sync(file)
        _write_text(folder / HEADER, json.dumps(self._head(), indent=1, allow_nan=False) + "\n")
        sums = [f"{_hash(folder / name)}  {name}" for name in self._files()]
        _write_text(folder / CHECKSUMS, "\n".join(sums) + "\n")
        sync_folder(folder)

    def _head(self) -> dict[str, Any]:
        arrays = {name: {"type": array.dtype.str, "shape": list(array.shape)} for name, array in self.arrays.items()}
        return {"format": FORMAT, "version": VERSION, **self.header, "arrays": arrays}

    def _files(self) -> list[str]:
        return [HEADER, *(f"{name}.npy" for name in self.arrays)]

    @classmethod
    def read(cls, folder: Path) -> "FactorFile":
        """ModelMissing where there is none, ModelCorrupt where it cannot be trusted: the text says which part, why."""
        header = read_header(folder)
        arrays = {name: _array(folder / f"{name}.npy", said) for name, said in header.pop("arrays").items()}
        return cls(header=header, arrays=arrays)


def read_header(folder: Path) -> dict[str, Any]:
    """All but the arrays, of which it has type and shape; every file is held against its checksum."""
    try:
        header = json.loads(_read(folder / HEADER))
    except ValueError as error:
        raise ModelCorrupt(f"{folder / HEADER} is no JSON: {error}") from error
    _check_format(folder, header)
    _check_sums(folder, header)
    return dict(header)


def _check_format(folder: Path, header: Any) -> None:
    """Before the checksums: of a foreign or newer file it is the format that is worth telling."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelCorrupt(f"{folder / HEADER} is no header of an {FORMAT}")
    if header.get("version") not in READS:
        known = " and ".join(map(str, READS))
        raise ModelCorrupt(
            f"{folder / HEADER} has format version {header.get('version')!r}, this program reads {known}: "
            "train again, or install the release that wrote it"
        )
    arrays = header.get("arrays")
    if not isinstance(arrays, dict) or not all(_NAME.fullmatch(name) for name in arrays):
        raise ModelCorrupt(f"{folder / HEADER} does not say which arrays there are")


def _check_sums(folder: Path, header: Mapping[str, Any]) -> None:
    lines = _read(folder / CHECKSUMS).decode("utf-8", "replace").splitlines()
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in (HEADER, *(f"{name}.npy" for name in header["arrays"])):
        if said.get(name) != _hash(folder / name):
            raise ModelCorrupt(f"{folder / name} does not fit its checksum: it was cut, changed or mixed up")


def _array(path: Path, said: Any) -> Array:
    try:
        found: Array = np.load(path, allow_pickle=False)
        fits = (found.dtype.str, list(found.shape)) == (said["type"], said["shape"]) and said["type"] in TYPES
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise ModelCorrupt(f"{path} cannot be read as an array: {error}") from error
    if not fits:
        raise ModelCorrupt(f"{path} holds {found.dtype.str} of shape {list(found.shape)}, the header says {said}")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ModelCorrupt(f"{path} holds NaN or infinite numbers")
    return found


def _check(name: str, array: Array) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"array {name!r}: expected lower-case words joined by dots")
    if array.dtype.str not in TYPES:
        raise ValueError(f"array {name!r} is {array.dtype.str}, expected one of {', '.join(TYPES)}")


def ids_to_arrays(name: str, ids: Sequence[str]) -> dict[str, Array]:
    encoded = [one.encode() for one in ids]
    return {
        f"{name}.utf8": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}.ends": np.cumsum([len(one) for one in encoded], dtype=np.int64),
    }


def ids_of(name: str, arrays: Mapping[str, Array]) -> Ids:
    """ValueError or KeyError where the arrays are no ids."""
    content, borders = arrays[f"{name}.utf8"].tobytes(), [0, *arrays[f"{name}.ends"].tolist()]
    if sorted(borders) != borders or borders[-1] != len(content):
        raise ValueError(f"{name}.ends does not divide {name}.utf8")
    ids = tuple(content[begin:end].decode() for begin, end in pairwise(borders))
    if len(set(ids)) != len(ids):
        raise ValueError(f"{name} holds an id twice")
    return ids


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelMissing(f"{path} is missing: train a model, or activate one that is there") from error


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise ModelMissing(f"{path} is missing: train a model, or activate one that is there") from error


def _write_text(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        _sync(file)


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
