"""The flash that the emulated board boots from: a littlefs image with the firmware compiled; MicroPython mounts it."""

import subprocess
from pathlib import Path

import pytest
from littlefs import LittleFSError

from aircue_hil.backends import flash_image, uf2

BLOCK, BLOCKS = 4096, 212
FILES = {"main.py": b"print(1)\n", "aircue_node/deep/x.mpy": bytes(range(256)) * 40, "settings.json": b"{}"}
FIRMWARE = Path(__file__).parents[2] / "firmware"


def test_what_was_packed_comes_out_again() -> None:
    image = flash_image.pack(FILES, block_size=BLOCK, block_count=BLOCKS)
    assert len(image) == BLOCK * BLOCKS
    assert flash_image.unpack(image, block_size=BLOCK, block_count=BLOCKS) == FILES


def test_too_much_for_the_flash_is_an_error() -> None:
    with pytest.raises(OSError, match="163840 bytes of files do not fit on 81920 of flash"):
        flash_image.pack({"big": bytes(BLOCK * 40)}, block_size=BLOCK, block_count=20)


def test_an_image_that_is_none_is_an_error_and_stays_as_it_is() -> None:
    with pytest.raises(LittleFSError):
        flash_image.unpack(bytes(BLOCK * BLOCKS), block_size=BLOCK, block_count=BLOCKS)


@pytest.mark.hil
def test_micropython_mounts_the_image_and_what_it_writes_comes_back(tmp_path: Path, micropython: Path) -> None:
    """The oracle is MicroPython's own littlefs on a block device in its memory."""
    (tmp_path / "image").write_bytes(flash_image.pack(FILES, block_size=BLOCK, block_count=BLOCKS))
    program = Path(__file__).parent / "programs" / "mounts.py"
    done = subprocess.run(
        [str(micropython), "-X", "heapsize=8m", str(program), str(tmp_path / "image")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["aircue_node,main.py,settings.json", str(256 * 40), "ok"], done.stderr
    image = (tmp_path / "image").read_bytes()
    assert flash_image.unpack(image, block_size=BLOCK, block_count=BLOCKS) == {**FILES, "written": b"1"}


def test_the_firmware_goes_along_compiled_for_the_boards_that_run_bytecode_6() -> None:
    files = flash_image.firmware(FIRMWARE / "main.py")
    assert files["main.py"] == (FIRMWARE / "main.py").read_bytes()
    package = {name: content for name, content in files.items() if name != "main.py"}
    assert "aircue_node/mqtt.mpy" in package
    assert "aircue_node/sensors/dht.mpy" in package
    assert "aircue_node/ports.mpy" not in package
    assert all(name.endswith(".mpy") for name in package)
    assert all(content[:2] == b"M\x06" for content in package.values())


def test_an_image_named_by_the_variable_is_taken(tmp_path: Path) -> None:
    given = tmp_path / "x.uf2"
    given.write_bytes(bytes.fromhex("5546320a 57515d9e") + bytes(600))
    assert uf2.find({"HIL_UF2": str(given)}) == given


def test_an_image_that_is_missing_or_none_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(uf2.Uf2Missing, match=r"cannot be read.*HIL_UF2=path"):
        uf2.find({"HIL_UF2": str(tmp_path / "none.uf2")})
    (tmp_path / "text.uf2").write_text("no firmware" * 100)
    with pytest.raises(uf2.Uf2Missing, match="is no UF2 file; get MicroPython"):
        uf2.find({"HIL_UF2": str(tmp_path / "text.uf2")})
