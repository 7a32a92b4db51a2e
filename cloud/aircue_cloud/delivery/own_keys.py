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
    path = folder / FOLDER / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        _put(path, make())
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others: make it the server's alone with: chmod 600 {path}")
    return path.read_bytes()


def _put(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # the other one was quicker
    finally:
        draft.unlink()
