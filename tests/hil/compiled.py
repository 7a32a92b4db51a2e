"""The firmware as it is put on a board: compiled by mpy-cross."""

from pathlib import Path

from aircue_node.host.image import build_image

FIRMWARE = Path(__file__).parents[2] / "firmware"


def compile_firmware(folder: Path) -> Path:
    """main.py in a folder, with the compiled package beside it."""
    for file in build_image(FIRMWARE).files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    return folder / "main.py"
