"""What stands in a board's flash: the firmware, compiled as for a real board, and its files, as a littlefs image."""

import functools
from collections.abc import Mapping
from errno import ENOSPC
from pathlib import Path

from littlefs import LittleFS, LittleFSError, UserContext

from aircue_node.host.image import compile_module

_DISK_VERSION = 0x00020000  # every MicroPython since 1.12 mounts it
_ANY = 0  # littlefs: the newest it knows
_PROG_SIZE = 256  # of the rp2 port
_PACKAGE = "aircue_node"
_HOST_ONLY = ("ports.py", "host")  # for the type checker, and for the computer that flashes


def pack(files: Mapping[str, bytes], *, block_size: int, block_count: int) -> bytes:
    """The image of a file system that holds these files, by path. OSError (ENOSPC) where they do not fit."""
    context = UserContext(buffsize=block_size * block_count)
    system = _system(block_size, block_count, context, _DISK_VERSION)
    system.format()
    system.mount()
    try:
        for name, content in files.items():
            _write(system, name, content)
    except LittleFSError as error:
        size = sum(map(len, files.values()))
        raise OSError(ENOSPC, f"{size} bytes of files do not fit on {block_size * block_count} of flash") from error
    system.unmount()
    return bytes(system.context.buffer)


def unpack(image: bytes, *, block_size: int, block_count: int) -> dict[str, bytes]:
    """The files of an image by path; a MicroPython that wrote to it may have made it a newer version. LittleFSError
    where it cannot be mounted."""
    context = UserContext(buffsize=len(image))
    context.buffer[:] = image
    system = _system(block_size, block_count, context)
    system.mount()
    found = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                found[path.lstrip("/")] = file.read()
    return found


def firmware(program: Path) -> dict[str, bytes]:
    """What a board gets to run `program`: the program itself as main.py, and the packages beside it compiled."""
    package = program.parent / _PACKAGE
    sources = sorted(path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in _HOST_ONLY)
    names = {path.relative_to(program.parent): path for path in sources}
    compiled = {
        name.with_suffix(".mpy").as_posix(): _compiled(path, name.as_posix(), path.read_bytes())
        for name, path in names.items()
    }
    return {"main.py": program.read_bytes(), **compiled}


def _write(system: LittleFS, name: str, content: bytes) -> None:
    folder = name.rpartition("/")[0]
    if folder:
        system.makedirs(folder, exist_ok=True)
    with system.open(name, "wb") as file:
        file.write(content)


@functools.lru_cache(maxsize=256)
def _compiled(path: Path, name: str, _content: bytes) -> bytes:
    """Made once for the same content."""
    return compile_module(path, name)


def _system(block_size: int, block_count: int, context: UserContext, disk_version: int = _ANY) -> LittleFS:
    """Not mounted: mounting as it is made would format what it cannot read."""
    return LittleFS(
        context=context,
        mount=False,
        block_size=block_size,
        block_count=block_count,
        prog_size=_PROG_SIZE,
        disk_version=disk_version,
    )
