"""What stands in a board's flash: the firmware, compiled as for a real board, and its files, as a littlefs image."""

import functools
from collections.abc import Mapping
from errno import ENOSPC
from pathlib import Path

from littlefs import LittleFS, LittleFSError, UserContext

from aircue_node.host.image import PACKAGE, build_image

_DISK_VERSION = 0x00020000  # every MicroPython since 1.12 mounts it
_ANY = 0  # littlefs: the newest it knows
_PROG_SIZE = 256  # of the rp2 port


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
    """What a board gets to run `program`, a main.py: the files that aircue-flash would write, with the package beside
    the program instead of in a slot; the program alone where there is no package beside it."""
    sources = sorted((program.parent / PACKAGE).rglob("*.py"))
    if not sources:
        return {program.name: program.read_bytes()}
    return dict(_built(program.parent, tuple(path.read_bytes() for path in (program, *sources))))


def _write(system: LittleFS, name: str, content: bytes) -> None:
    folder = name.rpartition("/")[0]
    if folder:
        system.makedirs(folder, exist_ok=True)
    with system.open(name, "wb") as file:
        file.write(content)


@functools.lru_cache(maxsize=8)
def _built(source: Path, _content: tuple[bytes, ...]) -> tuple[tuple[str, bytes], ...]:
    """Made once for the same content."""
    return tuple((file.path, file.data) for file in build_image(source).files)


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
