"""All file I/O of the spool, in one folder: few verbs, each of which either happened or raised.

    SpoolError
    +-- SpoolUnavailable   the disk is full, read-only or failing: what was not stored is kept and tried again

A write is in the system's memory until `sync` of that file returns, a name until `sync_names` does. Tests put a disk
behind the same verbs that records them and plays the power cuts between.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

_ZEROS = bytes(64 * 1024)


class SpoolError(Exception):
    """The spool cannot be used; the text says what to do."""


class Trouble(StrEnum):
    """What keeps the spool from writing."""

    DISK_FULL = "disk_full"
    READ_ONLY = "read_only"
    FAILING = "failing"


class SpoolUnavailable(SpoolError):
    """This write did not reach the disk; a later one may."""

    def __init__(self, text: str, trouble: Trouble = Trouble.FAILING) -> None:
        super().__init__(text)
        self.trouble = trouble


_TROUBLES = {errno.ENOSPC: Trouble.DISK_FULL, errno.EDQUOT: Trouble.DISK_FULL, errno.EROFS: Trouble.READ_ONLY}
_REMEDIES = {
    Trouble.DISK_FULL: "make room on the disk, or lower [spool] max_mb",
    Trouble.READ_ONLY: "mount it for writing; a card that turned read-only by itself is at its end",
    Trouble.FAILING: "look at the kernel's log; a failing card is to be replaced",
}


class Disk(Protocol):
    """Names are those of files in the one folder. Every verb raises OSError where it failed."""

    def names(self) -> list[str]: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str, offset: int, size: int) -> bytes: ...
    def create(self, name: str, size: int) -> None: ...
    def write(self, name: str, offset: int, data: bytes) -> None: ...
    def truncate(self, name: str, size: int) -> None: ...
    def sync(self, name: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def sync_names(self) -> None: ...
    def close(self) -> None: ...


class RealDisk:
    """A folder of the system. One file is held open for writing at a time: the one written last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = ""
        self._file = -1

    def names(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self._folder) if entry.is_file(follow_symlinks=False))

    def size(self, name: str) -> int:
        return (self._folder / name).stat().st_size

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Fewer bytes than asked for at the end of the file."""
        with (self._folder / name).open("rb", buffering=0) as file:
            return os.pread(file.fileno(), size, offset)

    def create(self, name: str, size: int) -> None:
        """A file full of zeros, in place of one of that name. Written, not just reserved: what posix_fallocate
        reserves is marked as never written, and unmarking each block later costs the file system's journal 12 KB."""
        self.close()
        self._file = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._name = name
        for offset in range(0, size, len(_ZEROS)):
            self.write(name, offset, _ZEROS[: size - offset])

    def write(self, name: str, offset: int, data: bytes) -> None:
        file, view = self._open(name), memoryview(data)
        while view:
            written = os.pwrite(file, view, offset)
            offset, view = offset + written, view[written:]

    def truncate(self, name: str, size: int) -> None:
        os.ftruncate(self._open(name), size)

    def sync(self, name: str) -> None:
        """The file's bytes, and its size where that changed. Also on a disk that is read-only by now."""
        if name == self._name:
            _to_the_platter(self._file)
            return
        with (self._folder / name).open("rb", buffering=0) as file:
            _to_the_platter(file.fileno())

    def rename(self, old: str, new: str) -> None:
        self.close()
        (self._folder / old).rename(self._folder / new)

    def remove(self, name: str) -> None:
        if name == self._name:
            self.close()
        (self._folder / name).unlink()

    def sync_names(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        file, self._file, self._name = self._file, -1, ""
        if file >= 0:
            os.close(file)

    def _open(self, name: str) -> int:
        if name != self._name:
            self.close()
            self._file = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
            self._name = name
        return self._file


def _to_the_platter(file: int) -> None:
    """macOS leaves it in the drive's own memory unless asked in its own words."""
    if hasattr(fcntl, "F_FULLFSYNC"):
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)


@contextmanager
def told(what: str) -> Iterator[None]:
    """Says in the spool's own words why something could not be done."""
    try:
        yield
    except OSError as error:
        trouble = _TROUBLES.get(error.errno or 0, Trouble.FAILING)
        text = f"{what}: {error.strerror or error}: {trouble.value.replace('_', ' ')}. Remedy: {_REMEDIES[trouble]}"
        raise SpoolUnavailable(text, trouble) from error


UNFINISHED = "unfinished"  # what has no name of its own yet


def write_whole(disk: Disk, name: str, data: bytes) -> None:
    """All of it under this name, or nothing."""
    disk.create(UNFINISHED, 0)
    disk.write(UNFINISHED, 0, data)
    disk.sync(UNFINISHED)
    disk.rename(UNFINISHED, name)
    disk.sync_names()
