"""The store's own keys: made once, kept in its folder, readable by its owner alone."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from aircue_cloud.errors import SettingsError

FOLDER = "keys"


def kept(folder: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """The key of this name; made now where there is none. Of two programs that make one at once, one wins.

    SettingsError where somebody else could read it.
    """
    path = _place(folder, name)
    if not path.exists():
        _put(path, make())
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others: make it the server's alone with: chmod 600 {path}")
    return path.read_bytes()


def all_of(folder: Path) -> dict[str, bytes]:
    """What a backup takes along: the keys that were made so far, by name."""
    found = sorted((folder / FOLDER).glob("[!.]*"))
    return {path.name: path.read_bytes() for path in found if path.is_file()}


def put_back(folder: Path, name: str, content: bytes) -> None:
    """A key of a backup, in the place of one that is there: what was sent out under it is read again."""
    path = _place(folder, name)
    draft = _draft(path, content)
    draft.replace(path)


def _place(folder: Path, name: str) -> Path:
    path = folder / FOLDER / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _put(path: Path, content: bytes) -> None:
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the other one was quicker
    finally:
        draft.unlink()


def _draft(path: Path, content: bytes) -> Path:
    """Whole, on the disk, for its owner alone, and not under its name yet."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft
