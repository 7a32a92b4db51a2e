"""The file with a node's settings: read, written, taken away. What it says is judged elsewhere (settings.py).

What is written was read back first; the file holds the old settings or the new ones, whenever the power goes. Only
wipe() takes settings away.

Errors: OSError where the storage is not writable.
"""

import json
import os

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

_NEW = ".new"
_BAD = ".bad"
_EIO = 5
_PIECE = 64


def read(path: str) -> "bytes | None":
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
    if not _holds(path, content):
        raise OSError(_EIO, f"{path} was not written whole: is the storage full?")


def _holds(path: str, content: bytes) -> bool:
    """In pieces: beside a running node there is hardly memory for the whole a second time."""
    with open(path, "rb") as file:
        for at in range(0, len(content), _PIECE):
            if file.read(_PIECE) != content[at : at + _PIECE]:
                return False
        return file.read(1) == b""


def replace(content: bytes, path: str) -> None:
    """Writes beside, reads back, puts in place."""
    _write(path + _NEW, content)
    os.rename(path + _NEW, path)


def keep_bad(path: str, usable: "Callable[[bytes], bool]") -> None:
    """A settings.json that cannot be used is kept as .bad: it may be the only copy of what somebody wrote."""
    old = read(path)
    if old is not None and not usable(old):
        _write(path + _BAD, old)


def readable(path: str) -> "dict[str, Any]":
    """The keys of a settings.json as they are, right or wrong; empty where it is missing or no JSON."""
    try:
        with open(path, "rb") as file:
            given = json.load(file)
    except (OSError, ValueError):
        return {}
    return given if isinstance(given, dict) else {}


def change(changes: "dict[str, Any]", path: str) -> None:
    """Some keys of settings that stand, to values that are right; the others stay as they are. ValueError where there
    are none to change."""
    fields = readable(path)
    if not fields:
        raise ValueError(f"{path} is not there or no JSON")
    fields.update(changes)
    content = json.dumps(fields).encode()
    del fields
    replace(content, path)


def wipe(path: str) -> None:
    """Takes the settings away, with every copy. What the node has measured, and who it is, stay."""
    for name in (path, path + _NEW, path + _BAD):
        try:
            os.remove(name)
        except OSError:
            pass  # it is not there
