"""A board's storage for tests of slots and updates: a folder, a launcher, programs of a few bytes, power that goes."""

import hashlib
import importlib.util
import io
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

LAUNCHER = Path(__file__).parents[2] / "firmware" / "main.py"


def launcher() -> ModuleType:
    """firmware/main.py as a module; importing it starts nothing."""
    spec = importlib.util.spec_from_file_location("launcher", LAUNCHER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, kw_only=True)
class File:
    path: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Image:
    files: tuple[File, ...]
    version: str


def image(version: str, **modules: bytes) -> Image:
    """modules: more than every version has; a double underscore stands for a folder."""
    contents = {"start": f"run {version}".encode(), "clock": b"the same in every version" * 30, **modules}
    files = [
        File(path=f"aircue_node/{name.replace('__', '/')}.mpy", data=data) for name, data in sorted(contents.items())
    ]
    return Image(files=tuple(files), version=version)


def install(made: Image, folder: Path) -> None:
    for file in made.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def files_of(made: Image) -> dict[str, bytes]:
    return {file.path: file.data for file in made.files}


class PowerCut(BaseException):
    """Not an Exception: no code can go on after it."""


class Flash:
    """Stands for `os` and open() in a module: counts what changes storage and ends at step `cut` (None: never).

    The worst of the file systems of boards: bytes reach flash as they are written, the one that is cut writes half of
    them, and renaming over a file is a removal and a renaming.
    """

    def __init__(self, cut: int | None = None) -> None:
        self.steps = 0
        self._cut = cut

    def step(self) -> bool:
        """Whether the power goes in this very step; PowerCut once it has gone."""
        self.steps += 1
        if self._cut is not None and self.steps > self._cut:
            raise PowerCut
        return self.steps == self._cut

    def into(self, monkeypatch: Any, *modules: ModuleType) -> "Flash":
        for module in modules:
            monkeypatch.setattr(module, "os", self)
            monkeypatch.setattr(module, "open", self.open, raising=False)
        return self

    def open(self, path: str, mode: str = "r") -> Any:
        if "w" not in mode:
            return Path(path).open(mode)
        self._act(lambda: Path(path).write_bytes(b""))
        return _Written(self, path, "b" not in mode)

    def rename(self, start: str, end: str) -> None:
        if Path(end).exists():
            self._act(lambda: Path(end).unlink())
        self._act(lambda: Path(start).rename(end))

    def remove(self, path: str) -> None:
        self._act(lambda: Path(path).unlink())

    def mkdir(self, path: str) -> None:
        self._act(lambda: Path(path).mkdir())

    def rmdir(self, path: str) -> None:
        self._act(lambda: Path(path).rmdir())

    def _act(self, action: Any) -> None:
        """A step that is done whole; where the power goes in it, it is the last one."""
        gone = self.step()
        action()
        if gone:
            raise PowerCut

    listdir = staticmethod(os.listdir)
    stat = staticmethod(os.stat)
    statvfs = staticmethod(os.statvfs)


class _Written(io.RawIOBase):
    """A file that is being written."""

    def __init__(self, flash: Flash, path: str, text: bool) -> None:
        self._flash = flash
        self._path = path
        self._text = text

    def write(self, data: Any) -> int:
        raw: bytes = data.encode() if self._text else bytes(data)
        gone = self._flash.step()
        with Path(self._path).open("ab") as file:
            file.write(raw[: len(raw) // 2] if gone else raw)
        if gone:
            raise PowerCut
        return len(raw)
