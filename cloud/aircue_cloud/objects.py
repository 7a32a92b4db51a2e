"""Objects: immutable bytes under a key, as any object store keeps them; here in a folder.

put returns when the bytes are on the disk under their key, whole; a crash before leaves nothing under the key.
Errors: ObjectConflict where a key is taken by other bytes; KeyError where get finds none.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from aircue_cloud.errors import ObjectConflict

_KEY = re.compile(r"(?!.*(^|/)\.)[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_DRAFT = ".draft-"


class ObjectStore(Protocol):
    def put(self, key: str, data: bytes) -> bool:
        """True where the object is new, False where the same bytes were there already."""

    def get(self, key: str) -> bytes: ...

    def list(self, prefix: str) -> Iterator[str]:
        """Keys that begin with prefix, in order."""

    def remove(self, key: str) -> None:
        """For what is on its way, and what can be made again: retention alone removes a base layer's object."""


def checked(key: str) -> str:
    """The key itself; ValueError where it is none."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"object key {key!r}: expected words of letters, digits, . _ and -, with / between them")
    return key


class FolderStore:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def put(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        self._make_folders(path.parent)
        draft = _write_draft(path.parent, data)
        try:
            new = _link(draft, path, data)
        finally:
            draft.unlink()
        # Also where it was there already: whoever put it may have been cut off before this line.
        _sync_folder(path.parent)
        return new

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise KeyError(key) from error

    def local(self, key: str) -> Path:
        """Where the object lies, for readers who can do with a file."""
        return self._path(key)

    def list(self, prefix: str) -> Iterator[str]:
        paths = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith(_DRAFT))
        keys = (path.relative_to(self._folder).as_posix() for path in paths)
        yield from sorted(key for key in keys if key.startswith(prefix))

    def remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / checked(key)

    def _make_folders(self, folder: Path) -> None:
        """A new folder's name is on the disk only when its parent is."""
        if folder.is_dir():
            return
        self._make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _write_draft(folder: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=_DRAFT, dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _link(draft: Path, path: Path, data: bytes) -> bool:
    """A link, not a rename: of two writers of one key the second must find out."""
    try:
        os.link(draft, path)
    except FileExistsError as error:
        if path.read_bytes() != data:
            raise ObjectConflict(f"object {path.name} is there already with other content") from error
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
